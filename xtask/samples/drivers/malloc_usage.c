/* Statements that make a pool on the heap, take a block, and destroy the pool with the block still in use. */
#include "driver.h"

static esp_err_t sample(void) {
#include SAMPLE
    return ESP_OK;
}

TEST(it_reports_failure_or_leaves_nothing_behind) {
    for (size_t step = 1; step <= 2; step++) {
        microusc_host_fail_allocation(step);
        CHECK_EQUAL(sample(), ESP_ERR_NO_MEM);
        CHECK_EQUAL(logged('E'), 1);
        CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
        forget();
    }
    CHECK_EQUAL(sample(), ESP_OK);
    CHECK_EQUAL(logged('I'), 1);
    CHECK_EQUAL(first_number(0), 50);
    CHECK_EQUAL(last_number(0), 64);
    CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy");
    CHECK_EQUAL(reported.blocks, 1);
}

static const test_t tests[] = {RUN(it_reports_failure_or_leaves_nothing_behind)};

int main(void) { return RUN_ALL(tests); }
