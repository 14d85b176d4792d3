/* A function that logs the number of free blocks before, during and after the use of one. */
#include "driver.h"

#include SAMPLE

TEST(the_counter_falls_by_one_and_rises_again) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 7));
    demonstrate_pool_usage(&pool);
    CHECK_EQUAL(prelude_logged.lines, 3);
    CHECK_EQUAL(last_number(0), 7);
    CHECK_EQUAL(last_number(1), 6);
    CHECK_EQUAL(last_number(2), 7);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

TEST(an_exhausted_pool_is_left_alone) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 1));
    void *block = memory_pool_alloc(&pool);
    forget();
    demonstrate_pool_usage(&pool);
    CHECK_EQUAL(prelude_logged.lines, 1);
    CHECK_EQUAL(last_number(0), 0);
    memory_pool_free(&pool, block);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

static const test_t tests[] = {RUN(the_counter_falls_by_one_and_rises_again), RUN(an_exhausted_pool_is_left_alone)};

int main(void) { return RUN_ALL(tests); }
