/*
 * The main loop waits for blocks that the timer interrupt frees.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "MicroUSC/port/bare.h"
#include "MicroUSC/system/memory_pool.h"
#include "checks.h"

enum { BLOCKS = 2, ROUNDS = 500, PLACES = 4, MICROSECONDS = 20 };

static memory_pool_t pool;
static uint32_t *volatile passed_on[PLACES]; /* there are more places than blocks */
static volatile uint32_t passed_on_count, freed_count, idle_count;
static volatile bool in_interrupt;
static volatile esp_err_t refused;

static bool may_wait(void) {
    return !in_interrupt;
}

static void idle(void) {
    idle_count = idle_count + 1;
}

static void tick(void) {
    in_interrupt = true;
    if (refused == ESP_OK) {
        esp_err_t reason;
        memory_pool_alloc_timeout_reason(&pool, 10, &reason);
        refused = reason;
    }
    if (passed_on_count != freed_count) {
        uint32_t *const block = passed_on[freed_count % PLACES];
        if (*block != freed_count) broken("the content of a live block changed");
        freed_count = freed_count + 1;
        if (memory_pool_free_reason(&pool, block) != ESP_OK) broken("a correct free was refused");
    }
    in_interrupt = false;
}

int main(void) {
    if (!memory_pool_init(&pool, 32, BLOCKS)) return BOARD_BROKEN;
    esp_err_t reason;
    void *const first = memory_pool_alloc(&pool), *const second = memory_pool_alloc(&pool);
    memory_pool_alloc_timeout_reason(&pool, 10, &reason);
    printf("before waiting is allowed: %s\n", memory_pool_err_to_name(reason));
    microusc_bare_set_wait(may_wait, idle);
    memory_pool_alloc_timeout_reason(&pool, 10, &reason);
    printf("without a free: %s after %s\n", memory_pool_err_to_name(reason), idle_count >= 9 ? "the whole time" : "less");
    memory_pool_free(&pool, first);
    memory_pool_free(&pool, second);

    board_timer_start(tick, MICROSECONDS);
    while (refused == ESP_OK) {
    }
    printf("an interrupt waits: %s\n", memory_pool_err_to_name(refused));
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t *const block = memory_pool_alloc_timeout(&pool, MEMORY_POOL_WAIT_FOREVER);
        if (block == NULL) broken("a wait ended without a block");
        *block = round;
        passed_on[round % PLACES] = block;
        passed_on_count = round + 1;
    }
    while (freed_count < ROUNDS) {
    }
    board_timer_stop();
    if (pool.free_blocks != BLOCKS || memory_pool_validate(&pool) != ESP_OK) broken("a block was lost");
    printf("%d blocks waited for, each freed by the interrupt, and none was lost\n", ROUNDS);
    memory_pool_destroy(&pool);
    return BOARD_PASSED;
}
