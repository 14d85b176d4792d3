/* Making and ending pools: every way, every reason. */
#include "check.h"

TEST(init_fills_the_documented_fields) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 64, 20));
    CHECK_EQUAL(pool.block_size, 64);
    CHECK_EQUAL(pool.num_blocks, 20);
    CHECK_EQUAL(pool.free_blocks, 20);
    CHECK(same(pool.memory_free, pool.memory));
    CHECK(pool.control != NULL);
    const memory_pool_info_t info = info_of(&pool);
    CHECK_EQUAL(info.placement, DRAM);
    CHECK_EQUAL(info.flags, MEMORY_POOL_FLAG_DMA);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(struct_of_garbage_can_be_initialised) {
    memory_pool_t pool;
    memset(&pool, 0xDE, sizeof(pool));
    CHECK(memory_pool_init(&pool, 64, 20));
    void *block = memory_pool_alloc(&pool);
    CHECK(block != NULL);
    memory_pool_free(&pool, block);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(struct_can_be_initialised_again_after_destroy) {
    memory_pool_t pool;
    for (size_t round = 1; round < 50; round++) {
        CHECK(memory_pool_init(&pool, sizeof(void *) * round, round));
        CHECK(memory_pool_alloc(&pool) != NULL);
        memory_pool_destroy(&pool);
        CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy");
        CHECK(memory_pool_alloc(&pool) == NULL);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc");
    }
}

TEST(impossible_sizes_are_refused) {
    const size_t huge = SIZE_MAX / 2;
    const struct {
        size_t size, count;
        esp_err_t reason;
    } wrong[] = {
        {0, 1, ESP_ERR_INVALID_SIZE},
        {1, 1, ESP_ERR_INVALID_SIZE},
        {sizeof(void *) - 1, 1, ESP_ERR_INVALID_SIZE},
        {64, 0, ESP_ERR_INVALID_SIZE},
        {0, 0, ESP_ERR_INVALID_SIZE},
        {SIZE_MAX, 1, ESP_ERR_INVALID_SIZE},
        {SIZE_MAX - 2, 1, ESP_ERR_INVALID_SIZE},
        {sizeof(void *), SIZE_MAX, ESP_ERR_INVALID_SIZE},
        {huge, 3, ESP_ERR_INVALID_SIZE},
        {SIZE_MAX, SIZE_MAX, ESP_ERR_INVALID_SIZE},
        {1 << 20, 1, ESP_ERR_NO_MEM},
        {1 << 20, 1 << 20, ESP_ERR_NO_MEM},
        {sizeof(void *), huge / sizeof(void *), ESP_ERR_NO_MEM},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        memory_pool_t pool, before;
        const size_t size = unknown(wrong[i].size), count = unknown(wrong[i].count);
        memset(&pool, 0x5A, sizeof(pool));
        before = pool;
        CHECK(!memory_pool_init(&pool, size, count));
        CHECK_REPORTED(wrong[i].reason, "memory_pool_init");
        CHECK(same(reported.address, &pool));
        CHECK(!memory_pool_init_placed(&pool, size, count, DRAM));
        CHECK_REPORTED(wrong[i].reason, "memory_pool_init_placed");
        const memory_pool_config_t config = MEMORY_POOL_CONFIG_DEFAULT(size, count);
        CHECK_EQUAL(memory_pool_init_config(&pool, &config), wrong[i].reason);
        CHECK_REPORTED(wrong[i].reason, "memory_pool_init_config");
        CHECK(memory_pool_malloc(size, count) == NULL);
        CHECK_REPORTED(wrong[i].reason, "memory_pool_malloc");
        CHECK(memory_pool_malloc_placed(size, count, DRAM) == NULL);
        CHECK_REPORTED(wrong[i].reason, "memory_pool_malloc_placed");
        esp_err_t reason = ESP_OK;
        CHECK(memory_pool_malloc_config(&config, &reason) == NULL);
        CHECK_EQUAL(reason, wrong[i].reason);
        CHECK_REPORTED(wrong[i].reason, "memory_pool_malloc_config");
        CHECK(memcmp(&pool, &before, sizeof(pool)) == 0);
        CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
    }
}

TEST(init_of_null_is_refused) {
    const memory_pool_config_t config = MEMORY_POOL_CONFIG_DEFAULT(64, 4);
    memory_pool_t pool;
    esp_err_t reason = ESP_OK;
    void *buffer[64];
    CHECK(!memory_pool_init(NULL, 64, 4));
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_init");
    CHECK(!memory_pool_init_placed(NULL, 64, 4, DRAM));
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_init_placed");
    CHECK_EQUAL(memory_pool_init_config(NULL, &config), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_init_config");
    CHECK_EQUAL(memory_pool_init_config(&pool, NULL), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_init_config");
    CHECK_EQUAL(memory_pool_init_static(NULL, buffer, sizeof(buffer), 64, 2), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_init_static");
    CHECK_EQUAL(memory_pool_init_static(&pool, NULL, sizeof(buffer), 64, 2), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_init_static");
    CHECK(memory_pool_malloc_config(NULL, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_malloc_config");
    CHECK(memory_pool_malloc_config(NULL, NULL) == NULL);
}

TEST(malloc_makes_struct_and_blocks_and_destroy_frees_both) {
    memory_pool_t *pool = memory_pool_malloc(64, 50);
    CHECK(pool != NULL);
    CHECK(heap_bytes() < heap_of_fresh_chip - 64 * 50);
    CHECK(microusc_host_chip_address(pool) != 0);
    void *block = memory_pool_alloc(pool);
    CHECK(block != NULL);
    memory_pool_free(pool, block);
    memory_pool_destroy(pool);
    CHECK_SILENT();
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
}

TEST(configuration_is_followed) {
    const memory_pool_config_t config = {100, 5, DRAM, MEMORY_POOL_FLAG_ISR | MEMORY_POOL_FLAG_BYTES, "sensor"};
    esp_err_t reason = ESP_FAIL;
    memory_pool_t pool, *made = memory_pool_malloc_config(&config, &reason);
    CHECK(made != NULL);
    CHECK_EQUAL(reason, ESP_OK);
    CHECK_EQUAL(memory_pool_init_config(&pool, &config), ESP_OK);
    memory_pool_t *const both[] = {made, &pool};
    for (size_t i = 0; i < 2; i++) {
        const memory_pool_info_t info = info_of(both[i]);
        CHECK_EQUAL(info.requested_size, 100);
        CHECK_EQUAL(info.block_size, 104);
        CHECK_EQUAL(info.num_blocks, 5);
        CHECK_EQUAL(info.placement, DRAM);
        CHECK_EQUAL(info.flags, MEMORY_POOL_FLAG_ISR | MEMORY_POOL_FLAG_BYTES);
        CHECK(strcmp(info.name, "sensor") == 0);
    }
    memory_pool_destroy(made);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(unknown_placements_and_flags_are_refused) {
    memory_pool_t pool;
    memory_pool_config_t config = MEMORY_POOL_CONFIG_DEFAULT(64, 4);
    config.flags = 1u << 31;
    CHECK_EQUAL(memory_pool_init_config(&pool, &config), ESP_ERR_INVALID_ARG);
    config.flags = 0;
    config.placement = (memory_placement_t)(MALLOC_CAP_8BIT | MALLOC_CAP_DMA);
    CHECK_EQUAL(memory_pool_init_config(&pool, &config), ESP_ERR_INVALID_ARG);
    reported.count = 0;
    CHECK(!memory_pool_init_placed(&pool, 64, 4, (memory_placement_t)0));
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_init_placed");
}

TEST(static_pool_uses_no_heap) {
    static MEMORY_POOL_STATIC_BUFFER(buffer, 30, 9);
    memory_pool_t pool;
    CHECK_EQUAL(memory_pool_init_static(&pool, buffer, sizeof(buffer), 30, 9), ESP_OK);
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
    const memory_pool_info_t info = info_of(&pool);
    CHECK(info.storage_bytes + info.overhead_bytes <= sizeof(buffer) + sizeof(memory_pool_t));
    char *blocks[9];
    for (size_t i = 0; i < 9; i++) {
        blocks[i] = (char *)memory_pool_alloc(&pool);
        CHECK(blocks[i] >= (char *)buffer && blocks[i] + pool.block_size <= (char *)buffer + sizeof(buffer));
        CHECK_EQUAL(address_of(blocks[i]) % sizeof(void *), 0);
        memset(blocks[i], (int)i, pool.block_size);
    }
    CHECK(memory_pool_alloc(&pool) == NULL);
    for (size_t i = 0; i < 9; i++) {
        CHECK_EQUAL(blocks[i][pool.block_size - 1], i);
        memory_pool_free(&pool, blocks[i]);
    }
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
    CHECK_EQUAL(memory_pool_init_static(&pool, buffer, sizeof(buffer), 30, 9), ESP_OK);
    memory_pool_destroy(&pool);
}

TEST(buffer_that_is_too_small_is_refused_and_not_overrun) {
    enum { SIZE = 24, COUNT = 5, GUARD = 64 };
    static unsigned char room[MEMORY_POOL_STATIC_SIZE(SIZE, COUNT) + GUARD + 16];
    size_t refused = 0;
    for (size_t shift = 0; shift < sizeof(void *); shift++) {
        for (size_t bytes = 0; bytes <= MEMORY_POOL_STATIC_SIZE(SIZE, COUNT); bytes++) {
            memory_pool_t pool;
            memset(room, 0xC3, sizeof(room));
            const esp_err_t made = memory_pool_init_static(&pool, room + shift, bytes, SIZE, COUNT);
            if (made == ESP_OK) {
                while (memory_pool_alloc_zeroed(&pool) != NULL) continue;
                memory_pool_destroy(&pool);
            } else {
                CHECK_EQUAL(made, ESP_ERR_INVALID_SIZE);
                CHECK_EQUAL(room[shift], 0xC3);
                refused++;
            }
            for (size_t i = 0; i < GUARD; i++) CHECK_EQUAL(room[shift + bytes + i], 0xC3);
        }
    }
    CHECK(refused > SIZE * COUNT * sizeof(void *));
    reported.count = 0;
}

TEST(destroy_unused_is_refused_while_blocks_are_live) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 4));
    void *block = memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), MEMORY_POOL_ERR_IN_USE);
    CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy_unused");
    CHECK_EQUAL(reported.blocks, 1);
    CHECK(memory_pool_owns(&pool, block));
    memory_pool_free(&pool, block);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    CHECK_SILENT();
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_ERR_INVALID_STATE);
}

TEST(destroy_reports_how_many_blocks_were_live) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 4));
    CHECK_EQUAL(memory_pool_set_name(&pool, "leaky"), ESP_OK);
    CHECK(memory_pool_alloc(&pool) && memory_pool_alloc(&pool) && memory_pool_alloc(&pool));
    memory_pool_destroy(&pool);
    CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy");
    CHECK_EQUAL(reported.blocks, 3);
    CHECK(strcmp(reported.pool, "leaky") == 0);
    const memory_pool_t zeroed = {0};
    CHECK(memcmp(&pool, &zeroed, sizeof(pool)) == 0);
}

TEST(every_error_code_has_a_name) {
    const struct {
        esp_err_t reason;
        const char *name;
    } reasons[] = {
#define NAMED(reason) {reason, #reason}
        NAMED(ESP_OK),
        NAMED(ESP_ERR_NO_MEM),
        NAMED(ESP_ERR_INVALID_ARG),
        NAMED(ESP_ERR_INVALID_STATE),
        NAMED(ESP_ERR_INVALID_SIZE),
        NAMED(MEMORY_POOL_ERR_NOT_A_BLOCK),
        NAMED(MEMORY_POOL_ERR_DOUBLE_FREE),
        NAMED(MEMORY_POOL_ERR_CORRUPT),
        NAMED(MEMORY_POOL_ERR_IN_USE),
        NAMED(MEMORY_POOL_ERR_NO_PSRAM),
        NAMED(MEMORY_POOL_ERR_NO_IRAM),
        NAMED(MEMORY_POOL_ERR_ISR_IN_PSRAM),
        NAMED(MEMORY_POOL_ERR_DMA_IN_PSRAM),
        NAMED(MEMORY_POOL_ERR_DMA_IN_IRAM),
        NAMED(MEMORY_POOL_ERR_BYTES_IN_IRAM),
        NAMED(MEMORY_POOL_ERR_WRONG_MEMORY),
#undef NAMED
    };
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        CHECK(strcmp(memory_pool_err_to_name(reasons[i].reason), reasons[i].name) == 0);
    }
    CHECK(memory_pool_err_to_name(12345) != NULL);
}

static const test_t tests[] = {
    RUN(init_fills_the_documented_fields),
    RUN(struct_of_garbage_can_be_initialised),
    RUN(struct_can_be_initialised_again_after_destroy),
    RUN(impossible_sizes_are_refused),
    RUN(init_of_null_is_refused),
    RUN(malloc_makes_struct_and_blocks_and_destroy_frees_both),
    RUN(configuration_is_followed),
    RUN(unknown_placements_and_flags_are_refused),
    RUN(static_pool_uses_no_heap),
    RUN(buffer_that_is_too_small_is_refused_and_not_overrun),
    RUN(destroy_unused_is_refused_while_blocks_are_live),
    RUN(destroy_reports_how_many_blocks_were_live),
    RUN(every_error_code_has_a_name),
};

int main(void) { return RUN_ALL(tests); }
