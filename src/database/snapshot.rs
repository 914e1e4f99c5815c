//! PostgreSQL's snapshots: which transactions are visible.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::connection::Basis;
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
        let apart = self.end.min(other.end)..self.end.max(other.end);
        if apart.end - apart.start > APART {
            return None;
        }
        let mut transactions: BTreeSet<u64> = apart.collect();
        transactions.extend(&self.running);
        transactions.extend(&other.running);
        transactions.retain(|transaction| self.sees(*transaction) != other.sees(*transaction));
        Some(transactions.into_iter().collect())
    }
}

/// How many changes from one version to the next are remembered.
const CHANGES: usize = 256;

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
    /// How many versions there were before that.
    age: u64,
    /// What made the last ones of them: records that were [written](Basis::written), or nothing where nobody knows what it was.
    changes: VecDeque<Option<BTreeSet<i32>>>,
    /// Transactions of this process, as far as a snapshot may still come that does not see them.
    own: BTreeMap<u64, Own>,
    /// Whether a transaction of this process was committed since, which concerns what is remembered.
    outdated: bool,
    /// For how many more requests nothing is to be supposed, and how many it were after what was last supposed in vain.
    doubt: (u32, u32),
}

/// A transaction of this process that concerned nothing which was remembered when it was judged.
#[derive(Debug)]
struct Own {
    basis: Basis,
    /// Whether it is so in the last version, too.
    ordinary: bool,
}

impl Seen {
    fn is_ordinary(&self, transaction: u64) -> bool {
        self.own.get(&transaction).is_some_and(|own| own.ordinary)
    }

    /// Whether what was so in an earlier version is so in the last one.
    fn still_holds(&self, basis: &Basis) -> bool {
        let since = basis.version.age().and_then(|age| usize::try_from(self.age.checked_sub(age)?).ok());
        basis.always
            || since.is_some_and(|since| {
                let outlived = |change: &Option<_>| change.as_ref().is_some_and(|written| basis.outlives(written));
                since <= self.changes.len() && self.changes.iter().rev().take(since).all(outlived)
            })
    }

    /// Begins a new version, which these transactions have made, if it is known which they were.
    fn change(&mut self, transactions: Option<&[u64]>) {
        let written = transactions.and_then(|transactions| {
            let mut written = BTreeSet::new();
            for transaction in transactions {
                written.extend(self.own.get(transaction)?.basis.written.iter().copied());
            }
            Some(written)
        });
        for own in self.own.values_mut().filter(|own| own.ordinary) {
            own.ordinary = own.basis.always || written.as_ref().is_some_and(|written| own.basis.outlives(written));
        }
        self.age += 1;
        self.changes.push_back(written);
        if self.changes.len() > CHANGES {
            self.changes.pop_front();
        }
    }
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
        let apart = now.between(&seen.last);
        let is_same = apart.as_ref().is_some_and(|apart| apart.iter().all(|one| seen.is_ordinary(*one)));
        if is_same && !now.sees_all_of(&seen.last) {
            return seen.version.clone();
        }
        if !is_same {
            if seen.last.sees_all_of(&now) {
                // One that was taken earlier.
                return own(text);
            }
            seen.change(apart.as_deref());
            seen.version = own(text).of_age(seen.age);
        }
        seen.own = seen.own.split_off(&now.end.saturating_sub(APART));
        seen.last = now;
        seen.version.clone()
    }

    /// Notes that a transaction was committed that may concern everything.
    pub fn outdated(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).outdated = true;
    }

    /// Notes that a transaction is going to be committed that concerns nothing which is remembered, by this basis.
    pub fn committing(&self, transaction: u64, basis: Basis) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ordinary = seen.still_holds(&basis);
        seen.own.insert(transaction, Own { basis, ordinary });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        snapshots.committing(10, on(&first, &[1], &[7]));
        assert_eq!(snapshots.version(text(11, 11, &[])), first);
        // One that was taken before.
        assert_eq!(snapshots.version(text(10, 11, &[10])), first);
        // Somebody else's.
        let second = snapshots.version(text(12, 12, &[]));
        assert_ne!(second, first);
        assert_ne!(snapshots.version(text(10, 11, &[10])), second);
        assert_eq!(snapshots.version(text(12, 12, &[])), second);
        // What is ordinary to a version that is no more need not be so to this one.
        snapshots.committing(12, on(&first, &[1], &[7]));
        let third = snapshots.version(text(13, 13, &[]));
        assert_ne!(third, second);
        // To write to nothing that was there is so to all.
        snapshots.committing(13, Basis { always: true, version: first, ..Basis::default() });
        assert_eq!(snapshots.version(text(14, 14, &[])), third);
        // What has made the third is known, so that what was judged before it is so still, unless it concerns the same.
        snapshots.committing(14, on(&second, &[2], &[7]));
        assert_eq!(snapshots.version(text(15, 15, &[])), third);
        snapshots.committing(15, on(&second, &[2], &[1]));
        assert_ne!(snapshots.version(text(16, 16, &[])), third);
        assert_ne!(snapshots.version(text(13, 100_013, &[])), second);
        assert_eq!(snapshots.version("what".to_owned()), snapshots.version("what".to_owned()));
    }

    #[test]
    fn a_transaction_that_takes_long_holds_nobody_up() {
        let snapshots = Snapshots::default();
        let first = snapshots.version(text(10, 9_000, &[10]));
        for number in 9_000..9_100 {
            snapshots.committing(number, Basis { always: true, version: first.clone(), ..Basis::default() });
            assert_eq!(snapshots.version(text(10, number + 1, &[10])), first);
        }
        assert_ne!(snapshots.version(text(9_100, 9_100, &[])), first);
    }

    /// The basis of a transaction that writes to records, when some were known in a version.
    fn on(version: &Version, written: &[i32], known: &[i32]) -> Basis {
        let set = |ids: &[i32]| ids.iter().copied().collect::<BTreeSet<i32>>();
        Basis { version: version.clone(), always: false, written: set(written), known: Arc::new(Some(set(known))) }
    }

    /// What happens to a transaction, and a look at the snapshot afterwards.
    #[derive(Clone, Debug)]
    enum Event {
        /// One of this process, which writes to a record and puts another one above it.
        Begin(i32, i32),
        /// One of another process, which makes this record one of those of whom something is known.
        Foreign(i32),
        /// Of those that run, by chance, one tells what it has written, by a look that there was.
        Judge(prop::sample::Index, prop::sample::Index),
        /// Of those that run, by chance.
        Commit(prop::sample::Index),
        /// At a snapshot of those so far, by chance, but most often at the newest.
        Look(prop::sample::Index, bool),
    }

    fn event() -> impl Strategy<Value = Event> {
        let index = any::<prop::sample::Index>;
        prop_oneof![
            4 => (0..6, 0..6).prop_map(|(written, above)| Event::Begin(written, above)),
            1 => (0..6).prop_map(Event::Foreign),
            4 => (index(), index()).prop_map(|(which, look)| Event::Judge(which, look)),
            4 => index().prop_map(Event::Commit),
            4 => (index(), any::<bool>()).prop_map(|(which, newest)| Event::Look(which, newest)),
        ]
    }

    /// Of whom something is known after these transactions, and which of them have written to those.
    fn remembered(done: &BTreeMap<u64, Event>, snapshot: &Snapshot) -> (BTreeSet<i32>, BTreeSet<u64>) {
        let (mut known, mut concerning) = (BTreeSet::new(), BTreeSet::new());
        loop {
            let before = (known.len(), concerning.len());
            for (number, event) in done.iter().filter(|(number, _)| snapshot.sees(**number)) {
                match event {
                    Event::Foreign(record) => {
                        known.insert(*record);
                        concerning.insert(*number);
                    }
                    Event::Begin(written, above) if known.contains(written) => {
                        known.insert(*above);
                        concerning.insert(*number);
                    }
                    _ => {}
                }
            }
            if before == (known.len(), concerning.len()) {
                return (known, concerning);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn one_version_never_lacks_what_concerns_it(events in prop::collection::vec(event(), 1..60)) {
            let snapshots = Snapshots::default();
            let (mut next, mut running, mut all) = (100, BTreeSet::new(), BTreeMap::new());
            let mut judged = BTreeSet::new();
            let mut taken = vec![text(100, 100, &[])];
            let mut looked: Vec<(Version, BTreeSet<i32>, BTreeSet<u64>)> = Vec::new();
            let some = |which: prop::sample::Index, running: &BTreeSet<u64>| {
                let numbers: Vec<u64> = running.iter().copied().collect();
                (!numbers.is_empty()).then(|| *which.get(&numbers))
            };
            for event in events {
                match event {
                    Event::Begin(..) | Event::Foreign(_) => {
                        running.insert(next);
                        all.insert(next, event);
                        next += 1;
                    }
                    Event::Judge(which, look) => {
                        let Some(number) = some(which, &running).filter(|_| !looked.is_empty()) else { continue };
                        let (version, known, _) = look.get(&looked);
                        if let Event::Begin(written, _) = all[&number]
                            && !known.contains(&written)
                            && judged.insert(number)
                        {
                            let known: Vec<i32> = known.iter().copied().collect();
                            snapshots.committing(number, on(version, &[written], &known));
                        }
                    }
                    Event::Commit(which) => {
                        let Some(number) = some(which, &running) else { continue };
                        running.remove(&number);
                    }
                    Event::Look(which, newest) => {
                        let snapshot = if newest { taken[taken.len() - 1].clone() } else { which.get(&taken).clone() };
                        let parsed = Snapshot::parse(&snapshot).unwrap();
                        let version = snapshots.version(snapshot);
                        let (known, concerning) = remembered(&all, &parsed);
                        for (other, _, before) in &looked {
                            prop_assert!(*other != version || *before == concerning);
                        }
                        looked.push((version, known, concerning));
                    }
                }
                let begin = running.first().copied().unwrap_or(next);
                taken.push(text(begin, next, &running.iter().copied().collect::<Vec<u64>>()));
            }
        }
    }
}
