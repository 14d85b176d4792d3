# Start-up, exceptions and the doors to the emulator: call0 ABI, LX106 (syntax of GNU as).
#
# The emulator resets to 0x50000000 whatever the entry of the file says, and starts with VECBASE = 0x40000000:
#
#   VECBASE  +0x30  kernel vector    exceptions with PS.UM = 0: none of ours, the program ends
#            +0x50  user vector      exceptions and level-1 interrupts with PS.UM = 1
#            +0x70  double vector    an exception while PS.EXCM = 1: the program ends
#
# An exception saves the interrupted context below its stack pointer, in the order of `struct frame` in exception.h:
#
#    sp before -> +-----------------+
#                 | (unused)        |
#                 | EXCVADDR        |  80
#                 | EXCCAUSE        |  76
#                 | PS              |  72   as it is in the vector: EXCM set
#                 | EPC1            |  68   where to go on
#                 | SAR             |  64
#                 | a0 ... a15      |   0   a1 is the stack pointer before
#    sp now    -> +-----------------+

        .set    FRAME, 128
        .set    PS_RUN, 0x20            # UM: exceptions go to the user vector; level 0
        .set    PS_HANDLER, 0x21        # the same at level 1: no second interrupt, but exceptions are served

        .section .vectors.reset, "ax"
        .global _reset
_reset: j       1f
        .align  4
0:      .word   _start
1:      l32r    a0, 0b
        jx      a0

        .section .vectors.kernel, "ax"
        j       die
        .section .vectors.user, "ax"
        wsr.excsave1 a0
        j       exception
        .section .vectors.double, "ax"
        j       die

        .section .iram1.exception, "ax"
        .literal_position
die:                                    # exit(70 + EXCCAUSE)
        rsr.exccause a3
        addi    a3, a3, 70
        movi    a2, 1
        simcall
1:      j       1b

        .align  4
exception:
        mov     a0, a1
        addi    a1, a1, -FRAME
        s32i    a0, a1, 4
        s32i    a2, a1, 8
        s32i    a3, a1, 12
        s32i    a4, a1, 16
        s32i    a5, a1, 20
        s32i    a6, a1, 24
        s32i    a7, a1, 28
        s32i    a8, a1, 32
        s32i    a9, a1, 36
        s32i    a10, a1, 40
        s32i    a11, a1, 44
        s32i    a12, a1, 48
        s32i    a13, a1, 52
        s32i    a14, a1, 56
        s32i    a15, a1, 60
        rsr.excsave1 a2
        s32i    a2, a1, 0
        rsr.sar a2
        s32i    a2, a1, 64
        rsr.epc1 a2
        s32i    a2, a1, 68
        rsr.ps  a2
        s32i    a2, a1, 72
        rsr.exccause a2
        s32i    a2, a1, 76
        rsr.excvaddr a2
        s32i    a2, a1, 80
        movi    a2, PS_HANDLER
        wsr.ps  a2
        rsync
        mov     a2, a1
        movi    a0, board_exception
        callx0  a0                      # board_exception(frame)
        l32i    a2, a1, 72
        wsr.ps  a2                      # EXCM again: from here on nothing comes between
        rsync
        l32i    a2, a1, 68
        wsr.epc1 a2
        l32i    a2, a1, 64
        wsr.sar a2
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

        .section .text._start, "ax"
        .literal_position
        .align  4
        .global _start
_start:
        movi    a1, board_stack_top
        movi    a2, board_vectors
        wsr.vecbase a2
        movi    a2, 0
        wsr.intenable a2
        movi    a2, PS_RUN
        wsr.ps  a2
        rsync
        movi    a2, board_bss_start
        movi    a3, board_bss_end
        movi    a4, 0
1:      bgeu    a2, a3, 2f
        s32i    a4, a2, 0
        addi    a2, a2, 4
        j       1b
2:      movi    a0, board_run
        callx0  a0                      # does not return

# The emulator's services: a2 is the number of the call, a3 and on its arguments, a2 the result.

        .macro  function name
        .section .text.\name, "ax"
        .align  4
        .global \name
        .type   \name, @function
\name:
        .endm

        function xt_exit                # void xt_exit(int status)
        mov     a3, a2
        movi    a2, 1
        simcall
1:      j       1b

        function xt_write               # int xt_write(int file, const void *bytes, size_t length)
        mov     a5, a4
        mov     a4, a3
        mov     a3, a2
        movi    a2, 4
        simcall
        ret

        function xt_ccount              # uint32_t xt_ccount(void)
        rsr.ccount a2
        ret

        function xt_set_ccompare        # void xt_set_ccompare(uint32_t when): also takes its interrupt back
        wsr.ccompare0 a2
        esync
        ret

        function xt_set_intenable       # void xt_set_intenable(uint32_t interrupts)
        wsr.intenable a2
        rsync
        ret

        function xt_interrupts          # uint32_t xt_interrupts(void): those that want, whether they may or not
        rsr.interrupt a2
        ret
