/*
 * Instructions of an alloc and a free, for the texts of Kconfig. Under an emulator that counts them.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdint.h>
#include <stdio.h>

#include "MicroUSC/system/memory_pool.h"
#include "freertos/FreeRTOS.h"

#define PAIRS 1000

static memory_pool_t pool;

static uint32_t instructions(void) {
    uint32_t count;
    __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, minstret\n.option pop" : "=r"(count));
    return count;
}

/* With calls and arguments, without the loop around them. */
#define COST_OF(what, loop)                                                  \
    ({                                                                       \
        const uint32_t start = instructions();                               \
        for (volatile int i = 0; i < PAIRS; i++) {                           \
            what;                                                            \
        }                                                                    \
        (instructions() - start - (loop) + PAIRS / 2) / PAIRS;               \
    })

static uint32_t loop(void) {
    return COST_OF((void)0, 0) * PAIRS;
}

void app_main(void) {
    if (!memory_pool_init(&pool, 32, 4)) return;
    uint32_t pair = COST_OF(memory_pool_free(&pool, memory_pool_alloc(&pool)), loop());
#if CONFIG_MICROUSC_LOCK_PORTMUX
    /* ESP-IDF's own are not here to be counted: what stands for them goes off. */
    static portMUX_TYPE mux = portMUX_INITIALIZER_UNLOCKED;
    pair -= 2 * COST_OF({ portENTER_CRITICAL_SAFE(&mux); portEXIT_CRITICAL_SAFE(&mux); }, loop());
#endif
    printf("%u\n", (unsigned)pair);
}
