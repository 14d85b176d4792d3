/*
 * A retained pool over resets of the machine.
 *
 *     first     no pool is there
 *     left      resets with several patterns of blocks in use
 *     flipped   one bit flipped before each reset: every bit of the header and of the map in turn, in each pattern
 *
 * With FORGED a flip comes with a checksum that fits, so that the pool believes a wrong map: that must be noticed.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "kept.h"

enum phase { FIRST, LEFT, FLIPPED };
/* The words of the books: a header, and a map of 16 blocks a word; one word more aligns the blocks. */
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
    for (size_t count = 0; count < BLOCKS; count++) check(memory_pool_retained_alloc(&pool) != NULL, "a pool is not empty");
    for (size_t index = 0; index < BLOCKS; index++) {
        volatile uint32_t *const block = block_of(index);
        fill(block, index, pattern);
        if (!is_in_pattern(pattern, index)) give(index);
    }
}

/* Finds exactly these, as they were left, and returns them. */
static void take_over(uint32_t pattern) {
    size_t listed = memory_pool_retained_next_live(&pool, 0), live = 0;
    for (size_t index = 0; index < BLOCKS; index++) {
        const bool wanted = is_in_pattern(pattern, index);
        check((listed == index) == wanted, wanted ? "a block in use is not listed" : "a free block is listed");
        check((block_of(index) != NULL) == wanted, "a block is in use, or free, against its pattern");
        if (!wanted) continue;
        check(number_of(block_of(index)) == index, "a block has another number");
        check(is_filled(block_of(index), index, pattern), "the contents of a block were lost");
        listed = memory_pool_retained_next_live(&pool, index + 1);
        live++;
    }
    check(listed == SIZE_MAX && info_of_pool().used_blocks == live, "the number of blocks in use is wrong");
    for (size_t index = 0; index < BLOCKS; index++) {
        if (is_in_pattern(pattern, index)) give(index);
    }
}

/* ---- Flips -------------------------------------------------------------------------------------------------- */

#ifdef FORGED
/* Seals a word of the map anew, as the library does. */
static void forge(size_t word) {
    if (word < HEADER_WORDS || word >= MAP_END) return;
    volatile uint32_t *const books = (volatile uint32_t *)memory;
    const uint32_t live = books[word] & 0xFFFF;
    uint32_t crc = live ^ 0xFFFF ^ (uint32_t)(word - HEADER_WORDS);
    for (int bit = 0; bit < 16; bit++) crc = ((crc << 1) & 0xFFFF) ^ ((crc & 0x8000) != 0 ? 0x1021 : 0);
    books[word] = crc << 16 | live;
}

/* Nothing is wrong, as far as the pool can tell. */
static bool is_fault_of(size_t bit) {
    (void)bit;
    return true;
}
#else
static void forge(size_t word) {
    (void)word;
}

/* What a start must say of a flipped bit. */
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

/* Judges what is there now against what was done before the reset. */
static void judge(void) {
    switch (plan.phase) {
    case LEFT:
        check(found == ESP_OK, "a pool that nobody touched was made anew");
        take_over(plan.step);
        break;
    case FLIPPED:
        check(is_fault_of(plan.step % BITS), "a flipped bit is called something else");
        if (found == ESP_OK) take_over(plan.step / BITS);
        break;
    default:
        check(found == MEMORY_POOL_ERR_RETAINED_NONE, "there is a pool before the first start");
        break;
    }
    work_out();
}

/* Whether the phase is over; if so it is said. */
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
    judge();
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
