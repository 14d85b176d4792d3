/*
 * Interrupts every ten milliseconds, as ESP-IDF makes them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef ALARM_H
#define ALARM_H

#include "driver/gptimer.h"

/** @brief Starts a timer whose interrupts call `on_alarm`. */
static inline void start_alarm(gptimer_alarm_cb_t on_alarm) {
    gptimer_handle_t timer = NULL;
    const gptimer_config_t config = {.resolution_hz = 1000000};
    const gptimer_event_callbacks_t callbacks = {.on_alarm = on_alarm};
    const gptimer_alarm_config_t alarm = {.alarm_count = 10000, .flags.auto_reload_on_alarm = true};
    ESP_ERROR_CHECK(gptimer_new_timer(&config, &timer));
    ESP_ERROR_CHECK(gptimer_register_event_callbacks(timer, &callbacks, NULL));
    ESP_ERROR_CHECK(gptimer_enable(timer));
    ESP_ERROR_CHECK(gptimer_set_alarm_action(timer, &alarm));
    ESP_ERROR_CHECK(gptimer_start(timer));
}

#endif
