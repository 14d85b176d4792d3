/* Where the blocks in use were allocated: each record exists exactly as long as its block is in use. flags: -pthread */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "MicroUSC/system/memory_pool_debug.h"
#include "printed.h"

enum { SIZE = 32, COUNT = 120 };

static memory_pool_t pool;

static void open_pool(size_t count) {
    CHECK(memory_pool_init(&pool, SIZE, count));
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
}

static void close_pool(void) {
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    CHECK_SILENT();
}

static memory_pool_site_t site_of(const void *block) {
    memory_pool_site_t site;
    CHECK_EQUAL(memory_pool_get_site(&pool, block, &site), ESP_OK);
    CHECK(same(site.block, block));
    return site;
}

/* The blocks that a dump reported. */
typedef struct {
    size_t count;
    const void *blocks[COUNT];
    memory_pool_site_t last;
} listed_t;

static void add_to_list(const memory_pool_site_t *site, void *argument) {
    listed_t *listed = (listed_t *)argument;
    CHECK(listed->count < COUNT);
    listed->blocks[listed->count++] = site->block;
    listed->last = *site;
}

static size_t in_use(uint64_t older_than_us, listed_t *listed) {
    memset(listed, 0, sizeof(*listed));
    const size_t found = memory_pool_dump_leaks(&pool, older_than_us, add_to_list, listed);
    CHECK_EQUAL(found, listed->count);
    return found;
}

static void pause_ms(long milliseconds) {
    const struct timespec time = {0, milliseconds * 1000000};
    nanosleep(&time, NULL);
}

TEST(record_has_file_line_time_and_task) {
    open_pool(4);
    void *const block = DEBUG_ALLOC(&pool);
    const uint32_t line = __LINE__ - 1;
    memory_pool_site_t site = site_of(block);
    CHECK(site.recorded && !site.in_interrupt && site.task != NULL && site.caller == NULL);
    CHECK(site.file != NULL && strcmp(site.file, __FILE__) == 0);
    CHECK_EQUAL(site.line, line);
    pause_ms(5);
    CHECK(site_of(block).age_us >= 5000 && site_of(block).time_us == site.time_us);

    void *const other = memory_pool_alloc_from(&pool, &pool);
    site = site_of(other);
    CHECK(site.file == NULL && site.line == 0 && site.caller == (const void *)&pool);
    memory_pool_free(&pool, block);
    memory_pool_free(&pool, other);
    close_pool();
}

TEST(record_lives_exactly_as_long_as_its_block) {
    static void *blocks[COUNT];
    open_pool(COUNT);
    listed_t listed;
    memory_pool_site_t site;
    for (int round = 0; round < 50; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            blocks[i] = DEBUG_ALLOC(&pool);
            CHECK_EQUAL(site_of(blocks[i]).line, __LINE__ - 1);
        }
        CHECK(DEBUG_ALLOC(&pool) == NULL);
        CHECK_EQUAL(in_use(0, &listed), COUNT);
        for (size_t i = 0; i < COUNT; i++) {
            memory_pool_free(&pool, blocks[i]);
            CHECK_EQUAL(memory_pool_get_site(&pool, blocks[i], &site), MEMORY_POOL_ERR_NOT_A_BLOCK);
        }
        CHECK_EQUAL(in_use(0, &listed), 0);
    }
    /* A block that is freed in another way has another owner later. */
    void *const block = memory_pool_alloc(&pool);
    CHECK(site_of(block).file == NULL && site_of(block).recorded);
    memory_pool_free(&pool, block);
    close_pool();
}

static void *take_in_interrupt(void *unused) {
    (void)unused;
    microusc_host_set_context(0, true);
    return memory_pool_alloc_from_isr(&pool);
}

static void *take_with_timeout(void *unused) {
    (void)unused;
    return memory_pool_alloc_timeout(&pool, MEMORY_POOL_WAIT_FOREVER);
}

static void *run(void *(*function)(void *)) {
    pthread_t thread;
    void *result;
    CHECK_EQUAL(pthread_create(&thread, NULL, function, NULL), 0);
    CHECK_EQUAL(pthread_join(thread, &result), 0);
    return result;
}

TEST(every_kind_of_alloc_is_recorded) {
    void *blocks[8], *batch[2];
    size_t taken = 0;
    esp_err_t reason;
    open_pool(10);
    blocks[taken++] = memory_pool_alloc(&pool);
    blocks[taken++] = memory_pool_alloc_reason(&pool, &reason);
    blocks[taken++] = memory_pool_alloc_zeroed(&pool);
    blocks[taken++] = memory_pool_alloc_unsynchronized(&pool);
    blocks[taken++] = memory_pool_alloc_timeout(&pool, 0);
    blocks[taken++] = memory_pool_alloc_timeout_reason(&pool, 5, &reason);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, batch, 2), ESP_OK);
    blocks[taken++] = batch[0];
    blocks[taken++] = batch[1];
    for (size_t i = 0; i < taken; i++) CHECK(site_of(blocks[i]).recorded && site_of(blocks[i]).task != NULL);
    void *const other = run(take_with_timeout);
    CHECK(site_of(other).recorded && site_of(other).task != site_of(blocks[0]).task);
    void *const interrupts = run(take_in_interrupt);
    CHECK(site_of(interrupts).recorded && site_of(interrupts).in_interrupt && site_of(interrupts).task == NULL);

    /* And every way to return one clears it. */
    listed_t listed;
    CHECK_EQUAL(in_use(0, &listed), 10);
    memory_pool_free(&pool, blocks[0]);
    CHECK_EQUAL(memory_pool_free_reason(&pool, blocks[1]), ESP_OK);
    CHECK_EQUAL(memory_pool_free_unsynchronized(&pool, blocks[2]), ESP_OK);
    CHECK_EQUAL(memory_pool_free_batch(&pool, &blocks[3], 5), ESP_OK);
    memory_pool_free(&pool, other);
    memory_pool_free(&pool, interrupts);
    for (size_t i = 0; i < 10; i++) blocks[i % 8] = memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    CHECK_EQUAL(in_use(0, &listed), 10);
    CHECK(!listed.last.recorded && listed.last.age_us == UINT64_MAX);
    memory_pool_destroy(&pool);
    CHECK_REPORTED(MEMORY_POOL_ERR_IN_USE, "memory_pool_destroy");
}

TEST(block_granted_to_a_waiting_task_is_recorded_for_that_task) {
    open_pool(1);
    void *const block = DEBUG_ALLOC(&pool);
    pthread_t thread;
    void *result;
    CHECK_EQUAL(pthread_create(&thread, NULL, take_with_timeout, NULL), 0);
    while (info_of(&pool).waiting_tasks == 0) sched_yield();
    const void *const before = site_of(block).task;
    memory_pool_free(&pool, block);
    CHECK_EQUAL(pthread_join(thread, &result), 0);
    CHECK(same(result, block) && site_of(block).recorded && site_of(block).task != before);
    CHECK(site_of(block).file == NULL);
    memory_pool_free(&pool, block);
    close_pool();
}

TEST(report_can_be_limited_to_old_blocks) {
    listed_t listed;
    open_pool(3);
    void *const old = DEBUG_ALLOC(&pool);
    pause_ms(30);
    void *const young = DEBUG_ALLOC(&pool);
    CHECK_EQUAL(in_use(25000, &listed), 1);
    CHECK(same(listed.blocks[0], old) && listed.last.age_us >= 25000);
    CHECK_EQUAL(in_use(UINT64_MAX, &listed), 0);
    CHECK_EQUAL(in_use(0, &listed), 2);
    CHECK_EQUAL(memory_pool_dump_leaks(&pool, 0, NULL, NULL), 2);
    memory_pool_free(&pool, old);
    memory_pool_free(&pool, young);
    close_pool();
}

TEST(block_allocated_before_recording_is_reported_as_unknown) {
    listed_t listed;
    CHECK(memory_pool_init(&pool, SIZE, 3));
    void *const before = DEBUG_ALLOC(&pool);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    CHECK(!site_of(before).recorded && site_of(before).file == NULL && site_of(before).age_us == UINT64_MAX);
    CHECK_EQUAL(in_use(1000000000000ull, &listed), 1);
    void *const after = DEBUG_ALLOC(&pool);
    CHECK(site_of(after).recorded);
    memory_pool_free(&pool, before);
    memory_pool_free(&pool, after);
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    void *const off = DEBUG_ALLOC(&pool);
    CHECK(!site_of(off).recorded);
    memory_pool_free(&pool, off);
    close_pool();
}

TEST(wrong_frees_change_no_record) {
    listed_t listed;
    open_pool(3);
    void *const block = DEBUG_ALLOC(&pool), *const other = DEBUG_ALLOC(&pool);
    memory_pool_free(&pool, block);
    memory_pool_free(&pool, block);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free");
    memory_pool_free(&pool, (char *)hidden(other) + 4);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_free");
    void *wrong[2] = {other, block};
    CHECK_EQUAL(memory_pool_free_batch(&pool, wrong, 2), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_batch");
    CHECK_EQUAL(in_use(0, &listed), 1);
    CHECK(same(listed.blocks[0], other) && site_of(other).recorded && site_of(other).file != NULL);
    memory_pool_free(&pool, other);
    close_pool();
}

TEST(memory_of_records_is_allocated_and_freed) {
    CHECK(memory_pool_init(&pool, SIZE, 50));
    const size_t before = heap_bytes(), overhead = info_of(&pool).overhead_bytes;
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    CHECK(before - heap_bytes() >= 50 * (sizeof(uint64_t) + 2 * sizeof(void *)));
    CHECK(before - heap_bytes() <= MEMORY_POOL_SITES_SIZE(50) + 64);
    CHECK_EQUAL(info_of(&pool).overhead_bytes - overhead, MEMORY_POOL_SITES_SIZE(50) - 8);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites");
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    CHECK_EQUAL(heap_bytes(), before);
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites");

    microusc_host_fail_allocation(1);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_ERR_NO_MEM);
    CHECK_REPORTED(ESP_ERR_NO_MEM, "memory_pool_record_sites");
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    close_pool(); /* with the records still kept: the runner looks at the heap */
}

TEST(records_can_lie_in_memory_of_the_caller) {
    static uint64_t memory[MEMORY_POOL_SITES_SIZE(8) / 8 + 2];
    char *const odd = (char *)memory + 1;
    CHECK(memory_pool_init(&pool, SIZE, 8));
    memset(memory, 0x5a, sizeof(memory));
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, odd, MEMORY_POOL_SITES_SIZE(8) - 9), ESP_ERR_INVALID_SIZE);
    CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "memory_pool_record_sites_in");
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, NULL, 1000), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_record_sites_in");
    /* Records are aligned to 8 bytes: 7 of these are not used, and what is behind them has to be enough. */
    const size_t records = MEMORY_POOL_SITES_SIZE(8) - 8;
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, odd, records + 6), ESP_ERR_INVALID_SIZE);
    CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "memory_pool_record_sites_in");
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, odd, records + 7), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, memory, records), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    memset(memory, 0x5a, sizeof(memory));
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, odd, MEMORY_POOL_SITES_SIZE(8)), ESP_OK);
    CHECK_EQUAL(*odd, 0x5a);
    CHECK_EQUAL(odd[MEMORY_POOL_SITES_SIZE(8)], 0x5a);
    void *blocks[8];
    for (size_t i = 0; i < 8; i++) blocks[i] = DEBUG_ALLOC(&pool);
    for (size_t i = 0; i < 8; i++) CHECK(site_of(blocks[i]).recorded);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, 8), ESP_OK);
    close_pool();
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, odd, MEMORY_POOL_SITES_SIZE(8)), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites_in");
}

/* Everywhere in the memory that is offered, there are records of blocks in use. */
TEST(refused_records_do_not_overwrite_existing_ones) {
    static union {
        uint64_t aligned;
        char bytes[MEMORY_POOL_SITES_SIZE(4)];
    } memory;
    CHECK(memory_pool_init(&pool, SIZE, 4));
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, &memory, sizeof(memory)), ESP_OK);
    void *const block = DEBUG_ALLOC(&pool);
    const memory_pool_site_t before = site_of(block);
    CHECK(before.recorded);
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, &memory, sizeof(memory)), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites_in");
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, &memory, sizeof(memory) - 1), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites_in");
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, &memory, 8), ESP_ERR_INVALID_SIZE);
    CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "memory_pool_record_sites_in");
    /* The cause that there is, even with a heap that has no room. */
    microusc_host_fail_allocation(1);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites");
    microusc_host_fail_allocation(0);
    const memory_pool_site_t after = site_of(block);
    CHECK(after.recorded && after.time_us == before.time_us && after.line == before.line);
    memory_pool_free(&pool, block);
    /* After a refusal for lack of memory the call can be repeated. */
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    microusc_host_fail_allocation(1);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_ERR_NO_MEM);
    CHECK_REPORTED(ESP_ERR_NO_MEM, "memory_pool_record_sites");
    microusc_host_fail_allocation(0);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    close_pool();
}

static void dump_all(memory_pool_t *dumped) { memory_pool_dump_leaks(dumped, 0, NULL, NULL); }

static size_t lines_of(const char *text) {
    size_t lines = 0;
    for (; *text != '\0'; text++) lines += *text == '\n';
    return lines;
}

/* However many places there are, no block is left out. */
TEST(leaks_are_printed_by_call_site_while_there_are_few) {
    enum { BLOCKS = 60 };
    static const size_t places[] = {1, 2, 16, 17, BLOCKS};
    void *blocks[BLOCKS];
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        open_pool(BLOCKS);
        for (size_t j = 0; j < BLOCKS; j++) blocks[j] = memory_pool_alloc_at(&pool, (uint32_t)(j % places[i] + 1), "at");
        const char *const text = printed(dump_all, &pool);
        const size_t alone = places[i] <= 16 ? 0 : places[i] - 16; /* of each further place, as many lines as blocks */
        const size_t of_each = BLOCKS / places[i], one_more = BLOCKS % places[i];
        const size_t more = one_more > 16 ? one_more - 16 : 0;
        CHECK_EQUAL(lines_of(text), places[i] - alone + alone * of_each + more);
        char line[64];
        snprintf(line, sizeof(line), "\": %lu in use, taken at at:1 ", (unsigned long)(of_each + (one_more > 0)));
        CHECK(strstr(text, line) != NULL);
        snprintf(line, sizeof(line), " in use, taken at at:%lu ", (unsigned long)places[i]);
        CHECK(strstr(text, line) != NULL);
        for (size_t j = 0; j < BLOCKS; j++) memory_pool_free(&pool, blocks[j]);
        close_pool();
    }
}

/* A line names the place and the oldest of its blocks, wherever that lies, with its age in seconds. */
TEST(printed_call_site_shows_its_oldest_block) {
    open_pool(4);
    CHECK_EQUAL(memory_pool_set_name(&pool, "lines"), ESP_OK);
    void *const low = memory_pool_alloc_at(&pool, 7, "other"), *const oldest = memory_pool_alloc_at(&pool, 5, "here");
    memory_pool_free(&pool, low);
    pause_ms(130);
    void *const young[] = {memory_pool_alloc_at(&pool, 5, "here"), memory_pool_alloc_at(&pool, 5, "here")};
    CHECK(same(young[0], low) && address_of(oldest) < address_of(young[1]));
    const memory_pool_site_t site = site_of(oldest);
    char line[128];
    snprintf(line, sizeof(line), "pool \"lines\": 3 in use, taken at here:5 by task 0x%llx on core 0, the oldest 0x%llx for ",
             (unsigned long long)address_of(site.task), (unsigned long long)address_of(oldest));
    const char *const text = printed(dump_all, &pool), *const age = text + strlen(line);
    CHECK(strncmp(text, line, strlen(line)) == 0);
    /* Seconds, a point, three digits. */
    unsigned seconds, milliseconds;
    char point, unit[4];
    CHECK(strspn(age, "0123456789") >= 1 && strspn(strchr(age, '.') + 1, "0123456789") == 3);
    CHECK_EQUAL(sscanf(age, "%u%c%3u %3[^\n]", &seconds, &point, &milliseconds, unit), 4);
    CHECK(point == '.' && strcmp(unit, "s") == 0);
    const uint64_t least_ms = 130, most_ms = (uint64_t)site_of(oldest).age_us / 1000;
    const uint64_t said_ms = (uint64_t)seconds * 1000 + milliseconds;
    CHECK(least_ms <= said_ms && said_ms <= most_ms);
    memory_pool_free(&pool, oldest);
    for (size_t i = 0; i < 2; i++) memory_pool_free(&pool, young[i]);
    close_pool();
}

/* Blocks from before records were kept, and one that an interrupt took. */
TEST(printed_lines_have_everything_that_is_recorded) {
    CHECK(memory_pool_init(&pool, SIZE, 4));
    CHECK_EQUAL(memory_pool_set_name(&pool, "lines"), ESP_OK);
    void *const before = memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    void *const from = memory_pool_alloc_from(&pool, &pool), *const interrupted = run(take_in_interrupt);
    char wanted[512];
    snprintf(wanted, sizeof(wanted), "pool \"lines\": 1 in use, taken before that was recorded, the first 0x%llx\n",
             (unsigned long long)address_of(before));
    const char *text = printed(dump_all, &pool);
    CHECK(strncmp(text, wanted, strlen(wanted)) == 0);
    snprintf(wanted, sizeof(wanted), "\npool \"lines\": 1 in use, taken from 0x%llx by task 0x", (unsigned long long)address_of(&pool));
    CHECK(strstr(text, wanted) != NULL);
    snprintf(wanted, sizeof(wanted), " by an interrupt on core 0, the oldest 0x%llx for 0.", (unsigned long long)address_of(interrupted));
    CHECK(strstr(text, wanted) != NULL);
    CHECK_EQUAL(lines_of(text), 3);
    void *const blocks[] = {before, from, interrupted};
    for (size_t i = 0; i < 3; i++) memory_pool_free(&pool, blocks[i]);
    close_pool();
}

TEST(classes_of_a_set_can_be_recorded) {
    static memory_pool_set_t set;
    const memory_pool_set_class_t classes[] = {{16, 4}, {64, 4}};
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, DRAM), ESP_OK);
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(memory_pool_record_sites(&set.classes[i], true), ESP_OK);
    void *const block = MEMORY_POOL_SET_ALLOC_HERE(&set, 40);
    const uint32_t line = __LINE__ - 1;
    void *const small = memory_pool_set_alloc(&set, 10);
    memory_pool_site_t site;
    CHECK_EQUAL(memory_pool_get_site(&set.classes[1], block, &site), ESP_OK);
    CHECK(site.recorded && site.line == line && strcmp(site.file, __FILE__) == 0);
    CHECK_EQUAL(memory_pool_get_site(&set.classes[0], small, &site), ESP_OK);
    CHECK(site.recorded && site.file == NULL);
    CHECK_EQUAL(memory_pool_set_free(&set, small), ESP_OK);
    CHECK_EQUAL(memory_pool_get_site(&set.classes[0], small, &site), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK(MEMORY_POOL_SET_ALLOC_HERE(&set, 65) == NULL);
    CHECK_EQUAL(memory_pool_set_free(&set, block), ESP_OK);
    memory_pool_set_destroy(&set);
}

TEST(impossible_arguments_are_refused) {
    memory_pool_site_t site;
    static memory_pool_t none;
    CHECK_EQUAL(memory_pool_record_sites(NULL, true), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_record_sites");
    CHECK_EQUAL(memory_pool_record_sites(&none, true), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_record_sites");
    CHECK_EQUAL(memory_pool_dump_leaks(NULL, 0, NULL, NULL), 0);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_dump_leaks");
    CHECK(memory_pool_alloc_at(NULL, 1, "x") == NULL);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_alloc_at");
    CHECK(memory_pool_alloc_at(&none, 1, "x") == NULL);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc_at");
    CHECK(memory_pool_alloc_from(NULL, &site) == NULL);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_alloc_from");
    CHECK(memory_pool_set_alloc_at(NULL, 1, 1, "x") == NULL);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_alloc_at");
    CHECK_EQUAL(memory_pool_get_site(NULL, &site, &site), ESP_ERR_INVALID_ARG);
    open_pool(2);
    CHECK_EQUAL(memory_pool_get_site(&pool, pool.memory, NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(memory_pool_get_site(&pool, NULL, &site), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK_EQUAL(memory_pool_get_site(&pool, &site, &site), MEMORY_POOL_ERR_NOT_A_BLOCK);
    close_pool();
}

/* Two owners, records switched on and off meanwhile: no record is of a block that is not in use. */
static volatile bool busy;

static void *owner(void *unused) {
    (void)unused;
    void *held[10] = {NULL};
    for (uint32_t step = 1; busy; step++) {
        const size_t at = step * 7 % 10;
        if (held[at] == NULL) {
            held[at] = DEBUG_ALLOC(&pool);
        } else {
            memory_pool_free(&pool, held[at]);
            held[at] = NULL;
        }
    }
    for (size_t i = 0; i < 10; i++) {
        if (held[i] != NULL) memory_pool_free(&pool, held[i]);
    }
    return NULL;
}

TEST(recording_can_be_switched_during_allocs_and_frees) {
    pthread_t owners[2];
    listed_t listed;
    CHECK(memory_pool_init(&pool, SIZE, 20));
    busy = true;
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_create(&owners[i], NULL, owner, NULL), 0);
    for (int round = 0; round < 200; round++) {
        CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
        CHECK(in_use(0, &listed) <= 20);
        if (round % 20 == 0) memory_pool_dump_leaks(&pool, 0, NULL, NULL);
        CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    }
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    busy = false;
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_join(owners[i], NULL), 0);
    CHECK_EQUAL(in_use(0, &listed), 0);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    close_pool();
}

static const test_t tests[] = {
    RUN(record_has_file_line_time_and_task),
    RUN(record_lives_exactly_as_long_as_its_block),
    RUN(every_kind_of_alloc_is_recorded),
    RUN(block_granted_to_a_waiting_task_is_recorded_for_that_task),
    RUN(report_can_be_limited_to_old_blocks),
    RUN(block_allocated_before_recording_is_reported_as_unknown),
    RUN(wrong_frees_change_no_record),
    RUN(memory_of_records_is_allocated_and_freed),
    RUN(records_can_lie_in_memory_of_the_caller),
    RUN(refused_records_do_not_overwrite_existing_ones),
    RUN(leaks_are_printed_by_call_site_while_there_are_few),
    RUN(printed_call_site_shows_its_oldest_block),
    RUN(printed_lines_have_everything_that_is_recorded),
    RUN(classes_of_a_set_can_be_recorded),
    RUN(impossible_arguments_are_refused),
    RUN(recording_can_be_switched_during_allocs_and_frees),
};

int main(void) { return RUN_ALL(tests); }
