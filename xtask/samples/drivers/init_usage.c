/* Statements that initialise a pool which is static inside their function. */
#include "driver.h"

static esp_err_t sample(void) {
#include SAMPLE
    return ESP_OK;
}

TEST(it_reports_failure_then_succeeds_then_is_refused) {
    for (size_t step = 1; step <= 2; step++) {
        microusc_host_fail_allocation(step);
        CHECK_EQUAL(sample(), ESP_ERR_NO_MEM);
        CHECK_EQUAL(logged('E'), 1);
        forget();
    }
    CHECK_EQUAL(sample(), ESP_OK);
    CHECK_SILENT();
    CHECK_EQUAL(logged('E'), 0);
    CHECK_EQUAL(logged('I'), 1);
    CHECK_EQUAL(first_number(0), 100);
    CHECK_EQUAL(last_number(0), 32);
    memory_pool_t *pool = the_only_pool();
    CHECK_EQUAL(pool->block_size, 32);
    CHECK_EQUAL(pool->num_blocks, 100);
    CHECK_EQUAL(memory_pool_validate(pool), ESP_OK);
    /* The struct is static: a second time initialises it twice, which is refused and harms nothing. */
    const size_t left = heap_bytes();
    CHECK_EQUAL(sample(), ESP_ERR_NO_MEM);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init");
    CHECK_EQUAL(heap_bytes(), left);
    CHECK_EQUAL(memory_pool_validate(pool), ESP_OK);
    memory_pool_destroy(pool);
}

static const test_t tests[] = {RUN(it_reports_failure_then_succeeds_then_is_refused)};

int main(void) { return RUN_ALL(tests); }
