/*
 * What the archive calls of microusc_port_freertos.c. Nothing here is for programs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MICROUSC_PORT_FREERTOS_KERNEL_H
#define MICROUSC_PORT_FREERTOS_KERNEL_H

#include <stddef.h>
#include <stdint.h>

#include "MicroUSC/internal/driverList.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- From any context -------------------------------------------------------------------------------------- */

/* Whether the caller may sleep: a task, and the scheduler runs and is not suspended. */
int microusc_freertos_may_wait(void);

/* Of the calling task; 0 where waiting is not possible. */
uint8_t microusc_freertos_priority(void);

/* Since the scheduler started. */
uint32_t microusc_freertos_now_ms(void);

/* After a fault in the archive itself: what the program does about failed assertions. Does not return. */
MEMORY_POOL_ATTR(noreturn) void microusc_freertos_stop(void);

/* A critical section; they nest. */
void microusc_freertos_enter(void);
void microusc_freertos_exit(void);

/*
 * Microseconds since the scheduler started, in steps of a tick unless the program defines MICROUSC_FREERTOS_NOW_US();
 * which task runs (NULL: none, or an interrupt), and whether an interrupt does.
 */
uint64_t microusc_freertos_moment(const void **task, int *in_interrupt);

/* Wakes the task that sleeps on the semaphore, or the one that will. */
void microusc_freertos_give(void *semaphore);

/* ---- From tasks -------------------------------------------------------------------------------------------- */

/*
 * A binary semaphore, not given, in so much memory at most, aligned to 8. The number is part of the name, so that an archive
 * which reserves another does not link.
 */
void microusc_freertos_open_32_words(void *semaphore);
void microusc_freertos_close(void *semaphore);

/* Sleeps until it is given. */
void microusc_freertos_wait(void *semaphore);

/* 1 if it was given; 0 after all of the milliseconds. */
int microusc_freertos_wait_for(void *semaphore, uint32_t milliseconds);

/* Aligned as the kernel does; NULL if there is no room. */
void *microusc_freertos_allocate(size_t bytes);
void microusc_freertos_release(void *memory);

/* Bytes free now, and the least there ever were; SIZE_MAX where the heap does not know. */
void microusc_freertos_heap(size_t *now, size_t *least);

/* ---- Drivers of the system layer --------------------------------------------------------------------------- */

/* Bytes of what is kept of a task and of a semaphore, each aligned to 8, and of the smallest stack. */
void microusc_freertos_sizes(size_t *task, size_t *semaphore, size_t *least_stack);

/* The lock of the system layer: 0 where waiting is not possible, or where the kernel was configured without drivers. */
int microusc_freertos_system_lock(void);
void microusc_freertos_system_unlock(void);

/* NULL for a priority or a core that the kernel has not. */
void *microusc_freertos_task_start(const char *name, void (*entry)(microusc_driver_t *driver), microusc_driver_t *driver,
                                   uint32_t priority, int32_t core, uint8_t *stack, size_t stack_bytes,
                                   uint8_t *memory);
void microusc_freertos_task_stop(void *task);
void microusc_freertos_task_pause(void *task);
void microusc_freertos_task_resume(void *task);
int microusc_freertos_task_is_current(void *task);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_PORT_FREERTOS_KERNEL_H */
