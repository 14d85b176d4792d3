/* What free blocks hold: every write to one is found, wherever it lies. flags: -pthread */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <pthread.h>
#include <sched.h>

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_trace.h"

enum { SIZE = 64, COUNT = 6 };

static memory_pool_t pool;

static void open_pool(void) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
}

static void close_pool(void) {
    CHECK_EQUAL(memory_pool_destroy_unused(&pool), ESP_OK);
    CHECK_SILENT();
}

TEST(correct_use_is_not_disturbed) {
    void *blocks[COUNT];
    open_pool();
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < COUNT; i++) {
            blocks[i] = memory_pool_alloc(&pool);
            CHECK(blocks[i] != NULL);
            memset(blocks[i], round, pool.block_size);
        }
        CHECK(memory_pool_alloc(&pool) == NULL);
        for (size_t i = 0; i < COUNT; i++) memory_pool_free(&pool, blocks[(i + (size_t)round) % COUNT]);
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    }
    CHECK_EQUAL(info_of(&pool).corruptions, 0);
    close_pool();
}

TEST(write_to_any_byte_of_a_free_block_is_found) {
    open_pool();
    for (size_t at = sizeof(void *); at < SIZE; at++) {
        char *const block = (char *)memory_pool_alloc(&pool);
        memory_pool_free(&pool, block);
        char *const stale = (char *)hidden(block);
        stale[at] = (char)(stale[at] + 1);

        CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_WRITTEN);
        CHECK(same(reported.address, stale + at / 4 * 4));
        CHECK_REPORTED(MEMORY_POOL_ERR_WRITTEN, "memory_pool_validate");
        CHECK(same(memory_pool_alloc(&pool), block));
        CHECK(same(reported.address, stale + at / 4 * 4));
        CHECK_REPORTED(MEMORY_POOL_ERR_WRITTEN, "memory_pool_alloc");
        CHECK_EQUAL(info_of(&pool).corruptions, at - sizeof(void *) + 1);
        memory_pool_free(&pool, block);
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    }
    close_pool();
}

TEST(overrun_into_the_next_free_block_is_found) {
    open_pool();
    char *const one = (char *)memory_pool_alloc(&pool), *const other = (char *)memory_pool_alloc(&pool);
    char *const first = one < other ? one : other, *const second = one < other ? other : one;
    memory_pool_free(&pool, second);
    memset(hidden(first + pool.block_size + sizeof(void *)), 7, 8); /* over the link, which is checked in any case */
    CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_WRITTEN);
    CHECK_REPORTED(MEMORY_POOL_ERR_WRITTEN, "memory_pool_validate");
    CHECK(memory_pool_alloc(&pool) != NULL);
    CHECK_REPORTED(MEMORY_POOL_ERR_WRITTEN, "memory_pool_alloc");
    memory_pool_free(&pool, first);
    memory_pool_free(&pool, second);
    close_pool();
}

TEST(every_kind_of_alloc_and_free_is_checked) {
    void *batch[3];
    esp_err_t reason;
    open_pool();
    CHECK_EQUAL(memory_pool_alloc_batch(&pool, batch, 3), ESP_OK);
    CHECK_EQUAL(memory_pool_free_batch(&pool, batch, 3), ESP_OK);
    void *(*const takes[])(memory_pool_t *) = {memory_pool_alloc, memory_pool_alloc_from_isr, memory_pool_alloc_zeroed,
                                               memory_pool_alloc_unsynchronized};
    for (size_t way = 0; way < 7; way++) {
        void *block = memory_pool_alloc(&pool);
        CHECK_EQUAL(memory_pool_free_unsynchronized(&pool, block), ESP_OK);
        ((char *)hidden(block))[20] = 1;
        switch (way) {
        case 4: block = memory_pool_alloc_reason(&pool, &reason); break;
        case 5: block = memory_pool_alloc_timeout(&pool, 1); break;
        case 6: CHECK_EQUAL(memory_pool_alloc_batch(&pool, &block, 1), ESP_OK); break;
        default: block = takes[way](&pool);
        }
        CHECK_REPORTED(MEMORY_POOL_ERR_WRITTEN, "memory_pool_alloc");
        memory_pool_free(&pool, block);
    }
    close_pool();
}

TEST(wrong_frees_change_nothing) {
    open_pool();
    char *const block = (char *)memory_pool_alloc(&pool), *const other = (char *)memory_pool_alloc(&pool);
    memset(other, 9, SIZE);
    memory_pool_free(&pool, block);
    memory_pool_free(&pool, block);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free");
    memory_pool_free(&pool, (char *)hidden(other) + 8);
    CHECK_REPORTED(MEMORY_POOL_ERR_NOT_A_BLOCK, "memory_pool_free");
    void *twice[] = {other, other};
    CHECK_EQUAL(memory_pool_free_batch(&pool, twice, 2), MEMORY_POOL_ERR_DOUBLE_FREE);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free_batch");
    CHECK(memory_pool_owns(&pool, other));
    for (size_t at = 0; at < SIZE; at++) CHECK_EQUAL(other[at], 9);
    memory_pool_free(&pool, other);
    CHECK_EQUAL(info_of(&pool).refused_frees, 3);
    close_pool();
}

TEST(checks_can_be_switched_at_any_time) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    void *const block = memory_pool_alloc(&pool);
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    memory_pool_free(&pool, block);
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_BASIC), ESP_OK);
    ((char *)hidden(block))[20] = 1;
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK); /* filled again */
    CHECK_EQUAL(memory_pool_set_checks(&pool, (memory_pool_checks_t)2), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_checks");
    CHECK_EQUAL(memory_pool_set_checks(NULL, MEMORY_POOL_CHECKS_BASIC), ESP_ERR_INVALID_ARG);
    CHECK_REPORTED(ESP_ERR_INVALID_ARG, "memory_pool_set_checks");
    CHECK_EQUAL(memory_pool_record_sites(&pool, true), ESP_OK);
    CHECK_EQUAL(memory_pool_record_sites(&pool, false), ESP_OK); /* one of two ends; the other goes on */
    ((char *)hidden(block))[20] = 1;
    CHECK_EQUAL(memory_pool_validate(&pool), MEMORY_POOL_ERR_WRITTEN);
    CHECK_REPORTED(MEMORY_POOL_ERR_WRITTEN, "memory_pool_validate");
    close_pool();
}

static volatile bool busy;

static void *owner(void *unused) {
    (void)unused;
    char *held[2] = {NULL, NULL};
    for (unsigned step = 0; busy || held[0] != NULL || held[1] != NULL; step++) {
        char **const slot = &held[step % 2];
        if (*slot == NULL) {
            if (busy) *slot = (char *)memory_pool_alloc(&pool);
            if (*slot != NULL) memset(*slot, (int)step, SIZE);
        } else {
            for (size_t at = 1; at < SIZE; at++) CHECK((*slot)[at] == (*slot)[0]);
            memory_pool_free(&pool, *slot);
            *slot = NULL;
        }
    }
    return NULL;
}

static void turns_checks_on(const memory_pool_event_t *event) {
    if (event->operation != MEMORY_POOL_TRACE_FREE) return;
    CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
}

/* A block that is neither its owner's nor free while checks are turned on is filled when it becomes free. */
TEST(retiring_blocks_are_filled_when_checks_are_turned_on) {
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    void *block = memory_pool_alloc(&pool);
    memset(block, 0x5A, SIZE);
    CHECK_EQUAL(memory_pool_set_trace_callback(turns_checks_on), ESP_OK);
    CHECK_EQUAL(memory_pool_trace(&pool, true), ESP_OK);
    memory_pool_free(&pool, block);
    CHECK_EQUAL(memory_pool_set_trace_callback(NULL), ESP_OK);
    CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
    CHECK(same(memory_pool_alloc(&pool), block));
    CHECK_EQUAL(info_of(&pool).corruptions, 0);
    memory_pool_free(&pool, block);
    close_pool();
}

TEST(contents_stay_while_another_thread_switches_checks) {
    pthread_t owners[2];
    CHECK(memory_pool_init(&pool, SIZE, COUNT));
    busy = true;
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_create(&owners[i], NULL, owner, NULL), 0);
    for (int round = 0; round < 2000; round++) {
        CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
        CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_BASIC), ESP_OK);
    }
    busy = false;
    for (size_t i = 0; i < 2; i++) CHECK_EQUAL(pthread_join(owners[i], NULL), 0);
    CHECK_EQUAL(info_of(&pool).corruptions, 0);
    CHECK_EQUAL(info_of(&pool).refused_frees, 0);
    close_pool();
}

/* ---- Nothing is reported that was not written --------------------------------------------------------------------- */

/* Where threads run one at a time, one that never pauses may hold the lock whenever another has its turn. */
static void lets_others_run(void) {
    if (CHECK_FEWER_ROUNDS > 1) sched_yield();
}

static void *frees_batches(void *unused) {
    void *blocks[2];
    (void)unused;
    while (__atomic_load_n(&busy, __ATOMIC_RELAXED)) {
        CHECK_EQUAL(memory_pool_alloc_batch(&pool, blocks, 2), ESP_OK);
        for (size_t i = 0; i < 2; i++) memset(blocks[i], 1, SIZE);
        CHECK_EQUAL(memory_pool_free_batch(&pool, blocks, 2), ESP_OK);
        lets_others_run();
    }
    return NULL;
}

static void *turns_it_on_and_off(void *unused) {
    (void)unused;
    while (__atomic_load_n(&busy, __ATOMIC_RELAXED)) {
        CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
        CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_BASIC), ESP_OK);
        lets_others_run();
    }
    return NULL;
}

static void *validates(void *unused) {
    (void)unused;
    while (__atomic_load_n(&busy, __ATOMIC_RELAXED)) {
        CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK);
        lets_others_run();
    }
    return NULL;
}

enum { MANY = 200 };

/* Together with threads that do other things, on the last two of some blocks: few, so that it is turned on in a few critical
 * sections; or many, so that there is a long way to these two. */
static void meanwhile(void *(*const others[])(void *), size_t count, size_t blocks, int rounds) {
    static void *held[MANY];
    pthread_t threads[2];
    CHECK(memory_pool_init(&pool, SIZE, blocks));
    for (size_t i = 0; i < blocks - 2; i++) held[i] = memory_pool_alloc(&pool);
    busy = true;
    for (size_t i = 0; i < count; i++) CHECK_EQUAL(pthread_create(&threads[i], NULL, others[i], NULL), 0);
    for (int round = 0; round < CHECK_ROUNDS(rounds); round++) {
        CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_POISON), ESP_OK);
        if (blocks == MANY) CHECK_EQUAL(memory_pool_validate(&pool), ESP_OK); /* for another to begin to, as well */
        CHECK_EQUAL(memory_pool_set_checks(&pool, MEMORY_POOL_CHECKS_BASIC), ESP_OK);
    }
    for (size_t i = 0; i < blocks - 2; i++) memory_pool_free(&pool, held[i]);
    __atomic_store_n(&busy, false, __ATOMIC_RELAXED);
    for (size_t i = 0; i < count; i++) CHECK_EQUAL(pthread_join(threads[i], NULL), 0);
    CHECK_EQUAL(info_of(&pool).corruptions, 0);
    close_pool();
}

TEST(batch_freed_while_checks_are_turned_on_is_filled) {
    void *(*const batches[1])(void *) = {frees_batches};
    meanwhile(batches, 1, 2, 100000);
}

TEST(checks_wait_until_every_block_is_filled) {
    void *(*const both[2])(void *) = {frees_batches, turns_it_on_and_off};
    meanwhile(both, 2, 2, 10000);
}

TEST(validate_ignores_blocks_that_are_no_longer_filled) {
    void *(*const both[2])(void *) = {frees_batches, validates};
    meanwhile(both, 2, MANY, 1500);
}

static const test_t tests[] = {
    RUN(correct_use_is_not_disturbed),
    RUN(write_to_any_byte_of_a_free_block_is_found),
    RUN(overrun_into_the_next_free_block_is_found),
    RUN(every_kind_of_alloc_and_free_is_checked),
    RUN(wrong_frees_change_nothing),
    RUN(checks_can_be_switched_at_any_time),
    RUN(retiring_blocks_are_filled_when_checks_are_turned_on),
    RUN(contents_stay_while_another_thread_switches_checks),
    RUN(batch_freed_while_checks_are_turned_on_is_filled),
    RUN(checks_wait_until_every_block_is_filled),
    RUN(validate_ignores_blocks_that_are_no_longer_filled),
};

int main(void) { return RUN_ALL(tests); }
