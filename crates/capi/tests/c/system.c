/* The system memory space and its drivers, on threads of the host. */
/* flags: -pthread */
#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <unistd.h>

#include "MicroUSC/internal/driverList.h"
#include "MicroUSC/internal/system/init.h"
#include "MicroUSC/system/memory_pool_trace.h"

#include "check.h"

static void start_system(void) {
    CHECK_EQUAL(init_MicroUSC_system(), ESP_OK);
    CHECK_EQUAL(memory_pool_find("drivers")->free_blocks, 4);
    CHECK_EQUAL(memory_pool_find("stacks")->free_blocks, 4);
}

static void end_system(void) {
    CHECK_EQUAL(microusc_system_end(), ESP_OK);
    CHECK(memory_pool_find("drivers") == NULL && memory_pool_find("stacks") == NULL);
}

/* Counts notifications into its argument and its buffer, and answers each through a pool. */
typedef struct {
    memory_pool_t answers;
    volatile unsigned count;
} counter_t;

static void count(microusc_driver_t *driver) {
    counter_t *counter = (counter_t *)driver->argument;
    unsigned char *bytes = (unsigned char *)driver->buffer;
    for (;;) {
        if (!microusc_driver_wait(driver, MICROUSC_WAIT_FOREVER)) continue;
        memset(bytes, (int)counter->count + 1, driver->buffer_size);
        counter->count++;
    }
}

static void wait_only(microusc_driver_t *driver) {
    while (microusc_driver_wait(driver, MICROUSC_WAIT_FOREVER)) continue;
}

static void return_at_once(microusc_driver_t *driver) { *(microusc_driver_t **)driver->argument = driver; }

static void find_itself(microusc_driver_t *driver) {
    uint32_t id = 0;
    esp_err_t *answers = (esp_err_t *)driver->argument;
    answers[0] = microusc_driver_find(driver->name, &id);
    answers[1] = microusc_driver_remove(driver->id);
    answers[2] = microusc_system_end();
    answers[3] = id == driver->id ? ESP_OK : ESP_FAIL;
    wait_only(driver);
}

static esp_err_t add(const char *name, microusc_driver_entry_t entry, void *argument, uint32_t *id) {
    const microusc_driver_config_t config = {name, entry, argument, 5, MICROUSC_DRIVER_ANY_CORE};
    return microusc_driver_add(&config, id);
}

/* Waits for another task, with a limit that only a hang reaches. */
#define UNTIL(condition)                                                                                              \
    do {                                                                                                              \
        for (unsigned long tries = 0; !(condition); tries++) {                                                        \
            CHECK(tries < 30000);                                                                                     \
            nap();                                                                                                    \
        }                                                                                                             \
    } while (0)

/* A millisecond, by a wait for nothing. */
static void nap(void) {
    struct {
        microusc_driver_t driver;
        size_t semaphore[8];
    } nobody;
    memset(&nobody, 0, sizeof(nobody));
    nobody.driver.semaphore = nobody.semaphore;
    CHECK(!microusc_driver_wait(&nobody.driver, 1));
}

TEST(every_part_is_made_once) {
    CHECK_EQUAL(init_system_memory_space(), ESP_OK);
    CHECK_EQUAL(init_driver_list_memory_pool(128, 256), ESP_OK);
    CHECK_EQUAL(setUSCtaskSize(2048), ESP_OK);
    CHECK_SILENT();
    const size_t heap = heap_bytes();
    CHECK_EQUAL(init_system_memory_space(), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "init_system_memory_space");
    CHECK_EQUAL(init_driver_list_memory_pool(64, 0), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "init_driver_list_memory_pool");
    CHECK_EQUAL(setUSCtaskSize(4096), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "setUSCtaskSize");
    CHECK_EQUAL(init_MicroUSC_system(), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "init_MicroUSC_system");
    CHECK_EQUAL(heap_bytes(), heap);
    microusc_system_config_t config;
    CHECK_EQUAL(microusc_system_get_config(&config), ESP_OK);
    CHECK_EQUAL(config.buffer_size, 128);
    CHECK_EQUAL(config.data_size, 256);
    CHECK_EQUAL(config.stack_size, 2048);
    CHECK_EQUAL(microusc_system_configure(&config), ESP_ERR_INVALID_STATE);
    end_system();
}

TEST(sizes_and_pointers_are_checked) {
    CHECK_EQUAL(init_driver_list_memory_pool(0, 0), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(init_driver_list_memory_pool(SIZE_MAX / 2, 0), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(init_driver_list_memory_pool(SIZE_MAX, 0), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(setUSCtaskSize(0), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(setUSCtaskSize(100), ESP_ERR_INVALID_SIZE);
    CHECK_EQUAL(setUSCtaskSize(1u << 30), ESP_ERR_NO_MEM);
    CHECK_EQUAL(microusc_system_configure(NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(microusc_system_get_config(NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(microusc_driver_add(NULL, NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(add("none", NULL, NULL, NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(add("early", wait_only, NULL, NULL), ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(microusc_driver_next(0, NULL), ESP_ERR_INVALID_ARG);
    CHECK_EQUAL(microusc_driver_find(NULL, NULL), ESP_ERR_INVALID_ARG);
    CHECK(!microusc_driver_wait(NULL, 0));
    microusc_driver_notify(NULL);
}

/* What no heap can give, whatever it has, is a wrong size. */
TEST(sizes_beyond_the_address_space_are_refused_with_that_reason) {
    microusc_system_config_t config;
    CHECK_EQUAL(microusc_system_get_config(&config), ESP_OK);
    const microusc_system_config_t before = config;
    config.max_drivers = SIZE_MAX / 1024;
    CHECK_EQUAL(microusc_system_configure(&config), ESP_OK);
    CHECK_EQUAL(setUSCtaskSize(4096), ESP_ERR_INVALID_SIZE);
    CHECK_REPORTED(ESP_ERR_INVALID_SIZE, "setUSCtaskSize");
    CHECK_EQUAL(microusc_system_configure(&before), ESP_OK);
}

TEST(every_failing_allocation_is_unwound) {
    const size_t heap = heap_bytes();
    size_t fails = 1;
    for (;; fails++) {
        microusc_host_fail_allocation(fails);
        const esp_err_t made = init_MicroUSC_system();
        microusc_host_fail_allocation(0);
        if (made == ESP_OK) break;
        CHECK_EQUAL(made, ESP_ERR_NO_MEM);
        CHECK_EQUAL(heap_bytes(), heap);
        CHECK(memory_pool_next(NULL) == NULL);
    }
    CHECK_EQUAL(fails, 5); /* two pools of two allocations each */
    reported.count = 0;
    end_system();
}

TEST(stacks_and_nodes_are_aligned_and_internal) {
    start_system();
    memory_pool_t *pools[2] = {memory_pool_find("stacks"), memory_pool_find("drivers")};
    const size_t alignment[2] = {16, sizeof(void *)};
    for (size_t which = 0; which < 2; which++) {
        CHECK_EQUAL(info_of(pools[which]).placement, DRAM);
        CHECK_EQUAL(pools[which]->block_size % alignment[which], 0);
        CHECK_EQUAL(address_of(pools[which]->memory) % alignment[which], 0);
        CHECK(on_chip_between(pools[which]->memory, 0x3FFA0000, 0x40000000));
        CHECK_EQUAL(microusc_host_chip_address(pools[which]->memory) % alignment[which], 0);
    }
    end_system();
}

TEST(driver_works_and_frees_everything) {
    start_system();
    counter_t counter;
    memset(&counter, 0, sizeof(counter));
    for (unsigned round = 0; round < 5; round++) {
        uint32_t id = 0;
        microusc_driver_t *driver = NULL;
        CHECK_EQUAL(add("first", return_at_once, &driver, &id), ESP_OK);
        UNTIL(*(microusc_driver_t *volatile *)&driver != NULL);
        CHECK_EQUAL(driver->id, id);
        CHECK_EQUAL(driver->buffer_size, 128);
        for (size_t at = 0; at < driver->buffer_size; at++) CHECK_EQUAL(((unsigned char *)driver->buffer)[at], 0);
        CHECK_EQUAL(microusc_driver_remove(id), ESP_OK);
        CHECK_EQUAL(microusc_driver_remove(id), ESP_ERR_NOT_FOUND);
        CHECK_REPORTED(ESP_ERR_NOT_FOUND, "microusc_driver_remove");
    }
    CHECK_EQUAL(memory_pool_find("drivers")->free_blocks, 4);
    end_system();
}

/* Hands its own address over, then counts. */
static microusc_driver_t *volatile counting;

static void announce_and_count(microusc_driver_t *driver) {
    counting = driver;
    count(driver);
}

TEST(driver_is_notified_paused_and_resumed) {
    start_system();
    counter_t counter;
    memset(&counter, 0, sizeof(counter));
    uint32_t id = 0;
    counting = NULL;
    CHECK_EQUAL(add("counter", announce_and_count, &counter, &id), ESP_OK);
    UNTIL(counting != NULL);
    for (unsigned i = 1; i <= 20; i++) {
        microusc_driver_notify(counting);
        UNTIL(counter.count == i);
    }
    CHECK_EQUAL(microusc_driver_pause(id), ESP_OK);
    microusc_driver_info_t info;
    CHECK_EQUAL(microusc_driver_get_info(id, &info), ESP_OK);
    CHECK_EQUAL(info.state, MICROUSC_DRIVER_PAUSED);
    CHECK(strcmp(info.name, "counter") == 0);
    microusc_driver_notify(counting);
    for (int i = 0; i < 20; i++) nap();
    CHECK_EQUAL(counter.count, 20);
    CHECK_EQUAL(microusc_driver_resume(id), ESP_OK);
    UNTIL(counter.count == 21);
    CHECK_EQUAL(microusc_driver_pause(id), ESP_OK);
    CHECK_EQUAL(microusc_driver_remove(id), ESP_OK);
    end_system();
}

TEST(fifth_driver_is_refused) {
    start_system();
    uint32_t ids[4];
    for (size_t i = 0; i < 4; i++) CHECK_EQUAL(add(NULL, wait_only, NULL, &ids[i]), ESP_OK);
    CHECK_EQUAL(add(NULL, wait_only, NULL, NULL), ESP_ERR_NO_MEM);
    CHECK_REPORTED(ESP_ERR_NO_MEM, "microusc_driver_add");
    CHECK_EQUAL(microusc_driver_remove(ids[2]), ESP_OK);
    CHECK_EQUAL(add("exactly16letters", wait_only, NULL, NULL), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "microusc_driver_add");
    CHECK_EQUAL(add("late", wait_only, NULL, &ids[2]), ESP_OK);
    CHECK_EQUAL(add("late", wait_only, NULL, NULL), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "microusc_driver_add");

    microusc_driver_info_t info = {0, "", MICROUSC_DRIVER_RUNNING};
    size_t found = 0;
    while (microusc_driver_next(info.id, &info) == ESP_OK) found += info.name[0] != '\0';
    CHECK_EQUAL(found, 4);
    CHECK(strcmp(info.name, "late") == 0);
    uint32_t id = 0;
    CHECK_EQUAL(microusc_driver_find("late", &id), ESP_OK);
    CHECK_EQUAL(id, ids[2]);
    CHECK_EQUAL(microusc_driver_remove_all(), ESP_OK);
    CHECK_EQUAL(memory_pool_find("drivers")->free_blocks, 4);
    CHECK_EQUAL(memory_pool_find("stacks")->free_blocks, 4);
    CHECK_SILENT();
    end_system();
}

TEST(driver_cannot_remove_itself) {
    start_system();
    esp_err_t answers[4] = {ESP_FAIL, ESP_FAIL, ESP_FAIL, ESP_FAIL};
    CHECK_EQUAL(add("self", find_itself, answers, NULL), ESP_OK);
    UNTIL(((volatile esp_err_t *)answers)[3] != ESP_FAIL);
    CHECK_EQUAL(answers[0], ESP_OK);
    CHECK_EQUAL(answers[1], ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(answers[2], ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(memory_pool_find("drivers")->free_blocks, 3);
    end_system();
}

TEST(interrupt_may_only_notify) {
    start_system();
    counter_t counter;
    memset(&counter, 0, sizeof(counter));
    uint32_t id = 0;
    counting = NULL;
    CHECK_EQUAL(add("counter", announce_and_count, &counter, &id), ESP_OK);
    UNTIL(counting != NULL);
    microusc_host_set_context(0, true);
    CHECK_EQUAL(add("late", wait_only, NULL, NULL), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_add");
    CHECK_EQUAL(microusc_driver_remove(id), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_remove");
    microusc_driver_info_t info;
    microusc_system_config_t config = MICROUSC_SYSTEM_CONFIG_DEFAULT;
    CHECK_EQUAL(microusc_driver_find("counter", &id), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_find");
    CHECK_EQUAL(microusc_driver_next(0, &info), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_next");
    CHECK_EQUAL(microusc_driver_get_info(id, &info), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_get_info");
    CHECK_EQUAL(microusc_driver_pause(id), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_pause");
    CHECK_EQUAL(microusc_driver_resume(id), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_resume");
    CHECK_EQUAL(microusc_driver_remove_all(), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_remove_all");
    CHECK_EQUAL(microusc_system_get_config(&config), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_system_get_config");
    CHECK_EQUAL(microusc_system_configure(&config), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_system_configure");
    CHECK_EQUAL(init_system_memory_space(), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "init_system_memory_space");
    CHECK_EQUAL(init_MicroUSC_system(), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "init_MicroUSC_system");
    CHECK_EQUAL(init_driver_list_memory_pool(16, 0), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "init_driver_list_memory_pool");
    CHECK_EQUAL(setUSCtaskSize(2048), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "setUSCtaskSize");
    CHECK(!microusc_driver_wait(counting, MICROUSC_WAIT_FOREVER));
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_driver_wait");
    CHECK_EQUAL(microusc_system_end(), ESP_ERR_INVALID_STATE);
    CHECK_REPORTED(ESP_ERR_INVALID_STATE, "microusc_system_end");
    microusc_driver_notify(counting);
    microusc_host_set_context(0, false);
    UNTIL(counter.count == 1);
    end_system();
}

static volatile int busy; /* no bool: UBSan's check of one reads it once, volatile or not */

static void work_without_a_pause(microusc_driver_t *driver) {
    (void)driver;
    while (busy) continue;
}

TEST(memory_of_a_task_that_does_not_stop_is_kept) {
    start_system();
    uint32_t id = 0;
    busy = 1;
    CHECK_EQUAL(add("busy", work_without_a_pause, NULL, &id), ESP_OK);
    CHECK_EQUAL(microusc_system_end(), ESP_ERR_NOT_FINISHED);
    CHECK_REPORTED(ESP_ERR_NOT_FINISHED, "microusc_system_end");
    CHECK_EQUAL(memory_pool_find("drivers")->free_blocks, 3);
    CHECK_EQUAL(memory_pool_find("stacks")->free_blocks, 3);
    CHECK_EQUAL(microusc_driver_resume(id), ESP_ERR_NOT_FINISHED);
    CHECK_REPORTED(ESP_ERR_NOT_FINISHED, "microusc_driver_resume");
    busy = 0;
    end_system();
}

TEST(pools_that_the_application_destroyed_are_not_used) {
    start_system();
    memory_pool_destroy(memory_pool_find("stacks"));
    reported.count = 0; /* that a driver's stack was in the pool */
    CHECK_EQUAL(add("late", wait_only, NULL, NULL), ESP_ERR_NO_MEM);
    CHECK_REPORTED(ESP_ERR_NO_MEM, "microusc_driver_add");
    CHECK_EQUAL(memory_pool_find("drivers")->free_blocks, 4);
    end_system();
}

/* A callback that queries the system layer, called for the pools of that layer. */
static unsigned asked;
static esp_err_t answers_to_callback[2];

static void ask_the_system(const memory_pool_event_t *event) {
    uint32_t id;
    microusc_driver_info_t info;
    (void)event;
    asked++;
    answers_to_callback[0] = microusc_driver_find("nobody", &id);
    answers_to_callback[1] = microusc_driver_next(0, &info);
}

static void *asks_the_system_from_another_task(void *unused) {
    (void)unused;
    ask_the_system(NULL);
    return NULL;
}

static void wait_for_another_task(const memory_pool_event_t *event) {
    pthread_t thread;
    (void)event;
    CHECK_EQUAL(pthread_create(&thread, NULL, asks_the_system_from_another_task, NULL), 0);
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
}

static void add_and_remove_traced(void (*callback)(const memory_pool_event_t *)) {
    uint32_t id;
    asked = 0;
    CHECK_EQUAL(memory_pool_set_trace_callback(callback), ESP_OK);
    CHECK_EQUAL(memory_pool_trace_new_pools(true), ESP_OK);
    start_system();
    CHECK_EQUAL(add("traced", wait_only, NULL, &id), ESP_OK);
    CHECK_EQUAL(asked, 2); /* node and stack were allocated */
    CHECK_EQUAL(microusc_driver_remove(id), ESP_OK);
    CHECK_EQUAL(asked, 4); /* and returned */
    CHECK_EQUAL(answers_to_callback[0], ESP_ERR_NOT_FOUND);
    CHECK_EQUAL(answers_to_callback[1], ESP_ERR_NOT_FOUND);
    CHECK_EQUAL(add("traced", wait_only, NULL, &id), ESP_OK);
    CHECK_EQUAL(microusc_driver_remove_all(), ESP_OK);
    CHECK_EQUAL(asked, 8);
    CHECK_EQUAL(add("traced", wait_only, NULL, &id), ESP_OK);
    end_system();
    CHECK_EQUAL(asked, 12);
    CHECK_EQUAL(memory_pool_trace_new_pools(false), ESP_OK);
    CHECK_EQUAL(memory_pool_set_trace_callback(NULL), ESP_OK);
    CHECK_SILENT();
}

TEST(trace_callback_may_query_the_system_layer) {
    alarm(20);
    add_and_remove_traced(ask_the_system);
    add_and_remove_traced(wait_for_another_task);
    alarm(0);
}

static const test_t tests[] = {
    RUN(every_part_is_made_once),
    RUN(sizes_and_pointers_are_checked),
    RUN(sizes_beyond_the_address_space_are_refused_with_that_reason),
    RUN(every_failing_allocation_is_unwound),
    RUN(stacks_and_nodes_are_aligned_and_internal),
    RUN(driver_works_and_frees_everything),
    RUN(driver_is_notified_paused_and_resumed),
    RUN(fifth_driver_is_refused),
    RUN(driver_cannot_remove_itself),
    RUN(interrupt_may_only_notify),
    RUN(trace_callback_may_query_the_system_layer),
    RUN(memory_of_a_task_that_does_not_stop_is_kept),
    RUN(pools_that_the_application_destroyed_are_not_used),
};

int main(void) { return RUN_ALL(tests); }
