/* Every operation on a traced pool is an event, which suffices to replay it. flags: -pthread */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sched.h>

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_set.h"
#include "MicroUSC/system/memory_pool_trace.h"

enum { SIZE = 40, COUNT = 8, EVENTS = 64 };

static memory_pool_t pool;
static memory_pool_event_t events[EVENTS];
static size_t event_count;

static void record(const memory_pool_event_t *event) {
    CHECK(event_count < EVENTS);
    events[event_count++] = *event;
}

static void open_pool(void) {
    event_count = 0;
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_EQUAL(memory_pool_set_trace_callback(record), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&pool, true), ESP_OK);
}

static void close_pool(void) {
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_set_trace_callback(NULL), ESP_OK);
    CHECK_SILENT();
}

/* The next event. */
static size_t looked_at;

static void check_event(memory_pool_trace_op_t operation, const void *block) {
    CHECK(looked_at < event_count);
    const memory_pool_event_t *const event = &events[looked_at];
    CHECK_EQUAL(event->operation, operation);
    CHECK(same(event->block, block) && event->pool == &pool);
    CHECK_EQUAL(event->size, SIZE);
    CHECK(looked_at == 0 || event->time_us >= events[looked_at - 1].time_us);
    looked_at++;
}

TEST(every_kind_of_alloc_and_free_is_traced) {
    void *blocks[COUNT], *batch[2];
    esp_err_t reason;
    looked_at = 0;
    open_pool();
    blocks[0] = memory_pool_alloc(&pool);
    blocks[1] = memory_pool_alloc_reason(&pool, &reason);
    blocks[2] = memory_pool_alloc_zeroed(&pool);
    blocks[3] = memory_pool_alloc_unsynchronized(&pool);
    blocks[4] = memory_pool_alloc_timeout(&pool, 5);
    blocks[5] = memory_pool_alloc_from_isr(&pool);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, batch, 2), ESP_OK);
    blocks[6] = batch[0];
    blocks[7] = batch[1];
    for (size_t i = 0; i < COUNT; i++) check_event(MEMORY_POOL_TRACE_ALLOC, blocks[i]);
    CHECK(memory_pool_alloc(&pool) == NULL);
    check_event(MEMORY_POOL_TRACE_REFUSED, NULL);
    memory_pool_free(&pool, blocks[0]);
    CHECK_EQUAL(memory_pool_free_reason(&pool, blocks[1]), ESP_OK);
    CHECK_EQUAL(memory_pool_free_unsynchronized(&pool, blocks[2]), ESP_OK);
    CHECK_EQUAL(memory_pool_free_batch(&pool, &blocks[3], 5), ESP_OK);
    for (size_t i = 0; i < COUNT; i++) check_event(MEMORY_POOL_TRACE_FREE, blocks[i]);
    CHECK_EQUAL(looked_at, event_count);
    close_pool();
}

TEST(refused_free_is_not_traced_as_a_free) {
    looked_at = 0;
    open_pool();
    void *const block = memory_pool_alloc(&pool), *const other = memory_pool_alloc(&pool);
    memory_pool_free(&pool, block);
    const size_t before = event_count;
    memory_pool_free(&pool, block);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free");
    void *wrong[2] = {other, block};
    CHECK_EQUAL(memory_pool_free_batch(&pool, wrong, 2), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_batch");
    CHECK_EQUAL(event_count, before);
    memory_pool_free(&pool, other);
    close_pool();
}

TEST(only_traced_pools_have_events_while_they_are_traced) {
    static memory_pool_t quiet;
    looked_at = 0;
    open_pool();
    CHECK(memory_pool_init(&quiet, SIZE, COUNT));
    memory_pool_free(&quiet, memory_pool_alloc(&quiet));
    CHECK_EQUAL(event_count, 0);
    CHECK_EQUAL(memory_pool_trace(&pool, true), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&pool, false), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&pool, false), ESP_OK);
    memory_pool_free(&pool, memory_pool_alloc(&pool));
    CHECK_EQUAL(event_count, 0);
    CHECK_EQUAL(memory_pool_trace(&pool, true), ESP_OK);
    CHECK_EQUAL(memory_pool_set_trace_callback(NULL), ESP_OK);
    memory_pool_free(&pool, memory_pool_alloc(&pool));
    CHECK_EQUAL(event_count, 0);
    CHECK_EQUAL(memory_pool_trace(NULL, true), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_trace");
    CHECK_EQUAL(memory_pool_destroy_unused(&quiet), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&quiet, true), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_trace");
    close_pool();
}

static void *takes_with_timeout(void *waited_on) {
    return memory_pool_alloc_timeout((memory_pool_t *)waited_on, MEMORY_POOL_WAIT_FOREVER);
}

/* Records alone are kept of the first pool, the second is traced. */
TEST(block_granted_to_a_waiting_task_is_traced) {
    for (int traced = 0; traced < 2; traced++) {
        pthread_t thread;
        void *result;
        event_count = looked_at = 0;
        CHECK(memory_pool_init(&pool, SIZE, 1));
        CHECK_EQUAL(memory_pool_set_trace_callback(record), ESP_OK);
        CHECK_EQUAL(traced ? memory_pool_trace(&pool, true) : memory_pool_record_sites(&pool, true), ESP_OK);
        void *const block = memory_pool_alloc(&pool);
        CHECK_EQUAL(pthread_create(&thread, NULL, takes_with_timeout, &pool), 0);
        while (info_of(&pool).waiting_tasks == 0) sched_yield();
        memory_pool_free(&pool, block);
        CHECK_EQUAL(pthread_join(thread, &result), 0);
        CHECK(same(result, block));
        CHECK_EQUAL(event_count, traced ? 3 : 0);
        if (traced) {
            check_event(MEMORY_POOL_TRACE_ALLOC, block);
            check_event(MEMORY_POOL_TRACE_FREE, block);
            check_event(MEMORY_POOL_TRACE_ALLOC, block);
        }
        memory_pool_free(&pool, block);
        close_pool();
    }
}

TEST(new_pools_are_traced_from_their_first_block_and_sets_with_requested_sizes) {
    static memory_pool_set_t set;
    const memory_pool_set_class_t classes[] = {{16, 1}, {64, 2}};
    event_count = looked_at = 0;
    CHECK_EQUAL(memory_pool_set_trace_callback(record), ESP_OK);
    CHECK_EQUAL(memory_pool_trace_new_pools(true), ESP_OK);
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, DRAM), ESP_OK);
    CHECK_EQUAL(memory_pool_trace_new_pools(false), ESP_OK);
    CHECK_EQUAL(memory_pool_set_spill(&set, true), ESP_OK);
    void *const small = memory_pool_set_alloc(&set, 10), *const spilled = memory_pool_set_alloc(&set, 7);
    CHECK_EQUAL(event_count, 3);
    CHECK(same(events[0].block, small) && events[0].size == 10 && events[0].pool == &set.classes[0]);
    CHECK(events[1].block == NULL && events[1].size == 7 && events[1].operation == MEMORY_POOL_TRACE_REFUSED);
    CHECK(same(events[2].block, spilled) && events[2].size == 7 && events[2].pool == &set.classes[1]);
    CHECK_EQUAL(memory_pool_set_free(&set, spilled), ESP_OK);
    CHECK(same(events[3].block, spilled) && events[3].size == 64 && events[3].operation == MEMORY_POOL_TRACE_FREE);
    CHECK_EQUAL(memory_pool_set_free(&set, small), ESP_OK);

    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    memory_pool_free(&pool, memory_pool_alloc(&pool));
    CHECK_EQUAL(event_count, 5);
    memory_pool_set_destroy(&set);
    close_pool();
}

/* ---- While a block is being returned: what runs in the callback stands for an interrupt, or another core --------- */

static void (*in_between)(void *block);
static memory_pool_set_t between_set;

static void interrupt_the_free(const memory_pool_event_t *event) {
    void (*const run)(void *) = in_between;
    if (event->operation != MEMORY_POOL_TRACE_FREE || run == NULL) return;
    in_between = NULL; /* once */
    run((void *)(uintptr_t)event->block);
}

/* Nothing is on any more: the next operations take their usual path, as far as they may. */
static void turn_all_off(memory_pool_t *used) {
    CHECK_EQUAL(memory_pool_trace(used, false), ESP_OK);
    CHECK_EQUAL(memory_pool_set_checks(used, MEMORY_POOL_CHECKS_BASIC), ESP_OK);
}

static void check_second_frees(memory_pool_t *used, void *block) {
    const unsigned refused = info_of(used).refused_frees;
    CHECK_EQUAL(memory_pool_free_reason(used, block), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_reason");
    CHECK_EQUAL(memory_pool_free_unsynchronized(used, block), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_unsynchronized");
    CHECK_EQUAL(memory_pool_free_batch(used, &block, 1), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_batch");
    microusc_host_set_context(0, true);
    memory_pool_free(used, block);
    microusc_host_set_context(0, false);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free");
    CHECK_EQUAL(info_of(used).refused_frees, refused + 4);
    CHECK(!memory_pool_owns(used, block));
    CHECK_EQUAL(info_of(used).used_blocks, 1);
}

static void second_frees_while_on(void *block) { check_second_frees(&pool, block); }

static void second_frees_after_all_is_off(void *block) {
    turn_all_off(&pool);
    check_second_frees(&pool, block);
}

/* The same with what rebuilds lists and maps, and with records begun and ended, before. */
static void second_frees_after_the_rest(void *block) {
    turn_all_off(&pool);
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_reset_lowest_free(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 1), ESP_OK);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK);
    check_second_frees(&pool, block);
}

/* A batch with the block in it returns nothing, and does not end what keeps the block from being returned. */
static void second_free_in_a_batch(void *block) {
    turn_all_off(&pool);
    void *both[2] = {memory_pool_alloc(&pool), block};
    CHECK_EQUAL(memory_pool_free_batch(&pool, both, 2), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK(same(reported.address, block));
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_batch");
    CHECK(memory_pool_owns(&pool, both[0]));
    memory_pool_free(&pool, both[0]);
    CHECK_EQUAL(memory_pool_trace(&pool, true), ESP_OK);
    void *const other = memory_pool_alloc(&pool);
    memory_pool_free(&pool, other); /* in two steps, to its end, while the first block is still leaving */
    CHECK_EQUAL(memory_pool_trace(&pool, false), ESP_OK);
    check_second_frees(&pool, block);
}

static void every_other_block_is_taken(void *block) {
    void *blocks[COUNT];
    turn_all_off(&pool);
    for (size_t i = 0; i < COUNT - 1; i++) {
        blocks[i] = memory_pool_alloc(&pool);
        CHECK(blocks[i] != NULL && !same(blocks[i], block));
    }
    CHECK(memory_pool_alloc(&pool) == NULL);
    CHECK(memory_pool_alloc_from_isr(&pool) == NULL);
    for (size_t i = 0; i < COUNT - 1; i++) memory_pool_free(&pool, blocks[i]);
}

/* The call that returns the block will touch the pool again. */
static void the_pool_does_not_end(void *block) {
    turn_all_off(&pool);
    memory_pool_destroy(&pool);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy");
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy_unused");
    CHECK_EQUAL(info_of(&pool).used_blocks, 1);
    check_second_frees(&pool, block);
}

typedef enum { BY_FREE, BY_UNSYNCHRONIZED, BY_BATCH, WAYS } way_t;

static void interrupted_free(void (*run)(void *), way_t way) {
    event_count = 0;
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_EQUAL(memory_pool_set_trace_callback(interrupt_the_free), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&pool, true), ESP_OK);
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
    void *block = memory_pool_alloc(&pool);
    in_between = run;
    if (way == BY_FREE) memory_pool_free(&pool, block);
    if (way == BY_UNSYNCHRONIZED) CHECK_EQUAL(memory_pool_free_unsynchronized(&pool, block), ESP_OK);
    if (way == BY_BATCH) CHECK_EQUAL(memory_pool_free_batch(&pool, &block, 1), ESP_OK);
    CHECK(in_between == NULL);
    CHECK_EQUAL(info_of(&pool).used_blocks, 0);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK(same(memory_pool_alloc(&pool), block));
    memory_pool_free(&pool, block);
    close_pool();
}

TEST(retiring_block_is_not_freed_again) {
    void (*const runs[])(void *) = {
        second_frees_while_on,  second_frees_after_all_is_off, second_frees_after_the_rest,
        second_free_in_a_batch, every_other_block_is_taken,    the_pool_does_not_end,
    };
    for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
        for (int way = 0; way < WAYS; way++) interrupted_free(runs[i], (way_t)way);
    }
}

static void second_frees_in_the_set(void *block) {
    turn_all_off(&between_set.classes[0]);
    CHECK_EQUAL(memory_pool_set_free(&between_set, block), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_set_free");
    CHECK_EQUAL(memory_pool_set_usable_size(&between_set, block), 0);
    CHECK(memory_pool_set_realloc(&between_set, block, 8) == NULL);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_set_realloc");
    CHECK(memory_pool_set_realloc(&between_set, block, 40) == NULL);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_set_realloc");
    check_second_frees(&between_set.classes[0], block);
    memory_pool_set_destroy(&between_set);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_set_destroy");
    CHECK_EQUAL(between_set.num_classes, 2);
}

TEST(retiring_block_of_a_set_is_not_freed_again_and_its_set_is_not_destroyed) {
    const memory_pool_set_class_t classes[] = {{16, 2}, {64, 2}};
    CHECK_EQUAL(memory_pool_set_init(&between_set, classes, 2, DRAM), ESP_OK);
    CHECK_EQUAL(memory_pool_set_trace_callback(interrupt_the_free), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&between_set.classes[0], true), ESP_OK);
    void *const block = memory_pool_set_alloc(&between_set, 16);
    in_between = second_frees_in_the_set;
    CHECK_EQUAL(memory_pool_set_free(&between_set, block), ESP_OK);
    CHECK(in_between == NULL);
    CHECK_EQUAL(memory_pool_validate(&between_set.classes[0]), ESP_OK);
    CHECK_EQUAL(info_of(&between_set.classes[0]).used_blocks, 0);
    memory_pool_set_destroy(&between_set);
    CHECK_EQUAL(memory_pool_set_trace_callback(NULL), ESP_OK);
    CHECK_SILENT();
}

/* Two threads: in the order of events no block has two owners. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static bool in_use[COUNT];

static void in_order(const memory_pool_event_t *event) {
    if (event->block == NULL) return;
    const size_t index = (size_t)((const char *)event->block - (const char *)pool.memory) / pool.block_size;
    pthread_mutex_lock(&mutex);
    CHECK(index < COUNT && in_use[index] == (event->operation == MEMORY_POOL_TRACE_FREE));
    in_use[index] = event->operation == MEMORY_POOL_TRACE_ALLOC;
    pthread_mutex_unlock(&mutex);
}

static void *owner(void *unused) {
    (void)unused;
    for (int round = 0; round < 20000; round++) memory_pool_free(&pool, memory_pool_alloc(&pool));
    return NULL;
}

TEST(events_of_a_block_come_in_order) {
    pthread_t owners[2];
    open_pool();
    CHECK_EQUAL(memory_pool_set_trace_callback(in_order), ESP_OK);
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_create(&owners[i], NULL, owner, NULL), 0);
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_join(owners[i], NULL), 0);
    for (size_t i = 0; i < COUNT; i++) CHECK(!in_use[i]);
    close_pool();
}

static const test_t tests[] = {
    RUN(every_kind_of_alloc_and_free_is_traced),
    RUN(refused_free_is_not_traced_as_a_free),
    RUN(only_traced_pools_have_events_while_they_are_traced),
    RUN(block_granted_to_a_waiting_task_is_traced),
    RUN(new_pools_are_traced_from_their_first_block_and_sets_with_requested_sizes),
    RUN(retiring_block_is_not_freed_again),
    RUN(retiring_block_of_a_set_is_not_freed_again_and_its_set_is_not_destroyed),
    RUN(events_of_a_block_come_in_order),
};

int main(void) { return RUN_ALL(tests); }
