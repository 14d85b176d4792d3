/* Statements that call a function of the system layer, which makes a pool. */
#include "internal.h"

#include "driver.h"

static void sample(void) {
#include SAMPLE
}

TEST(a_pool_is_there_afterwards) {
    CHECK(memory_pool_next(NULL) == NULL);
    sample();
    CHECK(memory_pool_next(NULL) != NULL);
    CHECK_SILENT();
    destroy_every_pool();
}

static const test_t tests[] = {RUN(a_pool_is_there_afterwards)};

int main(void) { return RUN_ALL(tests); }
