//! Numbers without order, the same on every run.

/// A sequence (xorshift).
#[derive(Clone, Copy, Debug)]
pub struct Random(u32);

impl Random {
    /// The sequence that begins with `seed`, which is not 0.
    pub const fn new(seed: u32) -> Self {
        Self(seed)
    }
}

impl Iterator for Random {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        Some(self.0)
    }
}
