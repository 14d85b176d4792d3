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

TEST(each_function_holds_the_lock_while_operations_are_told) { each_function_with(false, false, true); }

TEST(each_function_holds_the_lock_while_all_of_it_is_on) { each_function_with(true, true, true); }

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

/* ---- Waiting: who comes later is not first, and a stack is needed until it is given ---------------------------- */

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
TEST(a_task_is_not_forgotten_before_it_is_woken) {
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

static const test_t tests[] = {
    RUN(each_function_holds_the_lock),
    RUN(each_function_holds_the_lock_while_sites_are_recorded),
    RUN(each_function_holds_the_lock_while_free_blocks_are_filled),
    RUN(each_function_holds_the_lock_while_operations_are_told),
    RUN(each_function_holds_the_lock_while_all_of_it_is_on),
    RUN(each_function_of_a_set_holds_the_lock),
    RUN(a_task_is_not_forgotten_before_it_is_woken),
};

int main(void) { return RUN_ALL(tests); }
