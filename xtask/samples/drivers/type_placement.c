/* The placements: defined under other names beside the header's, and compared with them. */
#include "driver.h"

#define memory_placement_t documented_placement_t
#define DRAM DOCUMENTED_DRAM
#define PSRAM DOCUMENTED_PSRAM
#define IRAM DOCUMENTED_IRAM
#include SAMPLE
#undef memory_placement_t
#undef DRAM
#undef PSRAM
#undef IRAM

#define SAME_VALUE(name) _Static_assert((int)DOCUMENTED_##name == (int)name, #name " has another value")
SAME_VALUE(DRAM);
SAME_VALUE(PSRAM);
SAME_VALUE(IRAM);
_Static_assert(sizeof(documented_placement_t) == sizeof(memory_placement_t), "another size");

TEST(each_can_be_asked_for) {
    const documented_placement_t all[] = {DOCUMENTED_DRAM, DOCUMENTED_PSRAM, DOCUMENTED_IRAM};
    for (size_t i = 0; i < PRELUDE_PLACEMENTS; i++) {
        memory_pool_t *pool = memory_pool_malloc_placed(32, 4, (memory_placement_t)all[i]);
        CHECK(pool != NULL);
        CHECK_EQUAL(info_of(pool).placement, all[i]);
        memory_pool_destroy(pool);
    }
}

static const test_t tests[] = {RUN(each_can_be_asked_for)};

int main(void) { return RUN_ALL(tests); }
