/*
 * What the port for FreeRTOS needs of the kernel, through the kernel's own macros. It is compiled with the program,
 * against the program's FreeRTOSConfig.h, and linked with libmicrousc_memory.a built with the feature `freertos`.
 * What the configuration must have is checked below; docs/freertos.md says it in words.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "FreeRTOS.h"
#include "semphr.h"
#include "task.h"

#include "microusc_port_freertos.h"

#if configSUPPORT_STATIC_ALLOCATION != 1
#error "a waiting task sleeps on a semaphore on its own stack: set configSUPPORT_STATIC_ALLOCATION to 1"
#endif
#if (INCLUDE_xTaskGetSchedulerState != 1) && (configUSE_TIMERS != 1)
#error "whether a task may wait is asked of the scheduler: set INCLUDE_xTaskGetSchedulerState to 1"
#endif
#if INCLUDE_uxTaskPriorityGet != 1
#error "waiting tasks are served by their priority: set INCLUDE_uxTaskPriorityGet to 1"
#endif
#if defined(configNUMBER_OF_CORES) && (configNUMBER_OF_CORES > 1)
#error "this port is for kernels that run on one core"
#endif

/* ---- Where the caller runs --------------------------------------------------------------------------------- */

/*
 * MICROUSC_FREERTOS_IN_ISR(): whether an interrupt runs. The kernel has no portable question for that, so it is asked
 * of what each port does on entry to an interrupt. A port that is not here needs a definition in FreeRTOSConfig.h.
 */
#if defined(MICROUSC_FREERTOS_IN_ISR)
/* the program knows */

#elif defined(__riscv)
/*
 * The port changes to one stack for everything that traps, so the stack pointer shows whether an interrupt runs. `mcause` and
 * `mstatus` do not show it: back in a task, both keep what the last trap left there. Before the scheduler runs, `main` may be
 * on the same stack, which does not matter: waiting is not possible then either.
 */
#if defined(configISR_STACK_SIZE_WORDS)
#define ISR_STACK_BYTES (((configISR_STACK_SIZE_WORDS) & ~portBYTE_ALIGNMENT_MASK) * sizeof(StackType_t))
#elif defined(MICROUSC_FREERTOS_ISR_STACK_BYTES)
#define ISR_STACK_BYTES MICROUSC_FREERTOS_ISR_STACK_BYTES
#else
#error "the stack of interrupts ends at __freertos_irq_stack_top: say in MICROUSC_FREERTOS_ISR_STACK_BYTES how large it is"
#endif

/* From the kernel's port. */
extern const StackType_t xISRStackTop;

static inline BaseType_t on_isr_stack(void) {
    volatile char here = 0;
    (void)here;
    return (StackType_t)xISRStackTop - (StackType_t)&here <= ISR_STACK_BYTES ? pdTRUE : pdFALSE;
}
#define MICROUSC_FREERTOS_IN_ISR() on_isr_stack()

#elif defined(__ARM_ARCH_PROFILE) && __ARM_ARCH_PROFILE == 'M'
/* The number of the exception that is served. */
static inline BaseType_t serves_exception(void) {
    unsigned number;
    __asm__ volatile("mrs %0, ipsr" : "=r"(number));
    return number != 0 ? pdTRUE : pdFALSE;
}
#define MICROUSC_FREERTOS_IN_ISR() serves_exception()

#elif defined(__unix__) || defined(__APPLE__)
/*
 * The POSIX port runs interrupts as signal handlers, with every signal blocked. Its critical sections block every signal
 * but SIGINT, for debuggers; a program that blocks SIGINT itself would be mistaken for an interrupt.
 */
#include <pthread.h>
#include <signal.h>

static BaseType_t all_signals_blocked(void) {
    sigset_t blocked;
    return pthread_sigmask(SIG_BLOCK, NULL, &blocked) == 0 && sigismember(&blocked, SIGINT) == 1 ? pdTRUE : pdFALSE;
}
#define MICROUSC_FREERTOS_IN_ISR() all_signals_blocked()
/* There the macro would change the thread in the middle of the handler. The switch comes with the end of the tick. */
#ifndef MICROUSC_FREERTOS_YIELD_FROM_ISR
#define MICROUSC_FREERTOS_YIELD_FROM_ISR(woken) ((void)(woken))
#endif

#else
#error "define MICROUSC_FREERTOS_IN_ISR() in FreeRTOSConfig.h: whether an interrupt runs"
#endif

/*
 * MICROUSC_FREERTOS_YIELD_FROM_ISR(woken): asks for a switch of tasks when the interrupt ends. It is not the last thing
 * that the interrupt does: where portYIELD_FROM_ISR leaves the handler, this must do nothing, and the switch comes with
 * the next tick.
 */
#if defined(MICROUSC_FREERTOS_YIELD_FROM_ISR)
/* the program knows, or it was defined above */
#elif configUSE_PREEMPTION == 1
#define MICROUSC_FREERTOS_YIELD_FROM_ISR(woken) portYIELD_FROM_ISR(woken)
#else
#define MICROUSC_FREERTOS_YIELD_FROM_ISR(woken) ((void)(woken))
#endif

int microusc_freertos_may_wait(void) {
    return !MICROUSC_FREERTOS_IN_ISR() && xTaskGetSchedulerState() == taskSCHEDULER_RUNNING;
}

uint8_t microusc_freertos_priority(void) {
    const UBaseType_t priority = microusc_freertos_may_wait() ? uxTaskPriorityGet(NULL) : 0;
    return priority < UINT8_MAX ? (uint8_t)priority : UINT8_MAX;
}

/* ---- What a waiting task sleeps on ------------------------------------------------------------------------- */

_Static_assert(sizeof(StaticSemaphore_t) <= 32 * sizeof(void *), "more than the archive reserves for a semaphore");
_Static_assert(_Alignof(StaticSemaphore_t) <= 8, "more than the archive aligns a semaphore to");

void microusc_freertos_open_32_words(void *semaphore) {
    (void)xSemaphoreCreateBinaryStatic((StaticSemaphore_t *)semaphore);
}

/* So that a recorder of the kernel's objects sees its end. */
void microusc_freertos_close(void *semaphore) {
    vSemaphoreDelete((SemaphoreHandle_t)semaphore);
}

void microusc_freertos_wait(void *semaphore) {
    /* Again, since it ends early where "for ever" is a number (no INCLUDE_vTaskSuspend), and by xTaskAbortDelay. */
    while (xSemaphoreTake((SemaphoreHandle_t)semaphore, portMAX_DELAY) != pdTRUE) {
    }
}

int microusc_freertos_wait_for(void *semaphore, uint32_t milliseconds) {
    /* Rounded up, and one more, since the tick that runs has begun already. */
    uint64_t left = ((uint64_t)milliseconds * configTICK_RATE_HZ + 999) / 1000 + 1;
    for (;;) {
        /* In pieces, where ticks have 16 bits; the largest number would mean for ever. */
        const TickType_t piece = left < portMAX_DELAY ? (TickType_t)left : (TickType_t)(portMAX_DELAY - 1);
        const TickType_t start = xTaskGetTickCount();
        if (xSemaphoreTake((SemaphoreHandle_t)semaphore, piece) == pdTRUE) return 1;
        /* By the clock and not by the piece: xTaskAbortDelay ends a sleep early. */
        const TickType_t passed = (TickType_t)(xTaskGetTickCount() - start);
        if (passed >= left) return 0;
        left -= passed;
    }
}

/*
 * The task that sleeps on the semaphore ends it as soon as it runs again, which may be before these functions return. Both
 * kernel functions unblock that task as the last thing they do with the semaphore, in a critical section: what follows
 * is the end of that section and the return. On several cores the task needs that section to find itself woken.
 */
void microusc_freertos_give(void *semaphore) {
    if (MICROUSC_FREERTOS_IN_ISR()) {
        BaseType_t woken = pdFALSE;
        (void)xSemaphoreGiveFromISR((SemaphoreHandle_t)semaphore, &woken);
        MICROUSC_FREERTOS_YIELD_FROM_ISR(woken);
    } else {
        (void)xSemaphoreGive((SemaphoreHandle_t)semaphore);
    }
}

/* ---- Tasks and the lock of the system layer ----------------------------------------------------------------- */

/*
 * Drivers, MicroUSC/internal, need more of the kernel than pools do. Where that is left out, the layer's lock cannot be
 * had, so all of its functions refuse, and the functions behind it are not reached.
 */
#define HAS_DRIVERS (INCLUDE_vTaskDelete == 1 && INCLUDE_vTaskSuspend == 1 && configUSE_MUTEXES == 1)

/* What is kept of a driver's task. */
typedef struct {
    StaticTask_t task; /* first: the kernel's handle of the task is its address */
    void (*entry)(microusc_driver_t *driver);
    microusc_driver_t *driver;
} driver_task_t;

_Static_assert(_Alignof(driver_task_t) <= 8, "more than the archive aligns a task to");

void microusc_freertos_sizes(size_t *task, size_t *semaphore, size_t *least_stack) {
    *task = sizeof(driver_task_t);
    *semaphore = sizeof(StaticSemaphore_t);
    *least_stack = configMINIMAL_STACK_SIZE * sizeof(StackType_t);
}


#if HAS_DRIVERS

static StaticSemaphore_t system_mutex_parts;
static SemaphoreHandle_t system_mutex;

/* Before the scheduler runs there is one context only, and no task that could hold a mutex. */
int microusc_freertos_system_lock(void) {
    if (MICROUSC_FREERTOS_IN_ISR()) return 0;
    if (xTaskGetSchedulerState() == taskSCHEDULER_NOT_STARTED) return 1;
    if (xTaskGetSchedulerState() == taskSCHEDULER_SUSPENDED) return 0;
    vTaskSuspendAll();
    if (system_mutex == NULL) system_mutex = xSemaphoreCreateMutexStatic(&system_mutex_parts);
    (void)xTaskResumeAll();
    while (xSemaphoreTake(system_mutex, portMAX_DELAY) != pdTRUE) {
    }
    return 1;
}

void microusc_freertos_system_unlock(void) {
    if (xTaskGetSchedulerState() != taskSCHEDULER_NOT_STARTED) (void)xSemaphoreGive(system_mutex);
}

static void run_driver(void *memory) {
    const driver_task_t *const self = (const driver_task_t *)memory;
    self->entry(self->driver);
    for (;;) vTaskSuspend(NULL); /* again whenever the task is resumed, until it is stopped */
}

void *microusc_freertos_task_start(const char *name, void (*entry)(microusc_driver_t *), microusc_driver_t *driver, uint32_t priority,
                                   int32_t core, uint8_t *stack, size_t stack_bytes, uint8_t *memory) {
    if (priority >= configMAX_PRIORITIES || core > 0) return NULL;
    driver_task_t *const self = (driver_task_t *)(void *)memory;
    self->entry = entry;
    self->driver = driver;
    return xTaskCreateStatic(run_driver, name, (configSTACK_DEPTH_TYPE)(stack_bytes / sizeof(StackType_t)), self,
                             priority, (StackType_t *)(void *)stack, &self->task);
}

/* On one core a task that is not the caller's does not run, so the kernel is done with it when this returns. */
void microusc_freertos_task_stop(void *task) {
    vTaskDelete((TaskHandle_t)task);
}

void microusc_freertos_task_pause(void *task) {
    vTaskSuspend((TaskHandle_t)task);
}

void microusc_freertos_task_resume(void *task) {
    vTaskResume((TaskHandle_t)task);
}

/* Before the scheduler runs the kernel calls a task current which is not the caller. */
int microusc_freertos_task_is_current(void *task) {
    return xTaskGetSchedulerState() != taskSCHEDULER_NOT_STARTED && xTaskGetCurrentTaskHandle() == (TaskHandle_t)task;
}

#else

int microusc_freertos_system_lock(void) {
    return 0;
}
void microusc_freertos_system_unlock(void) {
}
void *microusc_freertos_task_start(const char *name, void (*entry)(microusc_driver_t *), microusc_driver_t *driver, uint32_t priority,
                                   int32_t core, uint8_t *stack, size_t stack_bytes, uint8_t *memory) {
    (void)name, (void)entry, (void)driver, (void)priority, (void)core, (void)stack, (void)stack_bytes, (void)memory;
    return NULL;
}
void microusc_freertos_task_stop(void *task) {
    (void)task;
}
void microusc_freertos_task_pause(void *task) {
    (void)task;
}
void microusc_freertos_task_resume(void *task) {
    (void)task;
}
int microusc_freertos_task_is_current(void *task) {
    (void)task;
    return 0;
}

#endif

/* ---- Critical sections, where the archive has none of its own: the POSIX port ------------------------------ */

void microusc_freertos_enter(void) {
    taskENTER_CRITICAL();
}

void microusc_freertos_exit(void) {
    taskEXIT_CRITICAL();
}

/* ---- Memory ------------------------------------------------------------------------------------------------ */

#if configSUPPORT_DYNAMIC_ALLOCATION == 1
/* Not every heap of the kernel has them. */
#pragma weak xPortGetFreeHeapSize
#pragma weak xPortGetMinimumEverFreeHeapSize

#define HEAP_SIZE(function) (function != NULL ? function() : SIZE_MAX)
#else
/* Without a heap only memory_pool_init_static makes pools. */
#define pvPortMalloc(bytes) ((void)(bytes), NULL)
#define vPortFree(memory) ((void)(memory))
#define HEAP_SIZE(function) SIZE_MAX
#endif

void *microusc_freertos_allocate(size_t bytes) {
    return pvPortMalloc(bytes);
}

void microusc_freertos_release(void *memory) {
    vPortFree(memory);
}

void microusc_freertos_heap(size_t *now, size_t *least) {
    *now = HEAP_SIZE(xPortGetFreeHeapSize);
    *least = HEAP_SIZE(xPortGetMinimumEverFreeHeapSize);
}

/* ---- Time, and the end -------------------------------------------------------------------------------------- */

uint32_t microusc_freertos_now_ms(void) {
    const TickType_t ticks = MICROUSC_FREERTOS_IN_ISR() ? xTaskGetTickCountFromISR() : xTaskGetTickCount();
    return (uint32_t)((uint64_t)ticks * 1000 / configTICK_RATE_HZ);
}

#if INCLUDE_xTaskGetCurrentTaskHandle == 1 || configUSE_MUTEXES == 1
#define CURRENT_TASK() ((const void *)xTaskGetCurrentTaskHandle())
#else
#define CURRENT_TASK() NULL
#endif

/* The kernel's ticks with its own count of how often they began anew: read twice, since that changes in between. */
static uint64_t ticks_since_start(void) {
    TimeOut_t now, again;
    do {
        vTaskInternalSetTimeOutState(&now);
        vTaskInternalSetTimeOutState(&again);
    } while (now.xOverflowCount != again.xOverflowCount);
    return (uint64_t)(UBaseType_t)again.xOverflowCount * ((uint64_t)(TickType_t)portMAX_DELAY + 1) + again.xTimeOnEntering;
}

uint64_t microusc_freertos_moment(const void **task, int *in_interrupt) {
    *in_interrupt = MICROUSC_FREERTOS_IN_ISR() != pdFALSE;
    *task = *in_interrupt || xTaskGetSchedulerState() == taskSCHEDULER_NOT_STARTED ? NULL : CURRENT_TASK();
#if defined(MICROUSC_FREERTOS_NOW_US)
    return MICROUSC_FREERTOS_NOW_US();
#else
    return ticks_since_start() * 1000000 / configTICK_RATE_HZ;
#endif
}

void microusc_freertos_stop(void) {
#if configASSERT_DEFINED == 1
    configASSERT(pdFALSE);
#endif
    for (;;) {
    }
}
