/*
 * Tasks of several priorities, a queue, the tick and another interrupt on pools, under an unmodified FreeRTOS kernel.
 *
 *     2 conductor: starts the other tasks, and reports the results
 *     traffic: 1 producer --queue--> 3 consumer, 1 two owners, the tick: all on two pools
 *     waiting: 4 early, 5 late: each waits for a block when it is notified
 *     drivers: 4, tasks of the system layer, which come and go
 *
 * With OPEN the pool of the owners has no lock, which they must find. A rule that is broken ends the program.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "FreeRTOS.h"
#include "queue.h"
#include "task.h"

#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/internal/system/init.h"
#include "MicroUSC/port/freertos.h"
#include "MicroUSC/system/memory_pool_debug.h"
#include "interrupt.h"
#include "owner_table.h"

enum { STACK_WORDS = 1024, LOW = 1, CONDUCTOR = 2, CONSUMER = 3, EARLY = 4, LATE = 5 };
enum { MESSAGES = 5, MESSAGE_WORDS = 8, SENT = 600, TICKS = 200, RACES = 60 };

void assertion_failed(const char *file, int line) {
    printf("broken: assertion in %s, line %d\n", file, line);
    board_exit(BOARD_BROKEN);
}

static memory_pool_info_t info_of(memory_pool_t *pool) {
    memory_pool_info_t info;
    check(memory_pool_get_info(pool, &info) == ESP_OK, "a live pool has no information");
    return info;
}

/* ---- The log ----------------------------------------------------------------------------------------------- */

/* The log since it was last printed. Tasks and interrupts write it, here never two of them at once. */
static char logged[1024];
static size_t logged_bytes;

static void keep_log(const char *text, size_t length) {
    for (size_t at = 0; at < length && logged_bytes < sizeof(logged) - 1; at++) logged[logged_bytes++] = text[at];
    logged[logged_bytes] = '\0';
}

/* Prints the log without the time at its beginning: `W (12) memory_pool: ...`. */
static void print_log(void) {
    size_t at = 0;
    while (at < logged_bytes && logged[at] != ')') at++;
    check(at + 2 < logged_bytes, "nothing was logged");
    printf("  %s", logged + at + 2);
    logged_bytes = 0;
}

/* ---- Traffic ----------------------------------------------------------------------------------------------- */

static MEMORY_POOL_STATIC_BUFFER(messages_buffer, MESSAGE_WORDS * sizeof(uint32_t), MESSAGES);
static memory_pool_t messages;
static QueueHandle_t queue;
static volatile uint32_t sent, received, ticks_of_traffic;
static volatile unsigned finished;
static volatile bool traffic;

static void fill(uint32_t *message, uint32_t name) {
    for (uint32_t word = 0; word < MESSAGE_WORDS; word++) message[word] = name ^ word << 24;
}

static void verify(const uint32_t *message, uint32_t name) {
    for (uint32_t word = 0; word < MESSAGE_WORDS; word++) {
        check(message[word] == (name ^ word << 24), "a message was changed on its way");
    }
}

static void finish(void) {
    taskENTER_CRITICAL();
    finished = finished + 1;
    taskEXIT_CRITICAL();
    vTaskSuspend(NULL);
}

static void producer(void *unused) {
    (void)unused;
    for (uint32_t number = 0; number < SENT; number++) {
        uint32_t *const message = memory_pool_alloc_timeout(&messages, MEMORY_POOL_WAIT_FOREVER);
        check(message != NULL, "a wait without a timeout ended without a block");
        fill(message, number);
        check(xQueueSend(queue, &message, portMAX_DELAY) == pdPASS, "the queue took no message");
        sent = sent + 1;
    }
    finish();
}

static void consumer(void *unused) {
    (void)unused;
    for (uint32_t number = 0; number < SENT; number++) {
        uint32_t *message;
        check(xQueueReceive(queue, &message, portMAX_DELAY) == pdPASS, "the queue gave no message");
        verify(message, number);
        check(memory_pool_free_reason(&messages, message) == ESP_OK, "a message cannot be freed");
        received = received + 1;
        /* It is late from time to time, so that the producer has to wait. */
        if (number % 64 == 0) vTaskDelay(1);
    }
    finish();
}

static void owner(void *argument) {
    context_t *const self = argument;
    while (received < SENT || ticks_of_traffic < TICKS) context_work(self);
    context_free_all(self);
    finish();
}

static context_t owners[] = {
    {.owner = 1u << 24, .random = 0x9e3779b9}, {.owner = 2u << 24, .random = 0x85ebca6b}, {.owner = 3u << 24, .random = 0x2545f491}};

static uint32_t *volatile held_by_tick;

/* The interrupt allocates a message in one tick and frees it in another, and is an owner like the tasks. */
static void tick_of_traffic(void) {
    if (held_by_tick == NULL) {
        held_by_tick = traffic ? memory_pool_alloc_from_isr(&messages) : NULL;
        if (held_by_tick != NULL) fill(held_by_tick, ticks_of_traffic);
    } else if (ticks_of_traffic % 3 == 0 || !traffic) {
        verify(held_by_tick, *held_by_tick);
        check(memory_pool_free_reason(&messages, held_by_tick) == ESP_OK, "the tick cannot free a message");
        held_by_tick = NULL;
    }
    if (traffic) {
        context_work(&owners[2]);
    } else {
        context_free_all(&owners[2]);
    }
    ticks_of_traffic = ticks_of_traffic + 1;
}

static bool tick_has_work(void) {
    return traffic || held_by_tick != NULL || *(volatile size_t *)&owners[2].count > 0;
}

/* ---- Waiting ----------------------------------------------------------------------------------------------- */

/* A task that waits for a block when it is notified. */
typedef struct {
    TaskHandle_t task;
    memory_pool_t *pool;
    uint32_t timeout_ms;
    uint32_t *block;
    esp_err_t reason;
    TickType_t ticks; /* the time that it waited */
    volatile bool ended;
} sleeper_t;

static sleeper_t early, late;

static void sleeper(void *argument) {
    sleeper_t *const self = argument;
    for (;;) {
        ulTaskNotifyTake(pdTRUE, portMAX_DELAY);
        const TickType_t start = xTaskGetTickCount();
        self->block = memory_pool_alloc_timeout_reason(self->pool, self->timeout_ms, &self->reason);
        self->ticks = xTaskGetTickCount() - start;
        self->ended = true;
    }
}

static void start(sleeper_t *self, memory_pool_t *pool, uint32_t timeout_ms) {
    const size_t waiting = info_of(pool).waiting_tasks;
    self->pool = pool;
    self->timeout_ms = timeout_ms;
    self->ended = false;
    xTaskNotifyGive(self->task);
    /* It has a higher priority, so that it ran until it had to wait. */
    check(!self->ended && info_of(pool).waiting_tasks == waiting + 1, "a task did not wait for a block");
}

static void took(const sleeper_t *self, const uint32_t *block, const char *otherwise) {
    check(self->ended && self->reason == ESP_OK && self->block == block, otherwise);
}

static memory_pool_t single;
static uint32_t *volatile held_by_interrupt;
static volatile esp_err_t reason_in_interrupt;

static void free_in_interrupt(void) {
    memory_pool_free(&single, held_by_interrupt);
}

static void wait_in_interrupt(void) {
    esp_err_t reason;
    check(memory_pool_alloc_timeout_reason(&single, 10, &reason) == NULL, "an interrupt waited for a block");
    reason_in_interrupt = reason;
}

/* Ticks until the interrupt frees `held_by_interrupt`; 0: it frees nothing. */
static volatile uint32_t tick_frees_in;

void vApplicationTickHook(void) {
    if (tick_has_work()) tick_of_traffic();
    if (tick_frees_in > 0) {
        tick_frees_in = tick_frees_in - 1;
        if (tick_frees_in == 0) memory_pool_free(&single, held_by_interrupt);
    }
    interrupt_tick();
}

/* ---- The conductor ----------------------------------------------------------------------------------------- */

static TaskHandle_t create(void (*run)(void *), const char *name, void *argument, UBaseType_t priority) {
    static StaticTask_t tasks[8];
    static StackType_t stacks[8][STACK_WORDS];
    static size_t created;
    const size_t number = created++;
    return xTaskCreateStatic(run, name, STACK_WORDS, argument, priority, stacks[number], &tasks[number]);
}

static void run_traffic(void) {
    static StaticQueue_t queue_parts;
    static uint8_t queue_bytes[MESSAGES * sizeof(uint32_t *)];
    queue = xQueueCreateStatic(MESSAGES, sizeof(uint32_t *), queue_bytes, &queue_parts);
    const esp_err_t made = memory_pool_init_static(&messages, messages_buffer, sizeof(messages_buffer),
                                                   MESSAGE_WORDS * sizeof(uint32_t), MESSAGES);
    check(made == ESP_OK, "no pool in a static buffer");
    table_begin();
    traffic = true;
    create(producer, "producer", NULL, LOW);
    create(consumer, "consumer", NULL, CONSUMER);
    create(owner, "owner", &owners[0], LOW);
    create(owner, "owner", &owners[1], LOW);
    while (finished < 4) vTaskDelay(1);
    traffic = false;
    while (tick_has_work()) vTaskDelay(1);

    check(sent == SENT && received == SENT, "a message was lost");
    printf("traffic: %u messages through the queue, each as it was sent\n", (unsigned)received);
    const memory_pool_info_t info = info_of(&messages);
    check(info.free_blocks == MESSAGES && info.refused_frees == 0 && info.corruptions == 0, "a message block was lost");
    check(memory_pool_validate(&messages) == ESP_OK, "the free list of the messages is damaged");
    check(memory_pool_destroy_unused(&messages) == ESP_OK, "the pool of the messages cannot be destroyed");
    table_end("tasks and the tick");
}

static void run_waiting(void) {
    early.task = create(sleeper, "early", &early, EARLY);
    late.task = create(sleeper, "late", &late, LATE);

    uint32_t *const block = memory_pool_alloc(&single);
    start(&early, &single, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&single, block);
    took(&early, block, "a free did not wake the task of higher priority at once");
    printf("a task frees: the waiting task has the block before the other goes on\n");

    start(&late, &single, 60000);
    held_by_interrupt = block;
    interrupt_run(free_in_interrupt);
    took(&late, block, "a free in an interrupt did not wake the task at its end");
    printf("an interrupt frees: the same\n");

    start(&early, &single, MEMORY_POOL_WAIT_FOREVER);
    tick_frees_in = 2;
    while (tick_frees_in > 0) {
    }
    took(&early, block, "a free in the tick did not wake the task at its end");
    printf("the tick frees: the same\n");

    static const uint32_t times[] = {1, 2, 10, 33};
    for (size_t at = 0; at < sizeof(times) / sizeof(times[0]); at++) {
        const uint32_t failures = info_of(&single).alloc_failures;
        start(&early, &single, times[at]);
        while (!early.ended) vTaskDelay(1);
        check(early.block == NULL && early.reason == ESP_ERR_TIMEOUT, "a wait did not end with a timeout");
        /* The tick in which the wait began does not count. */
        check((uint64_t)(early.ticks - 1) * 1000 >= (uint64_t)times[at] * configTICK_RATE_HZ, "a wait was too short");
        const memory_pool_info_t info = info_of(&single);
        check(info.waiting_tasks == 0 && info.alloc_failures == failures + 1, "a wait that timed out was not counted");
    }
    start(&early, &single, 40);
    for (int disturbance = 0; disturbance < 5; disturbance++) {
        xTaskAbortDelay(early.task);
        check(!early.ended, "a wait ended before its timeout");
    }
    while (!early.ended) vTaskDelay(1);
    check(early.reason == ESP_ERR_TIMEOUT, "a disturbed wait did not end with a timeout");
    check((uint64_t)(early.ticks - 1) * 1000 >= (uint64_t)40 * configTICK_RATE_HZ, "a disturbed wait was too short");
    printf("without a free: %s, after the whole time\n", memory_pool_err_to_name(early.reason));

    for (uint32_t race = 0; race < RACES; race++) {
        /* The block is freed before, after, or in the tick of the timeout. */
        start(&late, &single, 2);
        tick_frees_in = 1 + race % 5;
        while (tick_frees_in > 0 || !late.ended) vTaskDelay(1);
        if (late.block == NULL) late.block = memory_pool_alloc(&single);
        check(late.block == block, "a block was lost when it was freed during a timeout");
    }
    printf("the tick frees at the timeout: no block is lost\n");
    memory_pool_free(&single, block);
}

static void run_order(void) {
    static memory_pool_t pair;
    check(memory_pool_init(&pair, 32, 2), "no pool of two");
    uint32_t *const one = memory_pool_alloc(&pair), *const other = memory_pool_alloc(&pair);

    start(&early, &pair, MEMORY_POOL_WAIT_FOREVER);
    start(&late, &pair, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&pair, one);
    took(&late, one, "the higher priority was not served first");
    check(!early.ended, "one block woke two tasks");
    memory_pool_free(&pair, other);
    took(&early, other, "the lower priority was not served");

    check(memory_pool_set_wait_order(&pair, MEMORY_POOL_WAIT_FIFO) == ESP_OK, "the order cannot be chosen");
    start(&early, &pair, MEMORY_POOL_WAIT_FOREVER);
    start(&late, &pair, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&pair, one);
    took(&early, one, "the task that came first was not served first");
    memory_pool_free(&pair, other);
    took(&late, other, "the task that came later was not served");
    memory_pool_free(&pair, one);
    memory_pool_free(&pair, other);
    check(memory_pool_destroy_unused(&pair) == ESP_OK, "the pool of two cannot be destroyed");
    printf("two tasks wait: by priority, or in the order in which they came\n");
}

/* ---- Drivers ----------------------------------------------------------------------------------------------- */

static microusc_driver_t *running;
static esp_err_t removed_in_interrupt;

static void driver(microusc_driver_t *self) {
    running = self;
    volatile uint32_t *const rounds = self->buffer;
    while (self->argument == NULL && microusc_driver_wait(self, MICROUSC_WAIT_FOREVER)) *rounds = *rounds + 1;
}

static void notify_in_interrupt(void) {
    microusc_driver_notify(running);
    removed_in_interrupt = microusc_driver_remove(running->id);
}

static void waiter(microusc_driver_t *self) {
    *(void **)self->buffer = memory_pool_alloc_timeout(&single, MEMORY_POOL_WAIT_FOREVER);
}

/* A driver is removed while it waits for a block, between two tasks that wait: its stack must not stay in the queue. */
static void run_forgotten(void) {
    const microusc_driver_config_t waits = {"waits", waiter, NULL, EARLY, MICROUSC_DRIVER_ANY_CORE};
    uint32_t *const block = memory_pool_alloc(&single);
    for (int round = 0; round < 10; round++) {
        uint32_t first, id;
        check(microusc_driver_add(&waits, &first) == ESP_OK, "a driver did not start");
        check(microusc_driver_remove(first) == ESP_OK, "a driver that waits for a block cannot be removed");
        check(info_of(&single).waiting_tasks == 0, "a removed driver still waits");
        start(&late, &single, MEMORY_POOL_WAIT_FOREVER);
        check(microusc_driver_add(&(microusc_driver_config_t){"gone", waiter, NULL, EARLY, 0}, &id) == ESP_OK, "no driver");
        start(&early, &single, MEMORY_POOL_WAIT_FOREVER);
        check(microusc_driver_remove(id) == ESP_OK, "a driver that waits for a block cannot be removed");
        check(info_of(&single).waiting_tasks == 2, "another task was forgotten");
        memory_pool_free(&single, block);
        took(&late, block, "the first task was not served");
        memory_pool_free(&single, block);
        took(&early, block, "a removed driver was served");
    }
    memory_pool_free(&single, block);
}

static void run_drivers(void) {
    const microusc_driver_config_t waits = {"waits", driver, NULL, EARLY, MICROUSC_DRIVER_ANY_CORE};
    const microusc_driver_config_t returns = {"returns", driver, &running, EARLY, 0};
    const microusc_driver_config_t elsewhere = {"elsewhere", driver, NULL, EARLY, 1};
    const microusc_driver_config_t too_high = {"too high", driver, NULL, configMAX_PRIORITIES, 0};
    check(microusc_driver_add(&elsewhere, NULL) == ESP_FAIL, "a driver was added on a core that does not exist");
    check(microusc_driver_add(&too_high, NULL) == ESP_FAIL, "a driver was added with a priority that does not exist");
    for (int round = 0; round < 20; round++) {
        uint32_t id, other;
        running = NULL;
        check(microusc_driver_add(&waits, &id) == ESP_OK && running != NULL, "a driver did not start");
        const volatile uint32_t *const rounds = running->buffer;
        microusc_driver_notify(running);
        check(*rounds == 1, "a driver that was notified did not run");
        interrupt_run(notify_in_interrupt);
        check(*rounds == 2, "a driver that an interrupt notified did not run");
        check(removed_in_interrupt == ESP_ERR_INVALID_STATE, "an interrupt removed a driver");
        check(microusc_driver_pause(id) == ESP_OK, "a driver cannot be paused");
        microusc_driver_notify(running);
        check(*rounds == 2, "a paused driver ran");
        check(microusc_driver_resume(id) == ESP_OK && *rounds == 3, "a driver that was resumed did not run");
        check(microusc_driver_add(&returns, &other) == ESP_OK, "no second driver");
        check(microusc_driver_resume(other) == ESP_OK, "a driver that returned cannot be resumed");
        check(microusc_driver_remove(id) == ESP_OK, "a driver that waits cannot be removed");
        check(microusc_driver_remove(other) == ESP_OK, "a driver that returned cannot be removed");
    }
    run_forgotten();
    check(microusc_system_end() == ESP_OK, "the system layer cannot be ended");
    printf("drivers: added, notified, paused, resumed and removed\n");
    logged_bytes = 0;
}

/* ---- Call-site records ----------------------------------------------------------------------------------------- */

static memory_pool_t recorded;
static void *from_main, *from_interrupt;

static memory_pool_site_t site_of(const void *block) {
    memory_pool_site_t site;
    check(memory_pool_get_site(&recorded, block, &site) == ESP_OK && site.recorded, "a live block has no record");
    return site;
}

static void alloc_in_interrupt(void) {
    from_interrupt = memory_pool_alloc_from_isr(&recorded);
}

static void begin_records(void) {
    check(memory_pool_init(&recorded, 32, 3) && memory_pool_record_sites(&recorded, true) == ESP_OK, "no records");
    from_main = memory_pool_alloc(&recorded);
    check(site_of(from_main).task == NULL && !site_of(from_main).in_interrupt, "a record names a task before there are tasks");
}

static void run_records(void) {
    uint32_t *const mine = DEBUG_ALLOC(&recorded);
    check(site_of(mine).task == xTaskGetCurrentTaskHandle() && site_of(mine).line == __LINE__ - 1, "a record names another task");
    interrupt_run(alloc_in_interrupt);
    check(site_of(from_interrupt).task == NULL && site_of(from_interrupt).in_interrupt, "a record does not name the interrupt");
    start(&early, &recorded, MEMORY_POOL_WAIT_FOREVER);
    memory_pool_free(&recorded, mine);
    took(&early, mine, "the waiting task was not served");
    check(site_of(mine).task == early.task && site_of(mine).file == NULL, "a record does not name the waiting task");

    const TickType_t first = configINITIAL_TICK_COUNT, passed = xTaskGetTickCount() - first;
    const uint64_t age_us = site_of(from_main).age_us;
    check(first == 0 || xTaskGetTickCount() < first, "the tick count has not wrapped yet");
    check(age_us >= (uint64_t)passed * 1000000 / configTICK_RATE_HZ, "time stood still when the tick count wrapped");
    check(age_us < 3600000000u, "time jumped when the tick count wrapped");
    printf("records: of tasks and interrupts, with a time that goes on when the tick count wraps\n");

    memory_pool_free(&recorded, from_main);
    memory_pool_free(&recorded, from_interrupt);
    memory_pool_free(&recorded, mine);
    check(memory_pool_dump_leaks(&recorded, 0, NULL, NULL) == 0, "a free block has a record");
    check(memory_pool_destroy_unused(&recorded) == ESP_OK, "the pool with records cannot be destroyed");
}

/* ---- What is refused ---------------------------------------------------------------------------------------- */

static void run_refusals(void) {
    interrupt_run(wait_in_interrupt);
    printf("an interrupt waits: %s\n", memory_pool_err_to_name(reason_in_interrupt));
    print_log();

    esp_err_t reason;
    vTaskSuspendAll();
    check(memory_pool_alloc_timeout_reason(&single, 10, &reason) == NULL, "a task waited with the scheduler suspended");
    xTaskResumeAll();
    printf("a task waits with the scheduler suspended: %s\n", memory_pool_err_to_name(reason));
    logged_bytes = 0;

    memory_pool_t huge = {0};
    check(!memory_pool_init(&huge, 1024, 1024), "a pool larger than the heap was made");
    printf("a pool larger than the heap:\n");
    print_log();

    show_memory_usage();
    size_t lines = 0;
    for (size_t at = 0; at < logged_bytes; at++) lines += logged[at] == '\n';
    logged[5] = '\0';
    printf("usage: \"%s ...\" and %u lines more\n", logged, (unsigned)lines - 1);
}

static size_t heap_at_start;

static void conductor(void *unused) {
    (void)unused;
    run_traffic();
    run_waiting();
    run_order();
    run_drivers();
    run_records();
    run_refusals();
    const memory_pool_info_t info = info_of(&single);
    check(info.refused_frees == 0 && info.corruptions == 0, "a call was refused");
    check(memory_pool_destroy_unused(&single) == ESP_OK, "the pool that tasks waited for cannot be destroyed");
    check(xPortGetFreeHeapSize() == heap_at_start, "memory was lost");
    printf("at the end: every block and every byte is back\n");
    board_exit(BOARD_PASSED);
}

int main(void) {
    microusc_freertos_set_writer(keep_log);
    vPortFree(pvPortMalloc(1));
    heap_at_start = xPortGetFreeHeapSize();

    check(memory_pool_init(&single, 32, 1), "no pool before the scheduler runs");
    esp_err_t reason;
    check(memory_pool_alloc_timeout_reason(&single, 10, &reason) == NULL, "a wait was accepted before the scheduler runs");
    printf("before the scheduler runs: %s\n", memory_pool_err_to_name(reason));
    void *const block = memory_pool_alloc(&single);
    check(block != NULL && memory_pool_free_reason(&single, block) == ESP_OK, "no block before the scheduler runs");
    begin_records();
    logged_bytes = 0;
    const microusc_system_config_t system = {2, 64, 64, STACK_WORDS * sizeof(StackType_t)};
    check(microusc_system_configure(&system) == ESP_OK, "the system layer cannot be configured");
    check(init_MicroUSC_system() == ESP_OK, "no system layer before the scheduler runs");

    create(conductor, "conductor", NULL, CONDUCTOR);
    vTaskStartScheduler();
    return BOARD_BROKEN;
}
