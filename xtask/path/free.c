/* Two calls: a free of a recorded block for which a task waits, and a free of NULL, which is refused and reported.
 * `cargo xtask path` lists what `measured` reaches, and counts what each of its functions does. */
#define _POSIX_C_SOURCE 200809L
#include <pthread.h>
#include <sched.h>

#include "MicroUSC/system/memory_pool.h"
#include "MicroUSC/system/memory_pool_leaks.h"

static memory_pool_t pool;
static void *taken;
static int reports;

static void reported(const memory_pool_report_t *report) { reports += report != NULL; }

static void *waits(void *argument) {
    (void)argument;
    return memory_pool_alloc_timeout(&pool, 60000);
}

__attribute__((noinline)) static void serves_a_waiting_task(void *block) { memory_pool_free(&pool, block); }

__attribute__((noinline)) static void is_refused_and_reported(void) { memory_pool_free(&pool, NULL); }

__attribute__((noinline)) static void measured(void *block) {
    serves_a_waiting_task(block);
    is_refused_and_reported();
}

int main(void) {
    pthread_t waiter;
    memory_pool_info_t info;
    memory_pool_set_report_callback(reported);
    if (!memory_pool_init(&pool, 32, 1) || memory_pool_record_sites(&pool, true) != ESP_OK) return 1;
    void *block = memory_pool_alloc(&pool);
    if (block == NULL || pthread_create(&waiter, NULL, waits, NULL) != 0) return 2;
    do {
        sched_yield();
        if (memory_pool_get_info(&pool, &info) != ESP_OK) return 3;
    } while (info.waiting_tasks == 0);
    measured(block);
    pthread_join(waiter, &taken);
    return taken == block && reports == 1 ? 0 : 4;
}
