/* A walk over the documented list: true of a sound pool at every moment, false of a damaged one. */
#include "driver.h"

#include SAMPLE

static memory_pool_t pool;

TEST(a_sound_pool_passes_at_every_moment) {
    void *blocks[6];
    CHECK(memory_pool_init(&pool, 30, 6));
    CHECK(validate_pool_integrity(&pool));
    for (size_t i = 0; i < 6; i++) {
        blocks[i] = memory_pool_alloc(&pool);
        memset(blocks[i], 0xFF, pool.block_size);
        CHECK(validate_pool_integrity(&pool));
    }
    for (size_t i = 0; i < 6; i++) {
        memory_pool_free(&pool, blocks[(i * 5) % 6]);
        CHECK(validate_pool_integrity(&pool));
        memory_pool_free(&pool, blocks[(i * 5) % 6]);
        CHECK(validate_pool_integrity(&pool));
    }
    memory_pool_destroy(&pool);
}

TEST(pools_in_every_memory_pass) {
    const memory_placement_t placements[] = {DRAM, PSRAM, IRAM};
    for (size_t i = 0; i < PRELUDE_PLACEMENTS; i++) {
        CHECK(memory_pool_init_placed(&pool, 40, 9, placements[i]));
        CHECK(memory_pool_alloc(&pool) != NULL);
        CHECK(validate_pool_integrity(&pool));
        memory_pool_destroy(&pool);
        CHECK(!validate_pool_integrity(&pool));
    }
}

TEST(damage_is_found) {
    CHECK(!validate_pool_integrity(NULL));
    CHECK(memory_pool_init(&pool, 32, 6));
    pool.free_blocks--;
    CHECK(!validate_pool_integrity(&pool));
    pool.free_blocks++;
    memory_block_t *const second = pool.memory_free->next;
    pool.memory_free->next = NULL;
    CHECK(!validate_pool_integrity(&pool));
    CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_CORRUPT);
    /* A cycle of the right length fools the walk; the library's own check it does not fool. */
    pool.memory_free->next = second;
    second->next = pool.memory_free;
    CHECK(validate_pool_integrity(&pool));
    CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_CORRUPT);
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    CHECK(validate_pool_integrity(&pool));
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {
    RUN(a_sound_pool_passes_at_every_moment),
    RUN(pools_in_every_memory_pass),
    RUN(damage_is_found),
};

int main(void) { return RUN_ALL(tests); }
