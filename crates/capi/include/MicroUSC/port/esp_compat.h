/*
 * The few names of ESP-IDF that memory_pool.h needs, for programs that are built without ESP-IDF.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef MICROUSC_PORT_ESP_COMPAT_H
#define MICROUSC_PORT_ESP_COMPAT_H

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
#define ESP_ERR_NOT_FINISHED 0x10C

#define MALLOC_CAP_32BIT (1 << 1)
#define MALLOC_CAP_8BIT (1 << 2)
#define MALLOC_CAP_DMA (1 << 3)
#define MALLOC_CAP_SPIRAM (1 << 10)
#define MALLOC_CAP_INTERNAL (1 << 11)

#endif /* MICROUSC_PORT_ESP_COMPAT_H */
