/* Tasks that wait for a block: which task gets it, timeouts, and contexts that may not wait. Threads stand for tasks. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"
#include "MicroUSC/system/memory_pool_leaks.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

enum { SIZE = 32, SLEEPERS = 3 };

static memory_pool_t pool;

static long long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A task that waits, and what became of it. */
typedef struct {
    pthread_t thread;
    uint8_t priority;
    uint32_t timeout_ms;
    void *block;
    esp_err_t reason;
    unsigned served_as; /* first: 1 */
    const void *task;   /* what the port calls it */
    int wanted;         /* it shall wait once more */
} sleeper_t;

static pthread_mutex_t served_mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned served;

static unsigned number_served(void) {
    pthread_mutex_lock(&served_mutex);
    const unsigned number = served;
    pthread_mutex_unlock(&served_mutex);
    return number;
}

/* As it stands in the record of a block. */
static const void *name_of_caller(void) {
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    memory_pool_t own;
    memory_pool_site_t site;
    pthread_mutex_lock(&mutex);
    CHECK(memory_pool_init(&own, SIZE, 1));
    CHECK_EQUAL(memory_pool_record_sites(&own, true), ESP_OK);
    void *const block = memory_pool_alloc(&own);
    CHECK_EQUAL(memory_pool_get_site(&own, block, &site), ESP_OK);
    memory_pool_free(&own, block);
    CHECK_EQUAL(memory_pool_destroy_unused(&own), ESP_OK);
    pthread_mutex_unlock(&mutex);
    return site.task;
}

static void *sleeps(void *argument) {
    sleeper_t *sleeper = (sleeper_t *)argument;
    microusc_host_set_context(sleeper->priority, false);
    sleeper->task = name_of_caller();
    sleeper->block = memory_pool_alloc_timeout_reason(&pool, sleeper->timeout_ms, &sleeper->reason);
    pthread_mutex_lock(&served_mutex);
    if (sleeper->block != NULL) sleeper->served_as = ++served;
    pthread_mutex_unlock(&served_mutex);
    return NULL;
}

/* Starts a task, and waits until it waits. */
static void start_sleeper(sleeper_t *sleeper, uint8_t priority, uint32_t timeout_ms) {
    memset(sleeper, 0, sizeof(*sleeper));
    sleeper->priority = priority;
    sleeper->timeout_ms = timeout_ms;
    const size_t waiting = info_of(&pool).waiting_tasks;
    CHECK_EQUAL(pthread_create(&sleeper->thread, NULL, sleeps, sleeper), 0);
    while (info_of(&pool).waiting_tasks == waiting) sched_yield();
}

static void join(sleeper_t *sleeper) { CHECK_EQUAL(pthread_join(sleeper->thread, NULL), 0); }

static void make_empty_pool(void **held, size_t blocks) {
    served = 0;
    CHECK(memory_pool_init(&pool, SIZE, blocks));
    for (size_t i = 0; i < blocks; i++) held[i] = memory_pool_alloc(&pool);
    CHECK_EQUAL(pool.free_blocks, 0);
}

static void end_pool(void) {
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    CHECK_SILENT();
}

TEST(free_block_is_allocated_without_waiting) {
    CHECK(memory_pool_init(&pool, SIZE, 2));
    esp_err_t reason = -1;
    void *first = memory_pool_alloc_timeout(&pool, MEMORY_POOL_WAIT_FOREVER);
    void *second = memory_pool_alloc_timeout_reason(&pool, 0, &reason);
    CHECK(first != NULL && second != NULL);
    CHECK_EQUAL(reason, ESP_OK);
    memory_pool_free(&pool, first);
    memory_pool_free(&pool, second);
    end_pool();
}

TEST(freed_block_goes_to_the_waiter) {
    void *held[2];
    sleeper_t sleeper;
    make_empty_pool(held, 2);
    start_sleeper(&sleeper, 0, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&pool, held[0]);
    /* The block is granted already: a later alloc does not get it. */
    CHECK_EQUAL(pool.free_blocks, 0);
    CHECK(memory_pool_alloc(&pool) == NULL);
    join(&sleeper);
    CHECK(same(sleeper.block, held[0]));
    CHECK_EQUAL(sleeper.reason, ESP_OK);
    CHECK_EQUAL(info_of(&pool).alloc_failures, 1);
    memory_pool_free(&pool, sleeper.block);
    memory_pool_free(&pool, held[1]);
    CHECK_EQUAL(pool.free_blocks, 2);
    end_pool();
}

static void three_wait(unsigned first, unsigned second, unsigned third) {
    void *held[SLEEPERS];
    sleeper_t sleepers[SLEEPERS];
    const uint8_t priorities[SLEEPERS] = {1, 7, 7};
    const unsigned wanted[SLEEPERS] = {first, second, third};
    make_empty_pool(held, SLEEPERS);
    CHECK_EQUAL(memory_pool_set_wait_order(&pool, first == 1 ? MEMORY_POOL_WAIT_FIFO : MEMORY_POOL_WAIT_PRIORITY),
                ESP_OK);
    for (size_t i = 0; i < SLEEPERS; i++) start_sleeper(&sleepers[i], priorities[i], MEMORY_POOL_WAIT_FOREVER);
    for (size_t i = 0; i < SLEEPERS; i++) {
        memory_pool_free(&pool, held[i]);
        while (number_served() != i + 1) sched_yield();
    }
    for (size_t i = 0; i < SLEEPERS; i++) {
        join(&sleepers[i]);
        CHECK_EQUAL(sleepers[i].served_as, wanted[i]);
        memory_pool_free(&pool, sleepers[i].block);
    }
    end_pool();
}

TEST(waiter_of_the_highest_priority_is_served_first) { three_wait(3, 1, 2); }

TEST(waiter_that_came_first_is_served_first) { three_wait(1, 2, 3); }

TEST(wait_times_out_after_the_whole_time) {
    void *held[1];
    make_empty_pool(held, 1);
    for (uint32_t timeout = 0; timeout <= 25; timeout += 5) {
        esp_err_t reason = -1;
        const long long before = now_ms();
        CHECK(memory_pool_alloc_timeout_reason(&pool, timeout, &reason) == NULL);
        CHECK(now_ms() - before >= (long long)timeout - 1); /* the clock is read in whole milliseconds */
        CHECK_EQUAL(reason, timeout == 0 ? ESP_ERR_NO_MEM : ESP_ERR_TIMEOUT);
    }
    CHECK_EQUAL(info_of(&pool).alloc_failures, 6);
    /* The queue is empty. */
    memory_pool_free(&pool, held[0]);
    CHECK_EQUAL(pool.free_blocks, 1);
    end_pool();
}

TEST(wait_in_an_interrupt_is_refused) {
    void *held[1];
    esp_err_t reason = -1;
    make_empty_pool(held, 1);
    const memory_pool_info_t before = info_of(&pool);
    microusc_host_set_context(0, true);
    CHECK(memory_pool_alloc_timeout_reason(&pool, 10, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc_timeout_reason");
    /* Not even where it would not have to. */
    memory_pool_free(&pool, held[0]);
    CHECK(memory_pool_alloc_timeout_reason(&pool, 10, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc_timeout_reason");
    held[0] = memory_pool_alloc(&pool);
    const memory_pool_info_t after = info_of(&pool);
    CHECK_EQUAL(after.alloc_failures, before.alloc_failures);
    CHECK_EQUAL(after.used_blocks, before.used_blocks);
    CHECK_EQUAL(after.waiting_tasks, 0);
    /* Without a time to wait it is an allocation like any other. */
    CHECK(memory_pool_alloc_timeout_reason(&pool, 0, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_NO_MEM);
    /* It may wake waiting tasks. */
    sleeper_t sleeper;
    start_sleeper(&sleeper, 0, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&pool, held[0]);
    join(&sleeper);
    microusc_host_set_context(0, false);
    memory_pool_free(&pool, sleeper.block);
    end_pool();
}

TEST(batch_free_serves_as_many_waiters_as_it_can) {
    void *held[3];
    sleeper_t sleepers[2];
    make_empty_pool(held, 3);
    for (size_t i = 0; i < 2; i++) start_sleeper(&sleepers[i], 0, MEMORY_POOL_WAIT_FOREVER);
    CHECK_EQUAL(memory_pool_free_batch(&pool, held, 3), ESP_OK);
    CHECK_EQUAL(pool.free_blocks, 1);
    for (size_t i = 0; i < 2; i++) {
        join(&sleepers[i]);
        memory_pool_free(&pool, sleepers[i].block);
    }
    end_pool();
}

TEST(smaller_reserve_serves_waiters) {
    sleeper_t sleeper;
    CHECK(memory_pool_init(&pool, SIZE, 2));
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 2), ESP_OK);
    start_sleeper(&sleeper, 0, MEMORY_POOL_WAIT_FOREVER);
    void *urgent = memory_pool_alloc_from_isr(&pool);
    CHECK(urgent != NULL);
    memory_pool_free(&pool, urgent);
    CHECK_EQUAL(pool.free_blocks, 2);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    CHECK_EQUAL(pool.free_blocks, 1);
    join(&sleeper);
    memory_pool_free(&pool, sleeper.block);
    end_pool();
}

TEST(blocks_found_by_repair_serve_waiters) {
    void *held[2];
    sleeper_t sleeper;
    make_empty_pool(held, 2);
    memory_pool_free(&pool, held[0]);
    memory_pool_free(&pool, held[1]);
    memory_block_t *first = (memory_block_t *)hidden(held[1]);
    first->next = (memory_block_t *)(uintptr_t)unknown(4); /* a former owner writes */
    held[1] = memory_pool_alloc(&pool);
    esp_err_t reason = -1;
    CHECK(memory_pool_alloc_timeout_reason(&pool, 5, &reason) == NULL);
    CHECK_EQUAL(reason, MEMORY_POOL_ERR_CORRUPT);
    CHECK_REPORTED(MEMORY_POOL_ERR_CORRUPT, "memory_pool_alloc_timeout_reason");
    CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    held[0] = memory_pool_alloc(&pool);
    start_sleeper(&sleeper, 0, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&pool, held[0]);
    join(&sleeper);
    memory_pool_free(&pool, sleeper.block);
    memory_pool_free(&pool, held[1]);
    end_pool();
}

TEST(pool_with_waiters_is_not_destroyed) {
    void *held[1];
    sleeper_t sleeper;
    make_empty_pool(held, 1);
    start_sleeper(&sleeper, 0, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_destroy(&pool);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy");
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_destroy_unused");
    memory_pool_free(&pool, held[0]);
    join(&sleeper);
    CHECK(same(sleeper.block, held[0]));
    memory_pool_free(&pool, sleeper.block);
    end_pool();
}

/* ---- A newcomer that asks again and again, while a block becomes free in a call that serves ------------------------- */

enum { ROUNDS = 40, OWED = 2 };

typedef enum { BY_BATCH, BY_BATCH_IN_TWO_STEPS, BY_REPAIR, BY_RESERVE } cause_t;

/* Between two threads. */
static void set_flag(int *flag, int value) { __atomic_store_n(flag, value, __ATOMIC_SEQ_CST); }

static bool is_set(int *flag) { return __atomic_load_n(flag, __ATOMIC_SEQ_CST) != 0; }

static void await_flag(int *flag, bool value) {
    while (is_set(flag) != value) sched_yield();
}

static int asking, resting, ended;
static bool from_reserve;
static size_t overtaken, asked_in_vain;

static void *ask_once(size_t turn) {
    void *batch[1];
    if (turn % 3 == 0) return memory_pool_alloc(&pool);
    if (turn % 3 == 1) return from_reserve ? memory_pool_alloc_from_isr(&pool) : NULL;
    return memory_pool_alloc_batch(&pool, batch, 1) == ESP_OK ? batch[0] : NULL;
}

static void *asks(void *unused) {
    (void)unused;
    for (size_t turn = 0; !is_set(&ended); turn++) {
        if (!is_set(&asking)) {
            set_flag(&resting, 1);
            sched_yield();
            continue;
        }
        set_flag(&resting, 0);
        void *const block = ask_once(turn);
        if (block == NULL) __atomic_fetch_add(&asked_in_vain, 1, __ATOMIC_SEQ_CST);
        overtaken += block != NULL;
        if (block != NULL) memory_pool_free(&pool, block);
    }
    return NULL;
}

static void *waits_each_round(void *argument) {
    sleeper_t *const sleeper = (sleeper_t *)argument;
    for (size_t round = 0; round < ROUNDS; round++) {
        await_flag(&sleeper->wanted, true);
        sleeper->block = memory_pool_alloc_timeout(&pool, MEMORY_POOL_WAIT_FOREVER);
        set_flag(&sleeper->wanted, 0);
    }
    return NULL;
}

/* Makes the blocks of the pool free but not allocatable. A batch frees them later. */
static void keep_back(void **blocks, cause_t cause) {
    if (cause == BY_RESERVE) {
        CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, OWED), ESP_OK);
        CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, OWED), ESP_OK);
    } else if (cause == BY_REPAIR) {
        CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, OWED), ESP_OK);
        pool.memory_free = NULL; /* as an overrun of what lies in front of the struct would */
        pool.free_blocks = 0;
    }
}

static void let_go(void **blocks, cause_t cause) {
    if (cause == BY_RESERVE) {
        CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 0), ESP_OK);
    } else if (cause == BY_REPAIR) {
        CHECK_EQUAL(memory_pool_repair(&pool), ESP_OK);
    } else {
        CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, OWED), ESP_OK);
    }
}

/* Two tasks wait, and two blocks become free at once: until the second was served, the first has to be woken. */
static void newcomers_ask(cause_t cause) {
    pthread_t newcomer;
    sleeper_t sleepers[OWED];
    void *blocks[OWED];
    overtaken = asked_in_vain = 0;
    asking = resting = ended = 0;
    from_reserve = cause != BY_RESERVE;
    memset(sleepers, 0, sizeof(sleepers));
    make_empty_pool(blocks, OWED);
    if (cause == BY_BATCH_IN_TWO_STEPS) CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    CHECK_EQUAL(pthread_create(&newcomer, NULL, asks, NULL), 0);
    for (size_t i = 0; i < OWED; i++) {
        CHECK_EQUAL(pthread_create(&sleepers[i].thread, NULL, waits_each_round, &sleepers[i]), 0);
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        await_flag(&resting, true);
        keep_back(blocks, cause);
        for (size_t i = 0; i < OWED; i++) set_flag(&sleepers[i].wanted, 1);
        while (info_of(&pool).waiting_tasks < OWED) sched_yield();
        const size_t before = __atomic_load_n(&asked_in_vain, __ATOMIC_SEQ_CST);
        set_flag(&asking, 1);
        while (__atomic_load_n(&asked_in_vain, __ATOMIC_SEQ_CST) == before) sched_yield();
        let_go(blocks, cause);
        for (size_t i = 0; i < OWED; i++) {
            await_flag(&sleepers[i].wanted, false);
            blocks[i] = sleepers[i].block;
            CHECK(blocks[i] != NULL);
        }
        set_flag(&asking, 0);
    }
    for (size_t i = 0; i < OWED; i++) join(&sleepers[i]);
    set_flag(&ended, 1);
    CHECK_EQUAL(pthread_join(newcomer, NULL), 0);
    CHECK_EQUAL(overtaken, 0);
    CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, OWED), ESP_OK);
    end_pool();
}

TEST(later_allocs_do_not_overtake_the_waiters_of_a_batch) {
    newcomers_ask(BY_BATCH);
    newcomers_ask(BY_BATCH_IN_TWO_STEPS);
}

TEST(later_allocs_do_not_overtake_the_waiters_of_a_repair) { newcomers_ask(BY_REPAIR); }

TEST(later_allocs_do_not_overtake_the_waiters_of_a_smaller_reserve) { newcomers_ask(BY_RESERVE); }

TEST(wrong_arguments_change_nothing) {
    memory_pool_t none;
    memset(&none, 0, sizeof(none));
    esp_err_t reason = -1;
    CHECK(memory_pool_alloc_timeout(NULL, 1) == NULL);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_alloc_timeout");
    CHECK(memory_pool_alloc_timeout_reason(NULL, 1, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_alloc_timeout_reason");
    CHECK(memory_pool_alloc_timeout_reason(&none, 1, &reason) == NULL);
    CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc_timeout_reason");
    CHECK(memory_pool_alloc_timeout_reason(&none, 1, NULL) == NULL);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_alloc_timeout_reason");
    CHECK_EQUAL(memory_pool_set_wait_order(NULL, MEMORY_POOL_WAIT_FIFO), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_wait_order");
    CHECK_EQUAL(memory_pool_set_wait_order(&none, MEMORY_POOL_WAIT_FIFO), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "memory_pool_set_wait_order");
    CHECK(memory_pool_init(&pool, SIZE, 1));
    CHECK_EQUAL(memory_pool_set_wait_order(&pool, (memory_pool_wait_order_t)unknown(2)), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_wait_order");
    end_pool();
}

/* ---- Many at once -------------------------------------------------------------------------------------------- */

enum { TASKS = 4, TURNS = 4000 };
static size_t wrong[TASKS], timed_out[TASKS];

static void *takes_waits_returns(void *argument) {
    const size_t id = (size_t)(uintptr_t)argument;
    microusc_host_set_context((uint8_t)id, false);
    for (uint32_t turn = 0; turn < TURNS; turn++) {
        esp_err_t reason = -1;
        const uint32_t timeout = turn % 5 == 0 ? 1 : MEMORY_POOL_WAIT_FOREVER;
        uint32_t *words = (uint32_t *)memory_pool_alloc_timeout_reason(&pool, timeout, &reason);
        if (words == NULL) {
            if (timeout != 1 || reason != ESP_ERR_TIMEOUT) wrong[id]++;
            timed_out[id]++;
            continue;
        }
        for (size_t i = 0; i < SIZE / sizeof(uint32_t); i++) words[i] = (uint32_t)id + turn;
        for (size_t i = 0; i < SIZE / sizeof(uint32_t); i++) wrong[id] += words[i] != (uint32_t)id + turn;
        if (memory_pool_free_reason(&pool, words) != ESP_OK) wrong[id]++;
    }
    return NULL;
}

TEST(four_tasks_on_two_blocks_lose_no_block) {
    pthread_t threads[TASKS];
    size_t refused = 0;
    CHECK(memory_pool_init(&pool, SIZE, 2));
    for (size_t i = 0; i < TASKS; i++) {
        wrong[i] = timed_out[i] = 0;
        CHECK_EQUAL(pthread_create(&threads[i], NULL, takes_waits_returns, (void *)(uintptr_t)i), 0);
    }
    for (size_t i = 0; i < TASKS; i++) {
        CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
        CHECK_EQUAL(wrong[i], 0);
        refused += timed_out[i];
    }
    CHECK_EQUAL(info_of(&pool).alloc_failures, refused);
    CHECK_EQUAL(pool.free_blocks, 2);
    end_pool();
}

TEST(forgotten_task_gets_no_block) {
    CHECK(memory_pool_init(&pool, SIZE, 1));
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    sleeper_t first, gone, last;
    void *const block = memory_pool_alloc(&pool);
    start_sleeper(&first, 9, MEMORY_POOL_WAIT_FOREVER);
    start_sleeper(&gone, 8, 300);
    start_sleeper(&last, 7, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&pool, block);
    join(&first);
    /* What the other would be known by: its own thread says. */
    CHECK_EQUAL(memory_pool_forget_task(NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(memory_pool_forget_task(&gone), ESP_OK); /* no task of that name waits */
    CHECK_EQUAL(info_of(&pool).waiting_tasks, 2);
    CHECK(gone.task != NULL && gone.task != last.task);
    while (memory_pool_forget_task(gone.task) != ESP_OK) sched_yield();
    CHECK_EQUAL(info_of(&pool).waiting_tasks, 1);
    memory_pool_free(&pool, block);
    join(&last);
    CHECK(same(last.block, block));
    join(&gone);
    CHECK(gone.block == NULL && gone.reason == ESP_ERR_TIMEOUT);
    memory_pool_free(&pool, block);
    CHECK_EQUAL(info_of(&pool).waiting_tasks, 0);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

static const test_t tests[] = {
    RUN(free_block_is_allocated_without_waiting),
    RUN(freed_block_goes_to_the_waiter),
    RUN(waiter_of_the_highest_priority_is_served_first),
    RUN(waiter_that_came_first_is_served_first),
    RUN(wait_times_out_after_the_whole_time),
    RUN(wait_in_an_interrupt_is_refused),
    RUN(batch_free_serves_as_many_waiters_as_it_can),
    RUN(smaller_reserve_serves_waiters),
    RUN(blocks_found_by_repair_serve_waiters),
    RUN(pool_with_waiters_is_not_destroyed),
    RUN(later_allocs_do_not_overtake_the_waiters_of_a_batch),
    RUN(later_allocs_do_not_overtake_the_waiters_of_a_repair),
    RUN(later_allocs_do_not_overtake_the_waiters_of_a_smaller_reserve),
    RUN(wrong_arguments_change_nothing),
    RUN(four_tasks_on_two_blocks_lose_no_block),
    RUN(forgotten_task_gets_no_block),
};

int main(void) { return RUN_ALL(tests); }
