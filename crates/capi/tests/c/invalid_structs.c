/* A struct that holds no pool, or was overwritten while it holds one: refused, reported, and nothing is read through it. */
#include "check.h"

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_metrics.h"
#include "MicroUSC/system/memory_pool_set.h"
#include "MicroUSC/system/memory_pool_trace.h"

enum { SIZE = 64, COUNT = 4 };

static const unsigned char patterns[] = {0x00, 0x01, 0x55, 0x5A, 0x80, 0xA5, 0xFF};
enum { PATTERNS = sizeof(patterns) / sizeof(patterns[0]) };

#define REFUSED(function) CHECK_REPORTED(ESP_ERR_INVALID_STATE, function)

TEST(functions_that_look_up_a_pool_read_no_garbage) {
    static unsigned char records[MEMORY_POOL_SITES_SIZE(COUNT)];
    memory_pool_t garbage, before;
    memory_pool_info_t info;
    memory_pool_site_t site;
    esp_err_t reason;
    void *blocks[2] = {&info, &info};
    for (size_t i = 0; i < PATTERNS; i++) {
        memset(&garbage, patterns[i], sizeof(garbage));
        before = garbage;
        CHECK_EQUAL(memory_pool_status(&garbage), ESP_ERR_INVALID_STATE);
        CHECK_EQUAL(memory_pool_get_info(&garbage, &info), ESP_ERR_INVALID_STATE);
        CHECK(!memory_pool_owns(&garbage, &info));
        CHECK(strcmp(memory_pool_get_name(&garbage), "") == 0);
        CHECK_EQUAL(memory_pool_get_site(&garbage, &info, &site), ESP_ERR_INVALID_STATE);
        CHECK(memory_pool_next(&garbage) == NULL);
        CHECK_SILENT(); /* questions, which the answer answers */

        CHECK_EQUAL(memory_pool_validate(&garbage), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_validate");
        CHECK_EQUAL(memory_pool_repair(&garbage), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_repair");
        CHECK_EQUAL(memory_pool_reset_lowest_free(&garbage), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_reset_lowest_free");
        CHECK_EQUAL(memory_pool_set_name(&garbage, "name"), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_set_name");
        CHECK_EQUAL(memory_pool_set_isr_reserve(&garbage, 1), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_set_isr_reserve");
        CHECK_EQUAL(memory_pool_set_wait_order(&garbage, MEMORY_POOL_WAIT_FIFO), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_set_wait_order");
        CHECK_EQUAL(memory_pool_set_checks(&garbage, MEMORY_POOL_CHECKS_POISON), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_set_checks");
        CHECK_EQUAL(memory_pool_trace(&garbage, true), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_trace");
        CHECK_EQUAL(memory_pool_record_sites(&garbage, true), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_record_sites");
        CHECK_EQUAL(memory_pool_record_sites(&garbage, false), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_record_sites");
        CHECK_EQUAL(memory_pool_record_sites_in(&garbage, records, sizeof(records)), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_record_sites_in");
        CHECK_EQUAL(memory_pool_dump_leaks(&garbage, 0, NULL, NULL), 0);
        REFUSED("memory_pool_dump_leaks");
        memory_pool_print_stats(&garbage);
        REFUSED("memory_pool_print_stats");
        memory_pool_print_stats_as(&garbage, "name");
        REFUSED("memory_pool_print_stats_as");
        memory_pool_dump(&garbage);
        REFUSED("memory_pool_dump");
        CHECK_EQUAL(memory_pool_alloc_batch(&garbage, blocks, 2), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_alloc_batch");
        CHECK_EQUAL(memory_pool_free_batch(&garbage, blocks, 2), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_free_batch");
        CHECK(memory_pool_alloc_timeout(&garbage, 1) == NULL);
        REFUSED("memory_pool_alloc_timeout");
        CHECK(memory_pool_alloc_timeout_reason(&garbage, 0, &reason) == NULL);
        REFUSED("memory_pool_alloc_timeout_reason");
        CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
        memory_pool_destroy(&garbage);
        if (patterns[i] == 0) {
            CHECK_SILENT();
        } else {
            REFUSED("memory_pool_destroy");
        }
        CHECK_EQUAL(memory_pool_destroy_unused(&garbage), ESP_ERR_INVALID_STATE);
        if (patterns[i] == 0) {
            CHECK_SILENT();
        } else {
            REFUSED("memory_pool_destroy_unused");
        }
        CHECK(memcmp(&garbage, &before, sizeof(garbage)) == 0);
        CHECK(memory_pool_init(&garbage, SIZE, COUNT));
        memory_pool_destroy(&garbage);
        CHECK_SILENT();
    }
}

TEST(functions_that_look_up_a_set_read_no_garbage) {
    memory_pool_set_t garbage, before;
    memory_pool_set_info_t info;
    static const memory_pool_set_class_t classes[] = {{16, 2}, {32, 2}};
    for (size_t i = 0; i < PATTERNS; i++) {
        memset(&garbage, patterns[i], sizeof(garbage));
        before = garbage;
        CHECK_EQUAL(memory_pool_set_get_info(&garbage, 0, &info), ESP_ERR_INVALID_STATE);
        CHECK_SILENT();
        CHECK_EQUAL(memory_pool_set_spill(&garbage, true), ESP_ERR_INVALID_STATE);
        REFUSED("memory_pool_set_spill");
        memory_pool_set_destroy(&garbage);
        if (patterns[i] == 0) {
            CHECK_SILENT();
        } else {
            REFUSED("memory_pool_set_destroy");
        }
        CHECK(memcmp(&garbage, &before, sizeof(garbage)) == 0);
        CHECK_EQUAL(memory_pool_set_init(&garbage, classes, 2, DRAM), ESP_OK);
        memory_pool_set_destroy(&garbage);
        CHECK_SILENT();
    }
}

/* Everything a program may do with a pool, whatever one field of its struct says. */
static void use(memory_pool_t *pool) {
    esp_err_t reason;
    memory_pool_info_t info;
    void *blocks[2], *block = memory_pool_alloc(pool);
    memory_pool_free(pool, block);
    block = memory_pool_alloc_reason(pool, &reason);
    memory_pool_free_reason(pool, block);
    if (memory_pool_alloc_batch(pool, blocks, 2) == ESP_OK) memory_pool_free_batch(pool, blocks, 2);
    memory_pool_free(pool, memory_pool_alloc_timeout(pool, 0));
    memory_pool_free(pool, memory_pool_alloc_from_isr(pool));
    memory_pool_free(pool, memory_pool_alloc_zeroed(pool));
    memory_pool_free(pool, memory_pool_alloc_unsynchronized(pool));
    CHECK_EQUAL(memory_pool_get_info(pool, &info), ESP_OK);
    memory_pool_validate(pool);
    memory_pool_status(pool);
    memory_pool_dump(pool);
    memory_pool_print_stats(pool);
    memory_pool_dump_leaks(pool, 0, NULL, NULL);
    memory_pool_set_isr_reserve(pool, 0);
    memory_pool_reset_lowest_free(pool);
    CHECK_EQUAL(memory_pool_set_name(pool, "overwritten"), ESP_OK);
    CHECK(same(memory_pool_find("overwritten"), pool));
    show_memory_usage();
}

TEST(live_pool_with_an_overwritten_struct_is_repaired) {
    static memory_pool_t pool;
    static const struct {
        size_t offset, bytes;
    } fields[] = {
#define FIELD(name) {offsetof(memory_pool_t, name), sizeof(pool.name)}
        FIELD(memory_free), FIELD(memory), FIELD(block_size), FIELD(num_blocks), FIELD(free_blocks),
#undef FIELD
    };
    for (size_t field = 0; field < sizeof(fields) / sizeof(fields[0]); field++) {
        for (size_t i = 0; i < PATTERNS; i++) {
            CHECK(memory_pool_init(&pool, SIZE, COUNT));
            char *const kept = (char *)memory_pool_alloc(&pool);
            const memory_pool_t before = pool;
            memset(kept, 0x33, SIZE);
            memset((char *)&pool + fields[field].offset, patterns[i], fields[field].bytes);
            CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_CORRUPT);
            use(&pool);
            CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
            CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
            CHECK(pool.memory == before.memory && pool.control == before.control);
            CHECK_EQUAL(pool.block_size, SIZE);
            CHECK_EQUAL(pool.num_blocks, COUNT);
            CHECK_EQUAL(pool.free_blocks, COUNT - 1);
            for (size_t k = 0; k < SIZE; k++) CHECK_EQUAL(kept[k], 0x33);
            CHECK_EQUAL(memory_pool_free_reason(&pool, kept), ESP_OK);
            CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
        }
    }
    /* All of it, as by the memset of what it is a part of. Allocs are refused, except that garbage must not be used. */
    for (size_t i = 0; i < PATTERNS; i++) {
        CHECK(memory_pool_init(&pool, SIZE, COUNT));
        void *const kept = memory_pool_alloc(&pool);
        memory_pool_t other;
        CHECK(memory_pool_init(&other, SIZE, COUNT));
        memset(&pool, patterns[i], sizeof(pool));
        memory_pool_metrics_t metrics;
        CHECK_EQUAL(memory_pool_get_metrics(&metrics), ESP_OK);
        CHECK_EQUAL(metrics.pools, 2);
        CHECK(same(memory_pool_next(&pool), &other));
        CHECK(!memory_pool_init(&pool, SIZE, COUNT));
        CHECK(!memory_pool_init_placed(&pool, SIZE, COUNT, DRAM));
        CHECK(memory_pool_owns(&pool, kept));
        CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_CORRUPT);
        if (i % 2 == 0) {
            CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
            CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
            use(&pool);
            CHECK_EQUAL(memory_pool_free_reason(&pool, kept), ESP_OK);
            CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
        } else {
            memory_pool_destroy(&pool);
        }
        memory_pool_destroy(&other);
    }
    reported.count = 0;
}

TEST(live_set_with_overwritten_fields_does_no_harm) {
    static memory_pool_set_t set;
    static const memory_pool_set_class_t classes[] = {{32, 4}, {64, 4}, {128, 2}};
    static const struct {
        size_t offset, bytes;
    } fields[] = {
#define FIELD(name) {offsetof(memory_pool_set_t, name), sizeof(set.name)}
        FIELD(num_classes), FIELD(too_large), FIELD(refused_frees), FIELD(spilled_in),
        FIELD(classes[1].memory_free), FIELD(classes[1].free_blocks), FIELD(classes[0].memory),
#undef FIELD
    };
    for (size_t field = 0; field < sizeof(fields) / sizeof(fields[0]); field++) {
        for (size_t i = 0; i < PATTERNS; i++) {
            memory_pool_set_info_t info;
            CHECK_EQUAL(memory_pool_set_init(&set, classes, 3, DRAM), ESP_OK);
            memset((char *)&set + fields[field].offset, patterns[i], fields[field].bytes);
            void *block = memory_pool_set_alloc(&set, 10);
            memory_pool_set_usable_size(&set, block);
            block = memory_pool_set_realloc(&set, block, 60);
            memory_pool_set_free(&set, block);
            CHECK(memory_pool_set_alloc(&set, unknown((size_t)1 << 30)) == NULL);
            memory_pool_set_free(&set, &info);
            for (size_t k = 0; k < 20; k++) memory_pool_set_get_info(&set, k, &info);
            memory_pool_set_spill(&set, true);
            memory_pool_set_spill(&set, false);
            show_memory_usage();
            memory_pool_set_destroy(&set);
            CHECK(memory_pool_next(NULL) == NULL);
        }
    }
    reported.count = 0;
}

TEST(set_with_only_its_number_of_classes_left_is_not_a_set) {
    memory_pool_set_t set;
    esp_err_t reason;
    memset(&set, 0, sizeof(set));
    set.num_classes = 3;
    CHECK(memory_pool_set_alloc(&set, 10) == NULL);
    REFUSED("memory_pool_set_alloc");
    CHECK(memory_pool_set_alloc_reason(&set, 10, &reason) == NULL);
    REFUSED("memory_pool_set_alloc_reason");
    CHECK(memory_pool_set_realloc(&set, NULL, 10) == NULL);
    REFUSED("memory_pool_set_realloc");
}

TEST(alloc_from_a_damaged_pool_is_reported_by_every_function) {
    memory_pool_t pool;
    esp_err_t reason;
    void *blocks[2];
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    void *stale = memory_pool_alloc(&pool);
    memory_pool_free(&pool, stale);
    memset(hidden(stale), 0xFF, SIZE);
    void *held = memory_pool_alloc(&pool); /* the block with its broken link; the next alloc meets the link */
    CHECK_SILENT();
#define DAMAGED(function)                                                                                              \
    do {                                                                                                              \
        CHECK(same(reported.address, &pool));                                                                         \
        CHECK(strcmp(reported.pool, memory_pool_get_name(&pool)) == 0);                                               \
        CHECK_REPORTED(MEMORY_POOL_ERR_CORRUPT, function);                                                            \
    } while (0)
    CHECK(memory_pool_alloc(&pool) == NULL);
    DAMAGED("memory_pool_alloc");
    CHECK(memory_pool_alloc_reason(&pool, &reason) == NULL);
    DAMAGED("memory_pool_alloc_reason");
    CHECK(memory_pool_alloc_zeroed(&pool) == NULL);
    DAMAGED("memory_pool_alloc_zeroed");
    CHECK(memory_pool_alloc_unsynchronized(&pool) == NULL);
    DAMAGED("memory_pool_alloc_unsynchronized");
    CHECK(memory_pool_alloc_from_isr(&pool) == NULL);
    DAMAGED("memory_pool_alloc_from_isr");
    CHECK(memory_pool_alloc_at(&pool, 3, "file") == NULL);
    DAMAGED("memory_pool_alloc_at");
    CHECK(memory_pool_alloc_from(&pool, blocks) == NULL);
    DAMAGED("memory_pool_alloc_from");
    CHECK(memory_pool_alloc_timeout(&pool, 0) == NULL);
    DAMAGED("memory_pool_alloc_timeout");
    CHECK(memory_pool_alloc_timeout_reason(&pool, 5, &reason) == NULL);
    DAMAGED("memory_pool_alloc_timeout_reason");
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, 2), MEMORY_POOL_ERR_CORRUPT);
    DAMAGED("memory_pool_alloc_batch");
    CHECK(info_of(&pool).corruptions >= 10);
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    memory_pool_free(&pool, held);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(exhaustion_is_counted_without_a_log_line_by_every_function) {
    memory_pool_t pool;
    esp_err_t reason;
    void *held[COUNT], *blocks[1];
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    for (size_t i = 0; i < COUNT; i++) held[i] = memory_pool_alloc(&pool);
    CHECK(memory_pool_alloc(&pool) == NULL);
    CHECK(memory_pool_alloc_reason(&pool, &reason) == NULL);
    CHECK(memory_pool_alloc_zeroed(&pool) == NULL);
    CHECK(memory_pool_alloc_unsynchronized(&pool) == NULL);
    CHECK(memory_pool_alloc_from_isr(&pool) == NULL);
    CHECK(memory_pool_alloc_at(&pool, 3, "file") == NULL);
    CHECK(memory_pool_alloc_from(&pool, blocks) == NULL);
    CHECK(memory_pool_alloc_timeout(&pool, 0) == NULL);
    CHECK(memory_pool_alloc_timeout_reason(&pool, 1, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_TIMEOUT);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, 1), ESP_ERR_NO_MEM);
    CHECK_SILENT();
    CHECK(info_of(&pool).alloc_failures >= 9);
    CHECK_EQUAL(memory_pool_free_batch(&pool, held, COUNT), ESP_OK);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

static const test_t tests[] = {
    RUN(functions_that_look_up_a_pool_read_no_garbage),
    RUN(functions_that_look_up_a_set_read_no_garbage),
    RUN(live_pool_with_an_overwritten_struct_is_repaired),
    RUN(live_set_with_overwritten_fields_does_no_harm),
    RUN(set_with_only_its_number_of_classes_left_is_not_a_set),
    RUN(alloc_from_a_damaged_pool_is_reported_by_every_function),
    RUN(exhaustion_is_counted_without_a_log_line_by_every_function),
};

int main(void) { return RUN_ALL(tests); }
