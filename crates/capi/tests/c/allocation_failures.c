/* Each allocation of each way to make a pool fails in turn, and nothing is left behind. */
#include "check.h"

static memory_pool_t pool;

typedef struct {
    const char *what;
    bool (*make)(void);
    size_t allocations; /* the allocations of a success */
} maker_t;

static bool keep(memory_pool_t *made) {
    memory_pool_destroy(made);
    return made != NULL;
}

static bool keep_ours(bool made) {
    if (made) memory_pool_destroy(&pool);
    return made;
}

static const memory_pool_config_t named = {128, 10, PSRAM, 0, "named"};

static bool by_init(void) { return keep_ours(memory_pool_init(&pool, 64, 10)); }
static bool by_init_in_psram(void) { return keep_ours(memory_pool_init_placed(&pool, 64, 10, PSRAM)); }
static bool by_init_in_iram(void) { return keep_ours(memory_pool_init_placed(&pool, 64, 10, IRAM)); }
static bool by_init_config(void) { return keep_ours(memory_pool_init_config(&pool, &named) == ESP_OK); }
static bool by_malloc(void) { return keep(memory_pool_malloc(64, 10)); }
static bool by_handler_malloc(void) { return keep(memory_handler_malloc(64, 10)); }
static bool by_malloc_in_psram(void) { return keep(memory_pool_malloc_placed(64, 10, PSRAM)); }
static bool by_malloc_config(void) { return keep(memory_pool_malloc_config(&named, NULL)); }

static bool by_init_static(void) {
    static MEMORY_POOL_STATIC_BUFFER(buffer, 64, 10);
    return keep_ours(memory_pool_init_static(&pool, buffer, sizeof(buffer), 64, 10) == ESP_OK);
}

static const maker_t makers[] = {
    {"init", by_init, 2},
    {"init in PSRAM", by_init_in_psram, 2},
    {"init in IRAM", by_init_in_iram, 2},
    {"init by configuration", by_init_config, 2},
    {"malloc", by_malloc, 2},
    {"handler malloc", by_handler_malloc, 2},
    {"malloc in PSRAM", by_malloc_in_psram, 2},
    {"malloc by configuration", by_malloc_config, 2},
    {"init static", by_init_static, 0},
};

TEST(failure_at_every_step_is_unwound) {
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        size_t step = 0;
        for (bool made = false; !made;) {
            memory_pool_t before;
            memset(&pool, 0x77, sizeof(pool));
            before = pool;
            microusc_host_fail_allocation(++step);
            made = makers[i].make();
            microusc_host_fail_allocation(0);
            CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
            CHECK(memory_pool_next(NULL) == NULL);
            if (!made) {
                CHECK_EQUAL(reported.count, 1);
                CHECK_EQUAL(reported.reason, ESP_ERR_NO_MEM);
                CHECK(memcmp(&pool, &before, sizeof(pool)) == 0);
            }
            reported.count = 0;
            CHECK(step < 100);
        }
        CHECK_EQUAL(step - 1, makers[i].allocations);
    }
}

TEST(pool_can_be_made_after_failures) {
    for (size_t step = 1; step <= 2; step++) {
        microusc_host_fail_allocation(step);
        CHECK(!memory_pool_init(&pool, 64, 10));
        CHECK(memory_pool_init(&pool, 64, 10));
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
        memory_pool_destroy(&pool);
    }
}

TEST(full_heap_is_unwound) {
    enum { MOST = 4096 };
    static memory_pool_t *made[MOST];
    const char *const full_of[] = {"esp32", "esp8266", "esp32c3", "esp32p4"};
    for (size_t chip = 0; chip < sizeof(full_of) / sizeof(full_of[0]); chip++) {
        use_chip(full_of[chip]);
        size_t count = 0;
        for (size_t size = 16384; size >= 16; size /= 2) {
            while (count < MOST && (made[count] = memory_pool_malloc_placed(size, 1, DRAM)) != NULL) count++;
        }
        CHECK(count > 5 && count < MOST);
        const size_t left = heap_bytes();
        for (int i = 0; i < 20; i++) CHECK(memory_pool_malloc_placed(16, 1, DRAM) == NULL);
        CHECK_EQUAL(heap_bytes(), left);
        while (count > 0) memory_pool_destroy(made[--count]);
    }
}

static const test_t tests[] = {
    RUN(failure_at_every_step_is_unwound),
    RUN(pool_can_be_made_after_failures),
    RUN(full_heap_is_unwound),
};

int main(void) { return RUN_ALL(tests); }
