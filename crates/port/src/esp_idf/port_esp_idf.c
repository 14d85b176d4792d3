/*
 * What the pools need of ESP-IDF, as plain C functions. This is the only file of the port that includes headers of ESP-IDF.
 * The Rust side of these functions is shim.rs beside it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* First: headers below include the kernel's port, whose macros test the configuration without including it on Xtensa. */
#include "freertos/FreeRTOS.h"

#include "sdkconfig.h"
#include "soc/soc_caps.h"

#include "esp_attr.h"
#include "esp_freertos_hooks.h"
#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_memory_utils.h"
#include "esp_private/cache_utils.h"
#include "esp_private/esp_cache_private.h"
#include "esp_rom_sys.h"
#include "esp_system.h"
#include "esp_timer.h"
#include "freertos/semphr.h"
#include "freertos/task.h"

#include "port_esp_idf.h"

#if CONFIG_MICROUSC_IN_IRAM
#define HOT IRAM_ATTR
#else
#define HOT
#endif

/* ---- What memory there is ---------------------------------------------------------------------------------- */

void microusc_esp_idf_limits(microusc_esp_idf_limits_t *limits) {
    const size_t words = heap_caps_get_total_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_32BIT);
    const size_t bytes = heap_caps_get_total_size(MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    *limits = (microusc_esp_idf_limits_t){
        .psram = heap_caps_get_total_size(MALLOC_CAP_SPIRAM) > 0,
#if SOC_PSRAM_DMA_CAPABLE
        .psram_dma = true,
#endif
        .word_iram = words > bytes,
    };
    /* Both stay 0 where there is no such cache. */
    (void)esp_cache_get_alignment(MALLOC_CAP_DMA | MALLOC_CAP_INTERNAL, &limits->dma_align);
    if (limits->psram) (void)esp_cache_get_alignment(MALLOC_CAP_SPIRAM, &limits->psram_line);
}

/* `align` is a power of two; `caps` are MALLOC_CAP_*. NULL if there is no room. From tasks. */
void *microusc_esp_idf_allocate(size_t bytes, size_t align, uint32_t caps) {
    return heap_caps_aligned_alloc(align, bytes, caps);
}

void microusc_esp_idf_release(void *memory) {
    heap_caps_free(memory);
}

static int kind_at(const void *address) {
    if (esp_ptr_external_ram(address)) return MICROUSC_ESP_IDF_EXTERNAL;
    if (!esp_ptr_internal(address)) return MICROUSC_ESP_IDF_OTHER;
    return esp_ptr_byte_accessible(address) ? MICROUSC_ESP_IDF_INTERNAL : MICROUSC_ESP_IDF_WORDS;
}

/* What memory that is, from its first byte to its last. */
int microusc_esp_idf_kind_of(const void *memory, size_t bytes) {
    const void *last = (const void *)((uintptr_t)memory + bytes - (bytes > 0));
    const int kind = kind_at(memory);
    return kind == kind_at(last) ? kind : MICROUSC_ESP_IDF_OTHER;
}

/* ---- Critical sections, for the archives with the portMUX lock --------------------------------------------- */

/* Zeroed by the archive, which cannot initialise a portMUX: only a macro of ESP-IDF can. The first lock of the pool does it. */
typedef struct {
    uint32_t made;
    portMUX_TYPE mux;
} microusc_esp_idf_mux_t;

_Static_assert(sizeof(microusc_esp_idf_mux_t) <= 3 * sizeof(uint32_t), "more than the archive reserves for a lock");
_Static_assert(_Alignof(microusc_esp_idf_mux_t) <= sizeof(uint32_t), "more than the archive aligns a lock to");

static portMUX_TYPE making = portMUX_INITIALIZER_UNLOCKED;

static void HOT make(microusc_esp_idf_mux_t *lock) {
    portENTER_CRITICAL_SAFE(&making);
    if (!__atomic_load_n(&lock->made, __ATOMIC_RELAXED)) {
        portMUX_INITIALIZE(&lock->mux);
        __atomic_store_n(&lock->made, 1, __ATOMIC_RELEASE);
    }
    portEXIT_CRITICAL_SAFE(&making);
}

/* From any context, on every core; nests. */
void HOT microusc_esp_idf_lock(void *memory) {
    microusc_esp_idf_mux_t *const lock = memory;
    if (!__atomic_load_n(&lock->made, __ATOMIC_ACQUIRE)) make(lock);
    portENTER_CRITICAL_SAFE(&lock->mux);
}

void HOT microusc_esp_idf_unlock(void *memory) {
    microusc_esp_idf_mux_t *const lock = memory;
    portEXIT_CRITICAL_SAFE(&lock->mux);
}

/* ---- Whether a refusal can be reported --------------------------------------------------------------------- */

/* Whether code and constants in flash can be reached: not while flash is written, unless the program runs from PSRAM. */
bool HOT microusc_esp_idf_may_report(void) {
    return spi_flash_cache_enabled();
}

/* ---- What a waiting task sleeps on ------------------------------------------------------------------------- */

/* The number is part of the function's name, so that an archive which reserves another does not link. */
_Static_assert(sizeof(StaticSemaphore_t) <= 36 * sizeof(void *), "more than the archive reserves for a semaphore");
_Static_assert(_Alignof(StaticSemaphore_t) <= 8, "more than the archive aligns a semaphore to");

/* Whether the caller may sleep: a task, in no critical section, and the scheduler runs. */
bool microusc_esp_idf_may_wait(void) {
    return !xPortInIsrContext() && xPortCanYield() && xTaskGetSchedulerState() == taskSCHEDULER_RUNNING;
}

/* Of the calling task; 0 where waiting is not possible. */
uint8_t microusc_esp_idf_priority(void) {
    const UBaseType_t priority = microusc_esp_idf_may_wait() ? uxTaskPriorityGet(NULL) : 0;
    return priority < UINT8_MAX ? (uint8_t)priority : UINT8_MAX;
}

/* A binary semaphore that was not given, in the memory for one. */
void *microusc_esp_idf_open_36_words(void *memory) {
    return xSemaphoreCreateBinaryStatic((StaticSemaphore_t *)memory);
}

void microusc_esp_idf_close(void *semaphore) {
    vSemaphoreDelete(semaphore);
}

void microusc_esp_idf_wait(void *semaphore) {
    /* Again, since xTaskAbortDelay ends it early. */
    while (xSemaphoreTake(semaphore, portMAX_DELAY) != pdTRUE) {
    }
}

/* Whether it was given; false after all of the milliseconds. */
bool microusc_esp_idf_wait_for(void *semaphore, uint32_t milliseconds) {
    /* Rounded up, and one more, since the tick that runs has begun already. */
    uint64_t left = ((uint64_t)milliseconds * configTICK_RATE_HZ + 999) / 1000 + 1;
    for (;;) {
        /* In pieces: the largest number would mean for ever. */
        const TickType_t piece = left < portMAX_DELAY ? (TickType_t)left : (TickType_t)(portMAX_DELAY - 1);
        const TickType_t start = xTaskGetTickCount();
        if (xSemaphoreTake(semaphore, piece) == pdTRUE) return true;
        /* By the clock and not by the piece: xTaskAbortDelay ends a sleep early. */
        const TickType_t passed = xTaskGetTickCount() - start;
        if (passed >= left) return false;
        left -= passed;
    }
}

/*
 * The task that sleeps on the semaphore ends it as soon as it runs again, which may be before these functions return. Both
 * unblock it in the semaphore's critical section and touch the semaphore no more after they have left that; on another
 * core the task has to enter the section to find itself woken.
 */
void HOT microusc_esp_idf_give(void *semaphore) {
    if (xPortInIsrContext()) {
        BaseType_t woken = pdFALSE;
        (void)xSemaphoreGiveFromISR(semaphore, &woken);
        if (woken == pdTRUE) portYIELD_FROM_ISR();
    } else {
        (void)xSemaphoreGive(semaphore);
    }
}

/* ---- Tasks and the lock of the system layer ----------------------------------------------------------------- */

/* What is kept of a driver's task. */
typedef struct {
    StaticTask_t task;
    microusc_driver_entry_t entry;
    microusc_driver_t *driver;
    bool deleted; /* vTaskDelete was called; the kernel may not have finished */
} driver_task_t;

/* Bytes, all aligned to 8. */
_Static_assert(offsetof(driver_task_t, task) == 0, "the kernel's handle of a driver's task is its address");
_Static_assert(_Alignof(driver_task_t) <= 8, "more than the archive aligns a task to");

void microusc_esp_idf_sizes(size_t *task, size_t *semaphore, size_t *least_stack) {
    *task = sizeof(driver_task_t);
    *semaphore = sizeof(StaticSemaphore_t);
    *least_stack = configMINIMAL_STACK_SIZE * sizeof(StackType_t);
}

static StaticSemaphore_t system_mutex_parts;
static SemaphoreHandle_t system_mutex;

/* False where waiting is not possible. */
bool microusc_esp_idf_system_lock(void) {
    if (!microusc_esp_idf_may_wait()) return false;
    portENTER_CRITICAL_SAFE(&making);
    if (system_mutex == NULL) system_mutex = xSemaphoreCreateMutexStatic(&system_mutex_parts);
    portEXIT_CRITICAL_SAFE(&making);
    microusc_esp_idf_wait(system_mutex);
    return true;
}

void microusc_esp_idf_system_unlock(void) {
    (void)xSemaphoreGive(system_mutex);
}

static void run_driver(void *memory) {
    const driver_task_t *const self = (const driver_task_t *)memory;
    self->entry(self->driver);
    for (;;) vTaskSuspend(NULL); /* again whenever the task is resumed, until it is stopped */
}

/* NULL for a priority or a core that the kernel has not. The memory stands for the task. */
void *microusc_esp_idf_task_start(const char *name, microusc_driver_entry_t entry, microusc_driver_t *driver,
                                  uint32_t priority, int32_t core, uint8_t *stack, size_t stack_bytes,
                                  uint8_t *memory) {
    if (priority >= configMAX_PRIORITIES || core >= portNUM_PROCESSORS) return NULL;
    driver_task_t *const self = (driver_task_t *)(void *)memory;
    self->entry = entry;
    self->driver = driver;
    self->deleted = false;
    const TaskHandle_t task =
        xTaskCreateStaticPinnedToCore(run_driver, name, (uint32_t)(stack_bytes / sizeof(StackType_t)), self, priority,
                                      (StackType_t *)stack, &self->task, core < 0 ? tskNO_AFFINITY : core);
    return task == NULL ? NULL : self;
}

/* The kernel's handle of a task in given memory is that memory. */
static TaskHandle_t handle_of(void *task) {
    return (TaskHandle_t)&((driver_task_t *)task)->task;
}

/* How many rounds of its loop the idle task of each core has begun. */
static volatile uint32_t idle_rounds[portNUM_PROCESSORS];

static bool count_round(void) {
    idle_rounds[xPortGetCoreID()]++;
    return false; /* the idle task goes on without sleeping, since `idle_tasks_made_a_round` waits for it */
}

/* Whether the idle task of each core, which frees deleted tasks, has made a whole round of its loop. Waits for some time. */
static bool idle_tasks_made_a_round(void) {
    bool all = true;
    for (BaseType_t core = 0; core < portNUM_PROCESSORS; core++) {
        const uint32_t start = idle_rounds[core];
        if (esp_register_freertos_idle_hook_for_cpu(count_round, (UBaseType_t)core) != ESP_OK) return false;
        for (int ticks = 0; idle_rounds[core] - start < 2 && ticks < 100; ticks++) vTaskDelay(1);
        all = all && idle_rounds[core] - start >= 2;
        esp_deregister_freertos_idle_hook_for_cpu(count_round, (UBaseType_t)core);
    }
    return all;
}

/* False while the kernel, or a core, may still touch the task; then it is called again later. */
bool microusc_esp_idf_task_stop(void *task) {
    driver_task_t *const self = (driver_task_t *)task;
    if (!self->deleted) {
        /* First off the other core: the kernel deletes at once what runs nowhere. */
        vTaskSuspend(handle_of(task));
        for (int ticks = 0; eTaskGetState(handle_of(task)) == eRunning; ticks++) {
            if (ticks == 100) return false;
            vTaskDelay(1);
        }
        vTaskDelete(handle_of(task));
        self->deleted = true;
    }
    /* The kernel deletes at once, except a task that another core still runs: that one is left to the idle task there. */
    return portNUM_PROCESSORS == 1 || idle_tasks_made_a_round();
}

void microusc_esp_idf_task_pause(void *task) {
    vTaskSuspend(handle_of(task));
}

void microusc_esp_idf_task_resume(void *task) {
    vTaskResume(handle_of(task));
}

bool microusc_esp_idf_task_is_current(void *task) {
    return xTaskGetCurrentTaskHandle() == handle_of(task);
}

/* ---- Log lines and printed text ---------------------------------------------------------------------------- */

#if CONFIG_MICROUSC_LOG
static const char TAG[] = "memory_pool";

static void log_from_isr(const memory_pool_report_t *report, const char *reason) {
#if CONFIG_MICROUSC_LOG_FROM_ISR
    /* The ROM's function takes no lock. Without the next step: a character may take as long as the serial line. */
    esp_rom_printf("W %s: %s(%p) %s: %s\n", TAG, report->function, report->address, report->pool, reason);
#else
    (void)report;
    (void)reason;
#endif
}

static void log_from_task(const memory_pool_report_t *report, const char *reason, const char *step, size_t length) {
    char count[32] = "";
    if (report->count > 0) snprintf(count, sizeof(count), ", %u blocks in use", (unsigned)report->count);
    const bool named = report->pool[0] != '\0';
    ESP_LOGW(TAG, "%s(%p)%s%s%s: %s%s: %.*s", report->function, report->address, named ? " of pool \"" : "", report->pool,
             named ? "\"" : "", reason, count, (int)length, step);
}
#endif

/* One line, from any context. `step`, of `length` bytes, is the next step; in an interrupt it is left out. */
void microusc_esp_idf_log(const memory_pool_report_t *report, const char *reason, const char *step, size_t length) {
#if CONFIG_MICROUSC_LOG
    if (xPortInIsrContext()) {
        log_from_isr(report, reason);
    } else {
        log_from_task(report, reason, step, length);
    }
#else
    (void)report;
    (void)reason;
    (void)step;
    (void)length;
#endif
}

/* What a new pool checks. */
bool microusc_esp_idf_fills_free_blocks(void) {
#if CONFIG_MICROUSC_CHECKS_POISON
    return true;
#else
    return false;
#endif
}

/* Where and when the caller runs, for call-site records: microseconds since the start. */
uint64_t HOT microusc_esp_idf_moment(const void **task, uint8_t *core, bool *in_interrupt) {
    *in_interrupt = xPortInIsrContext() != 0;
    *core = (uint8_t)xPortGetCoreID();
    *task = *in_interrupt ? NULL : (const void *)xTaskGetCurrentTaskHandle();
    return (uint64_t)esp_timer_get_time();
}

/* Output that the program asked for, in pieces of at most a line. From tasks. */
void microusc_esp_idf_print(const char *text, size_t length) {
    (void)fwrite(text, 1, length, stdout);
}

/* With casts: the small printf of the C library does not know the size of size_t. */
static void print_heap(const char *name, uint32_t caps) {
    multi_heap_info_t info;
    heap_caps_get_info(&info, caps);
    printf("%-10s %9u %9u %9u %9u\n", name, (unsigned)(info.total_free_bytes + info.total_allocated_bytes),
           (unsigned)info.total_free_bytes, (unsigned)info.minimum_free_bytes, (unsigned)info.largest_free_block);
}

/* The heap's totals. */
void microusc_esp_idf_print_heap(void) {
    printf("Memory of " CONFIG_IDF_TARGET "\n");
    printf("%-10s %9s %9s %9s %9s\n", "heap", "total", "free", "min_free", "largest");
    print_heap("internal", MALLOC_CAP_INTERNAL | MALLOC_CAP_8BIT);
    print_heap("dma", MALLOC_CAP_DMA);
    print_heap("psram", MALLOC_CAP_SPIRAM);
    print_heap("iram", MALLOC_CAP_INTERNAL | MALLOC_CAP_32BIT);
}

/* After a fault in the archive itself: as ESP-IDF is configured to end a program. */
void microusc_esp_idf_stop(void) {
    esp_system_abort("memory_pool: stopped by a fault of its own");
}
