/*
 * Prints the metrics of some pools with odd names, for metrics.py, which knows what they must be.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "MicroUSC/port/host.h"
#include "MicroUSC/system/memory_pool_metrics.h"

static const memory_pool_config_t configs[] = {
    {30, 10, DRAM, 0, "plain"},
    {64, 1, DRAM, 0, "say \"hi\""},
    {64, 2, DRAM, 0, "C:\\temp\\"},
    {64, 3, DRAM, 0, "two\nlines"},
    {64, 4, DRAM, 0, "{pool=\"x\"} 1 #"},
    {64, 5, DRAM, 0, "caf\xC3\xA9"},
    {64, 6, DRAM, 0, "fourteen bytes\xC3\xA9"},     /* cut within a character */
    {64, 7, DRAM, 0, "fourteen bytes\xE2\x82\xAC"}, /* the same label */
    {64, 8, DRAM, 0, "latin-1: \xE9\\"},
    {64, 9, DRAM, 0, "plain"},
    {256, 4, PSRAM, 0, "frames"},
    {64, 2, IRAM, 0, "words"},
};
enum { POOLS = sizeof(configs) / sizeof(configs[0]) };

int main(void) {
    static memory_pool_t pools[POOLS];
    if (microusc_host_select_chip("esp32") != ESP_OK) return 1;
    for (int i = 0; i < POOLS; i++) {
        if (memory_pool_init_config(&pools[i], &configs[i]) != ESP_OK) return 1;
    }
    /* 4 at most, 3 now. */
    void *blocks[4];
    for (int i = 0; i < 4; i++) blocks[i] = memory_pool_alloc(&pools[0]);
    memory_pool_free(&pools[0], blocks[1]);
    memory_pool_free(&pools[0], blocks[1]);
    /* The only block, and twice in vain. */
    for (int i = 0; i < 3; i++) (void)memory_pool_alloc(&pools[1]);

    const size_t length = memory_pool_metrics_text(NULL, 0);
    char *text = malloc(length + 1);
    if (text == NULL || memory_pool_metrics_text(text, length + 1) != length) return 1;
    fputs(text, stdout);
    free(text);
    return 0;
}
