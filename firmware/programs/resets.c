/*
 * A retained pool over resets of the machine.
 *
 *     first     no pool is there
 *     left      resets with several patterns of blocks in use
 *     flipped   one bit is flipped before each reset: every bit of header and map in turn, in each pattern
 *
 * With FORGED the checksum fits the flipped bit, so that the pool accepts a wrong map: that must be found.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "retained_program.h"

enum phase { FIRST, LEFT, FLIPPED };
/* The words before the blocks: a header, and a map of 16 blocks per word. One more word may align the blocks. */
enum { HEADER_WORDS = 6, MAP_END = HEADER_WORDS + (BLOCKS + 15) / 16, BITS = (MAP_END + 1) / 2 * 2 * 32 };
enum { PATTERNS = 7, FLIPS = 3 * BITS };

_Static_assert(BITS == MEMORY_POOL_RETAINED_BOOKS(BLOCKS) * 32, "every bit before the blocks");

/* ---- Patterns of blocks in use ------------------------------------------------------------------------------ */

/* Patterns of blocks in use. The flips go through the first three. */
static bool is_in_pattern(uint32_t pattern, size_t index) {
    switch (pattern) {
    case 0: return (index * 5 + 1) % 7 < 3; /* about half of them */
    case 1: return true;
    case 2: return false;
    case 3: return index == 0;
    case 4: return index == BLOCKS - 1;
    case 5: return index % 2 == 0;
    default: return index / 16 == 1; /* a word of the map */
    }
}

/* Leaves the blocks of a pattern in use, each with contents of its own. The pool is empty before. */
static void leave(uint32_t pattern) {
    for (size_t count = 0; count < BLOCKS; count++) check(memory_pool_retained_alloc(&pool) != NULL, "a pool has live blocks");
    for (size_t index = 0; index < BLOCKS; index++) {
        volatile uint32_t *const block = block_of(index);
        fill(block, index, pattern);
        if (!is_in_pattern(pattern, index)) free_block(index);
    }
}

/* Finds exactly the blocks of a pattern, as they were left, and frees them. */
static void find_and_free(uint32_t pattern) {
    size_t listed = memory_pool_retained_next_live(&pool, 0), live = 0;
    for (size_t index = 0; index < BLOCKS; index++) {
        const bool wanted = is_in_pattern(pattern, index);
        check((listed == index) == wanted, wanted ? "a live block is not listed" : "a free block is listed");
        check((block_of(index) != NULL) == wanted, "a block is live or free against its pattern");
        if (!wanted) continue;
        check(checked_index_of(block_of(index)) == index, "a block has another index");
        check(is_filled(block_of(index), index, pattern), "the content of a block was lost");
        listed = memory_pool_retained_next_live(&pool, index + 1);
        live++;
    }
    check(listed == SIZE_MAX && info_of_pool().used_blocks == live, "the number of live blocks is wrong");
    for (size_t index = 0; index < BLOCKS; index++) {
        if (is_in_pattern(pattern, index)) free_block(index);
    }
}

/* ---- Flips -------------------------------------------------------------------------------------------------- */

#ifdef FORGED
/* Writes the checksum of a word of the map, as the library does. */
static void forge(size_t word) {
    if (word < HEADER_WORDS || word >= MAP_END) return;
    volatile uint32_t *const words = (volatile uint32_t *)memory;
    const uint32_t live = words[word] & 0xFFFF;
    uint32_t crc = live ^ 0xFFFF ^ (uint32_t)(word - HEADER_WORDS);
    for (int bit = 0; bit < 16; bit++) crc = ((crc << 1) & 0xFFFF) ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
    words[word] = crc << 16 | live;
}

/* The pool cannot find the flipped bit. */
static bool is_fault_of(size_t bit) {
    (void)bit;
    return true;
}
#else
static void forge(size_t word) {
    (void)word;
}

/* Whether a start reports the right reason for a flipped bit. */
static bool is_fault_of(size_t bit) {
    const size_t word = bit / 32;
    if (word == 0) return found == MEMORY_POOL_ERR_RETAINED_NONE;
    if (word < HEADER_WORDS) return found == MEMORY_POOL_ERR_RETAINED_CHECKSUM;
    if (word < MAP_END) return found == MEMORY_POOL_ERR_RETAINED_MAP;
    return found == ESP_OK; /* the last word only aligns the blocks */
}
#endif

static void flip(size_t bit) {
    ((volatile unsigned char *)memory)[bit / 8] ^= (unsigned char)(1u << bit % 8);
    forge(bit / 32);
}

/* ---- From start to start ------------------------------------------------------------------------------------ */

/* Compares what is found now with what was done before the reset. */
static void compare_with_plan(void) {
    switch (plan.phase) {
    case LEFT:
        check(found == ESP_OK, "an undamaged pool was formatted");
        find_and_free(plan.step);
        break;
    case FLIPPED:
        check(is_fault_of(plan.step % BITS), "a flipped bit is reported with another reason");
        if (found == ESP_OK) find_and_free(plan.step / BITS);
        break;
    default:
        check(found == MEMORY_POOL_ERR_RETAINED_NONE, "a pool was found before the first start");
        break;
    }
    use_every_block();
}

/* Whether the phase is over; if so, prints that. */
static bool is_over(void) {
    switch (plan.phase) {
    case LEFT:
        if (plan.step < PATTERNS) return false;
        printf("%u resets: the blocks in use are there, with their contents\n", (unsigned)PATTERNS);
        return true;
    case FLIPPED:
        if (plan.step < FLIPS) return false;
        printf("%u resets with a bit flipped: every bit of the books is found, and the pool works\n", (unsigned)FLIPS);
        return true;
    default: printf("first start: no pool, and one is made\n"); return true;
    }
}

int main(void) {
    const bool again = begin();
    compare_with_plan();
    if (again) plan_next_step();
    if (is_over()) {
        if (plan.phase == FLIPPED) return BOARD_PASSED;
        plan_next_phase();
    }
    if (plan.phase == LEFT) {
        leave(plan.step);
    } else {
        leave(plan.step / BITS);
        flip(plan.step % BITS);
    }
    board_reset();
}
