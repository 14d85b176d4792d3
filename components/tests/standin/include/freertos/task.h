#pragma once
#ifndef INC_FREERTOS_H
#error "freertos/FreeRTOS.h has to be included before freertos/task.h"
#endif
typedef struct standin_task *TaskHandle_t;
typedef void (*TaskFunction_t)(void *parameter);
typedef enum { eRunning, eReady, eBlocked, eSuspended, eDeleted, eInvalid } eTaskState;
#define tskNO_AFFINITY ((BaseType_t)0x7fffffff)
#define taskSCHEDULER_RUNNING ((BaseType_t)2)
BaseType_t xTaskGetSchedulerState(void);
UBaseType_t uxTaskPriorityGet(TaskHandle_t task);
TickType_t xTaskGetTickCount(void);
TaskHandle_t xTaskGetCurrentTaskHandle(void);
TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t function, const char *name, uint32_t stack_depth, void *parameter,
                                           UBaseType_t priority, StackType_t *stack, StaticTask_t *memory, BaseType_t core);
void vTaskDelete(TaskHandle_t task);
void vTaskSuspend(TaskHandle_t task);
void vTaskResume(TaskHandle_t task);
void vTaskDelay(TickType_t ticks);
eTaskState eTaskGetState(TaskHandle_t task);
