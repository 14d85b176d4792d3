/*
 * Thousands of drivers of the system layer are added and removed: tasks on stacks of a pool, one to four at a time. They are
 * removed while they wait, are paused, have returned, are busy, or have not begun; one by one in any order, by each other,
 * or all at once.
 *
 * With KEEPS one of them is not removed, which must be found.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <string.h>
#include "program.h"

#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/internal/system/init.h"

enum { ADDED = 10000, AT_ONCE = 4, BUFFER = 48, BELOW = 1, CONDUCTOR = 2, ABOVE = 3 };
enum { WAITS, WAITS_A_WHILE, RETURNS, REMOVES, BUSY, KINDS };

/* A driver, as the program knows it without reading its memory. */
typedef struct {
    uint32_t id, kind, priority;
    uint32_t removes; /* the driver that this one removes; 0: none */
    volatile bool begun;
    volatile esp_err_t refused; /* the result of removing itself or the other driver */
    microusc_driver_t *volatile driver;
} known_t;

static known_t known[AT_ONCE];
static uint32_t added, removed, by_kind[KINDS], not_begun, paused, all_at_once;

static uint32_t draw(void) {
    static uint32_t random = 0x9e3779b9;
    return next_random(&random);
}

/* ---- The tasks of the drivers------------------------------------------------------------------------------- */

/* Writes a part of the stack and reads it again. */
static uint32_t use_stack(uint32_t seed) {
    volatile uint32_t words[64];
    uint32_t sum = 0;
    for (uint32_t at = 0; at < 64; at++) words[at] = seed + at;
    for (uint32_t at = 0; at < 64; at++) sum += words[at] - at;
    return sum / 64;
}

static void run(microusc_driver_t *self) {
    known_t *const mine = self->argument;
    unsigned char *const buffer = self->buffer;
    for (size_t at = 0; at < BUFFER; at++) check(buffer[at] == 0, "a driver's buffer was not zeroed");
    memset(buffer, (int)self->id & 0xFF, BUFFER);
    check(use_stack(self->id) == self->id, "the stack of a driver changed");
    mine->driver = self;
    mine->begun = true;
    switch (mine->kind) {
    case RETURNS: mine->refused = microusc_driver_remove(self->id); return;
    case REMOVES: mine->refused = microusc_driver_remove(mine->removes); break;
    case BUSY:
        for (;;) use_stack(self->id);
    case WAITS_A_WHILE:
        while (!microusc_driver_wait(self, 1)) {
        }
        break;
    default: break;
    }
    while (microusc_driver_wait(self, MICROUSC_WAIT_FOREVER)) use_stack(self->id);
}

/* ---- The conductor ------------------------------------------------------------------------------------------ */

static memory_pool_info_t info_of(const char *name) {
    memory_pool_info_t info;
    for (memory_pool_t *pool = memory_pool_next(NULL); pool != NULL; pool = memory_pool_next(pool)) {
        check(memory_pool_get_info(pool, &info) == ESP_OK, "a live pool has no information");
        check(info.refused_frees == 0 && info.corruptions == 0, "a pool of the system layer was misused");
        if (strlen(info.name) == strlen(name) && memcmp(info.name, name, strlen(name)) == 0) return info;
    }
    check(false, "a pool of the system layer is missing");
    return info;
}

/* Checks how many nodes and stacks are live. */
static void in_use(size_t count, const char *otherwise) {
    check(info_of("drivers").used_blocks == count && info_of("stacks").used_blocks == count, otherwise);
}

static void add(size_t place, size_t there) {
    const uint32_t random = draw();
    known_t *const one = &known[place];
    *one = (known_t){.kind = random % KINDS, .priority = random >> 8 & 1 ? ABOVE : BELOW, .refused = ESP_FAIL};
    if (one->kind == BUSY) one->priority = BELOW;
    if (one->kind == REMOVES) {
        one->priority = ABOVE;
        one->removes = there > 0 ? known[place - 1].id : 0;
        if (one->removes == 0) one->kind = WAITS;
    }
    const microusc_driver_config_t config = {NULL, run, one, one->priority, 0};
    uint32_t id = 0;
    check(microusc_driver_add(&config, &id) == ESP_OK, "a driver cannot be added");
    check(id > added, "a driver has the id of another");
    one->id = id;
    check(one->begun == (one->priority == ABOVE), "a driver began against its priority");
    by_kind[one->kind]++;
    added++;
    if (one->kind == RETURNS && one->begun) check(one->refused == ESP_ERR_INVALID_STATE, "a driver removed itself");
}

/* Checks a driver that runs, and changes the state of some. */
static void disturb(const known_t *one) {
    const uint32_t random = draw();
    if (one->begun) {
        const unsigned char *const buffer = one->driver->buffer;
        for (size_t at = 0; at < BUFFER; at++) check(buffer[at] == (one->id & 0xFF), "a driver has the buffer of another");
        if (random % 4 == 0 && one->kind != BUSY) microusc_driver_notify(one->driver);
    }
    if (random >> 8 & 1) return;
    paused++;
    check(microusc_driver_pause(one->id) == ESP_OK, "a driver cannot be paused");
    microusc_driver_info_t info;
    check(microusc_driver_get_info(one->id, &info) == ESP_OK && info.state == MICROUSC_DRIVER_PAUSED, "it is not paused");
    if (random >> 9 & 1) check(microusc_driver_resume(one->id) == ESP_OK, "a driver cannot be resumed");
}

static void remove_one(const known_t *one) {
    not_begun += !one->begun;
    check(microusc_driver_remove(one->id) == ESP_OK, "a driver cannot be removed");
    check(microusc_driver_remove(one->id) == ESP_ERR_NOT_FOUND, "a driver was removed twice");
    removed++;
}

/* Adds some drivers and removes them. */
static void round_of(size_t count) {
    bool lives[AT_ONCE] = {false};
    size_t there = 0;
    for (size_t place = 0; place < count; place++) {
        add(place, place > 0 && lives[place - 1]);
        lives[place] = true;
        there++;
        if (known[place].kind == REMOVES) {
            check(known[place].refused == ESP_OK, "a driver cannot remove another");
            lives[place - 1] = false;
            removed++;
            there--;
        }
        in_use(there, "a driver was added, and nodes or stacks do not show it");
    }
    if (there == AT_ONCE) {
        const microusc_driver_config_t config = {"one too many", run, &known[0], ABOVE, 0};
        check(microusc_driver_add(&config, NULL) == ESP_ERR_NO_MEM, "a driver more than there are stacks");
    }
    if (draw() % 64 == 0) vTaskDelay(1);
    for (size_t place = 0; place < count; place++) {
        if (lives[place]) disturb(&known[place]);
    }
    if (draw() % 4 == 0) {
        all_at_once++;
        check(microusc_driver_remove_all() == ESP_OK, "the drivers cannot be removed at once");
        removed += there;
    } else {
        const uint32_t random = draw();
        const size_t first = random % count;
        for (size_t at = 0; at < count; at++) {
            const size_t place = (random >> 8 & 1 ? first + at : first + count - at) % count;
            if (lives[place]) remove_one(&known[place]);
        }
    }
    in_use(0, "a driver was removed, and a node or a stack is not back");
}

static void keep_one(void) {
#ifdef KEEPS
    add(0, 0);
#endif
}

static size_t heap_at_start;

static void conductor(void *unused) {
    (void)unused;
    const microusc_system_config_t system = {AT_ONCE, BUFFER, BUFFER, 1024 * sizeof(StackType_t)};
    check(microusc_system_configure(&system) == ESP_OK && init_MicroUSC_system() == ESP_OK, "no system layer");
    const size_t heap = xPortGetFreeHeapSize();
    while (added < ADDED) round_of(1 + draw() % AT_ONCE);
    keep_one();

    in_use(0, "a node or a stack is not back");
    check(removed == added, "a driver was not removed");
    check(by_kind[WAITS] > 0 && by_kind[WAITS_A_WHILE] > 0 && by_kind[RETURNS] > 0 && by_kind[REMOVES] > 0 &&
              by_kind[BUSY] > 0 && not_begun > 0 && paused > 0 && all_at_once > 0,
          "a way to go did not occur");
    check(info_of("drivers").lowest_free == 0 && info_of("stacks").lowest_free == 0, "never were all of them there");
    for (memory_pool_t *pool = memory_pool_next(NULL); pool != NULL; pool = memory_pool_next(pool)) {
        check(memory_pool_validate(pool) == ESP_OK, "a pool of the system layer is damaged");
    }
    check(xPortGetFreeHeapSize() == heap, "the drivers took memory from the heap");
    /* What is deleted is the idle task's to give back, if anything. */
    vTaskDelay(2);
    check(uxTaskGetNumberOfTasks() == 2, "a task was not deleted");
    printf("%u drivers at least came and went: both pools are full again\n", (unsigned)ADDED);
    check(microusc_system_end() == ESP_OK, "the system layer does not end");
    check(memory_pool_next(NULL) == NULL && xPortGetFreeHeapSize() == heap_at_start, "memory was lost");
    printf("at the end: every byte of the heap is back\n");
    board_exit(BOARD_PASSED);
}

int main(void) {
    vPortFree(pvPortMalloc(1));
    heap_at_start = xPortGetFreeHeapSize();
    return run_in_task(conductor, CONDUCTOR);
}
