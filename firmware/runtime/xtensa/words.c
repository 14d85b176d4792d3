/*
 * Memory that takes aligned 32-bit accesses only, as the ESP32's instruction RAM does.
 *
 * The emulator's RAM takes accesses of every size. Therefore this memory is a hole in its map: each access is an exception,
 * whose handler decodes the instruction. A load or store of a word is performed on a copy elsewhere, and the program
 * continues behind it. Any other access would fail in the real memory, and ends the program as crashed.
 *
 *   0x3f000000 + offset   what programs use           (nothing there: EXCCAUSE_LOAD_STORE_ADDRESS)
 *   copy + offset         where the words really are
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "board.h"
#include "exception.h"
#include "words.h"

/* An access to an address without memory. */
enum { LOAD_STORE_ADDRESS = 15 };

static uint32_t copy[WORDS_BYTES / sizeof(uint32_t)];
static uint32_t done;

void *words_memory(void) {
    return (void *)WORDS_START;
}

uint32_t words_accesses(void) {
    return done;
}

static uint32_t byte_at(uint32_t address) {
    /* By words, since the code may lie where bytes cannot be read. */
    return *(const uint32_t *)(address & ~3u) >> (address % 4 * 8) & 0xff;
}

/*
 *   l32i   t at s + 4 * imm8    imm8 0010 s t 0010        s32i   imm8 0110 s t 0010
 *   l32i.n t at s + 4 * r       r s t 1000                s32i.n r s t 1001
 */
int words_access(struct frame *frame) {
    const uint32_t offset = frame->vaddr - WORDS_START;
    if (frame->cause != LOAD_STORE_ADDRESS || offset >= WORDS_BYTES || offset % 4 != 0) return 0;
    const uint32_t first = byte_at(frame->epc), second = byte_at(frame->epc + 1), t = first >> 4;
    const uint32_t r = second >> 4;
    const int narrow = (first & 0xe) == 0x8, wide = (first & 0xf) == 0x2 && (r == 2 || r == 6);
    if (!narrow && !wide) return 0;
    const int is_store = narrow ? (first & 1) == 1 : r == 6;
    if (is_store) {
        copy[offset / 4] = frame->a[t];
    } else {
        frame->a[t] = copy[offset / 4];
    }
    frame->epc += narrow ? 2 : 3;
    done++;
    return 1;
}
