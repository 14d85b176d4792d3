#pragma once
#include <stdbool.h>
#include "freertos/portmacro.h"
#include "esp_err.h"
typedef bool (*esp_freertos_idle_cb_t)(void);
esp_err_t esp_register_freertos_idle_hook_for_cpu(esp_freertos_idle_cb_t new_idle_cb, UBaseType_t cpuid);
void esp_deregister_freertos_idle_hook_for_cpu(esp_freertos_idle_cb_t old_idle_cb, UBaseType_t cpuid);
