/* Pools over a reset: what is in ordinary memory is lost, what is in retained memory stays. */
#include "MicroUSC/system/memory_pool_retained.h"

#include "check.h"

enum { SIZE = 40, COUNT = 21 };

static MEMORY_POOL_RETAINED_BUFFER(rtc, SIZE, COUNT);
static const memory_pool_retained_config_t config = {SIZE, COUNT, 7};
static memory_pool_retained_t pool;

/* A start of the program: no pool is open, and the struct holds anything. What was found. */
static esp_err_t boot(const memory_pool_retained_config_t *wanted) {
    esp_err_t found = ESP_FAIL;
    memory_pool_retained_close(&pool); /* which leaves the memory alone */
    memset(&pool, 0xDE, sizeof(pool));
    CHECK_EQUAL(memory_pool_retained_open(&pool, rtc, sizeof(rtc), wanted, &found), ESP_OK);
    return found;
}

static size_t live(memory_pool_retained_t *of) {
    size_t count = 0;
    for (size_t i = memory_pool_retained_next_live(of, 0); i != SIZE_MAX;
         i = memory_pool_retained_next_live(of, i + 1)) {
        CHECK_EQUAL(memory_pool_retained_index_of(of, memory_pool_retained_at(of, i)), i);
        count++;
    }
    memory_pool_retained_info_t info;
    CHECK_EQUAL(memory_pool_retained_get_info(of, &info), ESP_OK);
    CHECK_EQUAL(info.used_blocks, count);
    return count;
}

TEST(live_blocks_keep_their_contents_after_a_restart) {
    memset(rtc, 0, sizeof(rtc));
    CHECK_EQUAL(boot(&config), MEMORY_POOL_ERR_RETAINED_NONE);
    CHECK_REPORTED(MEMORY_POOL_ERR_RETAINED_NONE, "memory_pool_retained_open");
    size_t numbers[3];
    for (unsigned i = 0; i < 3; i++) {
        char *block = (char *)memory_pool_retained_alloc(&pool);
        numbers[i] = memory_pool_retained_index_of(&pool, block);
        snprintf(block, SIZE, "reading %u", i);
    }
    CHECK_EQUAL(memory_pool_retained_free(&pool, memory_pool_retained_at(&pool, numbers[1])), ESP_OK);

    for (int starts = 0; starts < 3; starts++) {
        CHECK_EQUAL(boot(&config), ESP_OK);
        CHECK_EQUAL(live(&pool), 2);
        CHECK(strcmp((char *)memory_pool_retained_at(&pool, numbers[0]), "reading 0") == 0);
        CHECK(memory_pool_retained_at(&pool, numbers[1]) == NULL);
        CHECK(strcmp((char *)memory_pool_retained_at(&pool, numbers[2]), "reading 2") == 0);
    }
    CHECK_SILENT();
}

TEST(buffer_macro_has_the_exact_size) {
    const size_t needed = MEMORY_POOL_RETAINED_SIZE(SIZE, COUNT);
    CHECK_EQUAL(memory_pool_retained_close(&pool), ESP_OK);
    CHECK(needed <= sizeof(rtc) && sizeof(rtc) - needed < sizeof(size_t));
    CHECK_EQUAL(memory_pool_retained_open(&pool, rtc, needed, &config, NULL), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_close(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_open(&pool, rtc, needed - 4, &config, NULL), ESP_ERR_INVALID_SIZE);
    reported.count = 0;
    memset(rtc, 0, sizeof(rtc));
    boot(&config);
    size_t taken = 0;
    for (char *block; (block = (char *)memory_pool_retained_alloc(&pool)) != NULL; taken++) {
        CHECK_EQUAL(address_of(block) % sizeof(void *), 0);
        CHECK(address_of(block) >= address_of(rtc));
        CHECK(address_of(block) + SIZE <= address_of(rtc) + sizeof(rtc));
        memset(block, 0xFF, SIZE); /* would reach the books if a block did */
    }
    CHECK_EQUAL(taken, COUNT);
    CHECK_EQUAL(memory_pool_retained_validate(&pool), ESP_OK);
    CHECK_EQUAL(boot(&config), ESP_OK);
    CHECK_EQUAL(live(&pool), COUNT);
    reported.count = 0;
}

TEST(every_flipped_bit_of_header_and_map_is_found) {
    memset(rtc, 0, sizeof(rtc));
    boot(&config);
    for (int i = 0; i < 5; i++) CHECK(memory_pool_retained_alloc(&pool) != NULL);
    static size_t whole[sizeof(rtc) / sizeof(rtc[0])];
    memcpy(whole, rtc, sizeof(rtc));
    const size_t books = 4 * (6 + (COUNT + 15) / 16);
    for (size_t bit = 0; bit < books * 8; bit++) {
        memcpy(rtc, whole, sizeof(rtc));
        ((unsigned char *)rtc)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        reported.count = 0;
        const esp_err_t found = boot(&config);
        CHECK_REPORTED(found, "memory_pool_retained_open");
        if (bit < 32) CHECK_EQUAL(found, MEMORY_POOL_ERR_RETAINED_NONE);
        else if (bit < 6 * 32) CHECK_EQUAL(found, MEMORY_POOL_ERR_RETAINED_CHECKSUM);
        else CHECK_EQUAL(found, MEMORY_POOL_ERR_RETAINED_MAP);
        CHECK_EQUAL(live(&pool), 0);
    }
}

TEST(pool_of_another_firmware_is_formatted) {
    const memory_pool_retained_config_t others[] = {{SIZE - 8, COUNT, 7}, {SIZE, COUNT - 1, 7}, {SIZE, COUNT, 8}};
    const esp_err_t reasons[] = {MEMORY_POOL_ERR_RETAINED_BLOCK_SIZE, MEMORY_POOL_ERR_RETAINED_NUM_BLOCKS,
                                 MEMORY_POOL_ERR_RETAINED_TAG};
    for (size_t i = 0; i < 3; i++) {
        memset(rtc, 0, sizeof(rtc));
        boot(&config);
        CHECK(memory_pool_retained_alloc(&pool) != NULL);
        CHECK_EQUAL(boot(&others[i]), reasons[i]);
        CHECK_EQUAL(live(&pool), 0);
        CHECK(strstr(memory_pool_err_to_name(reasons[i]), "MEMORY_POOL_ERR_RETAINED_") != NULL);
    }
    reported.count = 0;
}

/* CRC-32 (IEEE) of words, as the header has it of those behind it. */
static uint32_t crc32_of(const uint32_t *words, size_t count) {
    uint32_t crc = UINT32_MAX;
    for (size_t at = 0; at < count; at++) {
        crc ^= words[at];
        for (int bit = 0; bit < 32; bit++) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

TEST(pool_of_another_version_is_not_reported_as_damaged) {
    uint32_t header[6]; /* magic, checksum, version, and the rest */
    memset(rtc, 0, sizeof(rtc));
    boot(&config);
    CHECK(memory_pool_retained_alloc(&pool) != NULL);
    memcpy(header, rtc, sizeof(header));
    CHECK_EQUAL(header[1], crc32_of(header + 2, 4));
    header[2]++;
    header[1] = crc32_of(header + 2, 4);
    memcpy(rtc, header, sizeof(header));
    reported.count = 0;
    CHECK_EQUAL(boot(&config), MEMORY_POOL_ERR_RETAINED_VERSION);
    CHECK_REPORTED(MEMORY_POOL_ERR_RETAINED_VERSION, "memory_pool_retained_open");
    CHECK_EQUAL(live(&pool), 0);
}

TEST(misuse_is_refused_and_reported) {
    memory_pool_retained_t copy;
    memory_pool_retained_close(&pool);
    memset(&pool, 0, sizeof(pool));
    CHECK(memory_pool_retained_alloc(&pool) == NULL);
    CHECK(memory_pool_retained_alloc(NULL) == NULL);
    CHECK_EQUAL(memory_pool_retained_free(&pool, rtc), ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(memory_pool_retained_validate(NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(memory_pool_retained_next_live(&pool, 0), SIZE_MAX);
    boot(&config);
    memcpy(&copy, &pool, sizeof(copy));
    CHECK(memory_pool_retained_alloc(&copy) == NULL);

    reported.count = 0;
    char *block = (char *)memory_pool_retained_alloc(&pool);
    const size_t used = live(&pool);
    CHECK_EQUAL(memory_pool_retained_free(&pool, block + 8), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_retained_free");
    CHECK_EQUAL(memory_pool_retained_free(&pool, &pool), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK_EQUAL(memory_pool_retained_free(&pool, NULL), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK_EQUAL(live(&pool), used);
    CHECK_EQUAL(memory_pool_retained_free(&pool, block), ESP_OK);
    reported.count = 0;
    CHECK_EQUAL(memory_pool_retained_free(&pool, block), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_retained_free");
    memory_pool_retained_info_t info;
    CHECK_EQUAL(memory_pool_retained_get_info(&pool, &info), ESP_OK);
    CHECK_EQUAL(info.refused_frees, 4);
    CHECK_EQUAL(memory_pool_retained_get_info(&pool, NULL), ESP_ERR_INVALID_ARG);

    CHECK_EQUAL(memory_pool_retained_close(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_close(&pool), ESP_ERR_INVALID_STATE);
    CHECK(memory_pool_retained_alloc(&pool) == NULL);
    CHECK_EQUAL(memory_pool_retained_open(&pool, rtc, sizeof(rtc), &config, NULL), ESP_OK);
}

static esp_err_t opened(memory_pool_retained_t *which, size_t *memory, size_t words,
                        const memory_pool_retained_config_t *wanted) {
    esp_err_t found = 12345;
    reported.count = 0;
    const esp_err_t err = memory_pool_retained_open(which, memory, words * sizeof(size_t), wanted, &found);
    if (err == ESP_OK) return err;
    CHECK_REPORTED(err, "memory_pool_retained_open");
    CHECK(reported.address == which);
    CHECK_EQUAL(found, 12345);
    return err;
}

TEST(two_pools_over_one_memory_are_refused) {
    const memory_pool_retained_config_t small = {SIZE, 2, 1};
    enum { WORDS = sizeof(rtc) / sizeof(rtc[0]), PART = WORDS / 3 };
    memory_pool_retained_t first, second, third;
    CHECK_EQUAL(memory_pool_retained_close(&pool), ESP_OK);
    memset(rtc, 0, sizeof(rtc));
    memset(&first, 0xDE, sizeof(first));
    memset(&second, 0xDE, sizeof(second));
    memset(&third, 0xDE, sizeof(third));

    /* The middle of the memory, with a block in use. */
    CHECK_EQUAL(opened(&first, rtc + PART, PART, &small), ESP_OK);
    char *block = (char *)memory_pool_retained_alloc(&first);
    strcpy(block, "still here");
    size_t before[WORDS];
    memcpy(before, rtc, sizeof(rtc));

    /* All that has one word of it in common; another pool, another shape, and the same once more. */
    static const size_t overlapping[][2] = {{0, WORDS}, {0, PART + 1}, {PART, PART}, {PART + 1, PART}, {2 * PART - 1, PART}};
    for (size_t i = 0; i < sizeof(overlapping) / sizeof(overlapping[0]); i++) {
        CHECK_EQUAL(opened(&second, rtc + overlapping[i][0], overlapping[i][1], &small), ESP_ERR_INVALID_STATE);
        CHECK(memory_pool_retained_alloc(&second) == NULL);
        CHECK_EQUAL(memory_pool_retained_close(&second), ESP_ERR_INVALID_STATE);
    }
    CHECK_EQUAL(opened(&second, rtc + PART, SIZE_MAX / sizeof(size_t), &small), ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(opened(&first, rtc + PART, PART, &small), ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(opened(&first, rtc, PART, &small), ESP_ERR_INVALID_STATE);
    CHECK(memcmp(before, rtc, sizeof(rtc)) == 0);
    CHECK_EQUAL(live(&first), 1);
    CHECK(memory_pool_retained_at(&first, 0) == block && strcmp(block, "still here") == 0);

    /* What only touches it is another memory. */
    CHECK_EQUAL(opened(&second, rtc, PART, &small), ESP_OK);
    CHECK_EQUAL(opened(&third, rtc + 2 * PART, PART, &small), ESP_OK);
    CHECK_EQUAL(live(&first), 1);

    /* Whichever is closed, its memory is free for another, and the others are not. */
    memory_pool_retained_t *const pools[] = {&second, &first, &third};
    for (size_t i = 0; i < 3; i++) {
        memory_pool_retained_t other;
        CHECK_EQUAL(opened(&other, rtc + i * PART, PART, &small), ESP_ERR_INVALID_STATE);
        CHECK_EQUAL(memory_pool_retained_close(pools[i]), ESP_OK);
        CHECK_EQUAL(opened(&other, rtc + i * PART, PART, &small), ESP_OK);
        CHECK_EQUAL(live(&other), i == 1 ? 1 : 0);
        CHECK_EQUAL(memory_pool_retained_close(&other), ESP_OK);
        CHECK_EQUAL(opened(pools[i], rtc + i * PART, PART, &small), ESP_OK);
    }
    for (size_t i = 0; i < 3; i++) CHECK_EQUAL(memory_pool_retained_close(pools[i]), ESP_OK);

    /* A pool that does not fit is not remembered. */
    CHECK_EQUAL(opened(&first, rtc, 4, &small), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(opened(&first, rtc, WORDS, &small), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_close(&first), ESP_OK);
    reported.count = 0;
}

/* As it would be if the struct itself lay in memory that is not cleared, or was saved and copied back. */
TEST(copy_of_an_open_struct_is_not_a_pool) {
    const memory_pool_retained_config_t config = {SIZE, 2, 1};
    memory_pool_retained_t first, second, saved;
    memory_pool_retained_info_t info;
    memset(rtc, 0, sizeof(rtc));
    CHECK_EQUAL(memory_pool_retained_open(&first, rtc, sizeof(rtc), &config, NULL), ESP_OK);
    void *block = memory_pool_retained_alloc(&first);
    memcpy(&saved, &first, sizeof(saved));
    for (int reopened = 0; reopened < 2; reopened++) {
        CHECK_EQUAL(memory_pool_retained_close(&first), ESP_OK);
        memcpy(&first, &saved, sizeof(saved));
        if (reopened) CHECK_EQUAL(memory_pool_retained_open(&second, rtc, sizeof(rtc), &config, NULL), ESP_OK);
        reported.count = 0;
        CHECK(memory_pool_retained_alloc(&first) == NULL);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_alloc");
        CHECK_EQUAL(memory_pool_retained_free(&first, block), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_free");
        CHECK_EQUAL(memory_pool_retained_index_of(&first, block), SIZE_MAX);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_index_of");
        CHECK(memory_pool_retained_at(&first, 0) == NULL);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_at");
        CHECK_EQUAL(memory_pool_retained_next_live(&first, 0), SIZE_MAX);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_next_live");
        CHECK_EQUAL(memory_pool_retained_validate(&first), ESP_ERR_INVALID_STATE);
        CHECK_EQUAL(memory_pool_retained_get_info(&first, &info), ESP_ERR_INVALID_STATE);
        CHECK_EQUAL(memory_pool_retained_close(&first), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_close");
        if (reopened) {
            CHECK_EQUAL(live(&second), 1);
            CHECK_EQUAL(memory_pool_retained_close(&second), ESP_OK);
        } else {
            CHECK_EQUAL(memory_pool_retained_open(&first, rtc, sizeof(rtc), &config, NULL), ESP_OK);
        }
    }
    reported.count = 0;
}

static const test_t tests[] = {
    RUN(live_blocks_keep_their_contents_after_a_restart),
    RUN(buffer_macro_has_the_exact_size),
    RUN(every_flipped_bit_of_header_and_map_is_found),
    RUN(pool_of_another_firmware_is_formatted),
    RUN(pool_of_another_version_is_not_reported_as_damaged),
    RUN(two_pools_over_one_memory_are_refused),
    RUN(copy_of_an_open_struct_is_not_a_pool),
    RUN(misuse_is_refused_and_reported),
};

int main(void) { return RUN_ALL(tests); }
