//! Chance that can be repeated: the same seed gives the same decisions.

use std::sync::atomic::{AtomicU64, Ordering};

/// A source of numbers.
#[derive(Debug)]
pub struct Chance(AtomicU64);

/// The odd number nearest to 2⁶⁴ divided by the golden ratio: its multiples are spread evenly (`SplitMix64`).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

impl Chance {
    /// The source with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// True in this part of all cases.
    pub fn decides(&self, probability: f64) -> bool {
        let mut bits = self.0.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        // 32 bits are as exact as anybody can see.
        let part = f64::from(u32::try_from(bits >> 32).unwrap_or(u32::MAX)) / (f64::from(u32::MAX) + 1.0);
        part < probability
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_even_and_can_be_repeated() {
        let draw = |seed| {
            let chance = Chance::new(seed);
            (0..10_000).map(|_| chance.decides(0.3)).collect::<Vec<_>>()
        };
        let hits = draw(7).iter().filter(|hit| **hit).count();
        assert!((2_800..3_200).contains(&hits), "{hits}");
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
        assert!(!Chance::new(1).decides(0.0) && Chance::new(1).decides(1.0));
    }
}
