//! Numbers without an order, the same in every run.

/// A sequence of numbers (xorshift) that never ends and never contains 0.
#[derive(Clone, Copy, Debug)]
pub struct Random(u32);

impl Random {
    /// The sequence that begins with `seed`, which is not 0.
    pub const fn new(seed: u32) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    /// The sequence as bytes, for [`Operation::read`](crate::Operation::read).
    pub fn bytes(mut self) -> impl Iterator<Item = u8> {
        core::iter::repeat_with(move || (self.draw() >> 11) as u8)
    }
}
