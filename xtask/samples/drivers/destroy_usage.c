/* Statements that make a pool for a while. */
#include "driver.h"

static int operations;

static void perform_temporary_operations(memory_pool_t *pool) {
    CHECK_EQUAL(pool->block_size, 128);
    CHECK_EQUAL(pool->num_blocks, 20);
    for (size_t i = 0; i < 20; i++) CHECK(memory_pool_alloc_zeroed(pool) != NULL);
    for (size_t i = 0; i < 20; i++) memory_pool_free(pool, (char *)pool->memory + 128 * i);
    operations++;
}

static void sample(void) {
#include SAMPLE
}

TEST(everything_is_given_back) {
    sample();
    CHECK_EQUAL(operations, 1);
    CHECK_SILENT();
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
    microusc_host_fail_allocation(1);
    sample();
    CHECK_EQUAL(operations, 1);
}

static const test_t tests[] = {RUN(everything_is_given_back)};

int main(void) { return RUN_ALL(tests); }
