/*
 * Tasks that run until they wait, time that passes when all of them wait, the timer whose interrupt comes then, and what
 * tasks wait for.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <string.h>

#include "freertos/FreeRTOS.h"

#include "driver/gptimer.h"
#include "esp_freertos_hooks.h"
#include "freertos/queue.h"
#include "freertos/semphr.h"
#include "freertos/task.h"
#include "standin.h"

/* ---- Tasks --------------------------------------------------------------------------------------------------- */

struct standin_task {
    void *stack_pointer;
    TaskHandle_t next; /* a ring */
    TaskFunction_t function;
    void *parameter;
    UBaseType_t priority;
    bool suspended;
};
_Static_assert(sizeof(struct standin_task) <= sizeof(StaticTask_t), "StaticTask_t is too small");

static struct standin_task first = {.next = &first, .priority = 1};
static TaskHandle_t current = &first;

/* Turns since a task last got what it waited for. */
static unsigned idle_turns;
static TickType_t now;

static void time_passes(void);

/* Lets the next task run. When all had their turn in vain, time passes. */
static void wait_a_turn(void) {
    unsigned tasks = 1;
    for (TaskHandle_t task = current->next; task != current; task = task->next) tasks++;
    if (++idle_turns > tasks) {
        idle_turns = 0;
        time_passes();
    }
    TaskHandle_t next = current->next;
    while (next->suspended && next != current) next = next->next;
    if (next == current) {
        if (current->suspended) standin_fail("all tasks are suspended");
        return;
    }
    TaskHandle_t last = current;
    current = next;
    standin_change_stack(&last->stack_pointer, next->stack_pointer);
}

static void begin(void) {
    current->function(current->parameter);
    standin_fail("a task returned");
}

TaskHandle_t xTaskCreateStaticPinnedToCore(TaskFunction_t function, const char *name, uint32_t stack_depth, void *parameter,
                                           UBaseType_t priority, StackType_t *stack, StaticTask_t *memory, BaseType_t core) {
    (void)name;
    standin_from_task("xTaskCreateStaticPinnedToCore");
    if (priority >= configMAX_PRIORITIES) standin_fail("a priority that there is not");
    if (core != tskNO_AFFINITY && core >= portNUM_PROCESSORS) standin_fail("a core that there is not");
    if (((uintptr_t)stack & 15) != 0 || stack_depth < configMINIMAL_STACK_SIZE) standin_fail("a stack that is none");
    memset(stack, 0xa5, stack_depth);
    void *const top = standin_new_stack(stack + stack_depth / 16 * 16, begin);
    TaskHandle_t task = (TaskHandle_t)memory;
    *task = (struct standin_task){top, current->next, function, parameter, priority, false};
    current->next = task;
    return task;
}

/* Fails for a task that is not there. */
static TaskHandle_t before(TaskHandle_t task) {
    for (TaskHandle_t at = current; at->next != current; at = at->next) {
        if (at->next == task) return at;
    }
    if (current != task) standin_fail("a task that is not there");
    TaskHandle_t at = current;
    while (at->next != task) at = at->next;
    return at;
}

void vTaskDelete(TaskHandle_t task) {
    standin_from_task("vTaskDelete");
    if (task == NULL || task == current || task == &first) standin_fail("vTaskDelete of a task that goes on");
    before(task)->next = task->next;
    memset(task, 0x5a, sizeof(*task));
}

void vTaskSuspend(TaskHandle_t task) {
    standin_from_task("vTaskSuspend");
    if (task != NULL) (void)before(task);
    task = task == NULL ? current : task;
    task->suspended = true;
    if (task == current) wait_a_turn();
}

void vTaskResume(TaskHandle_t task) {
    (void)before(task);
    task->suspended = false;
}

void vTaskDelay(TickType_t ticks) {
    standin_from_task("vTaskDelay");
    for (const TickType_t start = now; now - start < ticks;) wait_a_turn();
}

eTaskState eTaskGetState(TaskHandle_t task) {
    (void)before(task);
    return task == current ? eRunning : task->suspended ? eSuspended : eReady;
}

TaskHandle_t xTaskGetCurrentTaskHandle(void) {
    return current;
}

UBaseType_t uxTaskPriorityGet(TaskHandle_t task) {
    return task == NULL ? current->priority : task->priority;
}

BaseType_t xTaskGetSchedulerState(void) {
    return taskSCHEDULER_RUNNING;
}

TickType_t xTaskGetTickCount(void) {
    return now;
}

BaseType_t xPortInIsrContext(void) {
    return standin_in_isr;
}

void vPortYieldFromISR(void) {
    if (!standin_in_isr) standin_fail("portYIELD_FROM_ISR in a task");
}

/* ---- Idle tasks ---------------------------------------------------------------------------------------------- */

static esp_freertos_idle_cb_t idle_hooks[portNUM_PROCESSORS];
static BaseType_t core_id;

BaseType_t xPortGetCoreID(void) {
    return core_id;
}

esp_err_t esp_register_freertos_idle_hook_for_cpu(esp_freertos_idle_cb_t new_idle_cb, UBaseType_t cpuid) {
    if (cpuid >= portNUM_PROCESSORS) return ESP_ERR_INVALID_ARG;
    if (idle_hooks[cpuid] != NULL) return ESP_ERR_NO_MEM;
    idle_hooks[cpuid] = new_idle_cb;
    return ESP_OK;
}

void esp_deregister_freertos_idle_hook_for_cpu(esp_freertos_idle_cb_t old_idle_cb, UBaseType_t cpuid) {
    if (idle_hooks[cpuid] != old_idle_cb) standin_fail("an idle hook that was not registered");
    idle_hooks[cpuid] = NULL;
}

static void idle(void) {
    for (core_id = 0; core_id < portNUM_PROCESSORS; core_id++) {
        if (idle_hooks[core_id] != NULL) (void)idle_hooks[core_id]();
    }
    core_id = 0;
}

/* ---- Time, and the timer's interrupt -------------------------------------------------------------------------- */

static struct standin_timer {
    gptimer_alarm_cb_t on_alarm;
    void *context;
    gptimer_alarm_config_t alarm;
    bool enabled;
    bool started;
} timer;

static void time_passes(void) {
    if (++now > 1000000) standin_fail("waits for what never comes");
    idle();
    if (!timer.started) return;
    const gptimer_alarm_event_data_t event = {timer.alarm.alarm_count, timer.alarm.alarm_count};
    standin_in_isr = true;
    (void)timer.on_alarm(&timer, &event, timer.context);
    standin_in_isr = false;
}

esp_err_t gptimer_new_timer(const gptimer_config_t *config, gptimer_handle_t *handle) {
    (void)config;
    *handle = &timer;
    return ESP_OK;
}

esp_err_t gptimer_register_event_callbacks(gptimer_handle_t handle, const gptimer_event_callbacks_t *callbacks,
                                           void *context) {
    handle->on_alarm = callbacks->on_alarm;
    handle->context = context;
    return ESP_OK;
}

esp_err_t gptimer_enable(gptimer_handle_t handle) {
    handle->enabled = true;
    return ESP_OK;
}

esp_err_t gptimer_set_alarm_action(gptimer_handle_t handle, const gptimer_alarm_config_t *config) {
    handle->alarm = *config;
    return ESP_OK;
}

esp_err_t gptimer_start(gptimer_handle_t handle) {
    if (!handle->enabled || handle->on_alarm == NULL) return ESP_ERR_INVALID_STATE;
    handle->started = true;
    return ESP_OK;
}

esp_err_t gptimer_stop(gptimer_handle_t handle) {
    handle->started = false;
    return ESP_OK;
}

/* ---- Queues and semaphores ------------------------------------------------------------------------------------ */

struct standin_queue {
    void *items[8];
    size_t length;
    size_t count;
};
_Static_assert(sizeof(struct standin_queue) <= sizeof(StaticQueue_t), "StaticQueue_t is too small");

static struct standin_queue only;

QueueHandle_t xQueueCreate(UBaseType_t length, UBaseType_t size) {
    if (only.length != 0 || length > 8 || size != sizeof(void *)) standin_fail("there is one queue, of at most 8 pointers");
    only.length = length;
    return &only;
}

BaseType_t xQueueSendFromISR(QueueHandle_t to, const void *item, BaseType_t *woken) {
    if (!standin_in_isr) standin_fail("xQueueSendFromISR in a task");
    if (to->count == to->length) return pdFALSE;
    memcpy(&to->items[to->count++], item, sizeof(void *));
    *woken = pdTRUE;
    return pdTRUE;
}

/* Until there is something in it, or the time is over. */
static bool filled(QueueHandle_t queue, TickType_t ticks) {
    for (const TickType_t start = now; queue->count == 0;) {
        if (ticks != portMAX_DELAY && now - start >= ticks) return false;
        wait_a_turn();
    }
    idle_turns = 0;
    return true;
}

BaseType_t xQueueReceive(QueueHandle_t from, void *item, TickType_t ticks) {
    standin_from_task("xQueueReceive");
    if (!filled(from, ticks)) return pdFALSE;
    memcpy(item, &from->items[0], sizeof(void *));
    memmove(&from->items[0], &from->items[1], --from->count * sizeof(void *));
    return pdTRUE;
}

SemaphoreHandle_t xSemaphoreCreateBinaryStatic(StaticSemaphore_t *storage) {
    SemaphoreHandle_t semaphore = (SemaphoreHandle_t)storage;
    semaphore->length = 1;
    semaphore->count = 0;
    return semaphore;
}

SemaphoreHandle_t xSemaphoreCreateMutexStatic(StaticSemaphore_t *storage) {
    SemaphoreHandle_t mutex = xSemaphoreCreateBinaryStatic(storage);
    mutex->count = 1;
    return mutex;
}

static void exists(SemaphoreHandle_t semaphore) {
    if (semaphore == NULL || semaphore->length != 1 || semaphore->count > 1) standin_fail("a semaphore that is none");
}

void vSemaphoreDelete(SemaphoreHandle_t semaphore) {
    exists(semaphore);
    semaphore->length = 0;
}

BaseType_t xSemaphoreTake(SemaphoreHandle_t semaphore, TickType_t ticks) {
    standin_from_task("xSemaphoreTake");
    exists(semaphore);
    if (!filled(semaphore, ticks)) return pdFALSE;
    semaphore->count = 0;
    return pdTRUE;
}

BaseType_t xSemaphoreGive(SemaphoreHandle_t semaphore) {
    if (standin_in_isr) standin_fail("xSemaphoreGive in an interrupt");
    exists(semaphore);
    semaphore->count = 1;
    return pdTRUE;
}

BaseType_t xSemaphoreGiveFromISR(SemaphoreHandle_t semaphore, BaseType_t *woken) {
    if (!standin_in_isr) standin_fail("xSemaphoreGiveFromISR in a task");
    exists(semaphore);
    semaphore->count = 1;
    *woken = pdTRUE;
    return pdTRUE;
}
