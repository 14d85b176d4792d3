/* A function that starts the system and then makes a pool of the application's. */
#include "internal.h"

#include "driver.h"

static bool started;
static memory_pool_t *application;

static void init_MicroUSC_system(void) {
    CHECK_EQUAL(init_system_memory_space(), ESP_OK);
    CHECK_EQUAL(init_driver_list_memory_pool(128, 256), ESP_OK);
    CHECK_EQUAL(setUSCtaskSize(2048), ESP_OK);
    started = true;
}

static void use_application_pools(memory_pool_t *pool) {
    CHECK(started);
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
    destroy_every_pool();
}

static const test_t tests[] = {RUN(the_pool_of_the_application_stands_beside_those_of_the_system)};

int main(void) { return RUN_ALL(tests); }
