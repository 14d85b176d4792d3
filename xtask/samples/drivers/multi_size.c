/* Three pools, and a choice between them by size. */
#include "driver.h"

#include SAMPLE

static multi_size_allocator_t allocator;

static memory_pool_t *owner_of(const void *block) {
    memory_pool_t *owner = NULL;
    for (memory_pool_t *pool = NULL; (pool = memory_pool_next(pool)) != NULL;) {
        if (memory_pool_owns(pool, block)) owner = pool;
    }
    return owner;
}

TEST(every_size_comes_from_the_smallest_pool_that_fits) {
    CHECK_EQUAL(multi_pool_init(&allocator), ESP_OK);
    for (size_t size = 0; size <= 512; size++) {
        memory_pool_t *wanted = size <= 32    ? &allocator.small_pool
                                : size <= 128 ? &allocator.medium_pool
                                              : &allocator.large_pool;
        void *block = smart_alloc(&allocator, size);
        CHECK(block != NULL);
        CHECK(same(owner_of(block), wanted));
        CHECK(wanted->block_size >= size);
        memset(block, 0x7E, size);
        memory_pool_free(wanted, block);
    }
    CHECK(smart_alloc(&allocator, 513) == NULL);
    CHECK(smart_alloc(&allocator, SIZE_MAX) == NULL);
    const size_t counts[] = {100, 50, 20}, sizes[] = {32, 128, 512};
    for (size_t i = 0; i < 3; i++) {
        for (size_t taken = 0; taken < counts[i]; taken++) CHECK(smart_alloc(&allocator, sizes[i]) != NULL);
        CHECK(smart_alloc(&allocator, sizes[i]) == NULL);
    }
    destroy_every_pool();
}

TEST(a_step_that_fails_is_told) {
    for (size_t step = 1; step <= 6; step++) {
        microusc_host_fail_allocation(step);
        CHECK_EQUAL(multi_pool_init(&allocator), ESP_ERR_NO_MEM);
        microusc_host_fail_allocation(0);
        destroy_every_pool();
    }
}

static const test_t tests[] = {RUN(every_size_comes_from_the_smallest_pool_that_fits), RUN(a_step_that_fails_is_told)};

int main(void) { return RUN_ALL(tests); }
