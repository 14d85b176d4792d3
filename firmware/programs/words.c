/*
 * Blocks in memory that takes aligned words only, where any other access is an exception that ends the program: the library
 * accesses blocks by words alone. Allocation maps and counters are in other memory.
 *
 * With BYTES the program itself writes a byte of a block, which must end it.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "MicroUSC/port/bare.h"
#include "MicroUSC/system/memory_pool.h"
#include "MicroUSC/system/memory_pool_set.h"
#include "checks.h"
#include "xtensa/words.h"

enum { BLOCKS = 6, WORDS = 8, DMA = 1 << 3 };

static size_t used_bytes;

/* The request for the blocks has the capabilities of the placement, DMA among them; that for control blocks has not. */
static void *allocate(size_t bytes, size_t align, uint32_t caps) {
    if ((caps & DMA) == 0) return board_allocate(bytes, align);
    used_bytes = (used_bytes + align - 1) & ~(align - 1);
    if (bytes > WORDS_BYTES - used_bytes) return NULL;
    void *const memory = (char *)words_memory() + used_bytes;
    used_bytes += bytes;
    return memory;
}

static void release(void *memory) {
    if ((uintptr_t)memory - (uintptr_t)words_memory() >= WORDS_BYTES) board_release(memory);
}

static void fill(void *block, size_t bytes, uint32_t with) {
    for (size_t word = 0; word < bytes / sizeof(uint32_t); word++) ((volatile uint32_t *)block)[word] = with;
}

static bool is_filled(const void *block, size_t bytes, uint32_t with) {
    for (size_t word = 0; word < bytes / sizeof(uint32_t); word++) {
        if (((const volatile uint32_t *)block)[word] != with) return false;
    }
    return true;
}

static void one_by_one(memory_pool_t *pool) {
    void *blocks[BLOCKS];
    for (uint32_t at = 0; at < BLOCKS; at++) {
        blocks[at] = at % 2 == 0 ? memory_pool_alloc(pool) : memory_pool_alloc_unsynchronized(pool);
        check(blocks[at] != NULL, "a pool with free blocks allocates one");
        fill(blocks[at], WORDS * sizeof(uint32_t), at);
    }
    check(memory_pool_alloc(pool) == NULL, "an exhausted pool allocates none");
    check(memory_pool_free_reason(pool, (char *)blocks[1] + 4) == MEMORY_POOL_ERR_NOT_A_BLOCK, "an interior address is refused");
    for (uint32_t at = 0; at < BLOCKS; at++) {
        check(is_filled(blocks[at], WORDS * sizeof(uint32_t), at), "a block keeps its content");
        const esp_err_t freed = at % 2 == 0 ? memory_pool_free_reason(pool, blocks[at])
                                            : memory_pool_free_unsynchronized(pool, blocks[at]);
        check(freed == ESP_OK, "a correct free is accepted");
    }
    check(memory_pool_free_reason(pool, blocks[2]) == MEMORY_POOL_ERR_DOUBLE_FREE, "a double free is refused");
}

static void zeroed(memory_pool_t *pool) {
    void *const block = memory_pool_alloc_zeroed(pool);
    check(block != NULL && is_filled(block, WORDS * sizeof(uint32_t), 0), "a zeroed block is zero");
    memory_pool_free(pool, block);
}

static void poisoned(memory_pool_t *pool) {
    check(memory_pool_set_checks(pool, MEMORY_POOL_CHECKS_POISON) == ESP_OK, "free blocks are filled");
    one_by_one(pool);
    void *const block = memory_pool_alloc(pool);
    memory_pool_free(pool, block);
    check(memory_pool_validate(pool) == ESP_OK, "free blocks keep their fill pattern");
    ((volatile uint32_t *)block)[3] = 0;
    check(memory_pool_validate(pool) == MEMORY_POOL_ERR_WRITTEN, "a write to a free block is found");
    check(memory_pool_set_checks(pool, MEMORY_POOL_CHECKS_BASIC) == ESP_OK, "the checks can be turned off");
}

static void reserved(memory_pool_t *pool) {
    check(memory_pool_set_isr_reserve(pool, BLOCKS) == ESP_OK, "a reserve can be set");
    check(memory_pool_alloc(pool) == NULL, "tasks get no block of the reserve");
    void *const block = memory_pool_alloc_from_isr(pool);
    check(block != NULL, "interrupts get a block of the reserve");
    check(memory_pool_free_reason(pool, block) == ESP_OK, "a free to a pool with a reserve is accepted");
    check(memory_pool_set_isr_reserve(pool, 0) == ESP_OK, "a reserve can be removed");
}

static void batches(memory_pool_t *pool) {
    void *blocks[BLOCKS];
    check(memory_pool_alloc_batch(pool, blocks, BLOCKS) == ESP_OK, "a batch is allocated");
    check(memory_pool_free_batch(pool, blocks, BLOCKS) == ESP_OK, "a batch is freed");
}

/* A link out of the pool, as a write after a free leaves it, is found and repaired. */
static void damage(memory_pool_t *pool) {
    void *const block = memory_pool_alloc(pool);
    memory_pool_free(pool, block);
    fill(block, sizeof(uint32_t), 0xdeadbeef);
    check(memory_pool_validate(pool) != ESP_OK, "damage is found");
    check(memory_pool_repair(pool) == ESP_OK, "damage is repaired");
    check(memory_pool_validate(pool) == ESP_OK, "a repaired list is undamaged");
}

static void sets(void) {
    static memory_pool_set_t set;
    static const memory_pool_set_class_t classes[] = {{16, 2}, {64, 2}};
    check(memory_pool_set_init(&set, classes, 2, DRAM) == ESP_OK, "a set");
    check(memory_pool_set_spill(&set, true) == ESP_OK, "spill");
    void *const first = memory_pool_set_alloc(&set, 10);
    void *const second = memory_pool_set_alloc(&set, 16);
    void *const spilled = memory_pool_set_alloc(&set, 12);
    check(first != NULL && second != NULL && spilled != NULL, "blocks of a set");
    check(memory_pool_set_usable_size(&set, spilled) == 64, "a spilled block");
    fill(first, 16, 0x1234567);
    void *const moved = memory_pool_set_realloc(&set, first, 60);
    check(moved != NULL && moved != first && is_filled(moved, 16, 0x1234567), "a block that grew");
    check(memory_pool_set_free(&set, moved) == ESP_OK, "a free to a set");
    check(memory_pool_set_free(&set, moved) == MEMORY_POOL_ERR_DOUBLE_FREE, "a double free to a set");
    memory_pool_set_destroy(&set);
}

int main(void) {
    static memory_pool_t pool;
    microusc_bare_set_heap(allocate, release);
    check(memory_pool_init(&pool, WORDS * sizeof(uint32_t), BLOCKS), "a pool");
    check((uintptr_t)pool.memory - (uintptr_t)words_memory() < WORDS_BYTES, "blocks lie in the memory that takes words");
    one_by_one(&pool);
    poisoned(&pool);
    zeroed(&pool);
    reserved(&pool);
    batches(&pool);
    damage(&pool);
    sets();
#ifdef BYTES
    *(volatile char *)memory_pool_alloc(&pool) = 1;
#endif
    memory_pool_destroy(&pool);
    check(words_accesses() > 100, "blocks were touched");
    puts("blocks were touched by words alone");
    return BOARD_PASSED;
}
