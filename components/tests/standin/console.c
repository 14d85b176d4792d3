/*
 * ESP-IDF's console: one command, and lines of words, of which some are in quotes or escaped.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdbool.h>
#include <string.h>

#include "esp_console.h"
#include "standin.h"

static esp_console_config_t console;
static esp_console_cmd_t command;

esp_err_t esp_console_init(const esp_console_config_t *config) {
    if (console.max_cmdline_args != 0) return ESP_ERR_INVALID_STATE;
    console = *config;
    return ESP_OK;
}

esp_err_t esp_console_cmd_register(const esp_console_cmd_t *cmd) {
    if (console.max_cmdline_args == 0) standin_fail("a command before esp_console_init");
    if (cmd->command == NULL || strchr(cmd->command, ' ') != NULL) return ESP_ERR_INVALID_ARG;
    if ((cmd->func == NULL) == (cmd->func_w_context == NULL)) return ESP_ERR_INVALID_ARG;
    if (cmd->help == NULL) standin_fail("a command that `help` does not show");
    command = *cmd; /* what its strings point to must last */
    return ESP_OK;
}

/* The words of a line, which is overwritten. */
static int split(char *line, char **words, size_t room) {
    size_t count = 0;
    char *to = line;
    for (const char *at = line; *at != '\0' && count + 1 < room;) {
        if (*at == ' ') {
            at++;
            continue;
        }
        const bool quoted = *at == '"';
        if (quoted) at++;
        char *word = to;
        while (*at != '\0' && *at != (quoted ? '"' : ' ')) {
            if (*at == '\\' && at[1] != '\0') at++;
            *to++ = *at++;
        }
        const bool ends = *at == '\0';
        *to++ = '\0';
        words[count++] = word;
        if (ends) break;
        at++;
    }
    words[count] = NULL;
    return (int)count;
}

esp_err_t esp_console_run(const char *cmdline, int *cmd_ret) {
    static char line[256];
    char *words[16];
    standin_from_task("esp_console_run");
    if (strlen(cmdline) >= sizeof(line) || strlen(cmdline) >= console.max_cmdline_length) return ESP_ERR_INVALID_ARG;
    strcpy(line, cmdline);
    const int count = split(line, words, sizeof(words) / sizeof(words[0]));
    if (count == 0) return ESP_ERR_INVALID_ARG;
    if (command.func == NULL || strcmp(words[0], command.command) != 0) return ESP_ERR_NOT_FOUND;
    *cmd_ret = command.func(count, words);
    return ESP_OK;
}
