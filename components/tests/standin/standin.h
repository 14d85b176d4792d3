/* Between the files of the stand-ins. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

extern bool standin_in_isr;

/* While flash is written: nothing in it can be reached, no text either. */
extern bool standin_cache_off;

/* Says what was done wrong, and ends the program. */
void standin_fail(const char *what);

/* The same, unless a task calls, outside of critical sections. */
void standin_from_task(const char *function);

/* riscv/, xtensa/: saves what a function keeps, changes the stack, and goes on there. */
void standin_change_stack(void **save, void *load);

/* What to load for a stack on which nothing has run. Its end is aligned to 16. */
void *standin_new_stack(uint8_t *end, void (*begin)(void));
