/* In which memory blocks lie, on every chip; which requests are refused, and with what reason. */
#include "check.h"
#include "chips.h"

static size_t larger(size_t left, size_t right) { return left > right ? left : right; }

static size_t rounded(size_t size, size_t align) { return (size + align - 1) / align * align; }

/* What is asked for is made; or refused with the reason, by every function, with nothing allocated. */
static void expect(memory_placement_t placement, uint32_t flags, esp_err_t wanted) {
    const memory_pool_config_t config = {40, 6, placement, flags, NULL};
    esp_err_t reason = ESP_FAIL;
    memory_pool_t pool;
    CHECK_EQUAL(memory_pool_init_config(&pool, &config), wanted);
    if (wanted == ESP_OK) memory_pool_destroy(&pool);
    memory_pool_t *made = memory_pool_malloc_config(&config, &reason);
    CHECK_EQUAL(reason, wanted);
    CHECK_EQUAL(made != NULL, wanted == ESP_OK);
    memory_pool_destroy(made);
    if (wanted == ESP_OK) {
        CHECK_SILENT();
    } else {
        CHECK_EQUAL(reported.count, 2);
        CHECK_EQUAL(reported.reason, wanted);
    }
    reported.count = 0;
    CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
}

TEST(impossible_placements_are_refused_on_every_chip) {
    const uint32_t dma = MEMORY_POOL_FLAG_DMA, isr = MEMORY_POOL_FLAG_ISR, bytes = MEMORY_POOL_FLAG_BYTES;
    for (size_t i = 0; i < CHIPS; i++) {
        const chip_t *chip = &chips[i];
        use_chip(chip->name);
        const esp_err_t psram = chip->psram ? ESP_OK : MEMORY_POOL_ERR_NO_PSRAM;
        const esp_err_t iram = chip->word_iram ? ESP_OK : MEMORY_POOL_ERR_NO_IRAM;
        expect(DRAM, 0, ESP_OK);
        expect(DRAM, dma, ESP_OK);
        expect(DRAM, isr, ESP_OK);
        expect(DRAM, dma | isr | bytes, ESP_OK);
        expect(PSRAM, 0, psram);
        expect(PSRAM, bytes, psram);
        expect(PSRAM, isr, chip->psram ? MEMORY_POOL_ERR_ISR_IN_PSRAM : psram);
        expect(PSRAM, isr | dma, chip->psram ? MEMORY_POOL_ERR_ISR_IN_PSRAM : psram);
        expect(PSRAM, dma, chip->psram && !chip->psram_dma ? MEMORY_POOL_ERR_DMA_IN_PSRAM : psram);
        expect(IRAM, 0, iram);
        expect(IRAM, isr, iram);
        expect(IRAM, dma, chip->word_iram ? MEMORY_POOL_ERR_DMA_IN_IRAM : iram);
        expect(IRAM, bytes, chip->word_iram ? MEMORY_POOL_ERR_BYTES_IN_IRAM : iram);
    }
}

TEST(blocks_lie_in_the_requested_memory_on_every_chip) {
    for (size_t i = 0; i < CHIPS; i++) {
        const chip_t *chip = &chips[i];
        use_chip(chip->name);
        if (chip->psram) {
            memory_pool_t *external = memory_pool_malloc_placed(100, 8, PSRAM);
            CHECK(external != NULL);
            for (void *block; (block = memory_pool_alloc(external)) != NULL;) {
                CHECK(on_chip_between(block, chip->psram_low, chip->psram_high));
                CHECK_EQUAL(microusc_host_chip_address(block) % chip->line, 0);
            }
            CHECK(!on_chip_between(external, chip->psram_low, chip->psram_high));
            CHECK(!on_chip_between(external->control, chip->psram_low, chip->psram_high));
            CHECK_EQUAL(external->block_size, rounded(100, larger(chip->line, sizeof(void *))));
            CHECK_EQUAL(info_of(external).placement, PSRAM);
            memory_pool_destroy(external);
        }
        if (chip->word_iram) {
            memory_pool_t *words = memory_pool_malloc_placed(100, 8, IRAM);
            CHECK(words != NULL);
            for (void *block; (block = memory_pool_alloc(words)) != NULL;) {
                CHECK(on_chip_between(block, chip->iram_low, chip->iram_high));
            }
            CHECK(!on_chip_between(words, chip->iram_low, chip->iram_high));
            CHECK(!on_chip_between(words->control, chip->iram_low, chip->iram_high));
            CHECK_EQUAL(info_of(words).placement, IRAM);
            memory_pool_destroy(words);
        }
        memory_pool_t internal;
        CHECK(memory_pool_init_placed(&internal, 100, 8, DRAM));
        for (void *block; (block = memory_pool_alloc(&internal)) != NULL;) {
            CHECK(microusc_host_chip_address(block) != 0);
            CHECK(!chip->psram || !on_chip_between(block, chip->psram_low, chip->psram_high));
            CHECK(!chip->word_iram || !on_chip_between(block, chip->iram_low, chip->iram_high));
        }
        memory_pool_destroy(&internal);
        reported.count = 0;
    }
}

TEST(blocks_for_dma_are_aligned_for_dma_on_every_chip) {
    for (size_t i = 0; i < CHIPS; i++) {
        use_chip(chips[i].name);
        const size_t align = larger(chips[i].dma_align, sizeof(void *));
        memory_pool_t pool;
        CHECK(memory_pool_init(&pool, 30, 5));
        CHECK_EQUAL(pool.block_size, rounded(30, align));
        for (void *block; (block = memory_pool_alloc(&pool)) != NULL;) CHECK_EQUAL(address_of(block) % align, 0);
        memory_pool_destroy(&pool);
        reported.count = 0;
    }
}

TEST(blocks_that_are_not_for_dma_are_aligned_to_a_pointer_on_every_chip) {
    for (size_t i = 0; i < CHIPS; i++) {
        use_chip(chips[i].name);
        memory_pool_t pool;
        CHECK(memory_pool_init_placed(&pool, 30, 5, DRAM));
        CHECK_EQUAL(pool.block_size, rounded(30, sizeof(void *)));
        memory_pool_destroy(&pool);
    }
}

TEST(default_pool_and_placed_pool_differ_only_in_dma) {
    memory_pool_t made_for_dma, placed;
    CHECK(memory_pool_init(&made_for_dma, 64, 4) && memory_pool_init_placed(&placed, 64, 4, DRAM));
    CHECK_EQUAL(info_of(&made_for_dma).flags, MEMORY_POOL_FLAG_DMA);
    CHECK_EQUAL(info_of(&placed).flags, 0);
    CHECK_EQUAL(info_of(&placed).placement, DRAM);
    memory_pool_destroy(&made_for_dma);
    memory_pool_destroy(&placed);
}

TEST(static_buffer_outside_internal_ram_is_refused) {
    const memory_placement_t unfit[] = {PSRAM, IRAM};
    for (size_t i = 0; i < 2; i++) {
        memory_pool_t *source = memory_pool_malloc_placed(4096, 1, unfit[i]), pool;
        CHECK(source != NULL);
        void *buffer = memory_pool_alloc(source);
        CHECK_EQUAL(memory_pool_init_static(&pool, buffer, 4096, 64, 8), MEMORY_POOL_ERR_WRONG_MEMORY);
        CHECK_REPORTED(MEMORY_POOL_ERR_WRONG_MEMORY, "memory_pool_init_static");
        memory_pool_free(source, buffer);
        memory_pool_destroy(source);
    }
    memory_pool_t *source = memory_pool_malloc_placed(4096, 1, DRAM), pool;
    void *buffer = memory_pool_alloc(source);
    CHECK_EQUAL(memory_pool_init_static(&pool, buffer, 4096, 64, 8), ESP_OK);
    memory_pool_destroy(&pool);
    memory_pool_free(source, buffer);
    memory_pool_destroy(source);
    CHECK_SILENT();
}

/* A heap that answers with memory of another kind than it was asked for: each address is verified. */
TEST(memory_of_another_kind_is_refused) {
    const memory_placement_t placements[] = {DRAM, PSRAM, IRAM};
    for (size_t kind = 0; kind < 3; kind++) {
        /* The control block, then the blocks; the third is not asked for. */
        for (size_t wrong = 1; wrong <= 3; wrong++) {
            memory_pool_t pool;
            memset(&pool, 0xAB, sizeof(pool));
            const memory_pool_config_t config = {64, 8, placements[kind], 0, NULL};
            microusc_host_misplace_allocation(wrong);
            const esp_err_t made = memory_pool_init_config(&pool, &config);
            microusc_host_misplace_allocation(0);
            if (wrong == 3) {
                CHECK_EQUAL(made, ESP_OK);
                memory_pool_destroy(&pool);
                continue;
            }
            CHECK_EQUAL(made, MEMORY_POOL_ERR_WRONG_MEMORY);
            CHECK_REPORTED(MEMORY_POOL_ERR_WRONG_MEMORY, "memory_pool_init_config");
            CHECK(memory_pool_next(NULL) == NULL);
        }
    }
    CHECK_SILENT();
}

TEST(chip_is_chosen_by_name_while_there_are_no_pools) {
    CHECK_EQUAL(microusc_host_select_chip(NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(microusc_host_select_chip(""), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(microusc_host_select_chip("esp33"), ESP_ERR_INVALID_ARG);
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 64, 4));
    CHECK_EQUAL(microusc_host_select_chip("esp32c3"), ESP_ERR_INVALID_STATE);
    memory_pool_destroy(&pool);
    int on_the_stack = 0;
    CHECK_EQUAL(microusc_host_chip_address(&on_the_stack), 0);
    CHECK_EQUAL(microusc_host_chip_address(NULL), 0);
    CHECK(microusc_host_free_bytes(MALLOC_CAP_SPIRAM) > 0);
    CHECK(microusc_host_free_bytes(MALLOC_CAP_SPIRAM) < microusc_host_free_bytes(MALLOC_CAP_8BIT));
    CHECK_EQUAL(microusc_host_free_bytes(MALLOC_CAP_SPIRAM | MALLOC_CAP_INTERNAL), 0);
}

static const test_t tests[] = {
    RUN(impossible_placements_are_refused_on_every_chip),
    RUN(blocks_lie_in_the_requested_memory_on_every_chip),
    RUN(blocks_for_dma_are_aligned_for_dma_on_every_chip),
    RUN(blocks_that_are_not_for_dma_are_aligned_to_a_pointer_on_every_chip),
    RUN(default_pool_and_placed_pool_differ_only_in_dma),
    RUN(static_buffer_outside_internal_ram_is_refused),
    RUN(memory_of_another_kind_is_refused),
    RUN(chip_is_chosen_by_name_while_there_are_no_pools),
};

int main(void) { return RUN_ALL(tests); }
