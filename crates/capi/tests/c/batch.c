/* Several blocks at once, and blocks kept for interrupts. */
#include "check.h"

enum { SIZE = 32, COUNT = 6 };

static memory_pool_t pool;
static void *blocks[COUNT + 1];

static void open_pool(void) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
}

static void close_pool(void) {
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    reported.count = 0;
}

TEST(batch_is_allocated_and_freed_completely) {
    open_pool();
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT), ESP_OK);
    CHECK_EQUAL(pool.free_blocks, 0);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK(memory_pool_owns(&pool, blocks[i]));
        for (size_t j = 0; j < i; j++) CHECK(blocks[i] != blocks[j]);
    }
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, COUNT), ESP_OK);
    CHECK_EQUAL(pool.free_blocks, COUNT);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, 0), ESP_OK);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, 0), ESP_OK);
    CHECK_SILENT();
    close_pool();
}

TEST(batch_alloc_that_fails_allocates_nothing) {
    open_pool();
    void *first = memory_pool_alloc(&pool);
    memset(blocks, 0x55, sizeof(blocks));
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT), ESP_ERR_NO_MEM);
    for (size_t i = 0; i < COUNT; i++) CHECK(blocks[i] == NULL);
    CHECK_EQUAL(pool.free_blocks, COUNT - 1);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT + 1), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, (size_t)-1), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, NULL, 1), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(memory_pool_alloc_batch(NULL, blocks, 1), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(pool.free_blocks, COUNT - 1);
    memory_pool_free(&pool, first);
    close_pool();
}

TEST(batch_free_with_one_wrong_block_frees_nothing) {
    open_pool();
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT), ESP_OK);
    void *const third = blocks[2];
    blocks[2] = blocks[1];
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, COUNT), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_EQUAL(reported.count, 1);
    CHECK(reported.address == blocks[1]);
    blocks[2] = (char *)third + 1;
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, COUNT), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK(reported.address == blocks[2]);
    CHECK_EQUAL(pool.free_blocks, 0);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, (size_t)-1), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(memory_pool_free_batch(&pool, NULL, 1), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(info_of(&pool).refused_frees, 2);
    blocks[2] = third;
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, COUNT), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    close_pool();
}

/* It would be overwritten while it is read: by a link, or by what free blocks are filled with. */
TEST(array_of_a_batch_inside_one_of_its_blocks_is_refused) {
    enum { LARGE = 2 * COUNT * sizeof(void *) };
    for (int filled = 0; filled < 2; filled++) {
        CHECK(memory_pool_init(&pool, LARGE, COUNT));
        if (filled) CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
        CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT), ESP_OK);
        for (size_t at = 0; at < COUNT; at++) {
            void **list = (void **)blocks[at] + at;
            memcpy(list, blocks, COUNT * sizeof(void *));
            CHECK_EQUAL(memory_pool_free_batch(&pool, list, COUNT), ESP_ERR_INVALID_ARG);
            CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_free_batch");
            CHECK(same(reported.address, list));
            CHECK_EQUAL(memcmp(list, blocks, COUNT * sizeof(void *)), 0);
            CHECK_EQUAL(pool.free_blocks, 0);
        }
        void **list = (void **)blocks[COUNT - 1]; /* a block that stays */
        memcpy(list, blocks, (COUNT - 1) * sizeof(void *));
        CHECK_EQUAL(memory_pool_free_batch(&pool, list, COUNT - 1), ESP_OK);
        memory_pool_free(&pool, list);
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
        CHECK_SILENT();
        close_pool();
    }
}

TEST(reserve_is_for_interrupts_only) {
    open_pool();
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, COUNT + 1), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(reported.count, 1);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 2), ESP_OK);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT - 1), ESP_ERR_NO_MEM);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT - 2), ESP_OK);
    CHECK(memory_pool_alloc(&pool) == NULL);
    CHECK(memory_pool_alloc_unsynchronized(&pool) == NULL);
    CHECK_EQUAL(pool.free_blocks, 2);
    blocks[COUNT - 2] = memory_pool_alloc_from_isr(&pool);
    blocks[COUNT - 1] = memory_pool_alloc_from_isr(&pool);
    CHECK(blocks[COUNT - 2] != NULL && blocks[COUNT - 1] != NULL);
    CHECK(memory_pool_alloc_from_isr(&pool) == NULL);
    CHECK(memory_pool_alloc_from_isr(NULL) == NULL);

    /* What is returned fills the reserve first; wrong frees are refused as ever. */
    memory_pool_free(&pool, blocks[0]);
    memory_pool_free(&pool, blocks[1]);
    CHECK(memory_pool_alloc(&pool) == NULL);
    CHECK_EQUAL(memory_pool_free_reason(&pool, blocks[1]), MEMORY_POOL_ERR_DOUBLE_FREE);
    memory_pool_free(&pool, blocks[2]);
    blocks[2] = memory_pool_alloc(&pool);
    CHECK(blocks[2] != NULL);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    blocks[0] = memory_pool_alloc(&pool);
    blocks[1] = memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, COUNT), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    close_pool();
}

TEST(status_explains_a_null_from_alloc) {
    CHECK_EQUAL(memory_pool_status(NULL), ESP_ERR_INVALID_ARG);
    memset(&pool, 0, sizeof(pool));
    CHECK_EQUAL(memory_pool_status(&pool), ESP_ERR_INVALID_STATE);
    open_pool();
    CHECK_EQUAL(memory_pool_status(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, COUNT), ESP_OK);
    CHECK_EQUAL(memory_pool_status(&pool), ESP_ERR_NO_MEM);
    CHECK_EQUAL(info_of(&pool).alloc_failures, 0);
    memory_pool_free(&pool, blocks[0]);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 1), ESP_OK);
    CHECK_EQUAL(memory_pool_status(&pool), ESP_ERR_NO_MEM);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    pool.memory_free = (memory_block_t *)blocks[1]; /* as if the list had been overwritten: a block in use */
    CHECK_EQUAL(memory_pool_status(&pool), MEMORY_POOL_ERR_CORRUPT);
    CHECK(memory_pool_alloc_zeroed(&pool) == NULL);
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_status(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks + 1, COUNT - 1), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    close_pool();
}

static const test_t tests[] = {
    RUN(batch_is_allocated_and_freed_completely),
    RUN(batch_alloc_that_fails_allocates_nothing),
    RUN(batch_free_with_one_wrong_block_frees_nothing),
    RUN(array_of_a_batch_inside_one_of_its_blocks_is_refused),
    RUN(reserve_is_for_interrupts_only),
    RUN(status_explains_a_null_from_alloc),
};

int main(void) {
    return RUN_ALL(tests);
}
