/*
 * The console command: lines as a user types them, what they print, and what they return.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "MicroUSC/system/memory_pool_leaks.h"
#include "esp_console.h"
#include "microusc_console.h"

static void type(const char *line) {
    int returned = -1;
    printf("> %s\n", line);
    const esp_err_t err = esp_console_run(line, &returned);
    if (err != ESP_OK) printf("esp_console_run: 0x%x\n", (unsigned)err);
    printf("= %d\n", returned);
}

void app_main(void) {
    static memory_pool_t uart, spi;
    const memory_pool_config_t for_uart = {.block_size = 30, .num_blocks = 70, .placement = DRAM, .name = "uart"};
    const memory_pool_config_t for_spi = {.block_size = 64, .num_blocks = 2, .placement = DRAM, .name = "spi \"fast\" bus"};
    const esp_console_config_t config = {.max_cmdline_length = 80, .max_cmdline_args = 8};
    ESP_ERROR_CHECK(esp_console_init(&config));
    ESP_ERROR_CHECK(microusc_console_register());

    printf("without pools\n");
    type("pool list");
    type("pool check");
    type("pool reset-max");
    type("pool info uart");

    ESP_ERROR_CHECK(memory_pool_init_config(&uart, &for_uart));
    ESP_ERROR_CHECK(memory_pool_init_config(&spi, &for_spi));
    void *blocks[70];
    for (int i = 0; i < 70; i++) blocks[i] = memory_pool_alloc(&uart);
    for (int i = 69; i > 0; i--) {
        if (i != 2) memory_pool_free(&uart, blocks[i]);
    }
    while (memory_pool_alloc(&spi) != NULL) continue;

    printf("with two\n");
    type("pool list");
    type("pool info uart");
    type("pool info \"spi \\\"fast\\\" bus\"");
    type("pool check");
    type("pool check uart");
    type("pool dump uart");
    type("pool metrics");

    printf("a damaged one\n");
    ((memory_block_t *)blocks[1])->next = (memory_block_t *)blocks[0];
    type("pool check");
    type("pool check uart");
    type("pool dump uart");
    ESP_ERROR_CHECK(memory_pool_repair(&uart));
    type("pool check");

    printf("from now on\n");
    type("pool reset-max uart");
    type("pool info uart");
    type("pool reset-max");

    printf("who has blocks\n");
    type("pool leaks uart");
    type("pool record uart");
    type("pool record uart");
    void *const mine = MEMORY_POOL_ALLOC_HERE(&uart);
    type("pool leaks uart");
    type("pool leaks");
    memory_pool_free(&uart, mine);

    printf("mistakes\n");
    type("pool");
    type("pool lst");
    type("pool \"\"");
    type("pool info");
    type("pool dump");
    type("pool info i2c");
    type("pool info UART");
    type("pool info \"\"");
    type("pool check i2c");
    type("pool reset-max i2c");
    type("pool dump i2c");
    type("pool info uart spi");
    type("pool check spi \"fast\" bus");
    type("pool list uart");
    type("pool metrics uart");
    type("pool record");
    type("pool leaks i2c");
}
