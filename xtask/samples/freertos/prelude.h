/*
 * What samples leave out, on FreeRTOS: the kernel's own names, and tasks where drivers want threads.
 */
#ifndef MICROUSC_SAMPLES_PRELUDE_H
#define MICROUSC_SAMPLES_PRELUDE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "FreeRTOS.h"
#include "semphr.h"
#include "task.h"

#include "MicroUSC/system/memory_pool.h"

#include "left_out.h"
#include "pthread.h"

/* One kind of memory: pools can be in DRAM. */
enum { PRELUDE_PLACEMENTS = 1 };

static inline int64_t esp_timer_get_time(void) {
    return (int64_t)xTaskGetTickCount() * 1000000 / configTICK_RATE_HZ;
}

/* ---- The kernel's mutex, counted ------------------------------------------------------------------------------- */

static int prelude_mutexes;          /* created and not deleted */
static bool prelude_refuse_a_mutex;  /* the next creation fails */

static inline SemaphoreHandle_t prelude_create_mutex(void) {
    const SemaphoreHandle_t mutex = prelude_refuse_a_mutex ? NULL : xSemaphoreCreateMutex();
    prelude_refuse_a_mutex = false;
    if (mutex != NULL) prelude_mutexes++;
    return mutex;
}

static inline void prelude_delete_mutex(SemaphoreHandle_t mutex) {
    vSemaphoreDelete(mutex);
    prelude_mutexes--;
}

#undef xSemaphoreCreateMutex
#undef vSemaphoreDelete
#define xSemaphoreCreateMutex() prelude_create_mutex()
#define vSemaphoreDelete(mutex) prelude_delete_mutex(mutex)

#endif /* MICROUSC_SAMPLES_PRELUDE_H */
