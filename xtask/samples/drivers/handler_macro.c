/* The macro: the header's is undefined first; both must make the same pool, the header's in any expression. */
#include "driver.h"

static memory_pool_t *made_by_the_header(size_t size, size_t count) {
    return size > 0 ? memory_handler_malloc(size, count) : NULL;
}

#undef memory_handler_malloc
#include SAMPLE

TEST(both_make_the_same_pool) {
    memory_pool_t *ours = made_by_the_header(48, 3), *documented;
    documented = memory_handler_malloc(48, 3);
    CHECK(ours != NULL && documented != NULL);
    CHECK_EQUAL(ours->block_size, documented->block_size);
    CHECK_EQUAL(ours->num_blocks, documented->num_blocks);
    destroy_every_pool();
}

static const test_t tests[] = {RUN(both_make_the_same_pool)};

int main(void) { return RUN_ALL(tests); }
