/* RISC-V in machine mode: from reset to board_run, and what a trap does. */

    .section .start, "ax"
    .globl _start
_start:
    la      t0, trap
    csrw    mtvec, t0
    csrr    t0, mhartid
    bnez    t0, second
    la      sp, board_stack_top
    la      t0, board_bss_start
    la      t1, board_bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  call    board_run

    /* The second hart sleeps until hart 0 sends it a software interrupt, which it polls without taking it. */
second:
    la      sp, board_second_stack_top
    csrsi   mie, 8
1:  wfi
    csrr    t0, mip
    andi    t0, t0, 8
    beqz    t0, 1b
    csrci   mie, 8
    fence
    call    board_second_core
2:  wfi
    j       2b

    /* Saves every register that a C function may change. An exception does not return from board_trap. */
    .balign 4
trap:
    addi    sp, sp, -64
    sw      ra, 0(sp)
    sw      t0, 4(sp)
    sw      t1, 8(sp)
    sw      t2, 12(sp)
    sw      t3, 16(sp)
    sw      t4, 20(sp)
    sw      t5, 24(sp)
    sw      t6, 28(sp)
    sw      a0, 32(sp)
    sw      a1, 36(sp)
    sw      a2, 40(sp)
    sw      a3, 44(sp)
    sw      a4, 48(sp)
    sw      a5, 52(sp)
    sw      a6, 56(sp)
    sw      a7, 60(sp)
    csrr    a0, mcause
    csrr    a1, mepc
    call    board_trap
    lw      ra, 0(sp)
    lw      t0, 4(sp)
    lw      t1, 8(sp)
    lw      t2, 12(sp)
    lw      t3, 16(sp)
    lw      t4, 20(sp)
    lw      t5, 24(sp)
    lw      t6, 28(sp)
    lw      a0, 32(sp)
    lw      a1, 36(sp)
    lw      a2, 40(sp)
    lw      a3, 44(sp)
    lw      a4, 48(sp)
    lw      a5, 52(sp)
    lw      a6, 56(sp)
    lw      a7, 60(sp)
    addi    sp, sp, 64
    mret
