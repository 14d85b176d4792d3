/* What the C functions guarantee: every misuse of the specification is refused, and no block has two owners. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "chips.h"

#include <pthread.h>

static memory_pool_t pool;

TEST(free_counter_rises_again_with_each_free) {
    CHECK(memory_pool_init(&pool, 32, 4));
    for (int round = 0; round < 100; round++) {
        void *block = memory_pool_alloc(&pool);
        CHECK_EQUAL(pool.free_blocks, 3);
        memory_pool_free(&pool, block);
        CHECK_EQUAL(pool.free_blocks, 4);
    }
    memory_pool_destroy(&pool);
}

TEST(double_free_is_refused_and_no_block_has_two_owners) {
    CHECK(memory_pool_init(&pool, 32, 4));
    void *block = memory_pool_alloc(&pool);
    memory_pool_free(&pool, block);
    memory_pool_free(&pool, block);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free");
    void *first = memory_pool_alloc(&pool), *second = memory_pool_alloc(&pool);
    CHECK(first != NULL && second != NULL && !same(first, second));
    CHECK_EQUAL(pool.free_blocks, 2);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    memory_pool_destroy(&pool);
}

TEST(double_free_after_other_frees_is_refused) {
    CHECK(memory_pool_init(&pool, 32, 4));
    void *a = memory_pool_alloc(&pool), *b = memory_pool_alloc(&pool);
    memory_pool_free(&pool, a);
    memory_pool_free(&pool, b);
    memory_pool_free(&pool, a);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free");
    void *taken[4];
    for (size_t i = 0; i < 4; i++) {
        taken[i] = memory_pool_alloc(&pool);
        CHECK(taken[i] != NULL);
        for (size_t j = 0; j < i; j++) CHECK(!same(taken[i], taken[j]));
    }
    CHECK(memory_pool_alloc(&pool) == NULL);
    memory_pool_destroy(&pool);
}

TEST(free_of_a_stack_pointer_is_refused) {
    char local[64];
    CHECK(memory_pool_init(&pool, 64, 4));
    memory_pool_free(&pool, local);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_free");
    for (size_t i = 0; i < 4; i++) {
        char *block = (char *)memory_pool_alloc(&pool);
        CHECK(block != NULL && !same(block, local));
    }
    CHECK(memory_pool_alloc(&pool) == NULL);
    memory_pool_destroy(&pool);
}

TEST(free_of_a_block_of_another_pool_is_refused) {
    memory_pool_t other;
    CHECK(memory_pool_init(&pool, 32, 2) && memory_pool_init(&other, 32, 2));
    void *block = memory_pool_alloc(&pool);
    memory_pool_free(&other, block);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_free");
    CHECK(memory_pool_owns(&pool, block));
    CHECK_EQUAL(other.free_blocks, 2);
    memory_pool_free(&pool, block);
    memory_pool_destroy(&other);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(free_of_an_interior_pointer_is_refused) {
    CHECK(memory_pool_init(&pool, 64, 4));
    char *node = (char *)memory_pool_alloc(&pool);
    for (size_t inside = 1; inside < 64; inside++) {
        CHECK_EQUAL(memory_pool_free_reason(&pool, node + inside), MEMORY_POOL_ERR_NOT_A_BLOCK);
    }
    CHECK(memory_pool_owns(&pool, node));
    memory_pool_free(&pool, node);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

TEST(block_smaller_than_a_pointer_is_refused) {
    for (size_t size = 0; size < sizeof(void *); size++) {
        CHECK(!memory_pool_init(&pool, unknown(size), 4));
        CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "memory_pool_init");
        CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
    }
    CHECK(memory_pool_init(&pool, sizeof(void *), 4));
    memory_pool_destroy(&pool);
}

TEST(size_and_count_whose_product_wraps_are_refused) {
    /* Products that wrap to a few bytes. */
    const size_t one_quarter = SIZE_MAX / 4 + 1;
    const struct {
        size_t size, count;
    } wrapping[] = {
        {one_quarter + 1, 4}, {4, one_quarter + 1},   {8, SIZE_MAX / 8 + 2},
        {one_quarter, 4},     {SIZE_MAX - 6, 1},      {SIZE_MAX / 2 + 2, 2},
        {SIZE_MAX - 7, 2},    {16, SIZE_MAX / 16 + 1}, {24, SIZE_MAX / 24 + 1},
    };
    for (size_t i = 0; i < sizeof(wrapping) / sizeof(wrapping[0]); i++) {
        const size_t size = unknown(wrapping[i].size), count = unknown(wrapping[i].count);
        static void *buffer[64];
        CHECK(!memory_pool_init(&pool, size, count));
        CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "memory_pool_init");
        CHECK(memory_pool_malloc(size, count) == NULL);
        CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "memory_pool_malloc");
        CHECK_EQUAL(memory_pool_init_static(&pool, buffer, sizeof(buffer), size, count), ESP_ERR_INVALID_SIZE);
        CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "memory_pool_init_static");
        CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
    }
}

TEST(blocks_of_30_bytes_are_aligned_for_links) {
    CHECK(memory_pool_init(&pool, 30, 10));
    CHECK_EQUAL(pool.block_size % sizeof(void *), 0);
    CHECK(pool.block_size >= 30);
    for (const memory_block_t *at = pool.memory_free; at != NULL; at = at->next) {
        CHECK_EQUAL(address_of(at) % sizeof(void *), 0);
    }
    memory_pool_destroy(&pool);
}

TEST(memset_of_block_size_stays_inside_the_block) {
    CHECK(memory_pool_init(&pool, 30, 10));
    unsigned char *first = (unsigned char *)memory_pool_alloc(&pool), *second = (unsigned char *)memory_pool_alloc(&pool);
    memset(second, 0x11, pool.block_size);
    memset(first, 0x22, pool.block_size);
    for (size_t i = 0; i < pool.block_size; i++) CHECK_EQUAL(second[i], 0x11);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    memory_pool_destroy(&pool);
}

TEST(destroy_of_null_does_nothing) {
    memory_pool_destroy(NULL);
    CHECK_SILENT();
    CHECK_EQUAL(memory_pool_destroy_unused(NULL), ESP_ERR_INVALID_ARG);
}

TEST(destroy_does_not_free_a_static_struct) {
    static memory_pool_t never_from_a_heap;
    CHECK(memory_pool_init(&never_from_a_heap, 32, 4));
    memory_pool_destroy(&never_from_a_heap);
    CHECK_SILENT();
    const memory_pool_t zeroed = {0};
    CHECK(memcmp(&never_from_a_heap, &zeroed, sizeof(zeroed)) == 0);
    CHECK(memory_pool_alloc(&never_from_a_heap) == NULL);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc");
    memory_pool_destroy(&never_from_a_heap);
    CHECK_SILENT();
    CHECK(memory_pool_init(&never_from_a_heap, 64, 2));
    CHECK(memory_pool_alloc(&never_from_a_heap) != NULL);
    memory_pool_destroy(&never_from_a_heap);
}

TEST(second_init_is_refused_and_leaks_nothing) {
    static MEMORY_POOL_STATIC_BUFFER(buffer, 32, 4);
    CHECK(memory_pool_init(&pool, 32, 4));
    char *block = (char *)memory_pool_alloc(&pool);
    memset(block, 0x5C, 32);
    const size_t left = heap_bytes();
    const memory_pool_t before = pool;
    const memory_pool_config_t config = MEMORY_POOL_CONFIG_DEFAULT(64, 8);
    CHECK(!memory_pool_init(&pool, 64, 8));
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init");
    CHECK(!memory_pool_init_placed(&pool, 64, 8, PSRAM));
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_placed");
    CHECK_EQUAL(memory_pool_init_config(&pool, &config), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_config");
    CHECK_EQUAL(memory_pool_init_static(&pool, buffer, sizeof(buffer), 32, 4), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_init_static");
    CHECK_EQUAL(heap_bytes(), left);
    CHECK(memcmp(&pool, &before, sizeof(pool)) == 0);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK(memory_pool_owns(&pool, block));
    for (size_t i = 0; i < 32; i++) CHECK_EQUAL(block[i], 0x5C);
    memory_pool_free(&pool, block);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

static void *alloc_and_free(void *wrong) {
    for (uint32_t round = 0; round < 30000; round++) {
        volatile uint32_t *block = (volatile uint32_t *)memory_pool_alloc(&pool);
        if (block == NULL) continue;
        block[0] = (uint32_t)(uintptr_t)&round;
        block[4] = round;
        if (block[0] != (uint32_t)(uintptr_t)&round || block[4] != round) ++*(size_t *)wrong;
        memory_pool_free(&pool, (void *)block);
    }
    return NULL;
}

TEST(two_threads_never_get_the_same_block) {
    size_t wrong[2] = {0, 0};
    pthread_t core[2];
    CHECK(memory_pool_init(&pool, 32, 2));
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_create(&core[i], NULL, alloc_and_free, &wrong[i]), 0);
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_join(core[i], NULL), 0);
    CHECK_EQUAL(wrong[0] + wrong[1], 0);
    CHECK_EQUAL(pool.free_blocks, 2);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

TEST(dram_pool_is_never_in_psram) {
    for (size_t i = 0; i < CHIPS; i++) {
        if (!chips[i].psram) continue;
        use_chip(chips[i].name);
        const size_t external = microusc_host_free_bytes(MALLOC_CAP_SPIRAM);
        size_t pools = 0;
        while (memory_pool_malloc_placed(4096, 1, DRAM) != NULL) pools++;
        while (memory_pool_malloc(1024, 1) != NULL) pools++;
        CHECK(pools > 10);
        CHECK_EQUAL(microusc_host_free_bytes(MALLOC_CAP_SPIRAM), external);
        CHECK(external > 1u << 20);
        CHECK(!memory_pool_init(&pool, 4096, 4));
        CHECK(!memory_pool_init_placed(&pool, 4096, 4, DRAM));
        for (memory_pool_t *made; (made = memory_pool_next(NULL)) != NULL;) memory_pool_destroy(made);
        reported.count = 0;
    }
}

TEST(macro_can_be_used_in_if_else) {
    memory_pool_t *made;
    if (unknown(1) == 1)
        made = memory_handler_malloc(32, 4);
    else
        made = NULL;
    CHECK(made != NULL);
    CHECK(memory_handler_malloc(sizeof(void *), 1 + 1) != NULL);
    const size_t size = 16;
    memory_pool_t *chosen = size > 8 ? memory_handler_malloc(size + 16, 4) : NULL;
    CHECK(chosen != NULL && chosen->block_size == 32);
    for (memory_pool_t *at; (at = memory_pool_next(NULL)) != NULL;) memory_pool_destroy(at);
}

TEST(default_names_are_defined_and_unique) {
    memory_pool_t garbage;
    memset(&garbage, 0xEE, sizeof(garbage));
    CHECK(memory_pool_init(&pool, 32, 4) && memory_pool_init(&garbage, 32, 4));
    const memory_pool_config_t nameless = {32, 4, DRAM, 0, ""};
    memory_pool_t *third = memory_pool_malloc_config(&nameless, NULL);
    const char *names[] = {memory_pool_get_name(&pool), memory_pool_get_name(&garbage), memory_pool_get_name(third)};
    for (size_t i = 0; i < 3; i++) {
        char again[MEMORY_POOL_NAME_SIZE];
        CHECK(strncmp(names[i], "pool-", 5) == 0);
        snprintf(again, sizeof(again), "pool-%lu", strtoul(names[i] + 5, NULL, 10));
        CHECK(strcmp(names[i], again) == 0);
        for (size_t j = 0; j < i; j++) CHECK(strcmp(names[i], names[j]) != 0);
    }
    memory_pool_destroy(&garbage);
    memory_pool_destroy(third);
    memory_pool_destroy(&pool);
}

TEST(copy_of_the_struct_gives_no_block_to_two_owners) {
    CHECK(memory_pool_init(&pool, 32, 4));
    memory_pool_t copy = pool;
    void *owned[8];
    size_t owners = 0;
    for (size_t i = 0; i < 4; i++) {
        void *block = memory_pool_alloc(i % 2 == 0 ? &copy : &pool);
        if (block != NULL) owned[owners++] = block;
    }
    for (size_t i = 0; i < owners; i++) {
        for (size_t j = 0; j < i; j++) CHECK(!same(owned[i], owned[j]));
    }
    reported.count = 0;
    memory_pool_destroy(&copy);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy");
    CHECK(same(memory_pool_next(NULL), &pool));
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    CHECK_EQUAL(pool.free_blocks, 4 - owners);
    for (size_t i = 0; i < owners; i++) CHECK_EQUAL(memory_pool_free_reason(&pool, owned[i]), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

TEST(every_byte_of_the_storage_is_in_a_block) {
    const memory_placement_t placements[] = {DRAM, PSRAM, IRAM};
    for (size_t i = 0; i < 3; i++) {
        for (size_t size = sizeof(void *); size < 200; size += 7) {
            CHECK(memory_pool_init_placed(&pool, size, 3, placements[i]));
            const memory_pool_info_t info = info_of(&pool);
            CHECK_EQUAL(info.storage_bytes, 3 * pool.block_size);
            CHECK(pool.block_size >= size);
            const char *last = (const char *)pool.memory + 2 * pool.block_size;
            CHECK(microusc_host_chip_address(last + pool.block_size - 1) != 0);
            memory_pool_destroy(&pool);
        }
    }
}

static const test_t tests[] = {
    RUN(free_counter_rises_again_with_each_free),
    RUN(double_free_is_refused_and_no_block_has_two_owners),
    RUN(double_free_after_other_frees_is_refused),
    RUN(free_of_a_stack_pointer_is_refused),
    RUN(free_of_a_block_of_another_pool_is_refused),
    RUN(free_of_an_interior_pointer_is_refused),
    RUN(block_smaller_than_a_pointer_is_refused),
    RUN(size_and_count_whose_product_wraps_are_refused),
    RUN(blocks_of_30_bytes_are_aligned_for_links),
    RUN(memset_of_block_size_stays_inside_the_block),
    RUN(destroy_of_null_does_nothing),
    RUN(destroy_does_not_free_a_static_struct),
    RUN(second_init_is_refused_and_leaks_nothing),
    RUN(two_threads_never_get_the_same_block),
    RUN(dram_pool_is_never_in_psram),
    RUN(macro_can_be_used_in_if_else),
    RUN(default_names_are_defined_and_unique),
    RUN(copy_of_the_struct_gives_no_block_to_two_owners),
    RUN(every_byte_of_the_storage_is_in_a_block),
};

int main(void) { return RUN_ALL(tests); }
