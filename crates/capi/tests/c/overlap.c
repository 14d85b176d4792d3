/* Memory of the caller may be its own, or lie inside one live block. Any other is refused before a byte is written. */
#include "check.h"

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_retained.h"
#include "MicroUSC/system/memory_pool_set.h"

enum { SIZE = 64, COUNT = 32 };

static MEMORY_POOL_STATIC_BUFFER(buffer, SIZE, COUNT);
static memory_pool_t outer, other;
static char *held[COUNT];

static void open_outer(void) {
    CHECK_EQUAL(memory_pool_init_static(&outer, buffer, sizeof(buffer), SIZE, COUNT), ESP_OK);
    for (size_t i = 0; i < COUNT; i++) {
        held[i] = (char *)memory_pool_alloc(&outer);
        memset(held[i], 0x11, SIZE);
    }
}

/* Nothing of the outer pool was written to. */
static void check_outer(void) {
    for (size_t i = 0; i < COUNT; i++) {
        if (held[i] == NULL) continue;
        for (size_t k = 0; k < SIZE; k++) CHECK_EQUAL(held[i][k], 0x11);
    }
    CHECK_EQUAL(memory_pool_validate(&outer), ESP_OK);
}

static void close_outer(void) {
    check_outer();
    for (size_t i = 0; i < COUNT; i++) {
        if (held[i] != NULL) CHECK_EQUAL(memory_pool_free_reason(&outer, held[i]), ESP_OK);
    }
    CHECK_EQUAL(memory_pool_destroy_unused(&outer), ESP_OK);
    CHECK_SILENT();
}

/* What is no memory to give to anything. */
static void expect_refused(void *memory, size_t bytes) {
    unsigned char before[sizeof(buffer)];
    memory_pool_t garbage;
    memory_pool_retained_t retained;
    memory_pool_t recorded;
    static const memory_pool_retained_config_t config = {16, 2, 1};
    memset(&garbage, 0x5A, sizeof(garbage));
    memcpy(before, buffer, sizeof(before));

    CHECK_EQUAL(memory_pool_init_static(&garbage, memory, bytes, 16, 2), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK(same(reported.address, &garbage));
    CHECK_EQUAL(memory_pool_retained_open(&retained, memory, bytes, &config, NULL), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_open");
    CHECK(memory_pool_init(&recorded, 16, 4));
    CHECK_EQUAL(memory_pool_record_sites_in(&recorded, memory, bytes), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites_in");
    memory_pool_destroy(&recorded);

    /* The blocks; of the control block, whose padding holds anything, check_outer looks at what it says. */
    const size_t books = (size_t)((char *)outer.memory - (char *)buffer);
    CHECK(memcmp(before + books, (char *)buffer + books, SIZE * COUNT) == 0);
    const unsigned char *const untouched = (const unsigned char *)&garbage;
    for (size_t i = 0; i < sizeof(garbage); i++) CHECK_EQUAL(untouched[i], 0x5A);
    check_outer();
}

TEST(pool_over_all_of_a_live_pool_is_refused) {
    open_outer();
    expect_refused(buffer, sizeof(buffer));
    close_outer();
}

TEST(pool_over_several_blocks_is_refused) {
    open_outer();
    expect_refused(held[8], 8 * SIZE);
    expect_refused(held[COUNT - 1] - 8, 5 * SIZE); /* the last word of a block, and the next */
    expect_refused(held[COUNT - 1] + SIZE - 8, 8 * SIZE); /* the last word of all, and what follows */
    close_outer();
}

TEST(pool_over_control_block_and_map_is_refused) {
    open_outer();
    for (size_t word = 0; word < 20; word += 3) expect_refused(&buffer[word], 600);
    close_outer();
}

TEST(pool_in_a_free_block_is_refused) {
    static MEMORY_POOL_STATIC_BUFFER(wide, 1024, 3);
    memory_pool_t pool, nested;
    CHECK_EQUAL(memory_pool_init_static(&pool, wide, sizeof(wide), 1024, 3), ESP_OK);
    void *block = memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_init_static(&nested, block, 1024, 16, 8), ESP_OK);
    memory_pool_destroy(&nested);
    memory_pool_free(&pool, block);
    CHECK_SILENT();
    CHECK_EQUAL(memory_pool_init_static(&nested, block, 1024, 16, 8), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK_EQUAL(memory_pool_init_static(&nested, (char *)pool.memory + 1024, 1024, 16, 8), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

TEST(nested_pools_are_destroyed_from_the_inside) {
    enum { DEPTH = 5 };
    memory_pool_t pools[DEPTH];
    void *blocks[DEPTH];
    size_t size = 8192;
    CHECK(memory_pool_init(&pools[0], size, 3));
    for (size_t i = 0; i < DEPTH; i++) {
        blocks[i] = memory_pool_alloc(&pools[i]);
        CHECK(blocks[i] != NULL);
        if (i + 1 == DEPTH) break;
        const size_t inside = (size - 512) / 2 / 8 * 8;
        CHECK_EQUAL(memory_pool_init_static(&pools[i + 1], blocks[i], size, inside, 2), ESP_OK);
        size = inside;
    }
    memset(blocks[DEPTH - 1], 0x77, size);
    for (size_t i = 0; i < DEPTH; i++) CHECK_EQUAL(memory_pool_validate(&pools[i]), ESP_OK);
    CHECK_SILENT();

    for (size_t i = 0; i + 1 < DEPTH; i++) { /* what lies in a block keeps the pool */
        memory_pool_destroy(&pools[i]);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy");
        CHECK_EQUAL(memory_pool_destroy_unused(&pools[i]), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy_unused");
        CHECK(memory_pool_owns(&pools[i], blocks[i]));
    }
    for (size_t i = DEPTH; i-- > 0;) {
        CHECK_EQUAL(memory_pool_free_reason(&pools[i], blocks[i]), ESP_OK);
        CHECK_EQUAL(memory_pool_destroy_unused(&pools[i]), ESP_OK);
    }
}

TEST(two_pools_fit_side_by_side_in_one_block) {
    memory_pool_t pool, left, right, third;
    CHECK(memory_pool_init(&pool, 2048, 2));
    char *block = (char *)memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_init_static(&left, block, 1024, 16, 8), ESP_OK);
    CHECK_EQUAL(memory_pool_init_static(&right, block + 1024, 1024, 16, 8), ESP_OK);
    CHECK_EQUAL(memory_pool_init_static(&third, block + 256, 1024, 16, 8), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK_EQUAL(memory_pool_validate(&left), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&right), ESP_OK);
    memory_pool_destroy(&left);
    memory_pool_destroy(&right);
    memory_pool_free(&pool, block);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(struct_inside_its_own_buffer_is_refused) {
    static void *room[256];
    memory_pool_t *inside = (memory_pool_t *)&room[60];
    CHECK_EQUAL(memory_pool_init_static(inside, room, sizeof(room), 64, 20), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    for (size_t i = 0; i < 256; i++) CHECK(room[i] == NULL);
    /* Behind the bytes of the pool it is allowed. */
    inside = (memory_pool_t *)&room[256 - sizeof(memory_pool_t) / sizeof(void *)];
    CHECK_EQUAL(memory_pool_init_static(inside, room, sizeof(room), 64, 20), ESP_OK);
    memory_pool_destroy(inside);
    CHECK_SILENT();
}

TEST(struct_in_memory_of_a_live_pool_is_refused) {
    memory_pool_set_t *set;
    static const memory_pool_set_class_t classes[] = {{16, 2}};
    open_outer();
    memory_pool_t *const places[] = {
        (memory_pool_t *)buffer,                                /* its control block */
        (memory_pool_t *)((char *)&outer + sizeof(void *)),     /* its struct */
        (memory_pool_t *)(held[4] - sizeof(void *)),            /* two blocks */
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        CHECK(!memory_pool_init(places[i], 16, 2));
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init");
        set = (memory_pool_set_t *)places[i];
        CHECK_EQUAL(memory_pool_set_init(set, classes, 1, DRAM), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_set_init");
        CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
        check_outer();
    }
    CHECK(memory_pool_init((memory_pool_t *)held[4], 16, 2)); /* in a block in use */
    memory_pool_destroy((memory_pool_t *)held[4]);
    memset(held[4], 0x11, SIZE);
    close_outer();
}

TEST(memory_over_the_struct_of_a_live_pool_or_set_is_refused) {
    static union {
        void *words[400];
        memory_pool_t pool;
        memory_pool_set_t set;
    } room;
    static const memory_pool_set_class_t classes[] = {{16, 2}, {32, 2}};
    CHECK(memory_pool_init(&room.pool, 32, 2));
    CHECK_EQUAL(memory_pool_init_static(&other, &room.words[3], 1000, 16, 4), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    memory_pool_destroy(&room.pool);

    CHECK_EQUAL(memory_pool_set_init(&room.set, classes, 2, DRAM), ESP_OK);
    const memory_pool_set_t before = room.set;
    for (size_t word = 0; word < sizeof(memory_pool_set_t) / sizeof(void *); word++) {
        CHECK_EQUAL(memory_pool_init_static(&other, &room.words[word], 1000, 16, 4), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
        if (word % 6 != 0) CHECK(!memory_pool_init((memory_pool_t *)&room.words[word], 16, 4));
        reported.count = 0;
    }
    CHECK(memcmp(&before, &room.set, sizeof(before)) == 0);
    void *block = memory_pool_set_alloc(&room.set, 20);
    CHECK_EQUAL(memory_pool_set_free(&room.set, block), ESP_OK);
    memory_pool_set_destroy(&room.set);
    CHECK_SILENT();
    CHECK_EQUAL(memory_pool_init_static(&other, &room.words[3], 1000, 16, 4), ESP_OK);
    memory_pool_destroy(&other);
}

TEST(overlaps_with_records_are_refused) {
    static unsigned char room[MEMORY_POOL_SITES_SIZE(4) + 512];
    memory_pool_t recorded, second;
    memory_pool_site_t site;
    CHECK(memory_pool_init(&recorded, 32, 4));
    CHECK_EQUAL(memory_pool_record_sites_in(&recorded, room, MEMORY_POOL_SITES_SIZE(4)), ESP_OK);
    void *block = memory_pool_alloc_at(&recorded, 12, "here");
    CHECK_EQUAL(memory_pool_init_static(&other, room + 64, 500, 16, 2), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK_EQUAL(memory_pool_record_sites_in(&recorded, room, sizeof(room)), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites_in");
    CHECK(memory_pool_init(&second, 32, 4));
    CHECK_EQUAL(memory_pool_record_sites_in(&second, room + 32, sizeof(room) - 32), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites_in");
    CHECK_EQUAL(memory_pool_get_site(&recorded, block, &site), ESP_OK);
    CHECK(site.recorded && site.line == 12);
    memory_pool_free(&recorded, block);
    memory_pool_destroy(&recorded);
    CHECK_EQUAL(memory_pool_record_sites_in(&second, room, sizeof(room)), ESP_OK);
    memory_pool_destroy(&second);
    CHECK_SILENT();
}

TEST(memory_of_retained_pools_is_refused) {
    static MEMORY_POOL_RETAINED_BUFFER(rtc, 1024, 3);
    static const memory_pool_retained_config_t config = {1024, 3, 1}, small = {16, 2, 1};
    memory_pool_retained_t retained, inner;
    CHECK_EQUAL(memory_pool_retained_open(&retained, rtc, sizeof(rtc), &config, NULL), ESP_OK);
    reported.count = 0;
    char *block = (char *)memory_pool_retained_alloc(&retained);
    CHECK_EQUAL(memory_pool_init_static(&other, rtc, sizeof(rtc), 16, 4), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK_EQUAL(memory_pool_init_static(&other, block + 1024, 1024, 16, 4), ESP_ERR_INVALID_STATE); /* free */
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK_EQUAL(memory_pool_init_static(&other, &retained, sizeof(retained) + 512, 8, 2), ESP_ERR_INVALID_STATE);
    reported.count = 0;
    CHECK_EQUAL(memory_pool_init_static(&other, block, 1024, 16, 4), ESP_OK); /* inside a block in use */
    CHECK_EQUAL(memory_pool_validate(&other), ESP_OK);
    memory_pool_destroy(&other);

    /* A retained pool inside a block of a pool keeps that pool. */
    CHECK(memory_pool_init(&outer, 1024, 2));
    void *room = memory_pool_alloc(&outer);
    CHECK_EQUAL(memory_pool_retained_open(&inner, room, 512, &small, NULL), ESP_OK);
    reported.count = 0;
    memory_pool_destroy(&outer);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy");
    CHECK_EQUAL(memory_pool_retained_close(&inner), ESP_OK);
    memory_pool_free(&outer, room);
    memory_pool_destroy(&outer);
    CHECK_EQUAL(memory_pool_retained_close(&retained), ESP_OK);
    CHECK_SILENT();
}

TEST(retained_pool_with_an_overwritten_struct_hides_no_other) {
    static MEMORY_POOL_RETAINED_BUFFER(rtc, 32, 4);
    static MEMORY_POOL_RETAINED_BUFFER(more, 32, 4);
    static const memory_pool_retained_config_t config = {32, 4, 1};
    memory_pool_retained_t first, second, third;
    CHECK_EQUAL(memory_pool_retained_open(&first, rtc, sizeof(rtc), &config, NULL), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_open(&second, more, sizeof(more), &config, NULL), ESP_OK);
    reported.count = 0;
    static const int patterns[] = {0x00, 0x5A, 0xFF, 0x01};
    for (size_t i = 0; i < 4; i++) {
        memset(&second, patterns[i], sizeof(second));
        CHECK(memory_pool_retained_alloc(&second) == NULL);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_alloc");
        CHECK_EQUAL(memory_pool_retained_free(&second, more), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_free");
        CHECK_EQUAL(memory_pool_retained_open(&third, rtc, sizeof(rtc), &config, NULL), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_open");
        CHECK_EQUAL(memory_pool_retained_open(&third, more, sizeof(more), &config, NULL), ESP_ERR_INVALID_STATE);
        CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_retained_open");
    }
    CHECK_EQUAL(memory_pool_retained_close(&second), ESP_OK); /* its memory is free again */
    CHECK_EQUAL(memory_pool_retained_open(&third, more, sizeof(more), &config, NULL), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_close(&third), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_close(&first), ESP_OK);
    CHECK_SILENT();
}

TEST(more_open_retained_pools_than_the_limit_are_refused) {
    static const memory_pool_retained_config_t config = {16, 1, 1};
    static MEMORY_POOL_RETAINED_BUFFER(rooms[MEMORY_POOL_RETAINED_MAX_OPEN + 1], 16, 1);
    static memory_pool_retained_t pools[MEMORY_POOL_RETAINED_MAX_OPEN + 1];
    for (size_t i = 0; i <= MEMORY_POOL_RETAINED_MAX_OPEN; i++) {
        const esp_err_t opened = memory_pool_retained_open(&pools[i], rooms[i], sizeof(rooms[i]), &config, NULL);
        CHECK_EQUAL(opened, i < MEMORY_POOL_RETAINED_MAX_OPEN ? ESP_OK : ESP_ERR_NO_MEM);
        CHECK_REPORTED(i < MEMORY_POOL_RETAINED_MAX_OPEN ? MEMORY_POOL_ERR_RETAINED_NONE : ESP_ERR_NO_MEM,
                       "memory_pool_retained_open");
    }
    for (size_t i = 0; i < MEMORY_POOL_RETAINED_MAX_OPEN; i++) {
        CHECK_EQUAL(memory_pool_retained_close(&pools[i]), ESP_OK);
    }
}

static const test_t tests[] = {
    RUN(pool_over_all_of_a_live_pool_is_refused),
    RUN(pool_over_several_blocks_is_refused),
    RUN(pool_over_control_block_and_map_is_refused),
    RUN(pool_in_a_free_block_is_refused),
    RUN(nested_pools_are_destroyed_from_the_inside),
    RUN(two_pools_fit_side_by_side_in_one_block),
    RUN(struct_inside_its_own_buffer_is_refused),
    RUN(struct_in_memory_of_a_live_pool_is_refused),
    RUN(memory_over_the_struct_of_a_live_pool_or_set_is_refused),
    RUN(overlaps_with_records_are_refused),
    RUN(memory_of_retained_pools_is_refused),
    RUN(retained_pool_with_an_overwritten_struct_hides_no_other),
    RUN(more_open_retained_pools_than_the_limit_are_refused),
};

int main(void) { return RUN_ALL(tests); }
