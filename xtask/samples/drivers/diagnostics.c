/* Statements that call the library's overview and two functions which the document defines in other samples. */
#include "driver.h"

#include USES_1
#include USES_2

static memory_pool_t my_pool;

static void sample(void) {
#include SAMPLE
}

TEST(the_pool_is_printed_and_verified) {
    CHECK(memory_pool_init(&my_pool, 32, 10));
    CHECK(memory_pool_alloc(&my_pool) != NULL);
    sample();
    CHECK_EQUAL(logged('E'), 0);
    CHECK_EQUAL(prelude_logged.lines, 10);
    /* Size, all, free, used. */
    const double wanted[] = {32, 10, 9, 1};
    for (size_t i = 0; i < 4; i++) CHECK(last_number(i + 1) == wanted[i]);
    memory_pool_destroy(&my_pool);
}

static const test_t tests[] = {RUN(the_pool_is_printed_and_verified)};

int main(void) { return RUN_ALL(tests); }
