/*
 * The world of a sample and its driver on FreeRTOS: a task for its main, tasks for its threads, the kernel's heap, and the
 * C library's streams. The kernel's allocations come through here, by the linker's option --wrap.
 */
#include <stdio.h>
#include <stdlib.h>

#include "FreeRTOS.h"
#include "semphr.h"
#include "task.h"

#include "MicroUSC/port/freertos.h"
#include "MicroUSC/port/host.h"
#include "board.h"
#include "interrupt.h"
#include "pthread.h"
#include "sched.h"

enum { STACK_WORDS = 2048, PRIORITY = 2, THREADS = 4 };

/* ---- The C library ----------------------------------------------------------------------------------------------- */

static int put(char character, FILE *stream) {
    (void)stream;
    board_write(&character, 1);
    return (unsigned char)character;
}

static FILE console = FDEV_SETUP_STREAM(put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE *const stdout = &console;
FILE *const stderr = &console;

void exit(int status) {
    board_exit(status == 0 ? BOARD_PASSED : BOARD_BROKEN);
}

/* ---- The kernel -------------------------------------------------------------------------------------------------- */

void assertion_failed(const char *file, int line) {
    fprintf(stderr, "assertion in %s, line %d\n", file, line);
    board_exit(BOARD_BROKEN);
}

void vApplicationTickHook(void) {
    interrupt_tick();
}

void *__real_pvPortMalloc(size_t bytes);
void *__wrap_pvPortMalloc(size_t bytes);

static size_t fails_in;

void *__wrap_pvPortMalloc(size_t bytes) {
    if (fails_in > 0 && --fails_in == 0) return NULL;
    return __real_pvPortMalloc(bytes);
}

/* ---- What the tests ask of the host port ------------------------------------------------------------------------- */

esp_err_t microusc_host_select_chip(const char *chip) {
    (void)chip;
    fails_in = 0;
    return memory_pool_next(NULL) == NULL ? ESP_OK : ESP_ERR_INVALID_STATE;
}

uint32_t microusc_host_chip_address(const void *address) {
    return (uint32_t)(uintptr_t)address;
}

size_t microusc_host_free_bytes(uint32_t caps) {
    (void)caps;
    return xPortGetFreeHeapSize();
}

void microusc_host_fail_allocation(size_t count) {
    fails_in = count;
}

/* ---- Threads ----------------------------------------------------------------------------------------------------- */

struct thread {
    void *(*run)(void *);
    void *argument;
    void *result;
    SemaphoreHandle_t ended;
    StaticSemaphore_t ended_parts;
    StaticTask_t task;
    StackType_t stack[STACK_WORDS];
};

static struct thread threads[THREADS];
static size_t created;

static void thread_task(void *argument) {
    struct thread *const self = argument;
    self->result = self->run(self->argument);
    xSemaphoreGive(self->ended);
    vTaskSuspend(NULL);
}

int pthread_create(pthread_t *thread, const void *attributes, void *(*run)(void *), void *argument) {
    (void)attributes;
    if (created == THREADS) return 1;
    struct thread *const self = *thread = &threads[created++];
    self->run = run;
    self->argument = argument;
    self->ended = xSemaphoreCreateBinaryStatic(&self->ended_parts);
    xTaskCreateStatic(thread_task, "thread", STACK_WORDS, self, PRIORITY, self->stack, &self->task);
    return 0;
}

int pthread_join(pthread_t thread, void **result) {
    if (xSemaphoreTake(thread->ended, portMAX_DELAY) != pdTRUE) return 1;
    if (result != NULL) *result = thread->result;
    return 0;
}

int sched_yield(void) {
    taskYIELD();
    return 0;
}

/* ---- The program ------------------------------------------------------------------------------------------------- */

/* The driver's main, which is compiled under this name. */
int driver_main(void);

static void program(void *unused) {
    (void)unused;
    exit(driver_main());
}

int main(void) {
    static StaticTask_t task;
    static StackType_t stack[STACK_WORDS];
    /* The C library keeps errno for each thread; here all tasks have one. */
    static char thread_local[64] __attribute__((aligned(16)));
    __asm__ volatile("mv tp, %0" ::"r"(thread_local));
    microusc_freertos_set_writer(board_write);
    vPortFree(pvPortMalloc(1));
    xTaskCreateStatic(program, "program", STACK_WORDS, NULL, PRIORITY, stack, &task);
    vTaskStartScheduler();
    return BOARD_BROKEN;
}
