/* One pool printed completely, whole and damaged. */
#define _POSIX_C_SOURCE 200809L
#include "printed.h"

enum { SIZE = 32, COUNT = 12 };

static memory_pool_t pool;

static const char *dumped(void) { return printed(memory_pool_dump, &pool); }

/* What the snapshot says, then these lines. */
static void check_dump(const char *lines) {
    char wanted[4096];
    strcpy(wanted, printed(memory_pool_print_stats, &pool));
    CHECK(strlen(wanted) > 0);
    strcat(wanted, lines);
    CHECK_TEXT(dumped(), wanted);
}

/* The map of a pool of COUNT blocks, the free list, the verdict. */
static const char *story(const char *map, const char *list, const char *verdict) {
    static char text[512];
    snprintf(text, sizeof(text), "Blocks: # in use, o free, . never used\n     0  %s\nFree list: %s\nValidation: %s\n", map, list,
             verdict);
    return text;
}

static void start(void) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_EQUAL(memory_pool_set_name(&pool, "dump"), ESP_OK);
}

TEST(dump_of_a_new_pool_is_exact) {
    start();
    char text[1024];
    const memory_pool_info_t info = info_of(&pool);
    snprintf(text, sizeof(text),
             "=== dump Pool Statistics ===\nPlacement: DRAM\nBlock size: 32 bytes (32 asked for)\nTotal blocks: 12\n"
             "Free blocks: 12 (lowest ever 12)\nUsed blocks: 0\nTotal memory: 384 bytes + %lu overhead\nUtilization: 0%%\n"
             "Failed allocations: 0\nRefused frees: 0\nCorruptions met: 0\nWaiting tasks: 0\n"
             "Blocks: # in use, o free, . never used\n     0  ............\n"
             "Free list: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7 -> 8 -> 9 -> 10 -> 11 -> end\nValidation: ESP_OK\n",
             (unsigned long)info.overhead_bytes);
    CHECK_TEXT(dumped(), text);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(dump_shows_blocks_as_live_free_or_never_used) {
    start();
    void *blocks[5];
    for (size_t i = 0; i < 5; i++) blocks[i] = memory_pool_alloc(&pool);
    memory_pool_free(&pool, blocks[1]);
    memory_pool_free(&pool, blocks[3]);
    check_dump(story("#o#o#.......", "3 -> 1 -> 5 -> 6 -> 7 -> 8 -> 9 -> 10 -> 11 -> end", "ESP_OK"));
    CHECK_EQUAL(memory_pool_reset_lowest_free(&pool), ESP_OK);
    check_dump(story("#.#.#.......", "3 -> 1 -> 5 -> 6 -> 7 -> 8 -> 9 -> 10 -> 11 -> end", "ESP_OK"));
    while (memory_pool_alloc(&pool) != NULL) continue;
    check_dump(story("############", "end", "ESP_OK"));
    memory_pool_destroy(&pool);
}

/* Maps of one block less than a line, a line, one more, and several. */
TEST(map_has_64_blocks_in_a_line) {
    const size_t counts[] = {1, 16, 17, 63, 64, 65, 128, 200};
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        const size_t count = counts[i];
        CHECK(memory_pool_init(&pool, SIZE, count));
        char lines[1024] = "Blocks: # in use, o free, . never used\n";
        for (size_t block = 0; block < count; block++) {
            if (block % 64 == 0) sprintf(strchr(lines, '\0'), "%6lu  ", (unsigned long)block);
            strcat(lines, block == count - 1 ? "#" : block == 0 ? "o" : ".");
            if (block % 64 == 63 || block + 1 == count) strcat(lines, "\n");
        }
        strcat(lines, "Free list: ");
        /* All but the last block are freed, the first one last; then the blocks in between are as at first. */
        void *blocks[200];
        for (size_t block = 0; block < count; block++) blocks[block] = memory_pool_alloc(&pool);
        for (size_t block = count - 1; block-- > 0;) memory_pool_free(&pool, blocks[block]);
        CHECK_EQUAL(memory_pool_reset_lowest_free(&pool), ESP_OK);
        if (count > 1) memory_pool_free(&pool, memory_pool_alloc(&pool));
        for (size_t block = 0; block < 16 && block + 1 < count; block++)
            sprintf(strchr(lines, '\0'), "%lu -> ", (unsigned long)block);
        strcat(lines, count - 1 > 16 ? "...\n" : "end\n");
        strcat(lines, "Validation: ESP_OK\n");
        check_dump(lines);
        memory_pool_destroy(&pool);
    }
}

/* Dumps the damaged pool, of whose blocks, struct and counters nothing changes. */
static void check_damaged(const char *map, const char *list) {
    char storage[SIZE * COUNT];
    memcpy(storage, pool.memory, sizeof(storage));
    const memory_pool_t before = pool;
    check_dump(story(map, list, "MEMORY_POOL_ERR_CORRUPT"));
    CHECK(memcmp(storage, pool.memory, sizeof(storage)) == 0 && memcmp(&before, &pool, sizeof(pool)) == 0);
    CHECK_SILENT();
}

static void *block_at(size_t index) { return (char *)pool.memory + index * pool.block_size; }

TEST(wrong_link_is_shown_and_not_followed) {
    memory_pool_t other;
    int victim = 0;
    CHECK(memory_pool_init(&other, SIZE, COUNT));
    for (size_t i = 0; i < 6; i++) {
        start();
        void *live = memory_pool_alloc(&pool);
        void *const astray[] = {&victim, other.memory, (char *)live + 8, (char *)pool.memory + 1, (void *)(uintptr_t)8,
                                block_at(COUNT)};
        pool.memory_free->next = (memory_block_t *)astray[i];
        char list[64];
        snprintf(list, sizeof(list), "1 -> 0x%llx not a block", (unsigned long long)address_of(astray[i]));
        check_damaged("#...........", list);
        memory_pool_destroy(&pool);
        reported.count = 0;
    }
    memory_pool_destroy(&other);
}

TEST(wrong_head_is_shown) {
    start();
    memory_block_t *const head = pool.memory_free;
    pool.memory_free = (memory_block_t *)(uintptr_t)0xabcd;
    check_damaged("............", "0xabcd not a block");
    pool.memory_free = head;
    memory_pool_destroy(&pool);
}

TEST(list_that_leads_to_a_live_block_ends_there) {
    start();
    void *live = memory_pool_alloc(&pool);
    pool.memory_free->next = (memory_block_t *)live;
    check_damaged("#...........", "1 -> 0 in use");
    memory_pool_destroy(&pool);
}

TEST(cycle_is_walked_once) {
    start();
    pool.memory_free->next = pool.memory_free;
    check_damaged("............", "0 -> 0 again");
    pool.memory_free->next = (memory_block_t *)block_at(1);
    ((memory_block_t *)block_at(3))->next = (memory_block_t *)block_at(1);
    check_damaged("............", "0 -> 1 -> 2 -> 3 -> 1 again");
    memory_pool_destroy(&pool);
}

TEST(list_that_ends_early_is_shown_as_it_is) {
    start();
    ((memory_block_t *)block_at(2))->next = NULL;
    check_damaged("............", "0 -> 1 -> 2 -> end");
    memory_pool_destroy(&pool);
}

TEST(damage_behind_the_links_that_are_shown_is_found) {
    CHECK(memory_pool_init(&pool, SIZE, 40));
    ((memory_block_t *)block_at(30))->next = NULL;
    const char *text = dumped();
    CHECK(strstr(text, "\n     0  ........................................\nFree list: 0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7 -> "
                       "8 -> 9 -> 10 -> 11 -> 12 -> 13 -> 14 -> 15 -> ...\nValidation: MEMORY_POOL_ERR_CORRUPT\n") != NULL);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(wrong_number_of_free_blocks_does_no_harm) {
    const size_t wrong[] = {0, COUNT - 1, COUNT + 1, SIZE_MAX / 2, SIZE_MAX};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        start();
        pool.free_blocks = wrong[i];
        check_damaged("............", "0 -> 1 -> 2 -> 3 -> 4 -> 5 -> 6 -> 7 -> 8 -> 9 -> 10 -> 11 -> end");
        char line[64];
        snprintf(line, sizeof(line), "\nUsed blocks: %lu\n", (unsigned long)(wrong[i] > COUNT ? 0 : COUNT - wrong[i]));
        CHECK(strstr(dumped(), line) != NULL);
        pool.free_blocks = COUNT;
        memory_pool_destroy(&pool);
    }
    CHECK_SILENT();
}

TEST(dump_of_no_pool_is_refused) {
    memory_pool_t zeroed = {NULL, NULL, 0, 0, 0, NULL};
    CHECK_TEXT(printed(memory_pool_dump, NULL), "");
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_dump");
    CHECK_TEXT(printed(memory_pool_dump, &zeroed), "");
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_dump");
}

TEST(dump_of_blocks_in_other_memory_is_the_same) {
    CHECK(memory_pool_init_placed(&pool, SIZE, 3, IRAM));
    CHECK(memory_pool_alloc(&pool) != NULL);
    CHECK(strstr(dumped(), "Placement: IRAM\n") != NULL);
    check_dump(story("#..", "1 -> 2 -> end", "ESP_OK"));
    memory_pool_destroy(&pool);
    CHECK(memory_pool_init_placed(&pool, SIZE, 3, PSRAM));
    CHECK(strstr(dumped(), "Placement: PSRAM\n") != NULL);
    check_dump(story("...", "0 -> 1 -> 2 -> end", "ESP_OK"));
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {
    RUN(dump_of_a_new_pool_is_exact),
    RUN(dump_shows_blocks_as_live_free_or_never_used),
    RUN(map_has_64_blocks_in_a_line),
    RUN(wrong_link_is_shown_and_not_followed),
    RUN(wrong_head_is_shown),
    RUN(list_that_leads_to_a_live_block_ends_there),
    RUN(cycle_is_walked_once),
    RUN(list_that_ends_early_is_shown_as_it_is),
    RUN(damage_behind_the_links_that_are_shown_is_found),
    RUN(wrong_number_of_free_blocks_does_no_harm),
    RUN(dump_of_no_pool_is_refused),
    RUN(dump_of_blocks_in_other_memory_is_the_same),
};

int main(void) { return RUN_ALL(tests); }
