/* The runtime itself. */
#include <stdio.h>
#include "board.h"

int main(void) {
    printf("%s %d %u %x%%\n", "hello", -7, 7u, 0x2au);
    return BOARD_PASSED;
}
