/*
 * An application that uses what the documentation of the original describes, and nothing else: seven functions, a macro,
 * and the five fields of the struct. The system space is initialised first; then a task and the tick fill blocks, another
 * task empties them, and everything is checked by the fields.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <string.h>
#include "program.h"
#include "queue.h"

#include "MicroUSC/internal/system/init.h"
#include "MicroUSC/system/memory_pool.h"

enum { READINGS = 12, READING_BYTES = 20, FRAMES = 6, FRAME_BYTES = 96, EVENTS = 4, EVENT_BYTES = 16 };
enum { MESSAGES = 500, CONDUCTOR = 2, FILLER = 1, EMPTIER = 3 };

static memory_pool_t readings, events;
static memory_pool_t *frames;

/* What the documentation says about the fields of a pool that no other context uses. */
static void look_at(const memory_pool_t *pool, size_t least_bytes, size_t blocks, size_t used) {
    check(pool->num_blocks == blocks, "the number of blocks is another than was asked for");
    check(pool->block_size >= least_bytes, "blocks are smaller than was asked for");
    check(pool->free_blocks == blocks - used, "the number of free blocks is wrong");
    size_t listed = 0;
    for (const memory_block_t *block = pool->memory_free; block != NULL; block = block->next) {
        const uintptr_t from = (uintptr_t)block - (uintptr_t)pool->memory;
        check(from % pool->block_size == 0 && from / pool->block_size < blocks, "the list leads out of the pool");
        check(++listed <= blocks, "the list has no end");
    }
    check(listed == pool->free_blocks, "the list is longer or shorter than the number of free blocks");
}

/* ---- Tasks and the tick ------------------------------------------------------------------------------------- */

static QueueHandle_t queue;
static volatile uint32_t received;
static volatile uint32_t ticks_served;
static void *volatile event;

/* The interrupt allocates a block in one tick and frees it in the next. */
static void serve_tick(void) {
    if (event == NULL) {
        event = memory_pool_alloc(&events);
        check(event != NULL, "the tick has no block");
        memset(event, 0x5A, EVENT_BYTES);
    } else {
        const unsigned char *const bytes = event;
        for (size_t at = 0; at < EVENT_BYTES; at++) check(bytes[at] == 0x5A, "the tick's block was changed");
        memory_pool_free(&events, event);
        event = NULL;
    }
    ticks_served = ticks_served + 1;
}

static void fill_frames(void *unused) {
    (void)unused;
    for (uint32_t number = 0; number < MESSAGES;) {
        unsigned char *const frame = memory_pool_alloc(frames);
        if (frame == NULL) {
            taskYIELD(); /* every block is on its way */
            continue;
        }
        memset(frame, (int)number & 0xFF, frames->block_size);
        check(xQueueSend(queue, &frame, portMAX_DELAY) == pdPASS, "the queue took no frame");
        number++;
    }
    vTaskSuspend(NULL);
}

static void empty_frames(void *unused) {
    (void)unused;
    for (uint32_t number = 0; number < MESSAGES; number++) {
        unsigned char *frame;
        check(xQueueReceive(queue, &frame, portMAX_DELAY) == pdPASS, "the queue gave no frame");
        for (size_t at = 0; at < frames->block_size; at++) check(frame[at] == (number & 0xFF), "a frame was changed");
        memory_pool_free(frames, frame);
        received = received + 1;
        if (number % 32 == 0) vTaskDelay(1);
    }
    vTaskSuspend(NULL);
}

static void run_tasks(void) {
    static StaticTask_t tasks[2];
    static StackType_t stacks[2][1024];
    static StaticQueue_t parts;
    static uint8_t places[FRAMES * sizeof(void *)];
    queue = xQueueCreateStatic(FRAMES, sizeof(void *), places, &parts);
    on_tick = serve_tick;
    xTaskCreateStatic(fill_frames, "fill", 1024, NULL, FILLER, stacks[0], &tasks[0]);
    xTaskCreateStatic(empty_frames, "empty", 1024, NULL, EMPTIER, stacks[1], &tasks[1]);
    while (received < MESSAGES || ticks_served < 20 || event != NULL) vTaskDelay(1);
    taskENTER_CRITICAL();
    on_tick = NULL;
    taskEXIT_CRITICAL();
    if (event != NULL) memory_pool_free(&events, event);
    look_at(frames, FRAME_BYTES, FRAMES, 0);
    look_at(&events, EVENT_BYTES, EVENTS, 0);
    printf("%u frames went from task to task, and the tick used blocks of its own\n", (unsigned)received);
}

/* ---- In sequence -------------------------------------------------------------------------------------------- */

static void run_out_and_recover(void) {
    void *taken[READINGS];
    look_at(&readings, READING_BYTES, READINGS, 0);
    for (size_t at = 0; at < READINGS; at++) {
        taken[at] = memory_pool_alloc(&readings);
        check(taken[at] != NULL, "a free block is not to be had");
        memset(taken[at], (int)at, readings.block_size);
        look_at(&readings, READING_BYTES, READINGS, at + 1);
    }
    check(memory_pool_alloc(&readings) == NULL, "a block more than there are");
    for (size_t at = 0; at < READINGS; at++) {
        const unsigned char *const bytes = taken[at];
        for (size_t byte = 0; byte < readings.block_size; byte++) check(bytes[byte] == at, "a block is another's, too");
    }
    memory_pool_free(&readings, taken[3]);
    check(memory_pool_alloc(&readings) == taken[3], "a freed block is not to be had");
    for (size_t at = 0; at < READINGS; at++) memory_pool_free(&readings, taken[at]);
    look_at(&readings, READING_BYTES, READINGS, 0);
    printf("%u blocks: all taken, none left, all returned\n", (unsigned)READINGS);
}

/* Each misuse has one log line, and does no harm. */
static void make_mistakes(void) {
    void *const block = memory_pool_alloc(&readings);
    int elsewhere;
    forget_log();
    memory_pool_free(&readings, &elsewhere);
    memory_pool_free(&readings, (char *)block + 4);
    memory_pool_free(frames, block);
    memory_pool_free(&readings, block);
    memory_pool_free(&readings, block);
    memory_pool_free(&readings, NULL);
    memory_pool_free(NULL, block);
    check(!memory_pool_init(&readings, READING_BYTES, READINGS), "a pool was initialised twice");
    check(!memory_pool_init(NULL, READING_BYTES, READINGS), "a pool was initialised nowhere");
    memory_pool_t refused;
    check(!memory_pool_init(&refused, 1, 4) && !memory_pool_init(&refused, 32, 0), "a pool of blocks that cannot be");
    check(memory_pool_malloc(32, SIZE_MAX / 16) == NULL, "a pool larger than memory");
    check(memory_pool_alloc(NULL) == NULL, "a block of no pool");
    memory_pool_destroy(NULL);
    look_at(&readings, READING_BYTES, READINGS, 0);
    look_at(frames, FRAME_BYTES, FRAMES, 0);
    printf("mistakes: %u lines in the log, and the pools are as they were\n", (unsigned)logged_lines);
}

static void show(void) {
    forget_log();
    show_memory_usage();
    check(memcmp(logged, "heap: ", 6) == 0, "the memory of the system is not shown");
    check(is_in(logged, "drivers") && is_in(logged, "stacks"), "a pool of the system is not shown");
    printf("usage: the heap and %u lines\n", (unsigned)logged_lines - 1);
}

static size_t heap_at_start;

static void conductor(void *unused) {
    (void)unused;
    check(init_MicroUSC_system() == ESP_OK, "the system space is not initialised");
    const size_t heap = xPortGetFreeHeapSize();
    check(heap < heap_at_start, "the system space takes no memory");
    printf("the system space is initialised\n");
    check(memory_pool_init(&readings, READING_BYTES, READINGS), "no pool of readings");
    check(memory_pool_init(&events, EVENT_BYTES, EVENTS), "no pool of events");
    frames = memory_handler_malloc(FRAME_BYTES, FRAMES);
    check(frames != NULL, "no pool of frames");
    run_out_and_recover();
    run_tasks();
    make_mistakes();
    show();
    memory_pool_destroy(&readings);
    memory_pool_destroy(&events);
    memory_pool_destroy(frames);
    check(memory_pool_alloc(&readings) == NULL, "a block of a pool that ended");
    check(xPortGetFreeHeapSize() == heap, "memory was lost");
    printf("at the end: what is left is the system's\n");
    board_exit(BOARD_PASSED);
}

int main(void) {
    vPortFree(pvPortMalloc(1));
    heap_at_start = xPortGetFreeHeapSize();
    return run_in_task(conductor, CONDUCTOR);
}
