/* The struct of a pool: defined under another name beside the header's, and compared with it field by field. */
#include "driver.h"

#define memory_pool_t documented_pool_t
#include SAMPLE
#undef memory_pool_t

#define SAME_FIELD(field)                                                                                             \
    _Static_assert(offsetof(documented_pool_t, field) == offsetof(memory_pool_t, field), #field " has moved");        \
    _Static_assert(__builtin_types_compatible_p(__typeof__(((documented_pool_t *)0)->field),                          \
                                                __typeof__(((memory_pool_t *)0)->field)),                             \
                   #field " has another type")

SAME_FIELD(memory_free);
SAME_FIELD(memory);
SAME_FIELD(block_size);
SAME_FIELD(num_blocks);
SAME_FIELD(free_blocks);
_Static_assert(sizeof(memory_pool_t) == sizeof(documented_pool_t) + sizeof(void *), "one pointer follows");

TEST(the_fields_mean_what_they_say) {
    memory_pool_t pool;
    documented_pool_t seen;
    CHECK(memory_pool_init(&pool, 64, 5));
    void *block = memory_pool_alloc(&pool);
    memcpy(&seen, &pool, sizeof(seen));
    CHECK(same(seen.memory, block) && same(seen.memory_free, (char *)block + 64));
    CHECK_EQUAL(seen.block_size, 64);
    CHECK_EQUAL(seen.num_blocks, 5);
    CHECK_EQUAL(seen.free_blocks, 4);
    memory_pool_destroy(&pool);
}

static const test_t tests[] = {RUN(the_fields_mean_what_they_say)};

int main(void) { return RUN_ALL(tests); }
