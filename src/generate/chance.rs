//! Numbers that depend on a seed and on what they are for, and on nothing else.

/// The odd number nearest to 2⁶⁴ divided by the golden ratio: its multiples are spread evenly (`SplitMix64`).
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// A source of numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The source of record `number` under this seed, which is the same whatever records there are beside it.
    pub fn of(seed: u64, number: u64) -> Self {
        Self(mixed(seed.wrapping_add(STEP)) ^ mixed(number.wrapping_mul(STEP)))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % bound).unwrap_or_default()
    }

    /// A number below `bound`, small ones much more often than large ones.
    pub fn low(&mut self, bound: usize) -> usize {
        let first = self.below(bound);
        let second = self.below(first + 1);
        self.below(second + 1)
    }

    /// True in so many of a hundred cases.
    pub fn percent(&mut self, part: usize) -> bool {
        self.below(100) < part
    }

    /// One of these.
    pub fn one<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.below(of.len())]
    }
}

fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_depends_on_seed_and_number_only() {
        let draw = |seed, number| {
            let mut chance = Chance::of(seed, number);
            (0..100).map(|_| chance.below(1000)).collect::<Vec<_>>()
        };
        assert_eq!(draw(1, 5), draw(1, 5));
        assert_ne!(draw(1, 5), draw(2, 5));
        assert_ne!(draw(1, 5), draw(1, 6));
        assert!(draw(1, 5).iter().all(|number| *number < 1000));
    }

    #[test]
    fn low_numbers_are_more_frequent() {
        let mut chance = Chance::of(1, 1);
        let drawn: Vec<usize> = (0..10_000).map(|_| chance.low(100)).collect();
        let below = |bound| drawn.iter().filter(|number| **number < bound).count();
        assert!(below(10) > 4_000, "{}", below(10));
        assert!(below(50) < 10_000 && below(100) == 10_000);
        assert_eq!(Chance::of(1, 1).below(0), 0);
    }
}
