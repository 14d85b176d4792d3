/* A function that makes a pool, lets it be used, and destroys it; also when it could not be made. */
#include "driver.h"

static int calls;

static void handle_network_operations(memory_pool_t *pool) {
    calls++;
    void *packet = memory_pool_alloc(pool);
    CHECK_EQUAL(packet == NULL, pool == NULL);
    if (pool == NULL) return;
    CHECK_EQUAL(pool->block_size, 512);
    CHECK_EQUAL(pool->num_blocks, 20);
    memory_pool_free(pool, packet);
}

#include SAMPLE

TEST(it_leaves_nothing_behind) {
    for (size_t step = 0; step <= 2; step++) {
        microusc_host_fail_allocation(step);
        proper_pool_lifecycle();
        CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
        CHECK(memory_pool_next(NULL) == NULL);
    }
    CHECK_EQUAL(calls, 3);
}

static const test_t tests[] = {RUN(it_leaves_nothing_behind)};

int main(void) { return RUN_ALL(tests); }
