/*
 * A test runner of one file, for C99, C11 and C++17.
 *
 *     TEST(block_is_allocated) { CHECK(...); }
 *
 *     static const test_t tests[] = {RUN(block_is_allocated), ...};
 *     int main(void) { return RUN_ALL(tests); }
 *
 * Every test starts on an ESP32 without pools, and fails if it leaves a pool behind or the heap smaller than it was.
 */
#ifndef MICROUSC_TESTS_CHECK_H
#define MICROUSC_TESTS_CHECK_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "MicroUSC/port/host.h"

#define TEST(name) static void name(void)

/* How many rounds of a test run in which threads meet by chance: fewer where every instruction is simulated. */
#ifndef CHECK_FEWER_ROUNDS
#define CHECK_FEWER_ROUNDS 1
#endif
#define CHECK_ROUNDS(number) ((number) / CHECK_FEWER_ROUNDS + 1)

typedef struct {
    const char *name;
    void (*run)(void);
} test_t;

static const char *current_test = "main";

#define CHECK(condition)                                                                                              \
    do {                                                                                                              \
        if (!(condition)) {                                                                                           \
            fprintf(stderr, "%s:%d: in %s: not so: %s\n", __FILE__, __LINE__, current_test, #condition);              \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

#define CHECK_EQUAL(left, right)                                                                                      \
    do {                                                                                                              \
        const long long left_is = (long long)(left), right_is = (long long)(right);                                   \
        if (left_is != right_is) {                                                                                    \
            fprintf(stderr, "%s:%d: in %s: %s is %lld (0x%llx), %s is %lld (0x%llx)\n", __FILE__, __LINE__,           \
                    current_test, #left, left_is, (unsigned long long)left_is, #right, right_is,                      \
                    (unsigned long long)right_is);                                                                    \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

/* ---- Reports: the last one, and how many there were --------------------------------------------------------- */

static struct {
    unsigned count;
    esp_err_t reason;
    char function[48];
    char pool[MEMORY_POOL_NAME_SIZE];
    const void *address;
    size_t blocks;
} reported;

static inline void remember_report(const memory_pool_report_t *report) {
    reported.count++;
    reported.reason = report->reason;
    snprintf(reported.function, sizeof(reported.function), "%s", report->function);
    snprintf(reported.pool, sizeof(reported.pool), "%s", report->pool);
    reported.address = report->address;
    reported.blocks = report->count;
}

/* Exactly one report since the last question, of this reason, by this function. */
#define CHECK_REPORTED(wanted_reason, wanted_function)                                                                \
    do {                                                                                                              \
        CHECK_EQUAL(reported.count, 1);                                                                               \
        CHECK_EQUAL(reported.reason, wanted_reason);                                                                  \
        CHECK(strcmp(reported.function, wanted_function) == 0);                                                       \
        reported.count = 0;                                                                                           \
    } while (0)

#define CHECK_SILENT() CHECK_EQUAL(reported.count, 0)

/* ---- Helpers ------------------------------------------------------------------------------------------------ */

/*
 * Hides where a pointer came from: a compiler may otherwise conclude that two allocations differ, and that what is
 * written past the end of one is never read.
 */
static inline void *hidden(const void *pointer) {
    const void *volatile from_anywhere = pointer;
    return (void *)(uintptr_t)from_anywhere;
}

static inline uintptr_t address_of(const void *pointer) { return (uintptr_t)hidden(pointer); }

static inline bool same(const void *left, const void *right) { return address_of(left) == address_of(right); }

/* A number that the compiler does not know, so that it cannot warn of what a test does on purpose. */
static inline size_t unknown(size_t number) {
    volatile size_t from_anywhere = number;
    return from_anywhere;
}

static inline memory_pool_info_t info_of(memory_pool_t *pool) {
    memory_pool_info_t info;
    CHECK_EQUAL(memory_pool_get_info(pool, &info), ESP_OK);
    CHECK_EQUAL(info.used_blocks + info.free_blocks, info.num_blocks);
    CHECK_EQUAL(info.free_blocks, pool->free_blocks);
    return info;
}

/* Free bytes of the chip, all kinds of memory together. */
static inline size_t heap_bytes(void) { return microusc_host_free_bytes(0); }

static size_t heap_of_fresh_chip;

/* Goes over to another chip, fresh; the one left must be as it was at first. */
static inline void use_chip(const char *chip) {
    if (heap_of_fresh_chip > 0) CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
    CHECK_EQUAL(microusc_host_select_chip(chip), ESP_OK);
    heap_of_fresh_chip = heap_bytes();
    CHECK(heap_of_fresh_chip > 0);
}

/* Where the block's address would be on the chip. */
static inline bool on_chip_between(const void *block, uint32_t low, uint32_t high) {
    const uint32_t address = microusc_host_chip_address(block);
    return low <= address && address < high;
}

/* ---- The runner --------------------------------------------------------------------------------------------- */

/* All tests, or the one that the environment names. */
static inline int run_tests(const test_t *tests, size_t count) {
    const char *only = getenv("MICROUSC_ONLY_TEST");
    size_t passed = 0;
    for (size_t i = 0; i < count; i++) {
        if (only != NULL && strcmp(only, tests[i].name) != 0) continue;
        current_test = tests[i].name;
        use_chip("esp32");
        memory_pool_set_report_callback(remember_report);
        reported.count = 0;

        tests[i].run();

        CHECK(memory_pool_next(NULL) == NULL);
        CHECK_EQUAL(heap_bytes(), heap_of_fresh_chip);
        printf("test %s ... ok\n", tests[i].name);
        passed++;
    }
    printf("%lu tests passed\n", (unsigned long)passed);
    return 0;
}

#define RUN(name) {#name, name}
#define RUN_ALL(tests) run_tests(tests, sizeof(tests) / sizeof(tests[0]))

#endif /* MICROUSC_TESTS_CHECK_H */
