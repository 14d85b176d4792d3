/*
 * What drivers share. A driver is a program in our own words around one sample: `#include SAMPLE` brings in the file
 * with the sample as the document has it, to the byte; the rest calls it and says what must come of that.
 */
#ifndef MICROUSC_SAMPLES_DRIVER_H
#define MICROUSC_SAMPLES_DRIVER_H

#include "prelude.h"

#include "check.h"

/* The one pool there is, made by a sample that keeps its struct to itself. */
static inline memory_pool_t *the_only_pool(void) {
    memory_pool_t *pool = memory_pool_next(NULL);
    CHECK(pool != NULL && memory_pool_next(pool) == NULL);
    return pool;
}

static inline void destroy_every_pool(void) {
    for (memory_pool_t *pool; (pool = memory_pool_next(NULL)) != NULL;) memory_pool_destroy(pool);
}

/* Forgets the log and the reports. */
static inline void forget(void) {
    prelude_logged.lines = 0;
    reported.count = 0;
}

/* How many lines of that level were logged. */
static inline size_t logged(char level) {
    size_t count = 0;
    CHECK(prelude_logged.lines <= PRELUDE_LINES);
    for (size_t line = 0; line < prelude_logged.lines; line++) count += prelude_logged.level[line] == level;
    return count;
}

/* The last number in a line of the log. */
static inline double last_number(size_t line) {
    CHECK(line < prelude_logged.lines);
    const char *const text = prelude_logged.text[line];
    for (size_t at = strlen(text); at-- > 0;) {
        const bool digit = text[at] >= '0' && text[at] <= '9';
        const bool inside = at > 0 && strchr("0123456789.", text[at - 1]) != NULL;
        if (digit && !inside) return strtod(text + at, NULL);
    }
    CHECK(!"there is a number in the line");
    return -1;
}

/* The first number in a line of the log. */
static inline double first_number(size_t line) {
    CHECK(line < prelude_logged.lines);
    const char *const at = strpbrk(prelude_logged.text[line], "0123456789");
    CHECK(at != NULL);
    return strtod(at, NULL);
}

#endif /* MICROUSC_SAMPLES_DRIVER_H */
