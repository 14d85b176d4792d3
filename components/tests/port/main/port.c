/*
 * What the C file of the component does, seen through the pools: kinds of memory, waiting, and interrupts.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "../../alarm.h"
#include "MicroUSC/system/memory_pool_leaks.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/task.h"

static const char *TAG = "port";

static memory_pool_t pool;
/* Not static: its address goes into a call that the compiler cannot see through. */
const void *const flash[64] = {0};
static MEMORY_POOL_STATIC_BUFFER(buffer, 16, 2);

static void check(bool right, int line) {
    if (right) return;
    printf("line %d is wrong\n", line);
    exit(1);
}
#define CHECK(right) check((right), __LINE__)

static void memory(void) {
    memory_pool_config_t config = {.block_size = 16, .num_blocks = 2, .placement = PSRAM};
    CHECK(memory_pool_init_config(&pool, &config) == MEMORY_POOL_ERR_NO_PSRAM);
    config.placement = IRAM;
    CHECK(memory_pool_init_config(&pool, &config) == MEMORY_POOL_ERR_NO_IRAM);
    config.placement = DRAM;
    config.num_blocks = 4000;
    CHECK(memory_pool_init_config(&pool, &config) == ESP_ERR_NO_MEM);

    CHECK(memory_pool_init_static(&pool, (void *)flash, sizeof(flash), 16, 2) == MEMORY_POOL_ERR_WRONG_MEMORY);
    CHECK(memory_pool_init_static(&pool, buffer, sizeof(buffer), 16, 2) == ESP_OK);
    CHECK(!memory_pool_init(&pool, 16, 2));
    CHECK(memory_pool_record_sites(&pool, true) == ESP_ERR_NOT_SUPPORTED);
    memory_pool_destroy(&pool);
}

/* What the interrupt does, once. */
static void *to_free;
/* The stand-in's: flash is written. */
extern bool standin_cache_off;

static void *to_refuse, *to_refuse_in_the_dark;
static bool in_vain;

static bool on_alarm(gptimer_handle_t timer, const gptimer_alarm_event_data_t *event, void *context) {
    (void)timer;
    (void)event;
    (void)context;
    if (to_free != NULL) memory_pool_free(&pool, to_free);
    to_free = NULL;
    if (to_refuse != NULL) memory_pool_free(&pool, to_refuse);
    to_refuse = NULL;
    if (to_refuse_in_the_dark != NULL) {
        standin_cache_off = true;
        memory_pool_free(&pool, to_refuse_in_the_dark);
        standin_cache_off = false;
    }
    to_refuse_in_the_dark = NULL;
    esp_err_t reason = ESP_OK;
    in_vain = memory_pool_alloc_timeout_reason(&pool, 10, &reason) == NULL && reason == ESP_ERR_INVALID_STATE;
    return false;
}

static void waiting(void) {
    CHECK(memory_pool_init(&pool, 16, 1));
    void *only = memory_pool_alloc(&pool);

    /* 25 ms are three ticks of 10, and one more, since the one that runs has begun. */
    const TickType_t start = xTaskGetTickCount();
    CHECK(memory_pool_alloc_timeout(&pool, 25) == NULL);
    CHECK(xTaskGetTickCount() - start == 4);

    start_alarm(on_alarm);

    to_free = only;
    void *granted = memory_pool_alloc_timeout(&pool, MEMORY_POOL_WAIT_FOREVER);
    CHECK(granted == only);
    CHECK(in_vain);
    memory_pool_info_t info;
    CHECK(memory_pool_get_info(&pool, &info) == ESP_OK && info.waiting_tasks == 0 && info.used_blocks == 1);

    /* A wrong free in an interrupt: refused, and reported without the log, which interrupts must not use. */
    to_refuse = &info;
    CHECK(memory_pool_alloc_timeout(&pool, 1) == NULL);
    CHECK(memory_pool_get_info(&pool, &info) == ESP_OK && info.refused_frees == 1);

    /* While flash is written it is refused and counted, and not reported. */
    to_refuse_in_the_dark = &info;
    CHECK(memory_pool_alloc_timeout(&pool, 1) == NULL);
    CHECK(memory_pool_get_info(&pool, &info) == ESP_OK && info.refused_frees == 2);

    memory_pool_free(&pool, granted);
    ESP_ERROR_CHECK(memory_pool_destroy_unused(&pool));
}

void app_main(void) {
    memory();
    waiting();
    ESP_LOGI(TAG, "done");
}
