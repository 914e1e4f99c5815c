//! What is remembered of a database as long as it does not change.

use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::signal::Version;

/// How much is remembered at most; then all is forgotten.
const CAPACITY: usize = 10_000;

type Entries = HashMap<(&'static str, String), Arc<dyn Any + Send + Sync>>;

/// Values by kind and key, all of one version of the database.
#[derive(Default)]
pub struct Cache {
    state: Mutex<(Version, Entries)>,
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
        if state.0 != *version {
            return None;
        }
        state.1.get(&(kind, key.to_owned())).and_then(|value| Arc::clone(value).downcast().ok())
    }

    /// Remembers a value that was read after `version` was.
    pub fn put<T: Send + Sync + 'static>(&self, version: Version, kind: &'static str, key: &str, value: &Arc<T>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.0 != version || state.1.len() >= CAPACITY {
            *state = (version, Entries::default());
        }
        let value: Arc<dyn Any + Send + Sync> = Arc::<T>::clone(value);
        state.1.insert((kind, key.to_owned()), value);
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
        signal.committed();
        let second = signal.version(&connection).await.unwrap();
        assert_eq!(cache.get::<i32>(&second, "number", "x"), None);
        cache.put(second.clone(), "number", "y", &Arc::new(2));
        assert_eq!(cache.get::<i32>(&second, "number", "x"), None);
    }
}
