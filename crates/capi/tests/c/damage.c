/* Damage to free blocks: never believed, always noticed, mended from the map that it cannot reach. */
#include "check.h"

#include "MicroUSC/system/memory_pool_set.h"

enum { SIZE = 32, COUNT = 12 };

static memory_pool_t pool;

/* Overwrites the link in the first free block. */
static void forge_first_link(void *link) { pool.memory_free->next = (memory_block_t *)link; }

static void expect_damage_then_repair(size_t in_use) {
    reported.count = 0;
    CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_CORRUPT);
    CHECK_REPORTED(MEMORY_POOL_ERR_CORRUPT, "memory_pool_validate");
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(pool.free_blocks, COUNT - in_use);
    for (size_t i = in_use; i < COUNT; i++) CHECK(memory_pool_alloc_zeroed(&pool) != NULL);
    CHECK(memory_pool_alloc(&pool) == NULL);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    memory_pool_destroy(&pool);
    CHECK_EQUAL(reported.blocks, COUNT);
}

TEST(forged_link_is_never_allocated) {
    int victim = 0;
    memory_pool_t other;
    CHECK(memory_pool_init(&other, SIZE, COUNT));
    for (size_t i = 0; i < 6; i++) {
        CHECK(memory_pool_init(&pool, SIZE, COUNT));
        char *live = (char *)memory_pool_alloc(&pool);
        void *const forged[] = {&victim, live, live + 8, other.memory, (char *)pool.memory + 1, (void *)(uintptr_t)8};
        forge_first_link(forged[i]);
        CHECK(memory_pool_alloc(&pool) != NULL);
        esp_err_t reason = ESP_OK;
        CHECK(memory_pool_alloc_reason(&pool, &reason) == NULL);
        CHECK_EQUAL(reason, MEMORY_POOL_ERR_CORRUPT);
        CHECK(memory_pool_alloc(&pool) == NULL);
        CHECK(memory_pool_alloc_unsynchronized(&pool) == NULL);
        CHECK_EQUAL(info_of(&pool).corruptions, 3);
        CHECK_EQUAL(victim, 0);
        expect_damage_then_repair(2);
    }
    memory_pool_destroy(&other);
}

TEST(list_that_ends_early_is_found) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    forge_first_link(NULL);
    CHECK(memory_pool_alloc(&pool) != NULL);
    esp_err_t reason = ESP_OK;
    CHECK(memory_pool_alloc_reason(&pool, &reason) == NULL);
    CHECK_EQUAL(reason, MEMORY_POOL_ERR_CORRUPT);
    expect_damage_then_repair(1);
}

TEST(validate_of_a_cycle_ends) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    forge_first_link(pool.memory_free);
    expect_damage_then_repair(0);
}

TEST(overrun_into_a_free_block_harms_no_owner) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    char *blocks[COUNT];
    for (size_t i = 0; i < COUNT; i++) blocks[i] = (char *)memory_pool_alloc(&pool);
    memory_pool_free(&pool, blocks[7]);
    memory_pool_free(&pool, blocks[5]);
    memset(hidden(blocks[4]), 0x41, unknown(pool.block_size + sizeof(void *)));
    CHECK(memory_pool_alloc(&pool) != NULL);
    CHECK(memory_pool_alloc(&pool) == NULL);
    expect_damage_then_repair(COUNT - 1);
}

TEST(write_after_free_harms_no_owner) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    void *stale = memory_pool_alloc(&pool);
    memory_pool_free(&pool, stale);
    memset(hidden(stale), 0xFF, SIZE);
    CHECK(memory_pool_alloc(&pool) != NULL);
    CHECK(memory_pool_alloc(&pool) == NULL);
    expect_damage_then_repair(1);
}

TEST(repair_of_an_undamaged_pool_keeps_live_blocks) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    char *block = (char *)memory_pool_alloc(&pool);
    memset(block, 0x33, SIZE);
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    CHECK_EQUAL(pool.free_blocks, COUNT - 1);
    for (size_t i = 0; i < SIZE; i++) CHECK_EQUAL(block[i], 0x33);
    CHECK(memory_pool_owns(&pool, block));
    CHECK_EQUAL(info_of(&pool).lowest_free, COUNT - 1);
    memory_pool_free(&pool, block);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(wrong_counter_is_found) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    pool.free_blocks = COUNT + 1;
    CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_CORRUPT);
    pool.free_blocks = COUNT - 1;
    expect_damage_then_repair(0);
}

TEST(random_damage_never_gives_a_block_two_owners) {
    uint32_t random = 99;
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    for (int round = 0; round < 2000; round++) {
        void *owned[COUNT];
        size_t owners = 0;
        for (size_t i = 0; i < COUNT; i++) {
            random = random * 1664525u + 1013904223u;
            if (pool.memory_free != NULL && (random >> 16) % 4 == 0) {
                const uintptr_t noise = address_of(pool.memory) + (random >> 20) % (SIZE * COUNT);
                const memory_pool_info_t info = info_of(&pool);
                if (info.corruptions == 0 || memory_pool_validate(&pool) == ESP_OK) forge_first_link((void *)noise);
            }
            void *block = memory_pool_alloc(&pool);
            if (block == NULL) continue;
            for (size_t j = 0; j < owners; j++) CHECK(!same(owned[j], block));
            CHECK(memory_pool_owns(&pool, block));
            owned[owners++] = block;
        }
        CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
        CHECK_EQUAL(pool.free_blocks, COUNT - owners);
        while (owners > 0) CHECK_EQUAL(memory_pool_free_reason(&pool, owned[--owners]), ESP_OK);
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    }
    memory_pool_destroy(&pool);
}

/* In an archive with overflow checks, a difference below zero used to end the program. */
/* The map says what is in use, also at the end: the number in the struct is where a stray write reaches it. */
TEST(overwritten_counter_hides_no_live_block) {
    enum { MANY = 150 };
    static const memory_pool_set_class_t classes[] = {{SIZE, COUNT}, {2 * SIZE, MANY}};
    static const size_t counters[] = {MANY, MANY + 1, 2 * MANY, SIZE_MAX};
    memory_pool_set_t set;
    for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++) {
        CHECK(memory_pool_init_placed(&pool, SIZE, MANY, DRAM));
        for (size_t taken = 0; taken < MANY - 3; taken++) CHECK(memory_pool_alloc(&pool) != NULL);
        pool.free_blocks = counters[i];
        CHECK_EQUAL(memory_pool_destroy_unused(&pool), MEMORY_POOL_ERR_IN_USE);
        CHECK_EQUAL(reported.blocks, MANY - 3);
        CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy_unused");
        CHECK(memory_pool_next(NULL) == &pool);
        memory_pool_destroy(&pool);
        CHECK_EQUAL(reported.blocks, MANY - 3);
        CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy");

        CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, DRAM), ESP_OK);
        CHECK(memory_pool_set_alloc(&set, 2 * SIZE) != NULL);
        set.classes[1].free_blocks = counters[i];
        memory_pool_set_destroy(&set);
        CHECK_EQUAL(reported.blocks, 1);
        CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_set_destroy");
    }
}

TEST(overwritten_counter_does_not_end_the_program) {
    static const size_t nonsense[] = {COUNT + 1, SIZE_MAX, SIZE_MAX - COUNT, SIZE_MAX / 2};
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        pool.free_blocks = nonsense[i];
        memory_pool_info_t info;
        CHECK_EQUAL(memory_pool_get_info(&pool, &info), ESP_OK);
        CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_CORRUPT);
        void *const block = memory_pool_alloc(&pool);
        CHECK(block != NULL);
        memory_pool_free(&pool, block);
        memory_pool_dump(&pool);
        CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 1), ESP_OK);
        CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    }
    memory_pool_destroy(&pool); /* whatever it says of blocks in use */
}

static const test_t tests[] = {
    RUN(forged_link_is_never_allocated),
    RUN(list_that_ends_early_is_found),
    RUN(validate_of_a_cycle_ends),
    RUN(overrun_into_a_free_block_harms_no_owner),
    RUN(write_after_free_harms_no_owner),
    RUN(repair_of_an_undamaged_pool_keeps_live_blocks),
    RUN(wrong_counter_is_found),
    RUN(random_damage_never_gives_a_block_two_owners),
    RUN(overwritten_counter_hides_no_live_block),
    RUN(overwritten_counter_does_not_end_the_program),
};

int main(void) { return RUN_ALL(tests); }
