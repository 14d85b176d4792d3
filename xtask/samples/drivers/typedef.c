/* A type: defined again after our header, which takes the same type. NAME says which. */
#include "driver.h"

typedef NAME defined_by_the_header;

#include SAMPLE

_Static_assert(__builtin_types_compatible_p(defined_by_the_header, NAME), "another type");

TEST(it_has_a_size) { CHECK(sizeof(NAME) == sizeof(defined_by_the_header)); }

static const test_t tests[] = {RUN(it_has_a_size)};

int main(void) { return RUN_ALL(tests); }
