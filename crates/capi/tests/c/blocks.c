/* Taking and returning blocks: every function, every reason. */
#include "check.h"

enum { SIZE = 48, COUNT = 7 };

/* A pool of this file's size for one test. */
static memory_pool_t pool;
static void *taken[COUNT];

static void open_pool(void) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_SILENT();
}

static void close_pool(void) {
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    reported.count = 0;
}

static void take_all(void) {
    for (size_t i = 0; i < COUNT; i++) {
        taken[i] = memory_pool_alloc(&pool);
        CHECK(taken[i] != NULL);
    }
}

static void return_all(void) {
    for (size_t i = 0; i < COUNT; i++) CHECK_EQUAL(memory_pool_free_reason(&pool, taken[i]), ESP_OK);
}

TEST(every_block_is_allocated_once_then_null) {
    open_pool();
    take_all();
    for (size_t i = 0; i < COUNT; i++) {
        const size_t offset = address_of(taken[i]) - address_of(pool.memory);
        CHECK_EQUAL(offset % pool.block_size, 0);
        CHECK(offset < pool.block_size * pool.num_blocks);
        for (size_t j = 0; j < i; j++) CHECK(!same(taken[i], taken[j]));
    }
    CHECK(pool.memory_free == NULL);
    CHECK_EQUAL(pool.free_blocks, 0);
    CHECK(memory_pool_alloc(&pool) == NULL);
    CHECK_EQUAL(info_of(&pool).alloc_failures, 1);
    return_all();
    CHECK_EQUAL(pool.free_blocks, COUNT);
    close_pool();
}

TEST(blocks_do_not_overlap) {
    open_pool();
    take_all();
    for (size_t i = 0; i < COUNT; i++) memset(taken[i], (int)('a' + i), pool.block_size);
    for (size_t i = 0; i < COUNT; i++) {
        const char *bytes = (const char *)taken[i];
        for (size_t at = 0; at < pool.block_size; at++) CHECK(bytes[at] == (char)('a' + i));
    }
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    return_all();
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    close_pool();
}

TEST(documented_list_can_be_walked_at_any_moment) {
    open_pool();
    for (size_t in_use = 0; in_use <= COUNT; in_use++) {
        size_t listed = 0;
        for (const memory_block_t *at = pool.memory_free; at != NULL; at = at->next) listed++;
        CHECK_EQUAL(listed, COUNT - in_use);
        CHECK_EQUAL(pool.free_blocks, COUNT - in_use);
        if (in_use < COUNT) taken[in_use] = memory_pool_alloc(&pool);
    }
    return_all();
    close_pool();
}

TEST(block_freed_last_is_allocated_first) {
    open_pool();
    take_all();
    memory_pool_free(&pool, taken[2]);
    memory_pool_free(&pool, taken[5]);
    CHECK(same(memory_pool_alloc(&pool), taken[5]));
    CHECK(same(memory_pool_alloc(&pool), taken[2]));
    return_all();
    close_pool();
}

TEST(failed_alloc_returns_a_reason) {
    esp_err_t reason = ESP_FAIL;
    CHECK(memory_pool_alloc_reason(NULL, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_alloc_reason");
    memory_pool_t zeroed;
    memset(&zeroed, 0, sizeof(zeroed));
    CHECK(memory_pool_alloc_reason(&zeroed, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc_reason");

    open_pool();
    for (size_t i = 0; i < COUNT; i++) {
        reason = ESP_FAIL;
        taken[i] = memory_pool_alloc_reason(&pool, i == 3 ? NULL : &reason);
        CHECK(taken[i] != NULL);
        CHECK_EQUAL(reason, i == 3 ? ESP_FAIL : ESP_OK);
    }
    CHECK(memory_pool_alloc_reason(&pool, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_NO_MEM);
    CHECK(memory_pool_alloc_reason(&pool, NULL) == NULL);
    return_all();
    close_pool();
}

TEST(every_function_refuses_null_and_a_struct_without_a_pool) {
    memory_pool_t zeroed;
    memory_pool_info_t info;
    char block[SIZE];
    memset(&zeroed, 0, sizeof(zeroed));
    memory_pool_t *const none[] = {NULL, &zeroed};
    const esp_err_t reasons[] = {ESP_ERR_INVALID_ARG, ESP_ERR_INVALID_STATE};
    for (size_t i = 0; i < 2; i++) {
        CHECK(memory_pool_alloc(none[i]) == NULL);
        CHECK_REPORTED(reasons[i], "memory_pool_alloc");
        CHECK(same(reported.address, none[i]));
        CHECK(memory_pool_alloc_zeroed(none[i]) == NULL);
        CHECK_REPORTED(reasons[i], "memory_pool_alloc_zeroed");
        CHECK(memory_pool_alloc_unsynchronized(none[i]) == NULL);
        CHECK_REPORTED(reasons[i], "memory_pool_alloc_unsynchronized");
        CHECK(memory_pool_alloc_from_isr(none[i]) == NULL);
        CHECK_REPORTED(reasons[i], "memory_pool_alloc_from_isr");
        CHECK(!memory_pool_owns(none[i], block));
        CHECK_SILENT();
        memory_pool_free(none[i], block);
        CHECK_REPORTED(reasons[i], "memory_pool_free");
        CHECK(same(reported.address, block));
        CHECK_EQUAL(memory_pool_free_reason(none[i], block), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_free_reason");
        CHECK_EQUAL(memory_pool_free_unsynchronized(none[i], block), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_free_unsynchronized");
        CHECK_EQUAL(memory_pool_get_info(none[i], &info), reasons[i]);
        CHECK_SILENT();
        CHECK_EQUAL(memory_pool_set_name(none[i], "name"), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_set_name");
        CHECK(strcmp(memory_pool_get_name(none[i]), "") == 0);
        CHECK_EQUAL(memory_pool_validate(none[i]), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_validate");
        CHECK_EQUAL(memory_pool_repair(none[i]), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_repair");
        CHECK_EQUAL(memory_pool_reset_lowest_free(none[i]), reasons[i]);
        CHECK_REPORTED(reasons[i], "memory_pool_reset_lowest_free");
        reported.count = 0;
        CHECK_EQUAL(memory_pool_destroy_unused(none[i]), reasons[i]);
        memory_pool_print_stats(none[i]);
        reported.count = 0;
    }
}

TEST(alloc_zeroed_clears_every_byte) {
    open_pool();
    take_all();
    for (size_t i = 0; i < COUNT; i++) memset(taken[i], 0xA5, pool.block_size);
    return_all();
    for (size_t i = 0; i < COUNT; i++) {
        taken[i] = memory_pool_alloc_zeroed(&pool);
        CHECK(taken[i] != NULL);
        for (size_t at = 0; at < pool.block_size; at++) CHECK_EQUAL(((const char *)taken[i])[at], 0);
    }
    CHECK(memory_pool_alloc_zeroed(&pool) == NULL);
    return_all();
    close_pool();
}

TEST(wrong_frees_are_refused_with_their_reasons_and_counted) {
    memory_pool_t other;
    int on_the_stack = 0;
    open_pool();
    CHECK(memory_pool_init(&other, SIZE, 2));
    void *of_other = memory_pool_alloc(&other);
    char *block = (char *)memory_pool_alloc(&pool);
    memory_pool_free(&pool, block);
    const struct {
        void *address;
        esp_err_t reason;
    } wrong[] = {
        {block, MEMORY_POOL_ERR_DOUBLE_FREE},
        {block + 1, MEMORY_POOL_ERR_NOT_A_BLOCK},
        {block + sizeof(void *), MEMORY_POOL_ERR_NOT_A_BLOCK},
        {&on_the_stack, MEMORY_POOL_ERR_NOT_A_BLOCK},
        {of_other, MEMORY_POOL_ERR_NOT_A_BLOCK},
        {NULL, MEMORY_POOL_ERR_NOT_A_BLOCK},
        {(char *)pool.memory - pool.block_size, MEMORY_POOL_ERR_NOT_A_BLOCK},
        {(char *)pool.memory + pool.block_size * pool.num_blocks, MEMORY_POOL_ERR_NOT_A_BLOCK},
        {(char *)pool.memory + pool.block_size * (pool.num_blocks - 1), MEMORY_POOL_ERR_DOUBLE_FREE},
    };
    const unsigned cases = sizeof(wrong) / sizeof(wrong[0]);
    for (unsigned i = 0; i < cases; i++) {
        CHECK_EQUAL(memory_pool_free_reason(&pool, wrong[i].address), wrong[i].reason);
        CHECK_REPORTED(wrong[i].reason, "memory_pool_free_reason");
        CHECK(same(reported.address, wrong[i].address));
        CHECK(strcmp(reported.pool, memory_pool_get_name(&pool)) == 0);
        memory_pool_free(&pool, wrong[i].address);
        CHECK_REPORTED(wrong[i].reason, "memory_pool_free");
        CHECK_EQUAL(memory_pool_free_unsynchronized(&pool, wrong[i].address), wrong[i].reason);
        CHECK_REPORTED(wrong[i].reason, "memory_pool_free_unsynchronized");
        CHECK_EQUAL(info_of(&pool).refused_frees, 3 * (i + 1));
        CHECK_EQUAL(pool.free_blocks, COUNT);
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    }
    take_all();
    return_all();
    close_pool();
    memory_pool_free(&other, of_other);
    CHECK_EQUAL(memory_pool_destroy_unused(&other), ESP_OK);
}

TEST(owns_is_true_for_live_blocks_of_the_pool) {
    open_pool();
    char *block = (char *)memory_pool_alloc(&pool);
    CHECK(memory_pool_owns(&pool, block));
    CHECK(!memory_pool_owns(&pool, block + 1));
    CHECK(!memory_pool_owns(&pool, pool.memory_free));
    CHECK(!memory_pool_owns(&pool, &pool));
    CHECK(!memory_pool_owns(&pool, NULL));
    memory_pool_free(&pool, block);
    CHECK(!memory_pool_owns(&pool, block));
    CHECK_SILENT();
    close_pool();
}

TEST(unsynchronized_functions_keep_every_check) {
    open_pool();
    for (size_t i = 0; i < COUNT; i++) {
        taken[i] = memory_pool_alloc_unsynchronized(&pool);
        CHECK(taken[i] != NULL);
        CHECK_EQUAL(pool.free_blocks, COUNT - 1 - i);
    }
    CHECK(memory_pool_alloc_unsynchronized(&pool) == NULL);
    CHECK_EQUAL(info_of(&pool).alloc_failures, 1);
    for (size_t i = 0; i < COUNT; i++) {
        CHECK_EQUAL(memory_pool_free_unsynchronized(&pool, taken[i]), ESP_OK);
        CHECK_SILENT();
        CHECK_EQUAL(memory_pool_free_unsynchronized(&pool, taken[i]), MEMORY_POOL_ERR_DOUBLE_FREE);
        CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_unsynchronized");
    }
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    close_pool();
}

TEST(allocs_and_frees_in_any_order_agree_with_a_table) {
    enum { BLOCKS = 61, STEPS = 20000 };
    static void *owned[BLOCKS];
    static uint32_t stamp[BLOCKS];
    size_t in_use = 0, most = 0;
    uint32_t random = 12345;
    memory_pool_t many;
    CHECK(memory_pool_init(&many, 2 * sizeof(void *), BLOCKS));
    memset(owned, 0, sizeof(owned));
    for (uint32_t step = 0; step < STEPS; step++) {
        random = random * 1664525u + 1013904223u;
        const size_t slot = (random >> 8) % BLOCKS;
        if (owned[slot] == NULL) {
            owned[slot] = memory_pool_alloc(&many);
            CHECK(owned[slot] != NULL);
            stamp[slot] = step;
            memcpy(owned[slot], &step, sizeof(step));
            in_use++;
        } else {
            CHECK(memcmp(owned[slot], &stamp[slot], sizeof(step)) == 0);
            memory_pool_free(&many, owned[slot]);
            owned[slot] = NULL;
            in_use--;
        }
        if (in_use > most) most = in_use;
        CHECK_EQUAL(many.free_blocks, BLOCKS - in_use);
    }
    CHECK_EQUAL(info_of(&many).lowest_free, BLOCKS - most);
    CHECK_EQUAL(memory_pool_validate(&many), ESP_OK);
    CHECK_SILENT();
    memory_pool_destroy(&many);
    CHECK_EQUAL(reported.blocks, in_use);
}

static const test_t tests[] = {
    RUN(every_block_is_allocated_once_then_null),
    RUN(blocks_do_not_overlap),
    RUN(documented_list_can_be_walked_at_any_moment),
    RUN(block_freed_last_is_allocated_first),
    RUN(failed_alloc_returns_a_reason),
    RUN(every_function_refuses_null_and_a_struct_without_a_pool),
    RUN(alloc_zeroed_clears_every_byte),
    RUN(wrong_frees_are_refused_with_their_reasons_and_counted),
    RUN(owns_is_true_for_live_blocks_of_the_pool),
    RUN(unsynchronized_functions_keep_every_check),
    RUN(allocs_and_frees_in_any_order_agree_with_a_table),
};

int main(void) { return RUN_ALL(tests); }
