/* What is for tasks is refused in an interrupt, with a report, and changes nothing. */
#include "check.h"

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_metrics.h"
#include "MicroUSC/system/memory_pool_retained.h"
#include "MicroUSC/system/memory_pool_set.h"
#include "MicroUSC/system/memory_pool_trace.h"

enum { SIZE = 32, COUNT = 4 };

static memory_pool_t pool;

static void become_interrupt(void) { microusc_host_set_context(0, true); }
static void become_task(void) { microusc_host_set_context(0, false); }

#define REFUSED(function) CHECK_REPORTED(ESP_ERR_INVALID_STATE, function)

TEST(making_a_pool_in_an_interrupt_is_refused) {
    static MEMORY_POOL_STATIC_BUFFER(buffer, SIZE, COUNT);
    static const memory_pool_set_class_t classes[] = {{16, 2}, {32, 2}};
    static MEMORY_POOL_RETAINED_BUFFER(rtc, SIZE, COUNT);
    static const memory_pool_retained_config_t kept = {SIZE, COUNT, 1};
    const memory_pool_config_t config = MEMORY_POOL_CONFIG_DEFAULT(SIZE, COUNT);
    memory_pool_retained_t retained;
    memory_pool_set_t set;
    memory_pool_t made, before;
    esp_err_t reason = ESP_OK;
    memset(&made, 0x5A, sizeof(made));
    before = made;

    become_interrupt();
    CHECK(!memory_pool_init(&made, SIZE, COUNT));
    REFUSED("memory_pool_init");
    CHECK(!memory_pool_init_placed(&made, SIZE, COUNT, DRAM));
    REFUSED("memory_pool_init_placed");
    CHECK_EQUAL(memory_pool_init_config(&made, &config), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_init_config");
    CHECK_EQUAL(memory_pool_init_static(&made, buffer, sizeof(buffer), SIZE, COUNT), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_init_static");
    CHECK(memory_pool_malloc(SIZE, COUNT) == NULL);
    REFUSED("memory_pool_malloc");
    CHECK(memory_pool_malloc_placed(SIZE, COUNT, DRAM) == NULL);
    REFUSED("memory_pool_malloc_placed");
    CHECK(memory_pool_malloc_config(&config, &reason) == NULL);
    REFUSED("memory_pool_malloc_config");
    CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
    /* Whatever else is wrong. */
    CHECK_EQUAL(memory_pool_init_config(NULL, NULL), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_init_config");
    CHECK(memory_pool_malloc_config(NULL, &reason) == NULL);
    REFUSED("memory_pool_malloc_config");
    CHECK_EQUAL(reason, ESP_ERR_INVALID_STATE);
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, DRAM), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_set_init");
    CHECK_EQUAL(memory_pool_retained_open(&retained, rtc, sizeof(rtc), &kept, NULL), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_retained_open");
    become_task();

    CHECK(memcmp(&made, &before, sizeof(made)) == 0);
    for (size_t i = 0; i < sizeof(buffer) / sizeof(buffer[0]); i++) CHECK(buffer[i] == NULL);
    CHECK(memory_pool_next(NULL) == NULL);
}

TEST(destroying_a_pool_in_an_interrupt_is_refused) {
    static const memory_pool_set_class_t classes[] = {{16, 2}, {32, 2}};
    static MEMORY_POOL_RETAINED_BUFFER(rtc, SIZE, COUNT);
    static const memory_pool_retained_config_t kept = {SIZE, COUNT, 1};
    memory_pool_retained_t retained;
    memory_pool_set_t set;
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_EQUAL(memory_pool_set_init(&set, classes, 2, DRAM), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_open(&retained, rtc, sizeof(rtc), &kept, NULL), ESP_OK);
    reported.count = 0;

    become_interrupt();
    memory_pool_destroy(&pool);
    REFUSED("memory_pool_destroy");
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_destroy_unused");
    memory_pool_set_destroy(&set);
    REFUSED("memory_pool_set_destroy");
    CHECK_EQUAL(memory_pool_retained_close(&retained), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_retained_close");
    memory_pool_destroy(NULL);
    memory_pool_set_destroy(NULL);
    CHECK_SILENT();

    /* All of them are as they were, for interrupts too. */
    void *const block = memory_pool_alloc(&pool), *const of_set = memory_pool_set_alloc(&set, 20);
    void *const of_retained = memory_pool_retained_alloc(&retained);
    CHECK(block != NULL && of_set != NULL && of_retained != NULL);
    CHECK(memory_pool_owns(&pool, block));
    CHECK_EQUAL(memory_pool_free_reason(&pool, block), ESP_OK);
    CHECK_EQUAL(memory_pool_set_free(&set, of_set), ESP_OK);
    CHECK_EQUAL(memory_pool_retained_free(&retained, of_retained), ESP_OK);
    become_task();

    CHECK_EQUAL(memory_pool_retained_close(&retained), ESP_OK);
    memory_pool_set_destroy(&set);
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

TEST(functions_for_tasks_are_refused_in_an_interrupt) {
    static unsigned char records[MEMORY_POOL_SITES_SIZE(COUNT)];
    char text[64] = "as it was";
    memory_pool_metrics_t metrics;
    int task;
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    void *held[COUNT];
    for (size_t i = 0; i < COUNT; i++) held[i] = memory_pool_alloc(&pool);

    become_interrupt();
    CHECK(memory_pool_alloc_timeout(&pool, 10) == NULL);
    REFUSED("memory_pool_alloc_timeout");
    CHECK_EQUAL(memory_pool_forget_task(&task), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_forget_task");
    memory_pool_print_stats(&pool);
    REFUSED("memory_pool_print_stats");
    memory_pool_print_stats_as(&pool, "name");
    REFUSED("memory_pool_print_stats_as");
    memory_pool_dump(&pool);
    REFUSED("memory_pool_dump");
    show_memory_usage();
    REFUSED("show_memory_usage");
    CHECK(memory_pool_next(NULL) == NULL);
    REFUSED("memory_pool_next");
    CHECK(memory_pool_find("pool-1") == NULL);
    REFUSED("memory_pool_find");
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_set_checks");
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_record_sites");
    CHECK_EQUAL(memory_pool_record_sites_in(&pool, records, sizeof(records)), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_record_sites_in");
    CHECK_EQUAL(memory_pool_dump_leaks(&pool, 0, NULL, NULL), 0);
    REFUSED("memory_pool_dump_leaks");
    CHECK_EQUAL(memory_pool_get_metrics(&metrics), ESP_ERR_INVALID_STATE);
    REFUSED("memory_pool_get_metrics");
    CHECK_EQUAL(memory_pool_metrics_text(text, sizeof(text)), 0);
    REFUSED("memory_pool_metrics_text");
    CHECK_EQUAL(text[0], 0);

    /* And what interrupts may do they do. */
    memory_pool_info_t info;
    CHECK(memory_pool_alloc_timeout(&pool, 0) == NULL); /* all in use */
    CHECK_EQUAL(memory_pool_status(&pool), ESP_ERR_NO_MEM);
    CHECK_EQUAL(memory_pool_get_info(&pool, &info), ESP_OK);
    CHECK_EQUAL(memory_pool_set_name(&pool, "isr"), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&pool, false), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_free_batch(&pool, held, COUNT), ESP_OK);
    CHECK_EQUAL(memory_pool_set_isr_reserve(&pool, 1), ESP_OK);
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, held, 1), ESP_OK);
    memory_pool_free(&pool, held[0]);
    CHECK_SILENT();
    become_task();
    memory_pool_destroy(&pool);
    CHECK_SILENT();
}

static const test_t tests[] = {
    RUN(making_a_pool_in_an_interrupt_is_refused),
    RUN(destroying_a_pool_in_an_interrupt_is_refused),
    RUN(functions_for_tasks_are_refused_in_an_interrupt),
};

int main(void) { return RUN_ALL(tests); }
