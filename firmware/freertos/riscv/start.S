/* RISC-V in machine mode: from reset to board_run; traps go to the kernel. Other harts sleep. */

    .section .start, "ax"
    .globl _start
_start:
    la      t0, freertos_risc_v_trap_handler
    csrw    mtvec, t0
    csrr    t0, mhartid
    bnez    t0, 3f
    la      sp, board_stack_top
    la      t0, board_bss_start
    la      t1, board_bss_end
1:  bgeu    t0, t1, 2f
    sw      zero, 0(t0)
    addi    t0, t0, 4
    j       1b
2:  call    board_run
3:  wfi
    j       3b
