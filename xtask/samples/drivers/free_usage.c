/* Statements that write a reading into a block, have it processed, and return the block. */
#include "driver.h"

static memory_pool_t my_pool;
static int sensor_reading = 4711;
static int processed;

static void process_sensor_data(const void *block) {
    CHECK(memory_pool_owns(&my_pool, block));
    CHECK(strstr((const char *)block, "4711") != NULL);
    processed++;
}

static void sample(void) {
#include SAMPLE
}

TEST(the_block_comes_back_every_time) {
    CHECK(memory_pool_init(&my_pool, 32, 1));
    for (int round = 1; round <= 5; round++) {
        sample();
        CHECK_EQUAL(processed, round);
        CHECK_EQUAL(my_pool.free_blocks, 1);
    }
    void *block = memory_pool_alloc(&my_pool);
    sample();
    CHECK_EQUAL(processed, 5);
    memory_pool_free(&my_pool, block);
    CHECK_EQUAL(memory_pool_destroy_unused(&my_pool), ESP_OK);
    CHECK_SILENT();
}

static const test_t tests[] = {RUN(the_block_comes_back_every_time)};

int main(void) { return RUN_ALL(tests); }
