/* Statements that initialise four pools, together, on the smallest chips too. */
#include "driver.h"

static memory_pool_t small_pool, medium_pool, large_pool, isr_pool;

static void sample(void) {
#include SAMPLE
}

TEST(the_four_pools_fit_each_chip) {
    const char *const chips[] = {"esp32", "esp8266", "esp32c2", "esp32c3", "esp32s3", "esp32p4"};
    const size_t sizes[] = {32, 256, 1024, 64}, counts[] = {200, 50, 10, 20};
    memory_pool_t *const pools[] = {&small_pool, &medium_pool, &large_pool, &isr_pool};
    for (size_t chip = 0; chip < sizeof(chips) / sizeof(chips[0]); chip++) {
        use_chip(chips[chip]);
        sample();
        CHECK_SILENT();
        for (size_t i = 0; i < 4; i++) {
            CHECK(pools[i]->block_size >= sizes[i]);
            CHECK_EQUAL(pools[i]->num_blocks, counts[i]);
            CHECK_EQUAL(memory_pool_validate(pools[i]), ESP_OK);
        }
        destroy_every_pool();
    }
}

static const test_t tests[] = {RUN(the_four_pools_fit_each_chip)};

int main(void) { return RUN_ALL(tests); }
