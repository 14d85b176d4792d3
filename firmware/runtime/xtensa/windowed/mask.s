# What the feature `mask-functions` of the pools asks of a program: windowed ABI.
# Weak, so that a program can show that they are needed (UNMASKED in board.c).

        .section .iram1.microusc_mask, "ax"
        .p2align 2
        .weak   microusc_mask
        .type   microusc_mask, @function
microusc_mask:                          # uintptr_t microusc_mask(void)
        entry   a1, 32
        rsil    a2, 15                  # what PS was; level 15 keeps out all that can be kept out
        retw
        .size   microusc_mask, . - microusc_mask

        .section .iram1.microusc_restore, "ax"
        .p2align 2
        .weak   microusc_restore
        .type   microusc_restore, @function
microusc_restore:                       # void microusc_restore(uintptr_t saved)
        entry   a1, 32
        wsr.ps  a2
        rsync
        retw
        .size   microusc_restore, . - microusc_restore
