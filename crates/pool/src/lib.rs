//! Fixed-size-block memory pools: constant time, every misuse caught, no_std, no alloc
#![no_std]
