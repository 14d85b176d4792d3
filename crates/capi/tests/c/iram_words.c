/*
 * Every operation on pools whose blocks lie in instruction RAM, which takes aligned words only.
 *
 * Prints where the blocks lie ("storage BEGIN END", hexadecimal), so that a tool that records the accesses of this program
 * knows which to look at. Arguments: the chip, and optionally one access to do wrong, to see that it is noticed.
 * Without arguments it is an ordinary test of both chips.
 */
#include "check.h"

#include "MicroUSC/system/memory_pool_metrics.h"
#include "MicroUSC/system/memory_pool_set.h"

enum { SIZE = 36, COUNT = 20 };

static void announce(const memory_pool_t *pool) {
    const unsigned long long begin = (unsigned long long)address_of(pool->memory);
    printf("storage %llx %llx\n", begin, begin + pool->block_size * pool->num_blocks);
}

/* As an owner of such a block must: by volatile words. */
static void fill_by_words(void *block, size_t bytes, uint32_t word) {
    volatile uint32_t *words = (volatile uint32_t *)block;
    for (size_t i = 0; i < bytes / sizeof(*words); i++) words[i] = word;
}

static void check_words(const void *block, size_t bytes, uint32_t word) {
    const volatile uint32_t *words = (const volatile uint32_t *)block;
    for (size_t i = 0; i < bytes / sizeof(*words); i++) CHECK_EQUAL(words[i], word);
}

static void use_every_operation(memory_pool_t *pool) {
    void *taken[COUNT];
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            esp_err_t reason = ESP_FAIL;
            switch (i % 4) {
            case 0: taken[i] = memory_pool_alloc(pool); break;
            case 1: taken[i] = memory_pool_alloc_reason(pool, &reason); break;
            case 2: taken[i] = memory_pool_alloc_zeroed(pool); break;
            default: taken[i] = memory_pool_alloc_unsynchronized(pool); break;
            }
            CHECK(taken[i] != NULL);
            if (i % 4 == 2) check_words(taken[i], pool->block_size, 0);
            fill_by_words(taken[i], pool->block_size, (uint32_t)i);
        }
        CHECK(memory_pool_alloc(pool) == NULL && memory_pool_alloc_zeroed(pool) == NULL);
        CHECK_EQUAL(memory_pool_validate(pool), ESP_OK);
        for (size_t i = 0; i < COUNT; i++) {
            check_words(taken[i], pool->block_size, (uint32_t)i);
            CHECK(memory_pool_owns(pool, taken[i]));
            switch (i % 3) {
            case 0: memory_pool_free(pool, taken[i]); break;
            case 1: CHECK_EQUAL(memory_pool_free_reason(pool, taken[i]), ESP_OK); break;
            default: CHECK_EQUAL(memory_pool_free_unsynchronized(pool, taken[i]), ESP_OK); break;
            }
            CHECK_EQUAL(memory_pool_free_reason(pool, taken[i]), MEMORY_POOL_ERR_DOUBLE_FREE);
            CHECK_EQUAL(memory_pool_free_reason(pool, (char *)taken[i] + 1), MEMORY_POOL_ERR_NOT_A_BLOCK);
        }
        CHECK_EQUAL(memory_pool_validate(pool), ESP_OK);
        /* A forged link, by a word; met; mended. */
        void *front = memory_pool_alloc(pool);
        memory_pool_free(pool, front);
        fill_by_words(front, sizeof(void *), 0x41414140);
        CHECK_EQUAL(memory_pool_validate(pool), MEMORY_POOL_ERR_CORRUPT);
        memory_pool_dump(pool);
        CHECK(memory_pool_alloc(pool) != NULL && memory_pool_alloc(pool) == NULL);
        CHECK_EQUAL(memory_pool_repair(pool), ESP_OK);
        memory_pool_free(pool, front);
        CHECK_EQUAL(memory_pool_reset_lowest_free(pool), ESP_OK);
        CHECK_EQUAL(info_of(pool).free_blocks, COUNT);
        CHECK(same(memory_pool_find(memory_pool_get_name(pool)), pool));
        memory_pool_print_stats(pool);
        memory_pool_dump(pool);
        show_memory_usage();
        CHECK(memory_pool_metrics_text(NULL, 0) > 0);
    }
}

/* A set of pools there: blocks that are resized are copied by the library, and must be by words. */
static void use_set(void) {
    static const memory_pool_set_class_t classes[] = {{SIZE, 2}, {100, 1}};
    memory_pool_set_t set;
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, IRAM), ESP_OK);
    for (size_t i = 0; i < set.num_classes; i++) announce(&set.classes[i]);
    void *block = memory_pool_set_alloc(&set, SIZE);
    CHECK(block != NULL);
    fill_by_words(block, SIZE, 7);
    void *moved = memory_pool_set_realloc(&set, block, 90);
    CHECK(moved != NULL && moved != block);
    check_words(moved, SIZE, 7);
    CHECK(memory_pool_set_usable_size(&set, moved) >= 90);
    CHECK_EQUAL(memory_pool_set_free(&set, block), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_EQUAL(memory_pool_set_free(&set, moved), ESP_OK);
    memory_pool_set_destroy(&set);
}

static const char *planted = "";

static void plant(memory_pool_t *pool) {
    char *block = (char *)pool->memory + pool->block_size;
    if (strcmp(planted, "byte-write") == 0) *(volatile char *)(block + 8) = 1;
    if (strcmp(planted, "byte-read") == 0) (void)*(volatile char *)(block + 9);
    if (strcmp(planted, "misaligned") == 0) {
        uint32_t word;
        const volatile struct __attribute__((packed)) { uint32_t word; } *odd = (const volatile void *)(block + 10);
        word = odd->word;
        (void)word;
    }
}

static void use_pools(const char *chip) {
    memory_pool_t *pool, ours;
    const memory_pool_config_t config = {SIZE, COUNT, IRAM, MEMORY_POOL_FLAG_ISR, "isr"};
    use_chip(chip);
    CHECK((pool = memory_pool_malloc_placed(SIZE, COUNT, IRAM)) != NULL);
    CHECK_EQUAL(memory_pool_init_config(&ours, &config), ESP_OK);
    announce(pool);
    announce(&ours);
    use_every_operation(pool);
    use_every_operation(&ours);
    use_set();
    plant(pool);
    void *kept = memory_pool_alloc(pool);
    CHECK(kept != NULL && memory_pool_destroy_unused(pool) == MEMORY_POOL_ERR_IN_USE);
    memory_pool_destroy(pool);
    memory_pool_destroy(&ours);
}

TEST(every_operation_in_the_iram_of_esp32_uses_words) { use_pools("esp32"); }

TEST(every_operation_in_the_iram_of_esp8266_uses_words) { use_pools("esp8266"); }

static const test_t tests[] = {
    RUN(every_operation_in_the_iram_of_esp32_uses_words),
    RUN(every_operation_in_the_iram_of_esp8266_uses_words),
};

int main(int arguments, char **argument) {
    if (arguments < 2) return RUN_ALL(tests);
    if (arguments > 2) planted = argument[2];
    use_pools(argument[1]);
    return 0;
}
