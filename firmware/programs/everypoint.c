/*
 * An interrupt before every single instruction of each operation, one instruction in each round: a round makes new pools,
 * one interrupt comes while the operation runs, allocates and frees blocks of the same pool or set, and then every rule is
 * checked. Rounds go on, with the interrupt a little later each time, until it comes after the operation. The program
 * prints where it came; `cargo xtask qemu` (xtask/src/qemu/points.rs) compares that with a trace of the same operations
 * without interrupts, and so finds whether it came everywhere.
 *
 * With OPEN (the functions without the lock) or UNMASKED (a mask that does nothing) each operation must break a rule.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "MicroUSC/port/bare.h"
#include "MicroUSC/system/memory_pool.h"
#include "MicroUSC/system/memory_pool_set.h"
#include "board.h"

#ifdef OPEN
#define pool_alloc memory_pool_alloc_unsynchronized
#define pool_free memory_pool_free_unsynchronized
#else
#define pool_alloc memory_pool_alloc
#define pool_free memory_pool_free_reason
#endif

#if defined(OPEN) || defined(UNMASKED)
enum { PROTECTED = false };
#else
enum { PROTECTED = true };
#endif

enum {
    BYTES = 16,
    WORDS = BYTES / sizeof(uint32_t),
    POOL_BLOCKS = 5,
    CLASS_BLOCKS = 3, /* of each of the set's classes */
    CLASSES = 2,
    MOST_BLOCKS = CLASSES * CLASS_BLOCKS,
    FIRST_DELAY = 160, /* in steps of the timer: less than from setting it to the operation */
    LATER = 9, /* more steps in each round: with the timer's inaccuracy of one, still less than one instruction */
    MOST_POINTS = 2048
};

/*
 * The linker chooses the image: address 1 for the image that is traced, which runs every operation once without an
 * interrupt, and 0 for the one whose operations are interrupted. Nothing else differs. It is read through a variable, since
 * a compiler may assume that no array lies at address 0.
 */
extern const char everypoint_quiet[];
static volatile const uintptr_t quiet = (uintptr_t)everypoint_quiet;

/* ---- Owners of blocks ------------------------------------------------------------------------------------------ */

static memory_pool_t pool;
static memory_pool_set_t set;
static bool with_set; /* whether the round is about the set */
static const char *rule; /* the first one that was broken, or NULL */

typedef struct {
    uint32_t name; /* in the upper byte */
    size_t held;
    size_t refused; /* requests that got no block */
    size_t spilled; /* requests that got one of the next class */
    volatile uint32_t *blocks[MOST_BLOCKS];
} owner_t;

static owner_t program, interrupt;

static void must(bool holds, const char *what) {
    if (!holds && rule == NULL) rule = what;
}

static void *take(void) {
    return with_set ? memory_pool_set_alloc(&set, BYTES) : pool_alloc(&pool);
}

static esp_err_t give(volatile uint32_t *block) {
    return with_set ? memory_pool_set_free(&set, (void *)block) : pool_free(&pool, (void *)block);
}

static uint32_t content(const owner_t *owner, const volatile uint32_t *block, size_t word) {
    return owner->name ^ (uint32_t)(uintptr_t)block ^ (uint32_t)word << 20;
}

static void keep(owner_t *owner, void *given) {
    volatile uint32_t *const block = given;
    if (block == NULL) {
        owner->refused++;
        return;
    }
    const owner_t *const owners[] = {&program, &interrupt};
    for (size_t who = 0; who < 2; who++) {
        for (size_t at = 0; at < owners[who]->held; at++) {
            if (owners[who]->blocks[at] == block) {
                must(false, "a block has two owners");
                return;
            }
        }
    }
    if (with_set && memory_pool_set_usable_size(&set, given) > BYTES) owner->spilled++;
    for (size_t word = 0; word < WORDS; word++) block[word] = content(owner, block, word);
    owner->blocks[owner->held++] = block;
}

static volatile uint32_t *give_up(owner_t *owner) {
    volatile uint32_t *const block = owner->blocks[--owner->held];
    for (size_t word = 0; word < WORDS; word++) {
        must(block[word] == content(owner, block, word), "the content of a live block changed");
    }
    return block;
}

static void give_one(owner_t *owner) {
    if (owner->held > 0) must(give(give_up(owner)) == ESP_OK, "a correct free was refused");
}

/* ---- What is interrupted, and by what -------------------------------------------------------------------------- */

typedef enum { ALLOC, FREE, VALIDATE } what_t;

typedef struct {
    const char *name;
    what_t what;
    bool with_set;
    size_t held; /* blocks that the program owns before it; the interrupt owns one */
} operation_t;

static const operation_t operations[] = {
    {"alloc", ALLOC, false, 1},
    {"alloc of the last block", ALLOC, false, POOL_BLOCKS - 2},
    {"alloc from an empty pool", ALLOC, false, POOL_BLOCKS - 1},
    {"free", FREE, false, 2},
    {"free to an empty pool", FREE, false, POOL_BLOCKS - 1},
#ifndef OPEN /* these have no variant without the lock */
    {"validate", VALIDATE, false, 2},
    {"set alloc", ALLOC, true, 1},
    {"set alloc that spills", ALLOC, true, CLASS_BLOCKS - 1},
    {"set alloc from empty classes", ALLOC, true, MOST_BLOCKS - 1},
    {"set free", FREE, true, 2},
    {"set free of a spilled block", FREE, true, CLASS_BLOCKS},
#endif
};

/* Traced and interrupted from its first instruction to its return. */
__attribute__((noinline)) uintptr_t everypoint_operation(what_t what, void *block) {
    switch (what) {
    case ALLOC: return (uintptr_t)(with_set ? memory_pool_set_alloc(&set, BYTES) : pool_alloc(&pool));
    case FREE: return (uintptr_t)(with_set ? memory_pool_set_free(&set, block) : pool_free(&pool, block));
    default: return (uintptr_t)memory_pool_validate(&pool);
    }
}

static void takes(void) {
    keep(&interrupt, take());
}

static void gives(void) {
    give_one(&interrupt);
}

/* Afterwards the list has another order, perhaps with the same first block. */
static void swaps(void) {
    keep(&interrupt, take());
    keep(&interrupt, take());
    if (interrupt.held < 2) return;
    volatile uint32_t *const later = interrupt.blocks[interrupt.held - 1];
    interrupt.blocks[interrupt.held - 1] = interrupt.blocks[interrupt.held - 2];
    interrupt.blocks[interrupt.held - 2] = later;
    give_one(&interrupt);
}

typedef struct {
    const char *name;
    void (*work)(void);
} handler_t;

static const handler_t handlers[] = {{"takes", takes}, {"gives", gives}, {"swaps", swaps}};

/* ---- A round --------------------------------------------------------------------------------------------------- */

static void (*volatile work)(void);
static volatile uintptr_t came_at;      /* 0: it has not come yet */
static volatile bool is_over, was_over; /* the operation: now, and when the interrupt came */

static void on_interrupt(uintptr_t at) {
    was_over = is_over;
    work();
    came_at = at;
}

static void no_log(const char *text, size_t length) {
    (void)text;
    (void)length;
}

static void begin(const operation_t *operation) {
    static const memory_pool_set_class_t classes[CLASSES] = {{BYTES, CLASS_BLOCKS}, {2 * BYTES, CLASS_BLOCKS}};
    rule = NULL;
    with_set = operation->with_set;
    program = (owner_t){.name = 1u << 24};
    interrupt = (owner_t){.name = 2u << 24};
    must(with_set ? memory_pool_set_init(&set, classes, CLASSES, DRAM) == ESP_OK
                  : memory_pool_init(&pool, BYTES, POOL_BLOCKS),
         "a pool can be made");
    if (with_set) memory_pool_set_spill(&set, true);
    keep(&interrupt, take());
    while (program.held < operation->held) keep(&program, take());
    must(program.refused + interrupt.refused == 0, "there are enough blocks for the operation");
}

/* Runs the operation, waits for the interrupt, and checks the result. */
static void operate(const operation_t *operation) {
    volatile uint32_t *const block = operation->what == FREE ? give_up(&program) : NULL;
    const uintptr_t answer = everypoint_operation(operation->what, (void *)block);
    is_over = true;
    while (!quiet && came_at == 0) {
    }
    if (operation->what == ALLOC) {
        keep(&program, (void *)answer);
    } else {
        must((esp_err_t)answer == ESP_OK, "a correct call was refused");
    }
}

static size_t pools(void) {
    return with_set ? set.num_classes : 1;
}

static memory_pool_t *pool_at(size_t rank) {
    return with_set ? &set.classes[rank] : &pool;
}

static size_t check_pools(void) {
    size_t free_blocks = 0;
    for (size_t rank = 0; rank < pools(); rank++) {
        memory_pool_info_t info;
        must(memory_pool_get_info(pool_at(rank), &info) == ESP_OK, "a pool reports its numbers");
        must(info.refused_frees == 0 && info.corruptions == 0, "nothing is refused and nothing damaged");
        must(info.free_blocks + info.used_blocks == info.num_blocks, "blocks are free or live");
        must(info.free_blocks == pool_at(rank)->free_blocks, "the public counter is right");
        must(memory_pool_validate(pool_at(rank)) == ESP_OK, "free list and allocation map agree");
        free_blocks += info.free_blocks;
    }
    return free_blocks;
}

/* Everything that must hold after operation and interrupt. */
static void check(const operation_t *operation) {
    const size_t blocks = with_set ? MOST_BLOCKS : POOL_BLOCKS;
    must(check_pools() + program.held + interrupt.held == blocks, "every block is free or has an owner");
    memory_pool_info_t info;
    memory_pool_get_info(pool_at(pools() - 1), &info);
    must(info.alloc_failures == program.refused + interrupt.refused, "refusals are counted");
    must(!with_set || set.spilled_in[1] == program.spilled + interrupt.spilled, "spills are counted");
    /* The interrupt owns one block and may allocate two more. */
    must(operation->held + 3 >= blocks || program.refused + interrupt.refused == 0,
         "no request is refused while there are free blocks");
    /* Every free block can be allocated once. */
    while (program.held + interrupt.held < blocks && rule == NULL) {
        const size_t before = program.refused;
        keep(&program, take());
        must(program.refused == before, "a free block can be allocated");
    }
    while (program.held > 0) give_one(&program);
    while (interrupt.held > 0) give_one(&interrupt);
    must(check_pools() == blocks, "every block came back");
}

static void end(void) {
    if (with_set) {
        memory_pool_set_destroy(&set);
    } else {
        memory_pool_destroy(&pool);
    }
}

/* ---- Rounds ---------------------------------------------------------------------------------------------------- */

static uintptr_t points[MOST_POINTS]; /* in the order of the delays, each once in a row */
static size_t points_seen;

static void note(uintptr_t at) {
    if (points_seen > 0 && points[points_seen - 1] == at) return;
    if (points_seen == MOST_POINTS) board_crash("there are more points than room for them", points_seen, at);
    points[points_seen++] = at;
}

/* Rounds until the interrupt comes after the operation; returns in how many of them a rule was broken. */
static uint32_t sweep(const operation_t *operation, const handler_t *handler) {
    uint32_t rounds = 0, broken = 0;
    points_seen = 0;
    work = handler->work;
    do {
        begin(operation);
        came_at = 0;
        is_over = false;
        board_interrupt_once(on_interrupt, FIRST_DELAY + rounds * LATER);
        operate(operation);
        note(came_at);
        check(operation);
        end();
        rounds++;
        if (rule == NULL) continue;
        broken++;
        if (PROTECTED) {
            printf("broken: %s, interrupted at %p by one that %s: %s\n", operation->name, (void *)came_at, handler->name,
                   rule);
            board_exit(BOARD_BROKEN);
        }
    } while (!was_over);
    printf("points %s;%s;%u;%u;", operation->name, handler->name, (unsigned)rounds, (unsigned)broken);
    for (size_t at = 0; at < points_seen; at++) printf(" %lx", (unsigned long)points[at]);
    putchar('\n');
    return broken;
}

int main(void) {
    bool all_broke = true;
    microusc_bare_set_writer(no_log);
    for (size_t at = 0; at < sizeof(operations) / sizeof(operations[0]); at++) {
        const operation_t *const operation = &operations[at];
        if (quiet) {
            begin(operation);
            operate(operation);
            check(operation);
            end();
            if (rule != NULL) return BOARD_BROKEN;
            continue;
        }
        uint32_t broken = 0;
        for (size_t by = 0; by < sizeof(handlers) / sizeof(handlers[0]); by++) broken += sweep(operation, &handlers[by]);
        printf("%s: %s\n", operation->name, broken == 0 ? "every rule held" : "a rule was broken");
        all_broke = all_broke && broken > 0;
    }
    return PROTECTED || quiet || !all_broke ? BOARD_PASSED : BOARD_BROKEN;
}
