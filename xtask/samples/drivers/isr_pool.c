/* A pool for an interrupt, which a thread stands for here: it takes, a task returns. */
#include "driver.h"

#include <sched.h>

#include SAMPLE

enum { MESSAGES = 5000 };

static void *sent[MESSAGES];
static size_t ready;

static void *interrupt(void *argument) {
    (void)argument;
    for (size_t i = 0; i < MESSAGES;) {
        uint32_t *block = (uint32_t *)isr_alloc();
        if (block == NULL) {
            sched_yield();
            continue;
        }
        *block = (uint32_t)i;
        sent[i++] = block;
        __atomic_store_n(&ready, i, __ATOMIC_RELEASE);
    }
    return NULL;
}

TEST(an_interrupt_takes_while_a_task_returns) {
    pthread_t thread;
    setup_isr_pool();
    CHECK_EQUAL(isr_pool.block_size, 64);
    CHECK_EQUAL(isr_pool.num_blocks, 10);
    CHECK_EQUAL(pthread_create(&thread, NULL, interrupt, NULL), 0);
    for (size_t i = 0; i < MESSAGES; i++) {
        while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) <= i) sched_yield();
        CHECK_EQUAL(*(uint32_t *)sent[i], i);
        isr_free(sent[i]);
    }
    CHECK_EQUAL(pthread_join(thread, NULL), 0);
    CHECK_SILENT();
    CHECK_EQUAL(memory_pool_destroy_unused(&isr_pool), ESP_OK);
}

TEST(it_never_waits_for_a_block) {
    void *blocks[10];
    setup_isr_pool();
    for (size_t i = 0; i < 10; i++) CHECK((blocks[i] = isr_alloc()) != NULL);
    CHECK(isr_alloc() == NULL);
    for (size_t i = 0; i < 10; i++) isr_free(blocks[i]);
    isr_free(blocks[0]);
    CHECK_REPORTED(MEMORY_POOL_ERR_DOUBLE_FREE, "memory_pool_free");
    CHECK_EQUAL(memory_pool_destroy_unused(&isr_pool), ESP_OK);
}

static const test_t tests[] = {RUN(an_interrupt_takes_while_a_task_returns), RUN(it_never_waits_for_a_block)};

int main(void) { return RUN_ALL(tests); }
