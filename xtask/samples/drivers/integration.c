/* A function that starts the system and then makes a pool of the application's. */
#include "internal.h"

#include "driver.h"

static memory_pool_t *application;

static void use_application_pools(memory_pool_t *pool) {
    CHECK(memory_pool_find("drivers") != NULL && memory_pool_find("stacks") != NULL);
    application = pool;
    CHECK_EQUAL(pool->block_size, 128);
    CHECK_EQUAL(pool->num_blocks, 50);
    void *block = memory_pool_alloc(pool);
    CHECK(memory_pool_owns(pool, block));
    memory_pool_free(pool, block);
}

#include SAMPLE

TEST(the_pool_of_the_application_stands_beside_those_of_the_system) {
    system_memory_setup();
    CHECK(application != NULL);
    CHECK(memory_pool_next(NULL) != NULL && !same(memory_pool_next(NULL), application));
    CHECK_EQUAL(memory_pool_validate(application), ESP_OK);
    CHECK_SILENT();
    microusc_system_config_t config;
    CHECK_EQUAL(microusc_system_get_config(&config), ESP_OK);
    CHECK_EQUAL(memory_pool_find("drivers")->num_blocks, config.max_drivers);
    CHECK_EQUAL(memory_pool_find("stacks")->block_size, config.stack_size);
    memory_pool_destroy(application);
    CHECK_EQUAL(microusc_system_end(), ESP_OK);
    CHECK_SILENT();
}

static const test_t tests[] = {RUN(the_pool_of_the_application_stands_beside_those_of_the_system)};

int main(void) { return RUN_ALL(tests); }
