/*
 * What CONFIG_MICROUSC_DIAGNOSTICS adds, on ESP-IDF's clock, tasks and log: records, traces, checks of free blocks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../alarm.h"
#include "MicroUSC/system/memory_pool_debug.h"
#include "MicroUSC/system/memory_pool_trace.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static memory_pool_t pool;

static void check(bool right, int line) {
    if (right) return;
    printf("line %d is wrong\n", line);
    exit(1);
}
#define CHECK(right) check((right), __LINE__)

static memory_pool_site_t site_of(const void *block) {
    memory_pool_site_t site;
    CHECK(memory_pool_get_site(&pool, block, &site) == ESP_OK && site.recorded);
    return site;
}

static void *volatile from_interrupt;

static bool on_alarm(gptimer_handle_t timer, const gptimer_alarm_event_data_t *event, void *context) {
    (void)timer;
    (void)event;
    (void)context;
    if (from_interrupt == NULL) from_interrupt = memory_pool_alloc_from_isr(&pool);
    return false;
}

static void records(void) {
    CHECK(memory_pool_init(&pool, 32, 4));
    CHECK(memory_pool_set_name(&pool, "packets") == ESP_OK);
    CHECK(memory_pool_record_sites(&pool, true) == ESP_OK);
    void *const block = debug_pool_alloc(&pool, 7, "diagnostics.c");
    const memory_pool_site_t site = site_of(block);
    CHECK(site.task == (const void *)xTaskGetCurrentTaskHandle() && !site.in_interrupt && site.core == 0);
    CHECK(site.line == 7 && site.time_us > 0 && site_of(block).age_us > site.age_us);

    start_alarm(on_alarm);
    while (from_interrupt == NULL) vTaskDelay(1);
    CHECK(site_of(from_interrupt).in_interrupt && site_of(from_interrupt).task == NULL);

    CHECK(memory_pool_dump_leaks(&pool, 0, NULL, NULL) == 2);
    memory_pool_free(&pool, block);
    memory_pool_free(&pool, from_interrupt);
    CHECK(memory_pool_destroy_unused(&pool) == ESP_OK);
}

/* Without asking for it: menuconfig did. */
static void checks(void) {
    CHECK(memory_pool_init(&pool, 32, 2));
    char *volatile stale = memory_pool_alloc(&pool);
    memory_pool_free(&pool, stale);
    stale[20] = 1;
    CHECK(memory_pool_alloc(&pool) == stale);
    memory_pool_info_t info;
    CHECK(memory_pool_get_info(&pool, &info) == ESP_OK && info.corruptions == 1);
    memory_pool_free(&pool, stale);
    CHECK(memory_pool_validate(&pool) == ESP_OK && memory_pool_destroy_unused(&pool) == ESP_OK);
}

static void print_event(const memory_pool_event_t *event) {
    static const char *const operations[] = {"alloc", "free", "refused"};
    printf("%s %u%s\n", operations[event->operation], (unsigned)event->size, event->block == NULL ? ", no block" : "");
}

static void traces(void) {
    CHECK(memory_pool_init(&pool, 24, 1));
    CHECK(memory_pool_set_trace_callback(print_event) == ESP_OK && memory_pool_trace(&pool, true) == ESP_OK);
    void *const block = memory_pool_alloc(&pool);
    CHECK(memory_pool_alloc(&pool) == NULL);
    memory_pool_free(&pool, block);
    CHECK(memory_pool_destroy_unused(&pool) == ESP_OK);
}

void app_main(void) {
    records();
    checks();
    traces();
}
