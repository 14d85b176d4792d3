//! C ABI of MicroUSC memory pools: libmicrousc_memory.a and its header
