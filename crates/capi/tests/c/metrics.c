/* Metrics for a monitoring system: sums, and the text format of Prometheus. */
#include "check.h"

#include "MicroUSC/system/memory_pool_metrics.h"
#include "MicroUSC/system/memory_pool_set.h"

static memory_pool_metrics_t sums(void) {
    memory_pool_metrics_t metrics;
    memset(&metrics, 0xEE, sizeof(metrics));
    CHECK_EQUAL(memory_pool_get_metrics(&metrics), ESP_OK);
    return metrics;
}

/* All of the text, in memory of exactly its size. */
static char *text_of_all(void) {
    const size_t length = memory_pool_metrics_text(NULL, 0);
    char *text = (char *)malloc(length + 1);
    CHECK(text != NULL);
    CHECK_EQUAL(memory_pool_metrics_text(text, length + 1), length);
    CHECK_EQUAL(strlen(text), length);
    return text;
}

/* How often `part` is in `text`. */
static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part)) count++;
    return count;
}

static void make(memory_pool_t *pool, size_t size, size_t count, const char *name) {
    const memory_pool_config_t config = {size, count, DRAM, 0, name};
    CHECK_EQUAL(memory_pool_init_config(pool, &config), ESP_OK);
}

TEST(without_pools_every_sum_is_zero) {
    const memory_pool_metrics_t metrics = sums();
    CHECK_EQUAL(metrics.pools | metrics.blocks | metrics.blocks_in_use, 0);
    CHECK_EQUAL(metrics.bytes_reserved | metrics.bytes_in_use | metrics.overhead_bytes, 0);
    CHECK_EQUAL(metrics.alloc_failures | metrics.refused_frees | metrics.corruptions, 0);
    CHECK_EQUAL(memory_pool_get_metrics(NULL), ESP_ERR_INVALID_ARG);
}

TEST(sums_are_those_of_all_pools) {
    memory_pool_t small, large;
    make(&small, 30, 10, "small"); /* 32 bytes each */
    make(&large, 100, 3, "large"); /* 104 bytes each */
    void *blocks[3];
    for (size_t i = 0; i < 3; i++) blocks[i] = memory_pool_alloc(&large);
    CHECK(memory_pool_alloc(&large) == NULL && memory_pool_alloc(&large) == NULL);
    CHECK(memory_pool_alloc(&small) != NULL);
    memory_pool_free(&small, &small);
    memory_pool_free(&large, blocks[1]);
    memory_pool_free(&large, blocks[1]);
    memory_pool_free(&large, NULL);
    small.memory_free->next = (memory_block_t *)(void *)&small;
    CHECK(memory_pool_alloc(&small) != NULL && memory_pool_alloc(&small) == NULL);
    const memory_pool_metrics_t metrics = sums();
    CHECK_EQUAL(metrics.pools, 2);
    CHECK_EQUAL(metrics.blocks, 13);
    CHECK_EQUAL(metrics.blocks_in_use, 4);
    CHECK_EQUAL(metrics.bytes_reserved, 10 * 32 + 3 * 104);
    CHECK_EQUAL(metrics.bytes_in_use, 2 * 32 + 2 * 104);
    CHECK_EQUAL(metrics.overhead_bytes, info_of(&small).overhead_bytes + info_of(&large).overhead_bytes);
    CHECK_EQUAL(metrics.alloc_failures, 2);
    CHECK_EQUAL(metrics.refused_frees, 3);
    CHECK_EQUAL(metrics.corruptions, 1);
    memory_pool_destroy(&small);
    CHECK_EQUAL(sums().pools, 1);
    CHECK_EQUAL(sums().blocks, 3);
    memory_pool_destroy(&large);
    CHECK_EQUAL(sums().pools + sums().blocks + sums().bytes_reserved + sums().overhead_bytes, 0);
}

TEST(wrong_number_of_free_blocks_does_not_spoil_the_sums) {
    memory_pool_t pool;
    make(&pool, 32, 4, "wrong");
    pool.free_blocks = 5;
    CHECK_EQUAL(sums().blocks_in_use, 0);
    char *text = text_of_all();
    CHECK(strstr(text, "\nmicrousc_pool_blocks_in_use{pool=\"wrong\",placement=\"DRAM\"} 0\n") != NULL);
    free(text);
    pool.free_blocks = 4;
    memory_pool_destroy(&pool);
}

TEST(classes_of_a_set_are_in_the_metrics) {
    static const memory_pool_set_class_t classes[] = {{32, 4}, {64, 2}};
    memory_pool_set_t set;
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, DRAM), ESP_OK);
    CHECK_EQUAL(sums().pools, 2);
    CHECK_EQUAL(sums().bytes_reserved, 4 * 32 + 2 * 64);
    memory_pool_set_destroy(&set);
}

/* The text with one pool; without one, only the lines that begin with a hash. */
static void format(char *text, memory_pool_t *pool) {
    static const struct {
        const char *name, *kind, *help;
    } families[] = {
        {"blocks", "gauge", "Blocks of the pool."},
        {"blocks_in_use", "gauge", "Blocks that have an owner."},
        {"blocks_free_lowest", "gauge", "The fewest free blocks since the start or the last reset."},
        {"block_bytes", "gauge", "Bytes that a block may use."},
        {"storage_bytes", "gauge", "RAM of the blocks."},
        {"overhead_bytes", "gauge", "RAM of the pool besides its blocks."},
        {"waiting_tasks", "gauge", "Tasks that wait for a block."},
        {"alloc_failures_total", "counter", "Allocations refused because every block was in use."},
        {"refused_frees_total", "counter", "Wrong frees that were refused."},
        {"corruptions_total", "counter", "Times that damage was met in the free list."},
    };
    size_t values[10] = {0};
    const char *name = "";
    if (pool != NULL) {
        const memory_pool_info_t info = info_of(pool);
        const size_t of_pool[] = {info.num_blocks,    info.used_blocks,    info.lowest_free,    info.block_size,
                                  info.storage_bytes, info.overhead_bytes, info.waiting_tasks,  info.alloc_failures,
                                  info.refused_frees, info.corruptions};
        memcpy(values, of_pool, sizeof(values));
        name = memory_pool_get_name(pool);
    }
    *text = '\0';
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        const char *family = families[i].name;
        text += sprintf(text, "# HELP microusc_pool_%s %s\n", family, families[i].help);
        text += sprintf(text, "# TYPE microusc_pool_%s %s\n", family, families[i].kind);
        if (pool == NULL) continue;
        text += sprintf(text, "microusc_pool_%s{pool=\"%s\",placement=\"DRAM\"} %lu\n", family, name,
                        (unsigned long)values[i]);
    }
}

static void check_text(const char *text, const char *wanted) {
    if (strcmp(text, wanted) == 0) return;
    fprintf(stderr, "in %s: it is\n%s\nand should be\n%s\n", current_test, text, wanted);
    exit(1);
}

TEST(metrics_text_is_exact) {
    static char wanted[8192];
    format(wanted, NULL);
    char *text = text_of_all();
    check_text(text, wanted);
    free(text);

    memory_pool_t pool;
    make(&pool, 30, 70, "packets");
    for (int i = 0; i < 66; i++) CHECK(memory_pool_alloc(&pool) != NULL);
    memory_pool_free(&pool, pool.memory);
    memory_pool_free(&pool, pool.memory);
    format(wanted, &pool);
    CHECK(strstr(wanted, "blocks_in_use{pool=\"packets\",placement=\"DRAM\"} 65\n") != NULL);
    CHECK(strstr(wanted, "blocks_free_lowest{pool=\"packets\",placement=\"DRAM\"} 4\n") != NULL);
    CHECK(strstr(wanted, "refused_frees_total{pool=\"packets\",placement=\"DRAM\"} 1\n") != NULL);
    text = text_of_all();
    check_text(text, wanted);
    free(text);
    memory_pool_destroy(&pool);
}

/* At every size of the buffer: so much of the text, a NUL, the length of all of it, and nothing outside. */
static void check_every_size(void) {
    char *text = text_of_all();
    const size_t length = strlen(text);
    enum { GUARD = 16 };
    char *room = (char *)malloc(length + 2 + 2 * GUARD);
    CHECK(room != NULL);
    for (size_t size = 0; size <= length + 2; size++) {
        memset(room, 0x5A, length + 2 + 2 * GUARD);
        CHECK_EQUAL(memory_pool_metrics_text(room + GUARD, size), length);
        const size_t written = size == 0 ? 0 : size - 1 < length ? size - 1 : length;
        CHECK(memcmp(room + GUARD, text, written) == 0);
        if (size > 0) CHECK_EQUAL(room[GUARD + written], '\0');
        for (size_t i = 0; i < GUARD; i++) CHECK_EQUAL(room[i], 0x5A);
        for (size_t i = GUARD + (size > 0 ? written + 1 : 0); i < length + 2 + 2 * GUARD; i++) CHECK_EQUAL(room[i], 0x5A);
    }
    CHECK_EQUAL(memory_pool_metrics_text(NULL, 0), length);
    CHECK_EQUAL(memory_pool_metrics_text(NULL, 100), length);
    free(room);
    free(text);
}

TEST(buffer_of_any_size_is_not_overrun) {
    memory_pool_t quoted, cut;
    check_every_size();
    make(&quoted, 32, 3, "\"q\\\n");
    make(&cut, 32, 3, "fourteen bytes\xC3\xA9");
    check_every_size();
    memory_pool_destroy(&quoted);
    memory_pool_destroy(&cut);
}

TEST(every_name_becomes_a_valid_label) {
    static const struct {
        const char *name, *label;
    } names[] = {
        {"plain", "plain"},
        {"two words", "two words"},
        {"say \"hi\"", "say \\\"hi\\\""},
        {"C:\\temp\\", "C:\\\\temp\\\\"},
        {"line\nline", "line\\nline"},
        {"\"\\\n\"\\\n\"\\\n", "\\\"\\\\\\n\\\"\\\\\\n\\\"\\\\\\n"},
        {"caf\xC3\xA9", "caf\xC3\xA9"},
        {"\xF0\x9F\x90\x8A", "\xF0\x9F\x90\x8A"},
        /* Cut after 15 bytes: within a character of two, three, four bytes. */
        {"fourteen bytes\xC3\xA9", "fourteen bytes\xEF\xBF\xBD"},
        {"thirteen byte\xE2\x82\xAC", "thirteen byte\xEF\xBF\xBD"},
        {"twelve bytes\xF0\x9F\x90\x8A", "twelve bytes\xEF\xBF\xBD"},
        {"fourteen bytes\xF0\x9F\x90\x8A", "fourteen bytes\xEF\xBF\xBD"},
        /* Never UTF-8: Latin-1, a surrogate, a zero in two bytes, bytes that nothing begins with. */
        {"caf\xE9", "caf\xEF\xBF\xBD"},
        {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xC0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\x80\xFF!", "\xEF\xBF\xBD\xEF\xBF\xBD!"},
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        memory_pool_t pool;
        char line[128];
        make(&pool, 32, 7, names[i].name);
        snprintf(line, sizeof(line), "\nmicrousc_pool_blocks{pool=\"%s\",placement=\"DRAM\"} 7\n", names[i].label);
        char *text = text_of_all();
        if (strstr(text, line) == NULL) fprintf(stderr, "not there: %s in %s", line, text);
        CHECK_EQUAL(occurrences(text, line), 1);
        free(text);
        memory_pool_destroy(&pool);
    }
}

TEST(pools_of_the_same_name_have_different_labels) {
    memory_pool_t pools[5];
    make(&pools[0], 32, 1, "uart");
    make(&pools[1], 32, 2, "uart");
    make(&pools[2], 32, 3, "uart2");
    /* Different names, and one label. */
    make(&pools[3], 32, 4, "fourteen bytes\xC3\xA9");
    make(&pools[4], 32, 5, "fourteen bytes\xE2\x82\xAC");
    static const char *const lines[] = {
        "\nmicrousc_pool_blocks{pool=\"uart\",placement=\"DRAM\"} 1\n",
        "\nmicrousc_pool_blocks{pool=\"uart\",placement=\"DRAM\",number=\"2\"} 2\n",
        "\nmicrousc_pool_blocks{pool=\"uart2\",placement=\"DRAM\"} 3\n",
        "\nmicrousc_pool_blocks{pool=\"fourteen bytes\xEF\xBF\xBD\",placement=\"DRAM\"} 4\n",
        "\nmicrousc_pool_blocks{pool=\"fourteen bytes\xEF\xBF\xBD\",placement=\"DRAM\",number=\"2\"} 5\n",
    };
    char *text = text_of_all();
    for (size_t i = 0; i < 5; i++) CHECK_EQUAL(occurrences(text, lines[i]), 1);
    CHECK_EQUAL(occurrences(text, "number=\"2\""), 20);
    free(text);
    for (size_t i = 0; i < 5; i++) memory_pool_destroy(&pools[i]);
}

TEST(every_placement_has_a_label) {
    memory_pool_t external, words;
    CHECK(memory_pool_init_placed(&external, 64, 4, PSRAM) && memory_pool_init_placed(&words, 64, 4, IRAM));
    char *text = text_of_all();
    CHECK_EQUAL(occurrences(text, ",placement=\"PSRAM\"} "), 10);
    CHECK_EQUAL(occurrences(text, ",placement=\"IRAM\"} "), 10);
    free(text);
    memory_pool_destroy(&external);
    memory_pool_destroy(&words);
}

TEST(every_family_has_a_hundred_pools) {
    static memory_pool_t pools[100];
    char name[16], line[96];
    for (size_t i = 0; i < 100; i++) {
        sprintf(name, "number %lu", (unsigned long)i);
        make(&pools[i], 32, i + 1, name);
    }
    CHECK_EQUAL(sums().pools, 100);
    CHECK_EQUAL(sums().blocks, 5050);
    char *text = text_of_all();
    CHECK_EQUAL(occurrences(text, "\nmicrousc_pool_"), 1000);
    for (size_t i = 0; i < 100; i++) {
        sprintf(line, "\nmicrousc_pool_blocks{pool=\"number %lu\",placement=\"DRAM\"} %lu\n", (unsigned long)i,
                (unsigned long)(i + 1));
        CHECK_EQUAL(occurrences(text, line), 1);
        sprintf(name, "\"number %lu\"", (unsigned long)i);
        CHECK_EQUAL(occurrences(text, name), 10);
    }
    free(text);
    for (size_t i = 0; i < 100; i++) memory_pool_destroy(&pools[i]);
}

static const test_t tests[] = {
    RUN(without_pools_every_sum_is_zero),
    RUN(sums_are_those_of_all_pools),
    RUN(wrong_number_of_free_blocks_does_not_spoil_the_sums),
    RUN(classes_of_a_set_are_in_the_metrics),
    RUN(metrics_text_is_exact),
    RUN(buffer_of_any_size_is_not_overrun),
    RUN(every_name_becomes_a_valid_label),
    RUN(pools_of_the_same_name_have_different_labels),
    RUN(every_placement_has_a_label),
    RUN(every_family_has_a_hundred_pools),
};

int main(void) { return RUN_ALL(tests); }
