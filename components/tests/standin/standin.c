/*
 * The functions of ESP-IDF that the component and its examples call, but for tasks (tasks.c). What the real ones forbid ends
 * the program here.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_heap_caps.h"
#include "esp_log.h"
#include "esp_memory_utils.h"
#include "esp_private/cache_utils.h"
#include "esp_private/esp_cache_private.h"
#include "esp_rom_sys.h"
#include "esp_timer.h"
#include "esp_sleep.h"
#include "esp_system.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

#include "standin.h"

void app_main(void);

bool standin_in_isr, standin_cache_off;
static unsigned nesting;

void standin_fail(const char *what) {
    printf("standin: %s\n", what);
    exit(1);
}

void standin_from_task(const char *function) {
    if (standin_in_isr || nesting > 0) {
        printf("standin: %s in an interrupt or a critical section\n", function);
        exit(1);
    }
}

int main(void) {
    app_main();
    if (nesting > 0) standin_fail("app_main returned in a critical section");
    return 0;
}

/* ---- Errors and text ---------------------------------------------------------------------------------------- */

void standin_check_failed(esp_err_t err, const char *what) {
    printf("ESP_ERROR_CHECK failed: %#x: %s\n", (unsigned)err, what);
    exit(1);
}

void esp_system_abort(const char *details) {
    printf("abort: %s\n", details);
    exit(1);
}

void standin_log(char level, const char *tag, const char *format, ...) {
    if (standin_cache_off) standin_fail("a text in flash is logged while the cache is off");
    standin_from_task("ESP_LOG");
    printf("%c (%u) %s: ", level, (unsigned)(xTaskGetTickCount() * (1000 / configTICK_RATE_HZ)), tag);
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/* A microsecond for each time it is asked. */
int64_t esp_timer_get_time(void) {
    static int64_t now;
    return ++now;
}

int esp_rom_printf(const char *fmt, ...) {
    if (standin_cache_off) standin_fail("a text in flash is printed while the cache is off");
    va_list arguments;
    va_start(arguments, fmt);
    const int printed = vprintf(fmt, arguments);
    va_end(arguments);
    return printed;
}

/* ---- Memory: a list of what is in use, by address --------------------------------------------------------------- */

#define HEAP_BYTES 32768
static _Alignas(64) char heap[HEAP_BYTES];

static struct {
    char *start;
    size_t size;
} used[32];
static size_t num_used;
static size_t least_free = HEAP_BYTES;

static size_t free_bytes(void) {
    size_t bytes = HEAP_BYTES;
    for (size_t i = 0; i < num_used; i++) bytes -= used[i].size;
    return bytes;
}

static char *gap_start(size_t index) {
    return index == 0 ? heap : used[index - 1].start + used[index - 1].size;
}

static char *gap_end(size_t index) {
    return index == num_used ? heap + HEAP_BYTES : used[index].start;
}

void *heap_caps_aligned_alloc(size_t alignment, size_t size, uint32_t caps) {
    standin_from_task("heap_caps_aligned_alloc");
    if (alignment == 0 || (alignment & (alignment - 1)) != 0) standin_fail("an alignment that is no power of two");
    if ((caps & MALLOC_CAP_SPIRAM) != 0 || num_used == sizeof(used) / sizeof(used[0])) return NULL;
    for (size_t i = 0; i <= num_used; i++) {
        char *start = (char *)(((uintptr_t)gap_start(i) + alignment - 1) & ~(uintptr_t)(alignment - 1));
        if (start > gap_end(i) || (size_t)(gap_end(i) - start) < size) continue;
        memmove(&used[i + 1], &used[i], (num_used - i) * sizeof(used[0]));
        used[i].start = start;
        used[i].size = size;
        num_used++;
        if (free_bytes() < least_free) least_free = free_bytes();
        memset(start, 0xa5, size);
        return start;
    }
    return NULL;
}

void heap_caps_free(void *ptr) {
    standin_from_task("heap_caps_free");
    if (ptr == NULL) return;
    for (size_t i = 0; i < num_used; i++) {
        if (used[i].start != ptr) continue;
        memset(ptr, 0x5a, used[i].size);
        num_used--;
        memmove(&used[i], &used[i + 1], (num_used - i) * sizeof(used[0]));
        return;
    }
    standin_fail("heap_caps_free of what was not allocated");
}

size_t heap_caps_get_total_size(uint32_t caps) {
    return (caps & MALLOC_CAP_SPIRAM) != 0 ? 0 : HEAP_BYTES;
}

void heap_caps_get_info(multi_heap_info_t *info, uint32_t caps) {
    memset(info, 0, sizeof(*info));
    if ((caps & MALLOC_CAP_SPIRAM) != 0) return;
    info->total_free_bytes = free_bytes();
    info->total_allocated_bytes = HEAP_BYTES - free_bytes();
    info->minimum_free_bytes = least_free;
    for (size_t i = 0; i <= num_used; i++) {
        const size_t gap = (size_t)(gap_end(i) - gap_start(i));
        if (gap > info->largest_free_block) info->largest_free_block = gap;
    }
}

bool esp_ptr_external_ram(const void *p) {
    (void)p;
    return false;
}

bool esp_ptr_byte_accessible(const void *p) {
    return esp_ptr_internal(p);
}

bool spi_flash_cache_enabled(void) {
    return !standin_cache_off;
}

esp_err_t esp_cache_get_alignment(uint32_t heap_caps, size_t *out_alignment) {
    (void)heap_caps;
    *out_alignment = 0;
    return ESP_OK;
}

/* ---- Critical sections -------------------------------------------------------------------------------------- */

#if CONFIG_FREERTOS_UNICORE
void vPortEnterCritical(void) {
    nesting++;
}

void vPortExitCritical(void) {
    if (nesting-- == 0) standin_fail("a critical section was left that was not entered");
}
#else
void standin_enter_critical(portMUX_TYPE *mux) {
    if (mux->owner != 0xb33fffff && mux->count == 0) standin_fail("a portMUX that was never initialised");
    mux->owner = 0xcdcd;
    mux->count++;
    nesting++;
}

void standin_exit_critical(portMUX_TYPE *mux) {
    if (mux->owner != 0xcdcd || mux->count == 0) standin_fail("a portMUX was released that is not held");
    if (--mux->count == 0) mux->owner = 0xb33fffff;
    nesting--;
}
#endif

void standin_mux_initialize(portMUX_TYPE *mux) {
    mux->owner = 0xb33fffff;
    mux->count = 0;
}

/* ---- Deep sleep: the program starts anew, with all memory but .rtc_noinit as at first ------------------------------ */

void _start(void);

RTC_NOINIT_ATTR static unsigned sleeps;

esp_err_t esp_sleep_enable_timer_wakeup(uint64_t time_in_us) {
    (void)time_in_us;
    return ESP_OK;
}

void esp_deep_sleep_start(void) {
    if (++sleeps == 4) exit(0);
    _start();
    exit(1);
}
