/*
 * What the archive of Rust code calls: the functions of port_esp_idf.c, where each is explained. Not for programs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MICROUSC_PORT_ESP_IDF_H
#define MICROUSC_PORT_ESP_IDF_H

#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/system/memory_pool.h"
#include "MicroUSC/system/memory_pool_leaks.h"

typedef struct {
    uint32_t psram;     /* external RAM is fitted, found, and given to the heap */
    uint32_t psram_dma; /* and peripherals reach it */
    size_t psram_line;  /* bytes of its cache's line */
    size_t dma_align;   /* bytes that buffers for DMA in internal RAM are aligned to; 0 or 1: no matter */
    uint32_t word_iram; /* the heap has internal RAM that takes words only */
} microusc_esp_idf_limits_t;

void microusc_esp_idf_limits(microusc_esp_idf_limits_t *limits);
void *microusc_esp_idf_allocate(size_t bytes, size_t align, uint32_t caps);
void microusc_esp_idf_release(void *memory);

/* What memory is: heap memory in internal RAM, internal RAM that takes words only, external RAM, anything else. */
#define MICROUSC_ESP_IDF_INTERNAL 0
#define MICROUSC_ESP_IDF_WORDS 1
#define MICROUSC_ESP_IDF_EXTERNAL 2
#define MICROUSC_ESP_IDF_OTHER 3
int microusc_esp_idf_kind_of(const void *memory, size_t bytes);

void microusc_esp_idf_lock(void *memory);
void microusc_esp_idf_unlock(void *memory);

bool microusc_esp_idf_may_report(void);
bool microusc_esp_idf_may_wait(void);
uint8_t microusc_esp_idf_priority(void);
void *microusc_esp_idf_open_36_words(void *memory);
void microusc_esp_idf_close(void *semaphore);
void microusc_esp_idf_wait(void *semaphore);
bool microusc_esp_idf_wait_for(void *semaphore, uint32_t milliseconds);
void microusc_esp_idf_give(void *semaphore);

void microusc_esp_idf_sizes(size_t *task, size_t *semaphore, size_t *least_stack);
bool microusc_esp_idf_system_lock(void);
void microusc_esp_idf_system_unlock(void);
void *microusc_esp_idf_task_start(const char *name, microusc_driver_entry_t entry, microusc_driver_t *driver,
                                  uint32_t priority, int32_t core, uint8_t *stack, size_t stack_bytes, uint8_t *memory);
bool microusc_esp_idf_task_stop(void *task);
void microusc_esp_idf_task_pause(void *task);
void microusc_esp_idf_task_resume(void *task);
bool microusc_esp_idf_task_is_current(void *task);

void microusc_esp_idf_log(const memory_pool_report_t *report, const char *reason, const char *step, size_t length);
bool microusc_esp_idf_fills_free_blocks(void);
uint64_t microusc_esp_idf_moment(const void **task, uint8_t *core, bool *in_interrupt);
void microusc_esp_idf_print(const char *text, size_t length);
void microusc_esp_idf_print_heap(void);
void microusc_esp_idf_stop(void) MEMORY_POOL_ATTR(noreturn);

#endif /* MICROUSC_PORT_ESP_IDF_H */
