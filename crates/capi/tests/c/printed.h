/* What is printed on standard output. A file that includes this defines _POSIX_C_SOURCE before everything else. */
#ifndef MICROUSC_TESTS_PRINTED_H
#define MICROUSC_TESTS_PRINTED_H

#include "check.h"

#include <unistd.h>

/* What `print` writes on standard output. */
static inline const char *printed(void (*print)(memory_pool_t *), memory_pool_t *pool) {
    static char text[8192];
    fflush(stdout);
    FILE *file = tmpfile();
    const int kept = dup(STDOUT_FILENO);
    CHECK(file != NULL && kept >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
    print(pool);
    fflush(stdout);
    CHECK(dup2(kept, STDOUT_FILENO) >= 0 && close(kept) == 0);
    rewind(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* Two texts, which should be one. */
static inline void check_text(const char *text, const char *wanted, int line) {
    if (strcmp(text, wanted) == 0) return;
    fprintf(stderr, "line %d: in %s: it is\n%s\nand should be\n%s\n", line, current_test, text, wanted);
    exit(1);
}
#define CHECK_TEXT(text, wanted) check_text((text), (wanted), __LINE__)

#endif /* MICROUSC_TESTS_PRINTED_H */
