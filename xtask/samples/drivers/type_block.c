/* The link in a free block: defined under another name beside the header's, and compared with it. */
#include "driver.h"

#define memory_block_t documented_block_t
#include SAMPLE
#undef memory_block_t

_Static_assert(sizeof(documented_block_t) == sizeof(memory_block_t), "another size");
_Static_assert(offsetof(documented_block_t, next) == offsetof(memory_block_t, next), "next has moved");
_Static_assert(sizeof(documented_block_t) == sizeof(void *), "a link is a pointer");

TEST(free_blocks_are_linked_by_it) {
    memory_pool_t pool;
    CHECK(memory_pool_init(&pool, 32, 3));
    documented_block_t link;
    memcpy(&link, pool.memory_free, sizeof(link));
    CHECK(same(link.next, (char *)pool.memory + 32));
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {RUN(free_blocks_are_linked_by_it)};

int main(void) { return RUN_ALL(tests); }
