/* A pool behind a mutex of its own: used from four threads, and unwound when a step fails. */
#include "driver.h"

#include SAMPLE

enum { THREADS = 4, ROUNDS = 5000, SIZE = 32, BLOCKS = 6 };

static thread_safe_pool_t shared;

static void *work(void *argument) {
    size_t *wrong = (size_t *)argument;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        char *block = (char *)thread_safe_alloc(&shared);
        if (block == NULL) continue;
        const int mark = (int)(address_of(argument) ^ round) & 0x7F;
        memset(block, mark, SIZE);
        for (size_t i = 0; i < SIZE; i++) *wrong += block[i] != (char)mark;
        thread_safe_free(&shared, block);
    }
    return NULL;
}

TEST(four_threads_never_share_a_block) {
    pthread_t threads[THREADS];
    size_t wrong[THREADS] = {0};
    CHECK_EQUAL(thread_safe_pool_init(&shared, SIZE, BLOCKS), ESP_OK);
    for (size_t i = 0; i < THREADS; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, work, &wrong[i]), 0);
    for (size_t i = 0; i < THREADS; i++) {
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
        CHECK_EQUAL(wrong[i], 0);
    }
    CHECK_EQUAL(shared.pool.free_blocks, BLOCKS);
    CHECK_EQUAL(memory_pool_validate(&shared.pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&shared.pool), ESP_OK);
    CHECK_SILENT();
    vSemaphoreDelete(shared.mutex);
}

TEST(it_runs_out_and_recovers) {
    void *blocks[BLOCKS];
    CHECK_EQUAL(thread_safe_pool_init(&shared, SIZE, BLOCKS), ESP_OK);
    for (size_t i = 0; i < BLOCKS; i++) CHECK((blocks[i] = thread_safe_alloc(&shared)) != NULL);
    CHECK(thread_safe_alloc(&shared) == NULL);
    thread_safe_free(&shared, blocks[0]);
    CHECK(same(thread_safe_alloc(&shared), blocks[0]));
    memory_pool_destroy(&shared.pool);
    vSemaphoreDelete(shared.mutex);
}

TEST(a_failed_start_leaves_nothing_behind) {
    prelude_refuse_a_mutex = true;
    CHECK_EQUAL(thread_safe_pool_init(&shared, SIZE, BLOCKS), ESP_ERR_NO_MEM);
    microusc_host_fail_allocation(2);
    CHECK_EQUAL(thread_safe_pool_init(&shared, SIZE, BLOCKS), ESP_ERR_NO_MEM);
    CHECK_EQUAL(prelude_mutexes, 0);
}

static const test_t tests[] = {
    RUN(four_threads_never_share_a_block),
    RUN(it_runs_out_and_recovers),
    RUN(a_failed_start_leaves_nothing_behind),
};

int main(void) { return RUN_ALL(tests); }
