/* A function that logs the numbers of a pool: looked at line by line. */
#include "driver.h"

#include SAMPLE

TEST(the_numbers_are_those_of_the_pool) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 10));
    CHECK(memory_pool_alloc(&pool) && memory_pool_alloc(&pool));
    print_pool_stats(&pool, "Title");
    CHECK_EQUAL(prelude_logged.lines, 9);
    CHECK_EQUAL(logged('I'), 9);
    CHECK(strstr(prelude_logged.text[0], "Title") != NULL);
    /* Size, all, free, used; bytes of all, of used, of free; per cent in use. */
    const double wanted[] = {32, 10, 8, 2, 320, 64, 256, 20};
    for (size_t i = 0; i < 8; i++) CHECK(last_number(i + 1) == wanted[i]);
    CHECK(strstr(prelude_logged.text[8], "20.0%") != NULL);
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {RUN(the_numbers_are_those_of_the_pool)};

int main(void) { return RUN_ALL(tests); }
