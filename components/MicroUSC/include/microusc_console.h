/*
 * A command for ESP-IDF's console that looks at the pools. With CONFIG_MICROUSC_CONSOLE; without it nothing here is linked.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *     ESP_ERROR_CHECK(esp_console_new_repl_uart(&uart, &repl_config, &repl));
 *     ESP_ERROR_CHECK(microusc_console_register());
 *     ESP_ERROR_CHECK(esp_console_start_repl(repl));
 *
 *     > pool list               the heap's totals, and a line for each pool
 *     > pool info NAME          the snapshot of one pool
 *     > pool check [NAME]       validates it, or all
 *     > pool reset-max [NAME]   starts the most blocks in use anew from now
 *     > pool dump NAME          every block, and where the free list begins
 *     > pool record NAME        records the call site of each alloc from now on; with CONFIG_MICROUSC_DIAGNOSTICS
 *     > pool leaks [NAME]       the blocks in use: where and when each was allocated
 *     > pool metrics            Prometheus's text format
 *
 * A name with spaces is put in quotes; of pools with one name the first that was made is meant. What cannot be done is said
 * in one line, and the command returns 1; so does `check` when a pool is damaged. The command runs in the console's task
 * while others use the pools. During `list` and `metrics` they may end pools, too; the others look at pools by address.
 */
#ifndef MICROUSC_CONSOLE_H
#define MICROUSC_CONSOLE_H

#include "esp_err.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Adds the command `pool`, after esp_console_init or esp_console_new_repl_*. What esp_console_cmd_register returns. */
esp_err_t microusc_console_register(void);

#ifdef __cplusplus
}
#endif

#endif /* MICROUSC_CONSOLE_H */
