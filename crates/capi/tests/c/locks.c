/*
 * Every function holds the lock of its pool while it uses the pool, on each of its paths: the host port keeps a record in
 * archives with debug assertions, and ends the program otherwise. And nothing gets in between where a lock is released: an
 * interrupt comes there, and does what would be wrong.
 */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sched.h>

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_set.h"
#include "MicroUSC/system/memory_pool_trace.h"

enum { BLOCKS = 4, SIZE = 64 };

static memory_pool_t pool;
static unsigned interrupts;

/* ---- An interrupt that uses the pool wherever a lock was released ---------------------------------------------- */

static void takes_and_returns(void) {
    interrupts++;
    void *block = memory_pool_alloc_from_isr(&pool);
    if (block != NULL) memory_pool_free(&pool, block);
    (void)memory_pool_status(&pool);
}

/* Each function once, on a pool as the caller left it; what it answers is not the point. */
static void each_function(void) {
    void *blocks[BLOCKS], *other[BLOCKS];
    memory_pool_info_t info;
    esp_err_t reason;
    int elsewhere = 0;
    for (size_t i = 0; i < BLOCKS; i++) blocks[i] = memory_pool_alloc(&pool);
    CHECK(memory_pool_alloc(&pool) == NULL);
    CHECK(memory_pool_alloc_reason(&pool, &reason) == NULL);
    CHECK(memory_pool_alloc_from_isr(&pool) == NULL);
    CHECK(memory_pool_alloc_zeroed(&pool) == NULL);
    CHECK(memory_pool_alloc_timeout_reason(&pool, 0, &reason) == NULL);
    CHECK(memory_pool_alloc_timeout_reason(&pool, 1, &reason) == NULL);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, other, 1), ESP_ERR_NO_MEM);
    CHECK_EQUAL(memory_pool_free_reason(&pool, &elsewhere), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK(memory_pool_owns(&pool, blocks[0]));
    CHECK_EQUAL(memory_pool_free_reason(&pool, blocks[0]), ESP_OK);
    CHECK_EQUAL(memory_pool_free_reason(&pool, blocks[0]), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, BLOCKS), MEMORY_POOL_ERR_DOUBLE_FREE);
    blocks[0] = memory_pool_alloc_zeroed(&pool);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, BLOCKS), ESP_OK);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, 2), ESP_OK);
    memory_pool_free(&pool, blocks[0]);
    blocks[0] = memory_pool_alloc_timeout(&pool, 1);
    memory_pool_free(&pool, blocks[0]);
    blocks[0] = memory_pool_alloc_from_isr(&pool);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 1), ESP_OK);
    memory_pool_free(&pool, blocks[0]);
    blocks[0] = memory_pool_alloc_from_isr(&pool);
    memory_pool_free(&pool, blocks[1]);
    blocks[1] = memory_pool_alloc_reason(&pool, &reason);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    CHECK_EQUAL(memory_pool_set_wait_order(&pool, MEMORY_POOL_WAIT_FIFO), ESP_OK);
    CHECK_EQUAL(memory_pool_get_info(&pool, &info), ESP_OK);
    CHECK_EQUAL(memory_pool_status(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_reset_lowest_free(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_set_name(&pool, "locks"), ESP_OK);
    CHECK(same(memory_pool_find("locks"), &pool));
    CHECK_EQUAL(memory_pool_forget_task(&pool), ESP_OK);
    memory_pool_free(&pool, blocks[0]);
    memory_pool_free(&pool, blocks[1]);
    CHECK_EQUAL(pool.free_blocks, BLOCKS);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    reported.count = 0;
}

static void each_function_with(bool sites, bool checks, bool trace) {
    CHECK(memory_pool_init(&pool, SIZE, BLOCKS));
    if (sites) CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    if (checks) CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
    if (trace) CHECK_EQUAL(memory_pool_trace(&pool, true), ESP_OK);
    interrupts = 0;
    const bool recorded = microusc_host_interrupt_at_release(takes_and_returns);
    each_function();
    microusc_host_interrupt_at_release(NULL);
    CHECK_EQUAL(interrupts > 20, recorded);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

TEST(each_function_holds_the_lock) { each_function_with(false, false, false); }

TEST(each_function_holds_the_lock_while_sites_are_recorded) { each_function_with(true, false, false); }

TEST(each_function_holds_the_lock_while_free_blocks_are_filled) { each_function_with(false, true, false); }

TEST(each_function_holds_the_lock_while_operations_are_traced) { each_function_with(false, false, true); }

TEST(each_function_holds_the_lock_while_all_diagnostics_are_on) { each_function_with(true, true, true); }

TEST(each_function_of_a_set_holds_the_lock) {
    memory_pool_set_t set;
    const memory_pool_set_class_t classes[] = {{SIZE, 1}, {2 * SIZE, 1}};
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, DRAM), ESP_OK);
    CHECK_EQUAL(memory_pool_set_spill(&set, true), ESP_OK);
    void *first = memory_pool_set_alloc(&set, SIZE), *spilled = memory_pool_set_alloc(&set, SIZE);
    CHECK(first != NULL && spilled != NULL);
    CHECK(memory_pool_set_alloc(&set, SIZE) == NULL);
    CHECK(memory_pool_set_alloc(&set, 3 * SIZE) == NULL);
    CHECK_EQUAL(memory_pool_set_free(&set, first), ESP_OK);
    CHECK_EQUAL(memory_pool_set_free(&set, first), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_EQUAL(memory_pool_set_free(&set, &set), MEMORY_POOL_ERR_NOT_A_BLOCK);
    CHECK_EQUAL(memory_pool_set_free(&set, spilled), ESP_OK);
    reported.count = 0;
    memory_pool_set_destroy(&set);
}

/* ---- Waiting: later allocs do not overtake, and a stack is needed until the signal ----------------------------- */

typedef struct {
    pthread_t thread;
    void *block;
} sleeper_t;

static void *sleeps(void *argument) {
    sleeper_t *sleeper = (sleeper_t *)argument;
    sleeper->block = memory_pool_alloc_timeout(&pool, MEMORY_POOL_WAIT_FOREVER);
    return NULL;
}

static void start(sleeper_t *sleepers, size_t count) {
    const size_t waiting = info_of(&pool).waiting_tasks;
    for (size_t i = 0; i < count; i++) CHECK_EQUAL(pthread_create(&sleepers[i].thread, NULL, sleeps, &sleepers[i]), 0);
    while (info_of(&pool).waiting_tasks != waiting + count) sched_yield();
}

static void join(sleeper_t *sleepers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        CHECK_EQUAL(pthread_join(sleepers[i].thread, NULL), 0);
        CHECK(sleepers[i].block != NULL);
        memory_pool_free(&pool, sleepers[i].block);
    }
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

static unsigned not_finished;

static void forgets(void) {
    interrupts++;
    not_finished += memory_pool_forget_task(&pool) == ESP_ERR_NOT_FINISHED;
}

/* A task that was granted a block is woken after the lock is released: until then its stack is needed. */
TEST(task_is_not_forgotten_before_it_is_woken) {
    sleeper_t sleeper;
    CHECK(memory_pool_init(&pool, SIZE, 1));
    void *only = memory_pool_alloc(&pool);
    start(&sleeper, 1);
    interrupts = not_finished = 0;
    const bool recorded = microusc_host_interrupt_at_release(forgets);
    memory_pool_free(&pool, only);
    microusc_host_interrupt_at_release(NULL);
    CHECK_EQUAL(not_finished > 0, recorded);
    CHECK_EQUAL(memory_pool_forget_task(&pool), ESP_OK);
    join(&sleeper, 1);
}

/* ---- A newcomer, wherever a lock is released while tasks are served -------------------------------------------- */

static unsigned overtaken;

static void tries_to_overtake(void) {
    void *blocks[1];
    interrupts++;
    void *block = memory_pool_alloc(&pool);
    if (block == NULL) block = memory_pool_alloc_timeout(&pool, 0);
    if (block == NULL && memory_pool_alloc_batch(&pool, blocks, 1) == ESP_OK) block = blocks[0];
    if (block == NULL) return;
    overtaken++;
    memory_pool_free(&pool, block);
}

/* Two tasks wait; `makes_free` makes two blocks free, which are theirs. */
static void two_are_served(bool with_reserve, void (*makes_free)(void **held)) {
    void *held[2];
    sleeper_t sleepers[2];
    CHECK(memory_pool_init(&pool, SIZE, 2));
    if (with_reserve) {
        CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 2), ESP_OK);
    } else {
        for (size_t i = 0; i < 2; i++) held[i] = memory_pool_alloc(&pool);
    }
    start(sleepers, 2);
    interrupts = overtaken = 0;
    const bool recorded = microusc_host_interrupt_at_release(tries_to_overtake);
    makes_free(held);
    microusc_host_interrupt_at_release(NULL);
    CHECK_EQUAL(interrupts > 0, recorded);
    CHECK_EQUAL(overtaken, 0);
    CHECK_EQUAL(info_of(&pool).waiting_tasks, 0);
    join(sleepers, 2);
    reported.count = 0;
}

static void by_a_batch(void **held) { CHECK_EQUAL(memory_pool_free_batch(&pool, held, 2), ESP_OK); }

static void one_by_one(void **held) {
    for (size_t i = 0; i < 2; i++) memory_pool_free(&pool, held[i]);
}

static void by_a_smaller_reserve(void **held) {
    (void)held;
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
}

TEST(later_allocs_do_not_overtake_waiters_while_blocks_are_freed) { two_are_served(false, one_by_one); }

TEST(later_allocs_do_not_overtake_waiters_while_a_batch_is_freed) { two_are_served(false, by_a_batch); }

TEST(later_allocs_do_not_overtake_waiters_while_a_reserve_is_reduced) { two_are_served(true, by_a_smaller_reserve); }

TEST(later_allocs_do_not_overtake_waiters_while_the_list_is_repaired) {
    void *held[3];
    sleeper_t sleepers[2];
    CHECK(memory_pool_init(&pool, SIZE, 3));
    for (size_t i = 0; i < 3; i++) held[i] = memory_pool_alloc(&pool);
    for (size_t i = 0; i < 3; i++) memory_pool_free(&pool, held[i]);
    /* The list: 2, 1, 0. What a former owner wrote to block 2 keeps the others from being found. */
    ((memory_block_t *)hidden(held[2]))->next = (memory_block_t *)(uintptr_t)unknown(4);
    CHECK(same(memory_pool_alloc(&pool), held[2]));
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 3), ESP_OK);
    start(sleepers, 2);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    CHECK_EQUAL(info_of(&pool).waiting_tasks, 2);
    interrupts = overtaken = 0;
    const bool recorded = microusc_host_interrupt_at_release(tries_to_overtake);
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    microusc_host_interrupt_at_release(NULL);
    CHECK_EQUAL(interrupts > 0, recorded);
    CHECK_EQUAL(overtaken, 0);
    CHECK_EQUAL(info_of(&pool).waiting_tasks, 0);
    memory_pool_free(&pool, held[2]);
    join(sleepers, 2);
    reported.count = 0;
}

/* ---- Another task, at each place where it can come in between --------------------------------------------------- */

static unsigned releases, at_release;
static void (*in_between)(void);

static void comes_once(void) {
    if (++releases == at_release) in_between();
}

/* Runs `what` with the other task at its n-th release of a lock; false if there were less. */
static bool with_another_at(unsigned n, void (*other)(void), void (*what)(void)) {
    releases = 0;
    at_release = n;
    in_between = other;
    microusc_host_interrupt_at_release(comes_once);
    what();
    microusc_host_interrupt_at_release(NULL);
    return releases >= n;
}

static unsigned made;

static void makes_the_pool(void) { made += memory_pool_init(&pool, SIZE, BLOCKS); }

/* Two that initialise one struct at the same time: one pool, and nothing of the other is left. */
TEST(struct_holds_one_pool) {
    bool came = true;
    for (unsigned n = 1; came; n++) {
        made = 0;
        memset(&pool, 0, sizeof(pool));
        came = with_another_at(n, makes_the_pool, makes_the_pool);
        CHECK_EQUAL(made, 1);
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
        CHECK(same(memory_pool_next(NULL), &pool) && memory_pool_next(&pool) == NULL);
        CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
        CHECK(n < 100);
    }
    reported.count = 0;
}

static memory_pool_set_t set;
static unsigned found_whole;

static void makes_the_set(void) {
    const memory_pool_set_class_t classes[] = {{16, 2}, {64, 2}, {256, 2}};
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 3, DRAM), ESP_OK);
}

static void looks_at_the_set(void) {
    memory_pool_set_info_t info;
    const esp_err_t reason = memory_pool_set_get_info(&set, 2, &info);
    CHECK(reason == ESP_OK || reason == ESP_ERR_INVALID_STATE);
    found_whole += reason == ESP_OK;
}

/* A set whose first class is there already, and that is still being made, is none. */
TEST(set_is_not_found_before_it_is_complete) {
    bool came = true;
    for (unsigned n = 1; came; n++) {
        found_whole = 0;
        memset(&set, 0, sizeof(set));
        came = with_another_at(n, looks_at_the_set, makes_the_set);
        memory_pool_set_destroy(&set);
        CHECK(memory_pool_next(NULL) == NULL);
        CHECK(n < 100);
    }
    reported.count = 0;
}

static memory_pool_t outer;
static void *part_of_outer;

static void makes_a_pool_inside(void) {
    made += memory_pool_init_static(&pool, part_of_outer, 1024, SIZE, BLOCKS) == ESP_OK;
}

static void ends_the_outer_pool(void) { memory_pool_destroy(&outer); }

/* Memory that a pool is just being made in does not end: that the pool's struct lies elsewhere does not matter. */
TEST(pool_is_not_destroyed_while_another_is_made_inside_it) {
    static MEMORY_POOL_STATIC_BUFFER(buffer, 1024, 1);
    bool came = true;
    for (unsigned n = 1; came; n++) {
        CHECK_EQUAL(memory_pool_init_static(&outer, buffer, sizeof(buffer), 1024, 1), ESP_OK);
        part_of_outer = memory_pool_alloc(&outer);
        made = 0;
        came = with_another_at(n, ends_the_outer_pool, makes_a_pool_inside);
        CHECK_EQUAL(made, 1);
        CHECK(memory_pool_owns(&outer, part_of_outer));
        CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
        memory_pool_destroy(&outer);
        CHECK(n < 100);
    }
    reported.count = 0;
}

static void *taken;

static void takes(void) { taken = memory_pool_alloc(&pool); }

static void frees_what_was_taken(void) { memory_pool_free(&pool, pool.memory); }

static memory_pool_site_t seen;

static void looks(void) { (void)memory_pool_get_site(&pool, pool.memory, &seen); }

/* A block that another context wrongly frees before its record is written has no record: the record is not that of its next owner. */
TEST(free_block_has_no_record) {
    CHECK(memory_pool_init(&pool, SIZE, 1));
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    const bool recorded = with_another_at(1, frees_what_was_taken, takes);
    if (recorded) CHECK_EQUAL(pool.free_blocks, 1);
    if (!recorded) memory_pool_free(&pool, taken);
    for (int owner = 0; owner < 2; owner++) {
        /* Between the alloc of the block and its record nothing is known of it, whatever its last owner was. */
        memset(&seen, 0xFF, sizeof(seen));
        CHECK_EQUAL(with_another_at(1, looks, takes), recorded);
        if (recorded) CHECK(!seen.recorded);
        CHECK_EQUAL(memory_pool_get_site(&pool, taken, &seen), ESP_OK);
        CHECK(seen.recorded);
        memory_pool_free(&pool, taken);
    }
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    reported.count = 0;
}

static const test_t tests[] = {
    RUN(each_function_holds_the_lock),
    RUN(each_function_holds_the_lock_while_sites_are_recorded),
    RUN(each_function_holds_the_lock_while_free_blocks_are_filled),
    RUN(each_function_holds_the_lock_while_operations_are_traced),
    RUN(each_function_holds_the_lock_while_all_diagnostics_are_on),
    RUN(each_function_of_a_set_holds_the_lock),
    RUN(task_is_not_forgotten_before_it_is_woken),
    RUN(later_allocs_do_not_overtake_waiters_while_blocks_are_freed),
    RUN(later_allocs_do_not_overtake_waiters_while_a_batch_is_freed),
    RUN(later_allocs_do_not_overtake_waiters_while_a_reserve_is_reduced),
    RUN(later_allocs_do_not_overtake_waiters_while_the_list_is_repaired),
    RUN(struct_holds_one_pool),
    RUN(set_is_not_found_before_it_is_complete),
    RUN(pool_is_not_destroyed_while_another_is_made_inside_it),
    RUN(free_block_has_no_record),
};

int main(void) { return RUN_ALL(tests); }
