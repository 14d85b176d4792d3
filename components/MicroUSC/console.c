/*
 * The command of microusc_console.h, from functions of the public headers alone.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "esp_console.h"

#include "MicroUSC/system/memory_pool_leaks.h"
#include "MicroUSC/system/memory_pool_metrics.h"
#include "microusc_console.h"

#define VERBS "list|info NAME|check [NAME]|reset-max [NAME]|dump NAME|record NAME|leaks [NAME]|metrics"

enum { DONE = 0, FAILED = 1 };

static int list(memory_pool_t *pool) {
    (void)pool;
    show_memory_usage();
    return DONE;
}

static int info(memory_pool_t *pool) {
    memory_pool_print_stats(pool);
    return DONE;
}

/* With its name, since it may be one of all. */
static int say(memory_pool_t *pool, esp_err_t reason) {
    printf("%s: %s\n", memory_pool_get_name(pool), memory_pool_err_to_name(reason));
    return reason == ESP_OK ? DONE : FAILED;
}

static int check(memory_pool_t *pool) {
    return say(pool, memory_pool_validate(pool));
}

static int reset_max(memory_pool_t *pool) {
    return say(pool, memory_pool_reset_lowest_free(pool));
}

static int dump(memory_pool_t *pool) {
    memory_pool_dump(pool);
    return DONE;
}

static int record(memory_pool_t *pool) {
    return say(pool, memory_pool_record_sites(pool, true));
}

static int leaks(memory_pool_t *pool) {
    const size_t blocks = memory_pool_dump_leaks(pool, 0, NULL, NULL);
    printf("%s: %u in use\n", memory_pool_get_name(pool), (unsigned)blocks);
    return DONE;
}

static int metrics(memory_pool_t *pool) {
    (void)pool;
    /* Numbers may be longer when they are written, since others use the pools meanwhile. */
    const size_t size = memory_pool_metrics_text(NULL, 0) + 256;
    char *text = malloc(size);
    if (text == NULL) {
        printf("pool: no memory for %u bytes of text\n", (unsigned)size);
        return FAILED;
    }
    const size_t length = memory_pool_metrics_text(text, size);
    const bool whole = length > 0 && length < size;
    if (whole) {
        fputs(text, stdout);
    } else {
        printf("pool: pools come and go, try again\n");
    }
    free(text);
    return whole ? DONE : FAILED;
}

enum takes { NOTHING, A_NAME, A_NAME_OR_ALL };

static const struct verb {
    const char *name;
    enum takes takes;
    int (*act)(memory_pool_t *pool);
} verbs[] = {
    {"list", NOTHING, list},
    {"info", A_NAME, info},
    {"check", A_NAME_OR_ALL, check},
    {"reset-max", A_NAME_OR_ALL, reset_max},
    {"dump", A_NAME, dump},
    {"record", A_NAME, record},
    {"leaks", A_NAME_OR_ALL, leaks},
    {"metrics", NOTHING, metrics},
};

static int on_all(int (*act)(memory_pool_t *pool)) {
    int result = DONE;
    for (memory_pool_t *pool = memory_pool_next(NULL); pool != NULL; pool = memory_pool_next(pool)) result |= act(pool);
    return result;
}

static int on_named(int (*act)(memory_pool_t *pool), const char *name) {
    memory_pool_t *const pool = memory_pool_find(name);
    if (pool == NULL) {
        printf("pool: no pool is called \"%s\"\n", name);
        return FAILED;
    }
    return act(pool);
}

static int with_arguments(const struct verb *verb, int count, char **arguments) {
    if (count > (verb->takes == NOTHING ? 0 : 1)) {
        printf("pool: %s takes %s\n", verb->name, verb->takes == NOTHING ? "no argument" : "one name; quote one with spaces");
        return FAILED;
    }
    if (count == 1) return on_named(verb->act, arguments[0]);
    if (verb->takes == A_NAME) {
        printf("pool: %s which? give a pool's name\n", verb->name);
        return FAILED;
    }
    return verb->takes == NOTHING ? verb->act(NULL) : on_all(verb->act);
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        printf("pool: what? " VERBS "\n");
        return FAILED;
    }
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (strcmp(argv[1], verbs[i].name) == 0) return with_arguments(&verbs[i], argc - 2, argv + 2);
    }
    printf("pool: \"%s\" is none of " VERBS "\n", argv[1]);
    return FAILED;
}

esp_err_t microusc_console_register(void) {
    const esp_console_cmd_t command = {
        .command = "pool",
        .help = "Memory pools: list them, print one, validate, who has their blocks, Prometheus's text",
        .hint = VERBS,
        .func = run,
    };
    return esp_console_cmd_register(&command);
}
