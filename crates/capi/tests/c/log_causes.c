/* A log line says which cause it was, where one reason has many. */
#define _POSIX_C_SOURCE 200809L

#include "check.h"

#include <unistd.h>

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_retained.h"
#include "MicroUSC/system/memory_pool_set.h"

enum { SIZE = 64, COUNT = 4 };

static FILE *log_file;
static int kept_stderr;

static void begin_log(void) {
    fflush(stderr);
    log_file = tmpfile();
    kept_stderr = dup(STDERR_FILENO);
    CHECK(log_file != NULL && kept_stderr >= 0 && dup2(fileno(log_file), STDERR_FILENO) >= 0);
}

/* What was logged since. */
static const char *end_log(void) {
    static char text[4096];
    fflush(stderr);
    CHECK(dup2(kept_stderr, STDERR_FILENO) >= 0 && close(kept_stderr) == 0);
    rewind(log_file);
    text[fread(text, 1, sizeof(text) - 1, log_file)] = '\0';
    fclose(log_file);
    reported.count = 0;
    return text;
}

/* `call` logs one line, which has `words`. */
#define CHECK_LOGS(call, words)                                                                                        \
    do {                                                                                                              \
        begin_log();                                                                                                  \
        (void)(call);                                                                                                 \
        const char *const logged_line = end_log();                                                                    \
        if (strstr(logged_line, (words)) == NULL || strchr(logged_line, '\n') != strrchr(logged_line, '\n')) {         \
            fprintf(stderr, "%s:%d: in %s: \"%s\" is logged, not \"%s\"\n", __FILE__, __LINE__, current_test,           \
                    logged_line, (words));                                                                            \
            exit(1);                                                                                                  \
        }                                                                                                             \
    } while (0)

#define CHECK_LOGS_VOID(call, words) CHECK_LOGS(((call), 0), words)

/* Function, address, pool, reason, number of blocks and what to do: each is in the line. */
TEST(log_line_has_all_of_its_parts) {
    memory_pool_t pool;
    char expected[256];
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_EQUAL(memory_pool_set_name(&pool, "lines"), ESP_OK);
    snprintf(expected, sizeof(expected),
             "memory_pool: memory_pool_free(%p) of pool \"lines\": MEMORY_POOL_ERR_NOT_A_BLOCK: free the address that "
             "memory_pool_alloc returned, to the same pool\n",
             (void *)&pool);
    CHECK_LOGS_VOID(memory_pool_free(&pool, &pool), expected);
    CHECK(memory_pool_alloc(&pool) != NULL && memory_pool_alloc(&pool) != NULL);
    snprintf(expected, sizeof(expected),
             "memory_pool: memory_pool_destroy(%p) of pool \"lines\": MEMORY_POOL_ERR_IN_USE, 2 blocks in use: blocks are in "
             "use: their owners hold pointers to memory that ends with the pool\n",
             (void *)&pool);
    CHECK_LOGS_VOID(memory_pool_destroy(&pool), expected);
    CHECK_LOGS(memory_pool_alloc(NULL), "memory_pool: memory_pool_alloc(0x0): ESP_ERR_INVALID_ARG: ");
}

TEST(refused_init_logs_its_cause) {
    static MEMORY_POOL_STATIC_BUFFER(buffer, SIZE, COUNT);
    static void *room[256];
    memory_pool_t pool, other;
    memory_pool_config_t config = MEMORY_POOL_CONFIG_DEFAULT(SIZE, COUNT);
    CHECK_LOGS(memory_pool_init(NULL, SIZE, COUNT), "NULL");
    CHECK_LOGS(memory_pool_init(&pool, 1, COUNT), "block size is too small");
    CHECK_LOGS(memory_pool_init(&pool, SIZE, 0), "number of blocks is zero");
    CHECK_LOGS(memory_pool_init(&pool, unknown(SIZE_MAX), 4), "half the address space");
    CHECK_LOGS(memory_pool_init_placed(&pool, SIZE, COUNT, (memory_placement_t)0), "unknown placement");
    config.flags = 1u << 31;
    CHECK_LOGS(memory_pool_init_config(&pool, &config), "unknown flag");
    CHECK_LOGS(memory_pool_init_static(&pool, buffer, 100, SIZE, COUNT), "buffer is too small");
    CHECK_LOGS(memory_pool_init_static((memory_pool_t *)&room[64], room, sizeof(room), SIZE, 8), "struct lies in the memory");

    CHECK_EQUAL(memory_pool_init_static(&pool, buffer, sizeof(buffer), SIZE, COUNT), ESP_OK);
    CHECK_LOGS(memory_pool_init(&pool, SIZE, COUNT), "a live pool still has this address: destroy it before");
    CHECK_LOGS(memory_pool_init_static(&pool, room, sizeof(room), SIZE, COUNT), "a live pool still has this address");
    CHECK_LOGS(memory_pool_init_static(&other, buffer, sizeof(buffer), SIZE, COUNT),
               "a live pool still has a part of this memory");
    CHECK_LOGS(memory_pool_init((memory_pool_t *)((char *)&pool + 8), SIZE, COUNT),
               "a live pool still has a part of this struct's memory");
    memory_pool_destroy(&pool);
}

static __attribute__((noinline)) bool local_pool(bool destroyed) {
    memory_pool_t pool;
    memset(&pool, 0x5A, sizeof(pool)); /* what other calls left on the stack */
    const bool made = memory_pool_init(&pool, SIZE, COUNT);
    if (destroyed) memory_pool_destroy(&pool);
    return made;
}

TEST(pool_on_the_stack_that_was_not_destroyed_is_named_as_the_cause) {
    CHECK(local_pool(true));
    CHECK(local_pool(false));
    begin_log();
    const bool again = local_pool(true); /* the same frame, so the same address: ends what was left */
    const char *const line = end_log();
    CHECK(!again);
    CHECK(strstr(line, "a live pool still has this address: destroy it before its struct goes out of scope") != NULL);
    CHECK(memory_pool_next(NULL) == NULL);
}

TEST(refused_set_logs_its_cause) {
    static const memory_pool_set_class_t unsorted[] = {{64, 2}, {32, 2}}, alike[] = {{30, 2}, {32, 2}},
                                         sorted[] = {{32, 2}, {64, 2}}, small[] = {{1, 2}}, none[] = {{32, 0}};
    static memory_pool_set_t set;
    CHECK_LOGS(memory_pool_set_init(&set, unsorted, 2, DRAM), "not in order");
    CHECK_LOGS(memory_pool_set_init(&set, alike, 2, DRAM), "not in order");
    CHECK_LOGS(memory_pool_set_init(&set, sorted, 0, DRAM), "number of classes is zero");
    CHECK_LOGS(memory_pool_set_init(&set, sorted, 9, DRAM), "MEMORY_POOL_SET_MAX_CLASSES");
    CHECK_LOGS(memory_pool_set_init(&set, small, 1, DRAM), "block size is too small");
    CHECK_LOGS(memory_pool_set_init(&set, none, 1, DRAM), "number of blocks is zero");
    CHECK_LOGS(memory_pool_set_init(&set, NULL, 1, DRAM), "NULL");
    CHECK_LOGS(memory_pool_set_init(&set, sorted, 2, (memory_placement_t)3), "unknown placement");
    CHECK_LOGS(memory_pool_set_alloc(&set, 1), "no live set has this address");
    CHECK_LOGS(memory_pool_set_free(&set, &set), "no live set has this address");
    CHECK_LOGS(memory_pool_set_spill(&set, true), "no live set has this address");
    CHECK_EQUAL(memory_pool_set_init(&set, sorted, 2, DRAM), ESP_OK);
    CHECK_LOGS(memory_pool_set_init(&set, sorted, 2, DRAM), "a live set still has this address");
    memory_pool_set_destroy(&set);
}

TEST(refused_call_logs_its_cause) {
    static unsigned char records[MEMORY_POOL_SITES_SIZE(COUNT)];
    memory_pool_t pool, none;
    void *blocks[COUNT + 1];
    memset(&none, 0, sizeof(none));
    CHECK_LOGS(memory_pool_alloc(&none), "no live pool has this address");
    CHECK_LOGS(memory_pool_alloc(NULL), "NULL");
    CHECK_LOGS_VOID(memory_pool_free(&none, blocks), "no live pool has this address");
    CHECK_LOGS(memory_pool_repair(&none), "no live pool has this address");
    memset(&none, 0x5A, sizeof(none));
    CHECK_LOGS_VOID(memory_pool_destroy(&none), "no live pool has this address");

    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_LOGS(memory_pool_set_isr_reserve(&pool, COUNT + 1), "reserve for interrupts is larger than the pool");
    CHECK_LOGS(memory_pool_alloc_batch(&pool, blocks, COUNT + 1), "a batch is at most as large as the pool");
    CHECK_LOGS(memory_pool_free_batch(&pool, blocks, COUNT + 1), "a batch is at most as large as the pool");
    CHECK_LOGS(memory_pool_set_name(&pool, ""), "name is NULL or empty");
    CHECK_LOGS(memory_pool_set_wait_order(&pool, (memory_pool_wait_order_t)unknown(9)), "unknown order");
    CHECK_LOGS(memory_pool_set_checks(&pool, (memory_pool_checks_t)unknown(9)), "unknown level");
    CHECK_LOGS(memory_pool_record_sites(&pool, false), "keeps no records");
    CHECK_LOGS(memory_pool_record_sites_in(&pool, records, 8), "memory is too small for a record");
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    CHECK_LOGS(memory_pool_record_sites(&pool, true), "keeps records already");
    CHECK_LOGS(memory_pool_record_sites_in(&pool, records, sizeof(records)), "keeps records already");

    microusc_host_set_context(0, true);
    CHECK_LOGS(memory_pool_destroy_unused(&pool), "for tasks, not for interrupts");
    CHECK_LOGS(memory_pool_init(&none, SIZE, COUNT), "for tasks, not for interrupts");
    CHECK(memory_pool_alloc_batch(&pool, blocks, COUNT) == ESP_OK);
    CHECK_LOGS(memory_pool_alloc_timeout(&pool, 5), "cannot wait here");
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, COUNT), ESP_OK);
    microusc_host_set_context(0, false);
    memory_pool_destroy(&pool);

    CHECK(memory_pool_init(&pool, 1024, 1));
    void *block = memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_init_static(&none, block, 1024, 16, 4), ESP_OK);
    CHECK_LOGS_VOID(memory_pool_destroy(&pool), "destroy that pool first");
    memory_pool_destroy(&none);
    memory_pool_free(&pool, block);
    memory_pool_destroy(&pool);
}

TEST(overwritten_struct_of_a_live_pool_is_named_as_the_cause) {
    static memory_pool_t pool;
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    void *block = memory_pool_alloc(&pool);
    memset(&pool, 0, sizeof(pool));
    CHECK_LOGS(memory_pool_alloc(&pool), "struct of a live pool was overwritten");
    CHECK_LOGS_VOID(memory_pool_free(&pool, block), "struct of a live pool was overwritten");
    static memory_pool_t none;
    CHECK_LOGS(memory_pool_alloc(&none), "no live pool has this address");
    CHECK_LOGS_VOID(memory_pool_free(&none, &none), "no live pool has this address");
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    memory_pool_free(&pool, block);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(refused_retained_pool_logs_its_cause) {
    static MEMORY_POOL_RETAINED_BUFFER(rtc, SIZE, COUNT);
    memory_pool_retained_config_t config = {SIZE, COUNT, 1};
    memory_pool_retained_t pool, other;
    memset(&pool, 0, sizeof(pool));
    CHECK_LOGS(memory_pool_retained_open(&pool, NULL, sizeof(rtc), &config, NULL), "NULL");
    CHECK_LOGS(memory_pool_retained_open(&pool, (char *)rtc + 1, sizeof(rtc) - 8, &config, NULL), "not aligned");
    CHECK_LOGS(memory_pool_retained_open(&pool, rtc, 64, &config, NULL), "memory is too small");
    config.num_blocks = 0;
    CHECK_LOGS(memory_pool_retained_open(&pool, rtc, sizeof(rtc), &config, NULL), "MEMORY_POOL_RETAINED_MAX_BLOCKS");
    config.num_blocks = COUNT;
    CHECK_LOGS(memory_pool_retained_alloc(&pool), "no open retained pool has this address");
    CHECK_EQUAL(memory_pool_retained_open(&pool, rtc, sizeof(rtc), &config, NULL), ESP_OK);
    reported.count = 0;
    CHECK_LOGS(memory_pool_retained_open(&pool, rtc, sizeof(rtc), &config, NULL), "still has this address: close it");
    CHECK_LOGS(memory_pool_retained_open(&other, rtc, sizeof(rtc), &config, NULL), "has a part of this memory");
    CHECK_EQUAL(memory_pool_retained_close(&pool), ESP_OK);
}

static const test_t tests[] = {
    RUN(log_line_has_all_of_its_parts),
    RUN(refused_init_logs_its_cause),
    RUN(pool_on_the_stack_that_was_not_destroyed_is_named_as_the_cause),
    RUN(refused_set_logs_its_cause),
    RUN(refused_call_logs_its_cause),
    RUN(overwritten_struct_of_a_live_pool_is_named_as_the_cause),
    RUN(refused_retained_pool_logs_its_cause),
};

int main(void) { return RUN_ALL(tests); }
