//! What is remembered of a database as long as it does not change.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::signal::Version;

/// How much is remembered at most; then all is forgotten.
const CAPACITY: usize = 10_000;

/// Values by kind and key.
#[derive(Default)]
struct Entries {
    of_kind: HashMap<&'static str, HashMap<String, Arc<dyn Any + Send + Sync>>>,
    count: usize,
}

/// How many bytes of texts are remembered at most; then all is forgotten.
const TEXTS: usize = 16 * 1024 * 1024;

/// Values by kind and key, all of one version of the database.
#[derive(Default)]
pub struct Cache {
    state: Mutex<State>,
    hits: AtomicU64,
    misses: AtomicU64,
}

#[derive(Default)]
struct State {
    version: Version,
    entries: Entries,
    /// How many bytes the texts among them have.
    texts: usize,
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cache")
    }
}

impl Cache {
    /// The value that was remembered for `version`.
    pub fn get<T: Send + Sync + 'static>(&self, version: &Version, kind: &'static str, key: &str) -> Option<Arc<T>> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let of_kind = if state.version == *version { state.entries.of_kind.get(kind) } else { None };
        let known = of_kind.and_then(|values| values.get(key));
        let known = known.and_then(|value| Arc::clone(value).downcast().ok());
        let count = if known.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        known
    }

    /// How often something was asked for that was remembered, and how often it was not.
    pub fn lookups(&self) -> (u64, u64) {
        (self.hits.load(Ordering::Relaxed), self.misses.load(Ordering::Relaxed))
    }

    /// Remembers a value that was read after `version` was.
    pub fn put<T: Send + Sync + 'static>(&self, version: Version, kind: &'static str, key: &str, value: &Arc<T>) {
        self.put_sized(version, kind, key, value, 0);
    }

    /// As [`put`](Self::put), of a value that has a text of `size` bytes.
    pub fn put_sized<T: Send + Sync + 'static>(
        &self,
        version: Version,
        kind: &'static str,
        key: &str,
        value: &Arc<T>,
        size: usize,
    ) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.version != version || state.entries.count >= CAPACITY || state.texts + size > TEXTS {
            *state = State { version, ..State::default() };
        }
        if size > TEXTS {
            return;
        }
        state.texts += size;
        let value: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(value);
        let entries = &mut state.entries;
        let before = entries.of_kind.entry(kind).or_default().insert(key.to_owned(), value);
        entries.count += usize::from(before.is_none());
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Connection;
    use super::*;

    #[tokio::test]
    async fn another_version_has_nothing() {
        let signal = super::super::signal::Signal::Process(0.into());
        let connection = Connection::in_memory().await;
        let first = signal.version(&connection).await.unwrap();
        let cache = Cache::default();
        cache.put(first.clone(), "number", "x", &Arc::new(1));
        assert_eq!(cache.get::<i32>(&first, "number", "x").as_deref(), Some(&1));
        assert_eq!(cache.get::<i32>(&first, "other", "x"), None);
        assert_eq!(cache.get::<String>(&first, "number", "x"), None);
        signal.changed();
        let second = signal.version(&connection).await.unwrap();
        assert_eq!(cache.get::<i32>(&second, "number", "x"), None);
        cache.put(second.clone(), "number", "y", &Arc::new(2));
        assert_eq!(cache.get::<i32>(&second, "number", "x"), None);
        for key in ["a", "b", "c"] {
            cache.put_sized(second.clone(), "text", key, &Arc::new(3), TEXTS / 2);
        }
        assert_eq!(cache.get::<i32>(&second, "number", "y"), None, "room was made");
        assert_eq!(cache.get::<i32>(&second, "text", "c").as_deref(), Some(&3));
        cache.put_sized(second.clone(), "text", "d", &Arc::new(4), TEXTS + 1);
        assert_eq!(cache.get::<i32>(&second, "text", "d"), None);
    }
}
