/* An instruction that the chip does not have. */
#include "board.h"

int main(void) {
    static uint32_t word;
    __asm__ volatile("mv a0, %0\n\t.4byte 0x100522af" ::"r"(&word) : "a0", "t0", "memory"); /* lr.w t0, (a0) */
    return BOARD_PASSED;
}
