//! PostgreSQL's snapshots: which transactions are visible.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::signal::Version;

/// How many transactions two snapshots may be apart to be compared.
const APART: u64 = 1_000;

/// The transactions that are visible: those before `end` that are not `running`. Their numbers never come again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Snapshot {
    /// All before this one have ended.
    begin: u64,
    end: u64,
    running: BTreeSet<u64>,
}

impl Snapshot {
    /// Reads what `pg_current_snapshot()` is as a text: `10:20:10,14,15`.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (begin, end, running) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
        let numbers = running.split(',').filter(|number| !number.is_empty()).map(str::parse);
        Some(Self { begin, end, running: numbers.collect::<Result<_, _>>().ok()? })
    }

    fn sees(&self, transaction: u64) -> bool {
        transaction < self.end && !self.running.contains(&transaction)
    }

    /// Whether it sees what the other one sees.
    fn sees_all_of(&self, other: &Self) -> bool {
        self.end >= other.end && self.running.iter().all(|transaction| !other.sees(*transaction))
    }

    /// The transactions that one sees and the other does not; nothing where they are too far apart.
    fn between(&self, other: &Self) -> Option<Vec<u64>> {
        let apart = self.begin.min(other.begin)..self.end.max(other.end);
        if apart.end - apart.start > APART {
            return None;
        }
        Some(apart.filter(|transaction| self.sees(*transaction) != other.sees(*transaction)).collect())
    }
}

/// For how many requests nobody supposes anything at most.
const LONGEST_DOUBT: u32 = 63;

/// The snapshots that were seen, and which of them are the same version.
#[derive(Debug, Default)]
pub struct Snapshots(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The newest one.
    last: Snapshot,
    /// Its version: the text of the first one of that version.
    version: Version,
    /// Transactions that concern nothing which was remembered in a state of the version, as far as a snapshot may still come
    /// that does not see them.
    ordinary: BTreeSet<u64>,
    /// Whether a transaction of this process was committed since, which concerns what is remembered.
    outdated: bool,
    /// For how many more requests nothing is to be supposed, and how many it were after what was last supposed in vain.
    doubt: (u32, u32),
}

impl Snapshots {
    /// The version that the next request may be supposed to find: the last one. Where others change much, nothing is supposed
    /// for a while after it was in vain, each time twice as long.
    pub fn supposed(&self) -> Option<Version> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.doubt.0 > 0 {
            seen.doubt.0 -= 1;
            return None;
        }
        (seen.last.end > 0 && !seen.outdated).then(|| seen.version.clone())
    }

    /// Notes whether what was [supposed](Self::supposed) has held.
    pub fn note(&self, held: bool) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let longer = if held { 0 } else { (2 * seen.doubt.1 + 1).min(LONGEST_DOUBT) };
        seen.doubt = (longer, longer);
    }

    /// The version of a snapshot: that of the last one, where it differs from that by nothing but ordinary transactions.
    pub fn version(&self, text: String) -> Version {
        let own = |text: String| Version::from(text.into_bytes());
        let Some(now) = Snapshot::parse(&text) else { return own(text) };
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.outdated = false;
        let is_same = now.between(&seen.last).is_some_and(|apart| apart.iter().all(|one| seen.ordinary.contains(one)));
        if is_same && !now.sees_all_of(&seen.last) {
            return seen.version.clone();
        }
        if !is_same {
            let version = own(text);
            if seen.last.sees_all_of(&now) {
                // One that was taken earlier.
                return version;
            }
            seen.version = version;
            seen.ordinary.clear();
        }
        seen.ordinary = seen.ordinary.split_off(&now.begin.saturating_sub(APART));
        seen.last = now;
        seen.version.clone()
    }

    /// Notes that a transaction was committed that may concern everything.
    pub fn outdated(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).outdated = true;
    }

    /// Notes that a transaction is going to be committed that concerns nothing which was remembered in a state of `version`.
    pub fn committing(&self, transaction: u64, version: &Version) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.version == *version {
            seen.ordinary.insert(transaction);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(begin: u64, end: u64, running: &[u64]) -> String {
        let running: Vec<String> = running.iter().map(u64::to_string).collect();
        format!("{begin}:{end}:{}", running.join(","))
    }

    #[test]
    fn what_was_supposed_in_vain_is_doubted_for_a_while() {
        let snapshots = Snapshots::default();
        assert!(snapshots.supposed().is_none());
        let version = snapshots.version(text(10, 10, &[]));
        for doubted in [1, 3, 7, 15, 31, 63, 63] {
            assert_eq!(snapshots.supposed().as_ref(), Some(&version));
            snapshots.note(false);
            assert!((0..doubted).all(|_| snapshots.supposed().is_none()));
        }
        assert!(snapshots.supposed().is_some());
        snapshots.note(true);
        assert!(snapshots.supposed().is_some());
        snapshots.note(false);
        assert_eq!([snapshots.supposed(), snapshots.supposed()], [None, Some(version)]);
        snapshots.outdated();
        assert!(snapshots.supposed().is_none());
        let next = snapshots.version(text(11, 11, &[]));
        assert_eq!(snapshots.supposed(), Some(next));
    }

    #[test]
    fn ordinary_transactions_change_nothing() {
        let snapshots = Snapshots::default();
        let first = snapshots.version(text(10, 10, &[]));
        // One has begun, and one that has written nothing has ended.
        assert_eq!(snapshots.version(text(10, 11, &[10])), first);
        snapshots.committing(10, &first);
        assert_eq!(snapshots.version(text(11, 11, &[])), first);
        // One that was taken before.
        assert_eq!(snapshots.version(text(10, 11, &[10])), first);
        // Somebody else's.
        let second = snapshots.version(text(12, 12, &[]));
        assert_ne!(second, first);
        assert_ne!(snapshots.version(text(10, 11, &[10])), second);
        assert_eq!(snapshots.version(text(12, 12, &[])), second);
        // What is ordinary to a version that is no more need not be so to this one.
        snapshots.committing(12, &first);
        assert_ne!(snapshots.version(text(13, 13, &[])), second);
        assert_ne!(snapshots.version(text(13, 100_013, &[])), second);
        assert_eq!(snapshots.version("what".to_owned()), snapshots.version("what".to_owned()));
    }

    /// What happens to a transaction, and a look at the snapshot afterwards.
    #[derive(Clone, Copy, Debug)]
    enum Event {
        Begin,
        /// Of those that run, by chance, and whether it is ordinary.
        Commit(prop::sample::Index, bool),
        /// Of those that run, by chance, one will be committed that is ordinary.
        Announce(prop::sample::Index),
        /// At a snapshot of those so far, by chance.
        Look(prop::sample::Index),
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            3 => Just(Event::Begin),
            3 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(which, ordinary)| Event::Commit(which, ordinary)),
            2 => any::<prop::sample::Index>().prop_map(Event::Announce),
            4 => any::<prop::sample::Index>().prop_map(Event::Look),
        ]
    }

    proptest! {
        #[test]
        fn one_version_never_lacks_what_concerns_it(events in prop::collection::vec(event(), 1..60)) {
            let snapshots = Snapshots::default();
            let (mut next, mut running, mut concerning) = (100, BTreeSet::new(), BTreeSet::new());
            let mut announced = BTreeSet::new();
            let mut taken = vec![text(100, 100, &[])];
            let mut looked: Vec<(Version, BTreeSet<u64>)> = Vec::new();
            for event in events {
                match event {
                    Event::Begin => {
                        running.insert(next);
                        next += 1;
                    }
                    Event::Commit(which, ordinary) if !running.is_empty() => {
                        let transaction = *which.get(&running.iter().copied().collect::<Vec<u64>>());
                        running.remove(&transaction);
                        match looked.last() {
                            _ if announced.contains(&transaction) => {}
                            Some((version, _)) if ordinary => snapshots.committing(transaction, version),
                            _ => { concerning.insert(transaction); }
                        }
                    }
                    Event::Announce(which) if !running.is_empty() => {
                        let transaction = *which.get(&running.iter().copied().collect::<Vec<u64>>());
                        if let Some((version, _)) = looked.last() {
                            snapshots.committing(transaction, version);
                            announced.insert(transaction);
                        }
                    }
                    Event::Commit(..) | Event::Announce(_) => {}
                    Event::Look(which) => {
                        let snapshot = which.get(&taken).clone();
                        let parsed = Snapshot::parse(&snapshot).unwrap();
                        let version = snapshots.version(snapshot);
                        let seen = concerning.iter().copied().filter(|transaction| parsed.sees(*transaction)).collect();
                        for (known, before) in &looked {
                            prop_assert!(*known != version || *before == seen);
                        }
                        looked.push((version, seen));
                    }
                }
                let begin = running.first().copied().unwrap_or(next);
                taken.push(text(begin, next, &running.iter().copied().collect::<Vec<u64>>()));
            }
        }
    }
}
