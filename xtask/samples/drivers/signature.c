/* A prototype: declared again after our header, which takes the same type; and there is such a function. NAME says which. */
#include "driver.h"

typedef __typeof__(NAME) declared_by_the_header;

#include SAMPLE

_Static_assert(__builtin_types_compatible_p(declared_by_the_header, __typeof__(NAME)), "another signature");

TEST(the_function_is_linked) {
    declared_by_the_header *volatile function = NAME;
    CHECK(function != NULL);
}

static const test_t tests[] = {RUN(the_function_is_linked)};

int main(void) { return RUN_ALL(tests); }
