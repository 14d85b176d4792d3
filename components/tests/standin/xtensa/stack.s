# A change of stacks, windowed ABI (syntax of llvm-mc). What a function keeps is in the windows of those that called it: they
# are spilled to the stack that is left, and the return finds those of the other stack there. Sections of literals are mentioned
# first: they come before the code then, whatever the linker script.

        .section .literal.spill, "ax"
        .p2align 2
        .section .text.spill, "ax"
        .p2align 2
        .type   spill, @function
spill:                                  # void spill(unsigned calls): each 8 registers further, until all were used
        entry   a1, 32
        beqz    a2, 1f
        addi    a10, a2, -1
        l32r    a8, .Lspill
        callx8  a8
1:      retw
        .literal .Lspill, spill
        .size   spill, . - spill

        .section .literal.standin_change_stack, "ax"
        .p2align 2
        .section .text.standin_change_stack, "ax"
        .p2align 2
        .global standin_change_stack
        .type   standin_change_stack, @function
standin_change_stack:                   # void standin_change_stack(void **save, void *load)
        entry   a1, 32
        movi    a10, 8                  # of 64 registers, as chips have; here there are 32
        l32r    a8, .Lspill_all
        callx8  a8
        s32i    a0, a1, 0               # where to return to
        s32i    a1, a2, 0
        or      a1, a3, a3
        l32i    a0, a1, 0
        retw
        .literal .Lspill_all, spill
        .size   standin_change_stack, . - standin_change_stack

        .section .text.standin_first_frame, "ax"
        .p2align 2
        .global standin_first_frame
standin_first_frame:                    # what a new stack returns to
        callx8  a2
