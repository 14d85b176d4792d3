/*
 * Stacks of tasks: windowed ABI. Beside stack.s.
 *
 *   end  -> +-----------------------+
 *           | scratch               |  -32   where the window of the first frame spills its a4 .. a7
 *   first-> +-----------------------+  -64   the stack pointer of standin_first_frame
 *           | of who "called" it    |  -16   word 1 is a stack pointer; the scratch lies 32 below it
 *           |                       |
 *   top  -> +-----------------------+  -128  the stack pointer of standin_change_stack, whose word 0 is where to return to
 *           | registers of the first|  -16   word 1 is its stack pointer
 *           | frame                 |
 *           +-----------------------+
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <string.h>

#include "standin.h"

/* stack.s: not a function, since no code calls it; a2 is what it calls. */
extern const char standin_first_frame[];

/* A return address says by how many registers the call moved on: 8, as compilers do, is a 2 in its highest bits. */
#define MOVED_BY_8(address) (((uintptr_t)(address) & 0x3fffffff) | 0x80000000)

void *standin_new_stack(uint8_t *end, void (*begin)(void)) {
    uintptr_t *const first = (uintptr_t *)(void *)(end - 64), *const top = (uintptr_t *)(void *)(end - 128);
    memset(top - 4, 0, 128 + 16);
    top[0] = MOVED_BY_8(standin_first_frame);
    top[-3] = (uintptr_t)first;
    top[-2] = (uintptr_t)begin;
    first[-3] = (uintptr_t)end;
    return top;
}
