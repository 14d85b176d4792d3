#pragma once
#include <stdint.h>
#include "esp_err.h"
void standin_log(char level, const char *tag, const char *format, ...) __attribute__((format(printf, 3, 4)));
#define ESP_LOGE(tag, ...) standin_log('E', tag, __VA_ARGS__)
#define ESP_LOGW(tag, ...) standin_log('W', tag, __VA_ARGS__)
#define ESP_LOGI(tag, ...) standin_log('I', tag, __VA_ARGS__)
