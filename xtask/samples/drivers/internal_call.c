/* Statements that call a function of the system layer, which makes a pool with the sizes that it was given. */
#include "internal.h"

#include "driver.h"

static void sample(void) {
#include SAMPLE
}

TEST(a_pool_is_there_afterwards_and_the_system_can_be_completed) {
    CHECK(memory_pool_next(NULL) == NULL);
    sample();
    memory_pool_t *made = the_only_pool();
    CHECK_SILENT();
    microusc_system_config_t config;
    CHECK_EQUAL(microusc_system_get_config(&config), ESP_OK);
    const size_t wanted = strcmp(memory_pool_get_name(made), "stacks") == 0 ? config.stack_size : config.buffer_size;
    CHECK(made->block_size >= wanted);
    CHECK_EQUAL(made->num_blocks, config.max_drivers);
    CHECK_EQUAL(config.buffer_size, 128);
    CHECK_EQUAL(config.data_size, 256);
    CHECK_EQUAL(config.stack_size, 2048);

    CHECK_EQUAL(init_MicroUSC_system(), ESP_OK);
    CHECK(memory_pool_find("drivers") != NULL && memory_pool_find("stacks") != NULL);
    CHECK_SILENT();
    sample();
    CHECK_EQUAL(reported.count, 1);
    CHECK_EQUAL(reported.reason, ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(microusc_system_end(), ESP_OK);
}

static const test_t tests[] = {RUN(a_pool_is_there_afterwards_and_the_system_can_be_completed)};

int main(void) { return RUN_ALL(tests); }
