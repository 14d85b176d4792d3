/* Looking at pools: snapshots, names, the list of pools, printing, reports. */
#define _POSIX_C_SOURCE 200809L
#include "printed.h"

TEST(info_accounts_for_every_byte) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 30, 10));
    const size_t taken_from_heap = heap_of_fresh_chip - heap_bytes();
    void *first = memory_pool_alloc(&pool), *second = memory_pool_alloc(&pool);
    memory_pool_free(&pool, first);
    const memory_pool_info_t info = info_of(&pool);
    CHECK_EQUAL(info.requested_size, 30);
    CHECK_EQUAL(info.block_size, 32);
    CHECK_EQUAL(info.num_blocks, 10);
    CHECK_EQUAL(info.used_blocks, 1);
    CHECK_EQUAL(info.free_blocks, 9);
    CHECK_EQUAL(info.lowest_free, 8);
    CHECK_EQUAL(info.storage_bytes, 320);
    CHECK(info.overhead_bytes >= sizeof(memory_pool_t) + 10);
    CHECK(info.storage_bytes + info.overhead_bytes - sizeof(memory_pool_t) <= taken_from_heap);
    CHECK_EQUAL(info.alloc_failures + info.refused_frees + info.corruptions, 0);
    memory_pool_free(&pool, second);
    CHECK_EQUAL(memory_pool_get_info(&pool, NULL), ESP_ERR_INVALID_ARG);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(overhead_is_one_byte_per_block) {
    memory_pool_t small, large;
    CHECK(memory_pool_init(&small, 32, 10) && memory_pool_init(&large, 32, 35));
    CHECK_EQUAL(info_of(&large).overhead_bytes - info_of(&small).overhead_bytes, 25);
    CHECK_EQUAL(info_of(&large).storage_bytes - info_of(&small).storage_bytes, 25 * 32);
    memory_pool_destroy(&small);
    memory_pool_destroy(&large);
}

TEST(lowest_free_is_kept_until_it_is_reset) {
    memory_pool_t pool;
    void *blocks[8];
    CHECK(memory_pool_init(&pool, 32, 8));
    for (size_t i = 0; i < 5; i++) blocks[i] = memory_pool_alloc(&pool);
    for (size_t i = 0; i < 4; i++) memory_pool_free(&pool, blocks[i]);
    CHECK_EQUAL(info_of(&pool).lowest_free, 3);
    CHECK_EQUAL(memory_pool_reset_lowest_free(&pool), ESP_OK);
    CHECK_EQUAL(info_of(&pool).lowest_free, 7);
    for (size_t i = 0; i < 2; i++) blocks[i] = memory_pool_alloc(&pool);
    CHECK_EQUAL(info_of(&pool).lowest_free, 5);
    for (size_t i = 0; i < 2; i++) memory_pool_free(&pool, blocks[i]);
    memory_pool_free(&pool, blocks[4]);
    CHECK_EQUAL(info_of(&pool).lowest_free, 5);
    CHECK_EQUAL(memory_pool_reset_lowest_free(&pool), ESP_OK);
    CHECK_EQUAL(info_of(&pool).lowest_free, 8);
    memory_pool_destroy(&pool);
}

TEST(name_is_copied_and_cut_off) {
    char name[64] = "first";
    const memory_pool_config_t config = {64, 4, DRAM, 0, name};
    memory_pool_t pool;
    CHECK_EQUAL(memory_pool_init_config(&pool, &config), ESP_OK);
    strcpy(name, "overwritten");
    CHECK(strcmp(memory_pool_get_name(&pool), "first") == 0);
    CHECK_EQUAL(memory_pool_set_name(&pool, "a name that is far too long to be kept"), ESP_OK);
    CHECK(strcmp(memory_pool_get_name(&pool), "a name that is ") == 0);
    CHECK_EQUAL(strlen(info_of(&pool).name), MEMORY_POOL_NAME_SIZE - 1);
    CHECK_EQUAL(memory_pool_set_name(&pool, "exactly fifteen"), ESP_OK);
    CHECK(strcmp(memory_pool_get_name(&pool), "exactly fifteen") == 0);
    CHECK_EQUAL(memory_pool_set_name(&pool, NULL), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_name");
    CHECK_EQUAL(memory_pool_set_name(&pool, ""), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_name");
    CHECK(strcmp(memory_pool_get_name(&pool), "exactly fifteen") == 0);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(pools_are_iterated_in_the_order_in_which_they_were_made) {
    memory_pool_t pools[5];
    for (size_t i = 0; i < 5; i++) CHECK(memory_pool_init(&pools[i], 32, i + 1));
    memory_pool_destroy(&pools[2]);
    const size_t order[] = {0, 1, 3, 4};
    memory_pool_t *at = NULL;
    for (size_t i = 0; i < 4; i++) {
        at = memory_pool_next(at);
        CHECK(same(at, &pools[order[i]]));
    }
    CHECK(memory_pool_next(at) == NULL);
    CHECK(memory_pool_next(&pools[2]) == NULL);
    for (size_t i = 0; i < 4; i++) memory_pool_destroy(&pools[order[i]]);
    CHECK(memory_pool_next(NULL) == NULL);
}

TEST(pools_are_found_by_name) {
    memory_pool_t uart, spi;
    CHECK(memory_pool_init(&uart, 32, 2) && memory_pool_init(&spi, 32, 2));
    CHECK_EQUAL(memory_pool_set_name(&uart, "uart"), ESP_OK);
    CHECK_EQUAL(memory_pool_set_name(&spi, "spi"), ESP_OK);
    CHECK(same(memory_pool_find("uart"), &uart));
    CHECK(same(memory_pool_find("spi"), &spi));
    CHECK(memory_pool_find("i2c") == NULL);
    CHECK(memory_pool_find("") == NULL);
    CHECK(memory_pool_find(NULL) == NULL);
    memory_pool_destroy(&uart);
    CHECK(memory_pool_find("uart") == NULL);
    memory_pool_destroy(&spi);
}

static void print_usage(memory_pool_t *pool) {
    (void)pool;
    show_memory_usage();
}

TEST(statistics_are_printed) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 30, 10));
    CHECK_EQUAL(memory_pool_set_name(&pool, "printed"), ESP_OK);
    CHECK(memory_pool_alloc(&pool) != NULL);
    memory_pool_free(&pool, &pool);
    const char *text = printed(memory_pool_print_stats, &pool);
    CHECK(strstr(text, "printed") && strstr(text, "DRAM") && strstr(text, "32 bytes"));
    CHECK(strstr(text, "Total blocks: 10\n") && strstr(text, "Used blocks: 1\n"));
    CHECK(strstr(text, "Free blocks: 9") && strstr(text, "Refused frees: 1\n"));
    CHECK(strstr(text, "Utilization: 10%\n") != NULL);
    for (int i = 0; i < 6; i++) CHECK(memory_pool_alloc(&pool) != NULL);
    CHECK(strstr(printed(memory_pool_print_stats, &pool), "Utilization: 70%\n") != NULL);
    memory_pool_destroy(&pool);
}

/* The line of one kind of memory: what is in it, and how much of that is free. */
static void check_heap_line(const char *text, const char *name, uint32_t caps, size_t free_at_first) {
    size_t total, available, least, largest;
    char line[32];
    snprintf(line, sizeof(line), "\n%s ", name);
    const char *const numbers = strstr(text, line);
    CHECK(numbers != NULL);
    CHECK_EQUAL(sscanf(numbers + strlen(line), "%zu %zu %zu %zu", &total, &available, &least, &largest), 4);
    CHECK_EQUAL(available, microusc_host_free_bytes(caps));
    CHECK(total > available && least <= available && largest <= available && largest > 0);
    /* Nearly all of it was free on the fresh chip. The heap keeps some bytes of each region and allocation for itself. */
    CHECK(total < free_at_first + 512 && free_at_first < total + 512);
}

TEST(usage_prints_the_free_bytes_of_each_kind_of_memory) {
    static const char *const names[] = {"internal", "dma", "psram", "iram"};
    const uint32_t caps[] = {MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT, MALLOC_CAP_DMA, MALLOC_CAP_SPIRAM,
                             MALLOC_CAP_INTERNAL | MALLOC_CAP_32BIT};
    size_t free_at_first[4];
    for (size_t i = 0; i < 4; i++) free_at_first[i] = microusc_host_free_bytes(caps[i]);
    memory_pool_t *const pools[] = {memory_pool_malloc_placed(64, 4, DRAM), memory_pool_malloc_placed(64, 8, PSRAM),
                                    memory_pool_malloc_placed(64, 16, IRAM), memory_pool_malloc(64, 2)};
    const char *const text = printed(print_usage, NULL);
    CHECK(strstr(text, "Memory of esp32\nheap           total      free  min_free   largest\n") == text);
    for (size_t i = 0; i < 4; i++) check_heap_line(text, names[i], caps[i], free_at_first[i]);
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) memory_pool_destroy(pools[i]);
}

TEST(usage_prints_a_line_for_the_heap_and_for_every_pool) {
    memory_pool_t external, internal;
    CHECK(memory_pool_init_placed(&external, 256, 4, PSRAM) && memory_pool_init(&internal, 32, 3));
    CHECK_EQUAL(memory_pool_set_name(&external, "frames"), ESP_OK);
    CHECK_EQUAL(memory_pool_set_name(&internal, "messages"), ESP_OK);
    for (int i = 0; i < 4; i++) (void)memory_pool_alloc(&internal);
    const char *text = printed(print_usage, NULL), *line = strstr(text, "messages");
    CHECK(strstr(text, "internal") && strstr(text, "dma") && strstr(text, "psram") && strstr(text, "iram"));
    CHECK(strstr(text, "frames") != NULL && line != NULL);
    char where[8];
    size_t size, used, available, lowest, failed;
    CHECK_EQUAL(sscanf(line, "messages %7s %zu %zu %zu %zu %zu", where, &size, &used, &available, &lowest, &failed), 6);
    CHECK(strcmp(where, "DRAM") == 0);
    CHECK_EQUAL(size, 32);
    CHECK_EQUAL(used, 3);
    CHECK_EQUAL(available, 0);
    CHECK_EQUAL(lowest, 0);
    CHECK_EQUAL(failed, 1);
    memory_pool_destroy(&external);
    memory_pool_destroy(&internal);
}

static memory_pool_t *pool_of_callback;
static memory_pool_info_t seen_in_callback;

static void use_the_pool(const memory_pool_report_t *report) {
    remember_report(report);
    CHECK_EQUAL(memory_pool_get_info(pool_of_callback, &seen_in_callback), ESP_OK);
    void *block = memory_pool_alloc(pool_of_callback);
    CHECK(block != NULL);
    memory_pool_free(pool_of_callback, block);
}

TEST(report_callback_may_use_the_pool_of_the_report) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 2));
    pool_of_callback = &pool;
    memory_pool_set_report_callback(use_the_pool);
    CHECK_EQUAL(memory_pool_free_reason(&pool, &pool), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_free_reason");
    CHECK_EQUAL(seen_in_callback.refused_frees, 1);
    memory_pool_set_report_callback(NULL);
    memory_pool_free(&pool, &pool);
    CHECK_SILENT();
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {
    RUN(info_accounts_for_every_byte),
    RUN(overhead_is_one_byte_per_block),
    RUN(lowest_free_is_kept_until_it_is_reset),
    RUN(name_is_copied_and_cut_off),
    RUN(pools_are_iterated_in_the_order_in_which_they_were_made),
    RUN(pools_are_found_by_name),
    RUN(statistics_are_printed),
    RUN(usage_prints_the_free_bytes_of_each_kind_of_memory),
    RUN(usage_prints_a_line_for_the_heap_and_for_every_pool),
    RUN(report_callback_may_use_the_pool_of_the_report),
};

int main(void) { return RUN_ALL(tests); }
