# Start-up, window and other exceptions, and the doors to the emulator: windowed ABI, dc233c (syntax of llvm-mc).
#
# The emulator resets to 0xfe000000 whatever the entry of the file says; VECBASE is 0x2000:
#
#   VECBASE  +0x000 .. 0x17f  six window vectors, 0x40 each: overflow and underflow of 4, 8 and 12 registers
#            +0x300  kernel vector   exceptions with PS.UM = 0: none of ours, the program ends
#            +0x340  user vector     exceptions and level-1 interrupts with PS.UM = 1
#            +0x3c0  double vector   an exception while PS.EXCM = 1: the program ends
#
# Where a frame's registers go when the window overflows (each call gives the callee a window 4, 8 or 12 further):
#
#    callee's sp ->  +-------------------+
#                    | caller's a0 .. a3 |  the 16 bytes below the callee's sp ("base save area")
#                    +-------------------+
#    the caller's a4 .. a11, if its call rotated by 8 or 12, go to the top of the caller's own stack frame, which lies
#    below the sp of the function that called it; that sp is word 1 of the caller's own base save area.
#
# An exception saves the interrupted context below its stack pointer, in the order of `struct frame` in exception.h:
#
#    sp before -> +-----------------+
#                 | base save area  | -16   of whoever called the interrupted function: copied to below the new sp for
#                 |                 |       as long as that is the sp, as MOVSP would
#                 | (unused)        |
#                 | SCOMPARE1       |  96
#                 | LBEG LEND LCOUNT|  84
#                 | EXCVADDR        |  80
#                 | EXCCAUSE        |  76
#                 | PS              |  72   as it is in the vector: EXCM set
#                 | EPC1            |  68   where to go on
#                 | SAR             |  64
#                 | a0 ... a15      |   0   a1 is the stack pointer before
#    sp now    -> +-----------------+
#                 | base save area  | -16   the copy
#                 +-----------------+
#
# All 16 registers that the window shows are saved. Some may belong to an outer frame that the window wrapped round to:
# the handler's calls spill such a frame before they use its registers, and what is put back into them afterwards is
# never read, since the frame then lives on the stack.

        .section .vectors.window, "ax"
        s32e    a0, a5, -16             # 0x00: overflow of 4
        s32e    a1, a5, -12
        s32e    a2, a5, -8
        s32e    a3, a5, -4
        rfwo
        .org    0x40                    # underflow of 4
        l32e    a0, a5, -16
        l32e    a1, a5, -12
        l32e    a2, a5, -8
        l32e    a3, a5, -4
        rfwu
        .org    0x80                    # overflow of 8
        s32e    a0, a9, -16
        l32e    a0, a1, -12             # sp of the caller's caller
        s32e    a1, a9, -12
        s32e    a2, a9, -8
        s32e    a3, a9, -4
        s32e    a4, a0, -32
        s32e    a5, a0, -28
        s32e    a6, a0, -24
        s32e    a7, a0, -20
        rfwo
        .org    0xc0                    # underflow of 8
        l32e    a0, a9, -16
        l32e    a1, a9, -12
        l32e    a2, a9, -8
        l32e    a7, a1, -12
        l32e    a3, a9, -4
        l32e    a4, a7, -32
        l32e    a5, a7, -28
        l32e    a6, a7, -24
        l32e    a7, a7, -20
        rfwu
        .org    0x100                   # overflow of 12
        s32e    a0, a13, -16
        l32e    a0, a1, -12
        s32e    a1, a13, -12
        s32e    a2, a13, -8
        s32e    a3, a13, -4
        s32e    a4, a0, -48
        s32e    a5, a0, -44
        s32e    a6, a0, -40
        s32e    a7, a0, -36
        s32e    a8, a0, -32
        s32e    a9, a0, -28
        s32e    a10, a0, -24
        s32e    a11, a0, -20
        rfwo
        .org    0x140                   # underflow of 12
        l32e    a0, a13, -16
        l32e    a1, a13, -12
        l32e    a2, a13, -8
        l32e    a11, a1, -12
        l32e    a3, a13, -4
        l32e    a4, a11, -48
        l32e    a5, a11, -44
        l32e    a6, a11, -40
        l32e    a7, a11, -36
        l32e    a8, a11, -32
        l32e    a9, a11, -28
        l32e    a10, a11, -24
        l32e    a11, a11, -20
        rfwu

        .section .vectors.kernel, "ax"
        j       die
        .section .vectors.user, "ax"
        wsr.excsave1 a0
        j       exception
        .section .vectors.double, "ax"
        j       die

        .section .vectors.reset, "ax"
        .global _reset
_reset: j       1f
        .p2align 2
0:      .long   _start
1:      l32r    a0, 0b
        jx      a0

        .macro  simcall
        .byte   0x00, 0x51, 0x00        # the assembler does not know it
        .endm

        .section .iram1.exception, "ax"
        .p2align 2
die:                                    # exit(70 + EXCCAUSE)
        rsr.exccause a3
        addi    a3, a3, 70
        movi    a2, 1
        simcall
1:      j       1b

        .macro  move_save_area from, to # by way of a2
        l32i    a2, \from, 0
        s32i    a2, \to, 0
        l32i    a2, \from, 4
        s32i    a2, \to, 4
        l32i    a2, \from, 8
        s32i    a2, \to, 8
        l32i    a2, \from, 12
        s32i    a2, \to, 12
        .endm

        .p2align 2
exception:                              # EXCM is set: no window checks, no interrupts
        addi    a0, a1, -128            # the frame
        s32i    a1, a0, 4
        s32i    a2, a0, 8
        s32i    a3, a0, 12
        s32i    a4, a0, 16
        s32i    a5, a0, 20
        s32i    a6, a0, 24
        s32i    a7, a0, 28
        s32i    a8, a0, 32
        s32i    a9, a0, 36
        s32i    a10, a0, 40
        s32i    a11, a0, 44
        s32i    a12, a0, 48
        s32i    a13, a0, 52
        s32i    a14, a0, 56
        s32i    a15, a0, 60
        rsr.excsave1 a2
        s32i    a2, a0, 0
        rsr.sar a2
        s32i    a2, a0, 64
        rsr.epc1 a2
        s32i    a2, a0, 68
        rsr.ps  a2
        s32i    a2, a0, 72
        rsr.exccause a2
        s32i    a2, a0, 76
        rsr.excvaddr a2
        s32i    a2, a0, 80
        rsr.lbeg a2
        s32i    a2, a0, 84
        rsr.lend a2
        s32i    a2, a0, 88
        rsr.lcount a2
        s32i    a2, a0, 92
        rsr.scompare1 a2
        s32i    a2, a0, 96
        addi    a3, a1, -16
        addi    a4, a0, -16
        move_save_area a3, a4
        or      a1, a0, a0
        movi    a2, 0
        wsr.lcount a2                   # the handler is in nobody's loop
        l32r    a3, .Lhandler
        l32r    a2, .Lps_handler
        wsr.ps  a2                      # EXCM off: from here on windows overflow
        rsync
        or      a6, a1, a1
        callx4  a3                      # board_exception(frame); by 4, so that only a0 .. a3 need a save area
        l32r    a2, .Lps_excm
        wsr.ps  a2                      # EXCM again: from here on nothing comes between
        rsync
        addi    a3, a1, -16
        l32i    a4, a1, 4
        addi    a4, a4, -16
        move_save_area a3, a4
        l32i    a2, a1, 96
        wsr.scompare1 a2
        l32i    a2, a1, 84
        wsr.lbeg a2
        l32i    a2, a1, 88
        wsr.lend a2
        l32i    a2, a1, 92
        wsr.lcount a2
        l32i    a2, a1, 72
        wsr.ps  a2
        l32i    a2, a1, 68
        wsr.epc1 a2
        l32i    a2, a1, 64
        wsr.sar a2
        rsync
        l32i    a15, a1, 60
        l32i    a14, a1, 56
        l32i    a13, a1, 52
        l32i    a12, a1, 48
        l32i    a11, a1, 44
        l32i    a10, a1, 40
        l32i    a9, a1, 36
        l32i    a8, a1, 32
        l32i    a7, a1, 28
        l32i    a6, a1, 24
        l32i    a5, a1, 20
        l32i    a4, a1, 16
        l32i    a3, a1, 12
        l32i    a2, a1, 8
        l32i    a0, a1, 0
        l32i    a1, a1, 4
        rfe
        .literal .Lps_handler, 0x40021  # WOE, UM, level 1
        .literal .Lps_excm, 0x40030     # WOE, UM, EXCM
        .literal .Lhandler, board_exception

        .section .text._start, "ax"
        .p2align 2
        .global _start
_start:
        movi    a2, 0
        wsr.intenable a2
        wsr.windowbase a2
        rsync
        movi    a2, 1
        wsr.windowstart a2
        rsync
        movi    a0, 0                   # nobody called
        l32r    a1, .Lstack
        l32r    a2, .Lvecbase
        wsr.vecbase a2
        movi    a2, 0x15                # S32C1I works inside, whatever the cache attribute of the memory
        wsr.atomctl a2
        l32r    a2, .Lps_run
        wsr.ps  a2
        rsync
        l32r    a2, .Lbss_start
        l32r    a3, .Lbss_end
        movi    a4, 0
1:      bgeu    a2, a3, 2f
        s32i    a4, a2, 0
        addi    a2, a2, 4
        j       1b
2:      l32r    a4, .Lmain
        callx4  a4                      # does not return
        .literal .Lstack, board_stack_top
        .literal .Lvecbase, board_vectors
        .literal .Lps_run, 0x40020      # WOE, UM
        .literal .Lbss_start, board_bss_start
        .literal .Lbss_end, board_bss_end
        .literal .Lmain, board_run

# The emulator's services: a2 is the number of the call, a3 and on its arguments, a2 the result.

        .macro  function name
        .section .text.\name, "ax"
        .p2align 2
        .global \name
        .type   \name, @function
\name:
        entry   a1, 32
        .endm

        function xt_exit                # void xt_exit(int status)
        or      a3, a2, a2
        movi    a2, 1
        simcall
1:      j       1b

        function xt_write               # int xt_write(int file, const void *bytes, size_t length)
        or      a5, a4, a4
        or      a4, a3, a3
        or      a3, a2, a2
        movi    a2, 4
        simcall
        retw

        function xt_ccount              # uint32_t xt_ccount(void)
        rsr.ccount a2
        retw

        function xt_set_ccompare        # void xt_set_ccompare(uint32_t when): also takes its interrupt back
        wsr.ccompare0 a2
        esync
        retw

        function xt_set_intenable       # void xt_set_intenable(uint32_t interrupts)
        wsr.intenable a2
        rsync
        retw

        function xt_interrupts          # uint32_t xt_interrupts(void): those that want, whether they may or not
        rsr.interrupt a2
        retw
