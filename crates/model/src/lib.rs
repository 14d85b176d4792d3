//! The shadow model that judges every pool: one set of operations for tests, fuzzing and replay
#![no_std]
