/*
 * What samples leave out: the names of ESP-IDF and FreeRTOS that they use, as stand-ins for a host. On FreeRTOS it is
 * ../freertos/prelude.h.
 *
 * Nothing here changes a sample or our headers. A function of the application that a sample calls is declared by the
 * driver that runs it.
 */
#ifndef MICROUSC_SAMPLES_PRELUDE_H
#define MICROUSC_SAMPLES_PRELUDE_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "MicroUSC/system/memory_pool.h"

#include "left_out.h"

/* Pools can be in each of the three placements. */
enum { PRELUDE_PLACEMENTS = 3 };

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static inline int64_t esp_timer_get_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* ---- A mutex, as FreeRTOS has it: created on the heap, taken with a time-out ------------------------------------- */

typedef pthread_mutex_t *SemaphoreHandle_t;
typedef int BaseType_t;
typedef uint32_t TickType_t;
#define pdTRUE 1
#define pdFALSE 0
#define portMAX_DELAY ((TickType_t)0xFFFFFFFFu)

static int prelude_mutexes;          /* created and not deleted */
static bool prelude_refuse_a_mutex;  /* the next creation fails */

static inline SemaphoreHandle_t xSemaphoreCreateMutex(void) {
    SemaphoreHandle_t mutex = NULL;
    if (!prelude_refuse_a_mutex) mutex = (SemaphoreHandle_t)malloc(sizeof(*mutex));
    prelude_refuse_a_mutex = false;
    if (mutex == NULL) return NULL;
    pthread_mutex_init(mutex, NULL);
    prelude_mutexes++;
    return mutex;
}

static inline void vSemaphoreDelete(SemaphoreHandle_t mutex) {
    pthread_mutex_destroy(mutex);
    free(mutex);
    prelude_mutexes--;
}

static inline BaseType_t xSemaphoreTake(SemaphoreHandle_t mutex, TickType_t ticks) {
    if (ticks == portMAX_DELAY) return pthread_mutex_lock(mutex) == 0 ? pdTRUE : pdFALSE;
    return pthread_mutex_trylock(mutex) == 0 ? pdTRUE : pdFALSE;
}

static inline BaseType_t xSemaphoreGive(SemaphoreHandle_t mutex) {
    return pthread_mutex_unlock(mutex) == 0 ? pdTRUE : pdFALSE;
}

#endif /* MICROUSC_SAMPLES_PRELUDE_H */
