#pragma once
#include <stdlib.h>
typedef int esp_err_t;
#define ESP_OK 0
#define ESP_FAIL (-1)
#define ESP_ERR_NO_MEM 0x101
#define ESP_ERR_INVALID_ARG 0x102
#define ESP_ERR_INVALID_STATE 0x103
#define ESP_ERR_INVALID_SIZE 0x104
#define ESP_ERR_NOT_FOUND 0x105
#define ESP_ERR_NOT_SUPPORTED 0x106
#define ESP_ERR_TIMEOUT 0x107
void standin_check_failed(esp_err_t err, const char *what) __attribute__((noreturn));
#define ESP_ERROR_CHECK(x)                                      \
    do {                                                        \
        const esp_err_t standin_err = (x);                      \
        if (standin_err != ESP_OK) standin_check_failed(standin_err, #x); \
    } while (0)
