/* A function that returns its block whatever the work on it came to. */
#include "driver.h"

static esp_err_t outcome;

static esp_err_t process_block_data(void *block) {
    memset(block, 0x66, 32);
    return outcome;
}

#include SAMPLE

TEST(the_outcome_is_passed_on_and_the_block_returned) {
    const esp_err_t outcomes[] = {ESP_OK, ESP_FAIL, ESP_ERR_INVALID_SIZE};
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 1));
    for (size_t i = 0; i < 3; i++) {
        outcome = outcomes[i];
        CHECK_EQUAL(safe_block_operation(&pool), outcome);
        CHECK_EQUAL(pool.free_blocks, 1);
    }
    outcome = ESP_OK;
    void *block = memory_pool_alloc(&pool);
    CHECK_EQUAL(safe_block_operation(&pool), ESP_ERR_NO_MEM);
    memory_pool_free(&pool, block);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    CHECK_SILENT();
}

static const test_t tests[] = {RUN(the_outcome_is_passed_on_and_the_block_returned)};

int main(void) { return RUN_ALL(tests); }
