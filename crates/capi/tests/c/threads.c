/* Many threads stand for tasks, interrupts and cores: one pool, no lock of the caller's. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sched.h>

enum { THREADS = 4, BLOCKS = 16, SIZE = 64, HELD = 3, ROUNDS = 20000 };

static memory_pool_t pool;
static pthread_barrier_t start;

typedef struct {
    pthread_t thread;
    uint32_t id;
    size_t wrong, taken, denied;
} worker_t;

static void run_workers(worker_t *workers, size_t count, void *(*work)(void *)) {
    CHECK_EQUAL(pthread_barrier_init(&start, NULL, (unsigned)count), 0);
    for (size_t i = 0; i < count; i++) {
        memset(&workers[i], 0, sizeof(workers[i]));
        workers[i].id = (uint32_t)i + 1;
        CHECK_EQUAL(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (size_t i = 0; i < count; i++) CHECK_EQUAL(pthread_join(workers[i].thread, NULL), 0);
    pthread_barrier_destroy(&start);
}

/* Fills a block with words that only this thread and round would write. */
static void fill(uint32_t *words, uint32_t pattern) {
    for (size_t i = 0; i < SIZE / sizeof(uint32_t); i++) words[i] = pattern + (uint32_t)i;
}

static bool holds(const uint32_t *words, uint32_t pattern) {
    for (size_t i = 0; i < SIZE / sizeof(uint32_t); i++) {
        if (words[i] != pattern + (uint32_t)i) return false;
    }
    return true;
}

static void *take_fill_check_return(void *argument) {
    worker_t *worker = (worker_t *)argument;
    pthread_barrier_wait(&start);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t *held[HELD];
        const uint32_t pattern = worker->id << 28 | round << 8;
        const size_t wanted = 1 + round % HELD;
        for (size_t i = 0; i < wanted; i++) {
            held[i] = (uint32_t *)memory_pool_alloc(&pool);
            if (held[i] != NULL) fill(held[i], pattern + (uint32_t)(i << 4));
        }
        for (size_t i = 0; i < wanted; i++) {
            if (held[i] == NULL) {
                worker->denied++;
                continue;
            }
            worker->taken++;
            if (!holds(held[i], pattern + (uint32_t)(i << 4))) worker->wrong++;
            if (memory_pool_free_reason(&pool, held[i]) != ESP_OK) worker->wrong++;
        }
    }
    return NULL;
}

static void hammer(size_t blocks) {
    worker_t workers[THREADS];
    CHECK(memory_pool_init(&pool, SIZE, blocks));
    run_workers(workers, THREADS, take_fill_check_return);
    size_t denied = 0, taken = 0;
    for (size_t i = 0; i < THREADS; i++) {
        CHECK_EQUAL(workers[i].wrong, 0);
        denied += workers[i].denied;
        taken += workers[i].taken;
    }
    CHECK(taken > 0);
    CHECK_EQUAL(info_of(&pool).alloc_failures, denied);
    CHECK_EQUAL(info_of(&pool).refused_frees, 0);
    CHECK_EQUAL(info_of(&pool).corruptions, 0);
    CHECK_EQUAL(pool.free_blocks, blocks);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

TEST(four_threads_with_enough_blocks_keep_them_apart) { hammer(BLOCKS); }

TEST(four_threads_that_exhaust_the_pool_keep_blocks_apart) { hammer(2); }

/* ---- A block allocated by one thread and freed by another ----------------------------------------------------- */

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint32_t *message[BLOCKS];
    size_t first, count;
} queue = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {NULL}, 0, 0};

static void send(uint32_t *message) {
    pthread_mutex_lock(&queue.mutex);
    CHECK(queue.count < BLOCKS);
    queue.message[(queue.first + queue.count++) % BLOCKS] = message;
    pthread_cond_signal(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
}

static uint32_t *receive(void) {
    pthread_mutex_lock(&queue.mutex);
    while (queue.count == 0) pthread_cond_wait(&queue.changed, &queue.mutex);
    uint32_t *message = queue.message[queue.first];
    queue.first = (queue.first + 1) % BLOCKS;
    queue.count--;
    pthread_mutex_unlock(&queue.mutex);
    return message;
}

/* Worker 1 is the interrupt: it allocates, fills and sends, and never waits. Worker 2 is the task that frees. */
static void *interrupt_or_task(void *argument) {
    worker_t *worker = (worker_t *)argument;
    pthread_barrier_wait(&start);
    for (uint32_t round = 0; round < ROUNDS;) {
        if (worker->id == 1) {
            uint32_t *message = (uint32_t *)memory_pool_alloc(&pool);
            if (message == NULL) {
                worker->denied++;
                sched_yield();
                continue;
            }
            fill(message, round);
            send(message);
        } else {
            uint32_t *message = receive();
            if (!holds(message, round)) worker->wrong++;
            memory_pool_free(&pool, message);
        }
        worker->taken++;
        round++;
    }
    return NULL;
}

TEST(interrupt_allocates_what_a_task_frees) {
    worker_t workers[2];
    const memory_pool_config_t config = {SIZE, BLOCKS, DRAM, MEMORY_POOL_FLAG_ISR, "rx"};
    CHECK_EQUAL(memory_pool_init_config(&pool, &config), ESP_OK);
    run_workers(workers, 2, interrupt_or_task);
    CHECK_EQUAL(workers[0].taken, ROUNDS);
    CHECK_EQUAL(workers[1].wrong, 0);
    CHECK_EQUAL(info_of(&pool).alloc_failures, workers[0].denied);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

/* ---- Misuse and looking on while others work ------------------------------------------------------------------ */

static void *contested[BLOCKS];
static size_t returned_once[THREADS];

/* All threads return the same blocks: each must be accepted from exactly one. */
static void *return_what_all_return(void *argument) {
    worker_t *worker = (worker_t *)argument;
    pthread_barrier_wait(&start);
    for (size_t i = 0; i < BLOCKS; i++) {
        const esp_err_t reason = memory_pool_free_reason(&pool, contested[i]);
        if (reason == ESP_OK) {
            worker->taken++;
        } else if (reason == MEMORY_POOL_ERR_DOUBLE_FREE) {
            worker->denied++;
        } else {
            worker->wrong++;
        }
    }
    returned_once[worker->id - 1] = worker->taken;
    return NULL;
}

TEST(one_of_several_simultaneous_frees_is_accepted) {
    memory_pool_set_report_callback(NULL);
    for (int round = 0; round < 50; round++) {
        worker_t workers[THREADS];
        CHECK(memory_pool_init(&pool, SIZE, BLOCKS));
        for (size_t i = 0; i < BLOCKS; i++) contested[i] = memory_pool_alloc(&pool);
        run_workers(workers, THREADS, return_what_all_return);
        size_t accepted = 0;
        for (size_t i = 0; i < THREADS; i++) {
            CHECK_EQUAL(workers[i].wrong, 0);
            accepted += returned_once[i];
        }
        CHECK_EQUAL(accepted, BLOCKS);
        CHECK_EQUAL(info_of(&pool).refused_frees, BLOCKS * (THREADS - 1));
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
        memory_pool_destroy(&pool);
    }
}

/* The last worker looks on, in every way that is allowed from another context. */
static void *work_or_look_on(void *argument) {
    worker_t *worker = (worker_t *)argument;
    if (worker->id < THREADS) return take_fill_check_return(argument);
    pthread_barrier_wait(&start);
    for (int round = 0; round < ROUNDS / 20; round++) {
        memory_pool_info_t info;
        if (memory_pool_get_info(&pool, &info) != ESP_OK) worker->wrong++;
        if (info.used_blocks + info.free_blocks != BLOCKS || info.lowest_free > info.free_blocks) worker->wrong++;
        if (memory_pool_validate(&pool) != ESP_OK) worker->wrong++;
        if (memory_pool_repair(&pool) != ESP_OK) worker->wrong++;
        if (round % 100 == 0 && memory_pool_reset_lowest_free(&pool) != ESP_OK) worker->wrong++;
        if (!same(memory_pool_next(NULL), &pool)) worker->wrong++;
    }
    return NULL;
}

TEST(validate_finds_no_damage_during_traffic) {
    worker_t workers[THREADS];
    CHECK(memory_pool_init(&pool, SIZE, BLOCKS));
    run_workers(workers, THREADS, work_or_look_on);
    for (size_t i = 0; i < THREADS; i++) CHECK_EQUAL(workers[i].wrong, 0);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

/* Every thread makes and ends pools of its own; all try to initialise one struct. */
static void *make_and_end(void *argument) {
    worker_t *worker = (worker_t *)argument;
    pthread_barrier_wait(&start);
    if (memory_pool_init(&pool, SIZE, BLOCKS)) worker->taken++;
    for (int round = 0; round < 300; round++) {
        memory_pool_t mine, *made = memory_pool_malloc(SIZE, worker->id);
        if (made == NULL || !memory_pool_init(&mine, SIZE, worker->id)) {
            worker->wrong++;
            break;
        }
        for (size_t i = 0; i < worker->id; i++) {
            if (memory_pool_alloc_zeroed(made) == NULL) worker->wrong++;
        }
        if (memory_pool_alloc(made) != NULL) worker->wrong++;
        memory_pool_destroy(made);
        memory_pool_destroy(&mine);
    }
    return NULL;
}

TEST(all_threads_may_make_and_destroy_pools) {
    worker_t workers[THREADS];
    memory_pool_set_report_callback(NULL);
    memset(&pool, 0, sizeof(pool));
    run_workers(workers, THREADS, make_and_end);
    size_t made = 0;
    for (size_t i = 0; i < THREADS; i++) {
        CHECK_EQUAL(workers[i].wrong, 0);
        made += workers[i].taken;
    }
    CHECK_EQUAL(made, 1);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
}

static const test_t tests[] = {
    RUN(four_threads_with_enough_blocks_keep_them_apart),
    RUN(four_threads_that_exhaust_the_pool_keep_blocks_apart),
    RUN(interrupt_allocates_what_a_task_frees),
    RUN(one_of_several_simultaneous_frees_is_accepted),
    RUN(validate_finds_no_damage_during_traffic),
    RUN(all_threads_may_make_and_destroy_pools),
};

int main(void) { return RUN_ALL(tests); }
