/* A function that answers each thing that can go wrong with a reason of its own. */
#include "driver.h"

static esp_err_t outcome;

static esp_err_t process_data_safely(void *block) {
    memset(block, 0x3C, 32);
    return outcome;
}

#include SAMPLE

TEST(each_scenario_has_its_answer) {
    memory_pool_t pool;
    memset(&pool, 0, sizeof(pool));
    CHECK_EQUAL(robust_pool_operation(NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(robust_pool_operation(&pool), ESP_ERR_INVALID_ARG);
    CHECK(memory_pool_init(&pool, 32, 2));
    CHECK_EQUAL(robust_pool_operation(&pool), ESP_OK);
    outcome = ESP_FAIL;
    CHECK_EQUAL(robust_pool_operation(&pool), ESP_FAIL);
    CHECK_EQUAL(pool.free_blocks, 2);
    void *blocks[] = {memory_pool_alloc(&pool), memory_pool_alloc(&pool)};
    CHECK_EQUAL(robust_pool_operation(&pool), ESP_ERR_NO_MEM);
    CHECK_EQUAL(info_of(&pool).alloc_failures, 0);
    memory_pool_free(&pool, blocks[0]);
    memory_pool_free(&pool, blocks[1]);
    CHECK_SILENT();
    memory_pool_destroy(&pool);
    CHECK_EQUAL(robust_pool_operation(&pool), ESP_ERR_INVALID_ARG);
}

TEST(a_damaged_list_is_met_as_a_failed_allocation) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 4));
    pool.memory_free->next = (memory_block_t *)&pool;
    CHECK(memory_pool_alloc(&pool) != NULL);
    forget();
    CHECK_EQUAL(robust_pool_operation(&pool), ESP_ERR_NO_MEM);
    CHECK_EQUAL(logged('E'), 1);
    CHECK_EQUAL(info_of(&pool).corruptions, 1);
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {RUN(each_scenario_has_its_answer), RUN(a_damaged_list_is_met_as_a_failed_allocation)};

int main(void) { return RUN_ALL(tests); }
