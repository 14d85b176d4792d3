/*
 * Three samples in one program, as an application would have them: the system is started, a pool of the application's stays in
 * use, another comes and goes, and four more are made beside them.
 */
#include "internal.h"

#include "driver.h"

static memory_pool_t small_pool, medium_pool, large_pool, isr_pool;
static memory_pool_t *application;
static void *in_use[50];
static size_t network_blocks;

/* Every block can be taken, once, and filled. */
static size_t take_all(memory_pool_t *pool, void **blocks, size_t most) {
    size_t taken = 0;
    for (void *block; taken < most && (block = memory_pool_alloc(pool)) != NULL; taken++) {
        for (size_t at = 0; at < taken; at++) CHECK(!same(blocks[at], block));
        memset(block, (int)taken, pool->block_size);
        blocks[taken] = block;
    }
    CHECK(memory_pool_alloc(pool) == NULL);
    for (size_t at = 0; at < taken; at++) CHECK_EQUAL(((unsigned char *)blocks[at])[pool->block_size - 1], at & 0xFF);
    return taken;
}

static void use_application_pools(memory_pool_t *pool) {
    application = pool;
    CHECK_EQUAL(take_all(pool, in_use, 50), 50);
}

static void handle_network_operations(memory_pool_t *pool) {
    void *packets[20];
    network_blocks = take_all(pool, packets, 20);
    for (size_t at = 0; at < network_blocks; at++) memory_pool_free(pool, packets[at]);
    CHECK_EQUAL(pool->free_blocks, 20);
}

#include SAMPLE
#include USES_1

static void make_pools(void) {
#include USES_2
}

TEST(an_application_of_three_samples) {
    system_memory_setup();
    CHECK(memory_pool_find("drivers") != NULL && memory_pool_find("stacks") != NULL);
    const size_t heap = heap_bytes();
    proper_pool_lifecycle();
    CHECK_EQUAL(network_blocks, 20);
    CHECK_EQUAL(heap_bytes(), heap);

    make_pools();
    CHECK_SILENT();
    memory_pool_t *const pools[] = {&small_pool, &medium_pool, &large_pool, &isr_pool};
    const size_t sizes[] = {32, 256, 1024, 64}, counts[] = {200, 50, 10, 20};
    for (size_t i = 0; i < 4; i++) {
        static void *blocks[200];
        CHECK(pools[i]->block_size >= sizes[i]);
        CHECK_EQUAL(take_all(pools[i], blocks, 200), counts[i]);
        for (size_t at = 0; at < counts[i]; at++) memory_pool_free(pools[i], blocks[at]);
    }
    /* What the application held meanwhile is as it was. */
    for (size_t at = 0; at < 50; at++) {
        for (size_t byte = 0; byte < application->block_size; byte++) {
            CHECK_EQUAL(((unsigned char *)in_use[at])[byte], at & 0xFF);
        }
        memory_pool_free(application, in_use[at]);
    }
    show_memory_usage();
    for (memory_pool_t *pool = NULL; (pool = memory_pool_next(pool)) != NULL;) {
        CHECK_EQUAL(memory_pool_validate(pool), ESP_OK);
        CHECK_EQUAL(pool->free_blocks, pool->num_blocks);
    }
    CHECK_SILENT();
    for (size_t i = 0; i < 4; i++) memory_pool_destroy(pools[i]);
    memory_pool_destroy(application);
    CHECK_EQUAL(microusc_system_end(), ESP_OK);
    CHECK_SILENT();
}

static const test_t tests[] = {RUN(an_application_of_three_samples)};

int main(void) { return RUN_ALL(tests); }
