/*
 * An interrupt allocates blocks, fills them, and sends them to a task, which frees them. Two blocks are kept for the
 * interrupt, so that a task that allocates too many does not leave it without.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "MicroUSC/system/memory_pool.h"
#include "driver/gptimer.h"
#include "esp_attr.h"
#include "esp_log.h"
#include "freertos/FreeRTOS.h"
#include "freertos/queue.h"

static const char *TAG = "isr";

typedef struct {
    uint32_t number;
    uint64_t count;
} sample_t;

/* Data of an interrupt lies in internal RAM, as every static variable does. IRAM_ATTR is for its functions. */
static memory_pool_t samples;
static QueueHandle_t ready;
static uint32_t taken;
static uint32_t missed;

static bool IRAM_ATTR on_alarm(gptimer_handle_t timer, const gptimer_alarm_event_data_t *event, void *context) {
    (void)timer;
    (void)context;
    sample_t *sample = memory_pool_alloc_from_isr(&samples);
    if (sample == NULL) {
        missed++;
        return false;
    }
    sample->number = taken++;
    sample->count = event->count_value;
    BaseType_t woken = pdFALSE;
    if (xQueueSendFromISR(ready, &sample, &woken) != pdTRUE) memory_pool_free(&samples, sample);
    return woken == pdTRUE;
}

static gptimer_handle_t start_timer(void) {
    gptimer_handle_t timer = NULL;
    const gptimer_config_t config = {
        .clk_src = GPTIMER_CLK_SRC_DEFAULT,
        .direction = GPTIMER_COUNT_UP,
        .resolution_hz = 1000000,
    };
    ESP_ERROR_CHECK(gptimer_new_timer(&config, &timer));
    const gptimer_event_callbacks_t callbacks = {.on_alarm = on_alarm};
    ESP_ERROR_CHECK(gptimer_register_event_callbacks(timer, &callbacks, NULL));
    ESP_ERROR_CHECK(gptimer_enable(timer));
    const gptimer_alarm_config_t alarm = {.alarm_count = 10000, .flags.auto_reload_on_alarm = true};
    ESP_ERROR_CHECK(gptimer_set_alarm_action(timer, &alarm));
    ESP_ERROR_CHECK(gptimer_start(timer));
    return timer;
}

void app_main(void) {
    const memory_pool_config_t config = {
        .block_size = sizeof(sample_t),
        .num_blocks = 4,
        .placement = DRAM,
        .flags = MEMORY_POOL_FLAG_ISR,
        .name = "samples",
    };
    ESP_ERROR_CHECK(memory_pool_init_config(&samples, &config));
    ESP_ERROR_CHECK(memory_pool_set_isr_reserve(&samples, 2));
    ready = xQueueCreate(4, sizeof(sample_t *));

    /* This task may take two of the four; the others are the interrupt's. */
    void *own[3];
    int count = 0;
    while (count < 3 && (own[count] = memory_pool_alloc(&samples)) != NULL) count++;
    ESP_LOGI(TAG, "taken by the task: %d", count);

    gptimer_handle_t timer = start_timer();
    for (int i = 0; i < 5; i++) {
        sample_t *sample = NULL;
        xQueueReceive(ready, &sample, portMAX_DELAY);
        ESP_LOGI(TAG, "sample %u", (unsigned)sample->number);
        memory_pool_free(&samples, sample);
    }
    ESP_ERROR_CHECK(gptimer_stop(timer));

    while (count > 0) memory_pool_free(&samples, own[--count]);
    ESP_LOGI(TAG, "missed by the interrupt: %u", (unsigned)missed);
}
