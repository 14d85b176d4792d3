/* Metrics and reports while other tasks make, destroy, name and use pools: each output is of one list of pools. */
#define _POSIX_C_SOURCE 200809L
#include "printed.h"

#include <pthread.h>
#include <time.h>

#include "MicroUSC/system/memory_pool_metrics.h"

/* A pool of many blocks makes a text take long, so that others come between. */
enum { ROUNDS = 400, MAKERS = 2, FAMILIES = 10, MOST = 1 + 3 * MAKERS, BLOCKS = 3000 };

static memory_pool_t lasting;
static bool ended;

static void pause_below_a_millisecond(uint32_t random) {
    const struct timespec pause = {0, (long)(random >> 12)};
    nanosleep(&pause, NULL);
}

/* Makes, names and ends pools of many sizes and few names, and pauses, so that a text is written in between as well. */
static void *make_and_end(void *started) {
    static const char *const names[] = {"twin", "other"};
    uint32_t random = 1 + *(const unsigned *)started;
    while (!__atomic_load_n(&ended, __ATOMIC_RELAXED)) {
        memory_pool_t pools[3];
        for (int i = 0; i < 3; i++) {
            random = random * 1664525u + 1013904223u;
            const memory_pool_config_t config = {32, 1 + (random >> 16) % 300, DRAM, 0, names[(random >> 8) % 2]};
            CHECK_EQUAL(memory_pool_init_config(&pools[i], &config), ESP_OK);
        }
        pause_below_a_millisecond(random);
        CHECK_EQUAL(memory_pool_set_name(&pools[1], names[(random >> 9) % 2]), ESP_OK);
        pause_below_a_millisecond(random << 8);
        for (int i = 0; i < 3; i++) {
            memory_pool_free(&pools[i], memory_pool_alloc(&pools[i]));
            memory_pool_destroy(&pools[i]);
        }
        pause_below_a_millisecond(random << 16);
    }
    return NULL;
}

/* The labels of all samples of a family, in order; where the next family begins. */
static const char *labels_of_family(const char *text, char *labels, size_t room) {
    size_t length = 0;
    for (int i = 0; i < 2; i++) {
        CHECK(*text == '#');
        text = strchr(text, '\n') + 1;
    }
    while (*text != '\0' && *text != '#') {
        const char *from = strchr(text, '{'), *to = strchr(text, '}');
        CHECK(from != NULL && to != NULL && length + (size_t)(to - from) + 1 < room);
        memcpy(labels + length, from, (size_t)(to - from) + 1);
        length += (size_t)(to - from) + 1;
        text = strchr(text, '\n') + 1;
    }
    labels[length] = '\0';
    return text;
}

/* No label twice. */
static void check_distinct(const char *labels) {
    for (const char *at = labels; *at != '\0'; at = strchr(at, '}') + 1) {
        char one[80];
        const size_t length = (size_t)(strchr(at, '}') - at) + 1;
        CHECK(length < sizeof(one));
        memcpy(one, at, length);
        one[length] = '\0';
        CHECK(strstr(at + length, one) == NULL);
    }
}

static void check_one_list(const char *text) {
    char first[4096], other[4096];
    const char *at = labels_of_family(text, first, sizeof(first));
    check_distinct(first);
    CHECK(strstr(first, "{pool=\"lasting\",placement=\"DRAM\"}") != NULL);
    for (int family = 1; family < FAMILIES; family++) {
        at = labels_of_family(at, other, sizeof(other));
        CHECK(strcmp(first, other) == 0);
    }
    CHECK(*at == '\0');
}

static void print_usage(memory_pool_t *pool) {
    (void)pool;
    show_memory_usage();
}

TEST(metrics_during_changes_are_of_one_list_of_pools) {
    static char text[32768];
    unsigned numbers[MAKERS], complete = 0;
    pthread_t makers[MAKERS];
    const memory_pool_config_t config = {16, BLOCKS, DRAM, 0, "lasting"};
    CHECK_EQUAL(memory_pool_init_config(&lasting, &config), ESP_OK);
    for (unsigned i = 0; i < MAKERS; i++) {
        numbers[i] = i;
        CHECK_EQUAL(pthread_create(&makers[i], NULL, make_and_end, &numbers[i]), 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        const size_t length = memory_pool_metrics_text(text, sizeof(text));
        CHECK(length < sizeof(text) && strlen(text) == length);
        if (length > 0) {
            check_one_list(text);
            complete++;
        }
        memory_pool_metrics_t metrics;
        CHECK_EQUAL(memory_pool_get_metrics(&metrics), ESP_OK);
        CHECK(1 <= metrics.pools && metrics.pools <= MOST && metrics.blocks >= BLOCKS + metrics.pools - 1);
        CHECK(metrics.bytes_reserved == BLOCKS * 16 + (metrics.blocks - BLOCKS) * 32);
        if (round % 8 == 0) CHECK(strstr(printed(print_usage, NULL), "\nlasting          DRAM       16      0   3000") != NULL);
    }
    __atomic_store_n(&ended, true, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < MAKERS; i++) CHECK_EQUAL(pthread_join(makers[i], NULL), 0);
    /* Nearly all, but on a machine that is busy with other things. */
    CHECK(complete > ROUNDS / 10);
    memory_pool_destroy(&lasting);
    CHECK_SILENT();
}

static const test_t tests[] = {
    RUN(metrics_during_changes_are_of_one_list_of_pools),
};

int main(void) { return RUN_ALL(tests); }
