//! What a call answers: a value, or its JSON where it was written as such and nobody needs to look into it.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::error::{Error, Result};

/// The answer to a call.
#[derive(Clone, Debug)]
pub enum Reply {
    Value(Value),
    /// JSON that was put together without a tree of values, as that of many records is.
    Text(Arc<RawValue>),
}

impl Reply {
    /// The JSON of something that is no value.
    ///
    /// # Errors
    /// It has none.
    pub fn written(answer: &impl Serialize) -> Result<Self> {
        let text = to_raw_value(answer).map_err(|error| Error::exception(format!("no JSON: {error}")))?;
        Ok(Self::Text(text.into()))
    }

    /// The value.
    ///
    /// # Errors
    /// It is nested too deeply.
    pub fn into_value(self) -> Result<Value> {
        match self {
            Self::Value(value) => Ok(value),
            Self::Text(text) => {
                serde_json::from_str(text.get()).map_err(|error| Error::exception(format!("no value: {error}")))
            }
        }
    }

    /// The JSON.
    #[must_use]
    pub fn into_json(self) -> String {
        match self {
            Self::Value(value) => value.to_string(),
            Self::Text(text) => text.get().to_owned(),
        }
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

impl Serialize for Reply {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Value(value) => value.serialize(serializer),
            Self::Text(text) => text.serialize(serializer),
        }
    }
}
