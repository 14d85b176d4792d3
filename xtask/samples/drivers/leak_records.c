/* A record of each allocation, a hundred at most, with its call site and time. */
#include "driver.h"

#include SAMPLE

TEST(each_record_names_its_call_site) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 2));
    const uint32_t before = (uint32_t)esp_timer_get_time();
    void *first = DEBUG_ALLOC(&pool);
    const uint32_t line = __LINE__ - 1;
    void *second = DEBUG_ALLOC(&pool);
    CHECK(DEBUG_ALLOC(&pool) == NULL);
    CHECK_EQUAL(record_count, 2);
    CHECK(same(alloc_records[0].address, first) && same(alloc_records[1].address, second));
    CHECK_EQUAL(alloc_records[0].line, line);
    CHECK_EQUAL(alloc_records[1].line, line + 2);
    CHECK(strcmp(alloc_records[0].file, __FILE__) == 0);
    CHECK((uint32_t)(alloc_records[1].timestamp - before) < 60u * 1000000u);
    memory_pool_destroy(&pool);
}

TEST(what_is_beyond_the_table_is_allocated_all_the_same) {
    memory_pool_t pool;
    record_count = 0;
    CHECK(memory_pool_init(&pool, 32, 120));
    for (size_t i = 0; i < 120; i++) CHECK(DEBUG_ALLOC(&pool) != NULL);
    CHECK_EQUAL(record_count, 100);
    CHECK_EQUAL(pool.free_blocks, 0);
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {RUN(each_record_names_its_call_site),
                               RUN(what_is_beyond_the_table_is_allocated_all_the_same)};

int main(void) { return RUN_ALL(tests); }
