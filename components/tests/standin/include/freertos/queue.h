#pragma once
#ifndef INC_FREERTOS_H
#error "freertos/FreeRTOS.h has to be included before freertos/queue.h"
#endif
typedef struct standin_queue *QueueHandle_t;
QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t size);
BaseType_t xQueueSendFromISR(QueueHandle_t queue, const void *item, BaseType_t *woken);
BaseType_t xQueueReceive(QueueHandle_t queue, void *item, TickType_t ticks);
