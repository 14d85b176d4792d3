/* Statements that take three blocks of a pool and use them. `pool` is another name of theirs for the same pool. */
#include "driver.h"

static memory_pool_t my_pool;
#define pool my_pool

static const void *processed;

static void process_data(void *block) { processed = block; }

static void sample(void) {
#include SAMPLE
}

TEST(three_blocks_are_used) {
    CHECK(memory_pool_init(&my_pool, 32, 4));
    char *const base = (char *)my_pool.memory, *const last = base + 3 * my_pool.block_size;
    memset(base + 2 * sizeof(void *), 0x55, my_pool.block_size - 2 * sizeof(void *));
    sample();
    CHECK_EQUAL(logged('W'), 0);
    CHECK_EQUAL(my_pool.free_blocks, 1);
    for (size_t i = 0; i < my_pool.block_size; i++) CHECK_EQUAL(base[i], 0);
    CHECK_EQUAL(strlen(base + my_pool.block_size), 11);
    CHECK(same(processed, base + 2 * my_pool.block_size));
    CHECK(same(my_pool.memory_free, last));
    CHECK_EQUAL(memory_pool_validate(&my_pool), ESP_OK);
    memory_pool_destroy(&my_pool);
}

TEST(too_few_blocks_are_warned_of) {
    CHECK(memory_pool_init(&my_pool, 32, 2));
    processed = NULL;
    sample();
    CHECK_EQUAL(logged('W'), 1);
    CHECK(processed == NULL);
    CHECK_EQUAL(info_of(&my_pool).alloc_failures, 1);
    memory_pool_destroy(&my_pool);
}

static const test_t tests[] = {RUN(three_blocks_are_used), RUN(too_few_blocks_are_warned_of)};

int main(void) { return RUN_ALL(tests); }
