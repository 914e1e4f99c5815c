//! The JSON-RPC envelope, read as leniently as Odoo reads it: of `{"jsonrpc", "method", "params", "id"}` only `params`
//! and `id` count, and `id` may be any JSON.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A request's envelope; its parts are as they came, byte for byte.
#[derive(Debug, Default)]
pub struct Envelope<'a> {
    /// `id`; `null` where it is missing.
    pub id: Option<&'a RawValue>,
    /// `params`; an empty object where they are missing.
    pub params: Option<&'a RawValue>,
}

/// Why a body is no envelope; the text is the one that Odoo answers with status 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("Invalid JSON data")]
    NotJson,
    #[error("Invalid JSON-RPC data")]
    NotAnObject,
}

impl<'a> Envelope<'a> {
    /// Reads a body. Bytes that are no UTF-8 and JSON that is no object are refused; of a member that comes twice, the
    /// last counts, as in Python.
    ///
    /// # Errors
    /// See [`Malformed`].
    pub fn parse(body: &'a [u8]) -> Result<Self, Malformed> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        let text = std::str::from_utf8(body).map_err(|_| Malformed::NotJson)?;
        serde_json::from_str(text).map_err(|_| {
            let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
            if is_json { Malformed::NotAnObject } else { Malformed::NotJson }
        })
    }

    /// `id` as JSON.
    #[must_use]
    pub fn id(&self) -> &'a str {
        self.id.map_or("null", RawValue::get)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Envelope<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members<'a>(std::marker::PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Members<'a> {
            type Value = Envelope<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Envelope<'a>, M::Error> {
                let mut envelope = Envelope::default();
                while let Some(key) = map.next_key::<std::borrow::Cow<'_, str>>()? {
                    match &*key {
                        "id" => envelope.id = Some(map.next_value()?),
                        "params" => envelope.params = Some(map.next_value()?),
                        _ => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(envelope)
            }

            fn visit_seq<S: serde::de::SeqAccess<'de>>(self, _: S) -> Result<Envelope<'a>, S::Error> {
                Err(S::Error::custom("an array"))
            }
        }

        deserializer.deserialize_map(Members(std::marker::PhantomData))
    }
}

/// The body of an answer: the id as it came, and `result` where there is one.
#[must_use]
pub fn success(id: &str, result: &str) -> String {
    // A method that returns nothing answers without `result`.
    if result == "null" {
        ["{\"jsonrpc\": \"2.0\", \"id\": ", id, "}"].concat()
    } else {
        ["{\"jsonrpc\": \"2.0\", \"id\": ", id, ", \"result\": ", result, "}"].concat()
    }
}

/// The body of an answer that failed.
#[must_use]
pub fn failure(id: &str, error: &str) -> String {
    ["{\"jsonrpc\": \"2.0\", \"id\": ", id, ", \"error\": ", error, "}"].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_is_missing_and_what_comes_twice() {
        let envelope = Envelope::parse(b"{}").unwrap();
        assert_eq!((envelope.id(), envelope.params.is_none()), ("null", true));
        let envelope = Envelope::parse(br#" {"id": 1, "x": [], "id": { "a":1 } } "#).unwrap();
        assert_eq!(envelope.id(), r#"{ "a":1 }"#);
        assert!(Envelope::parse(b"\xef\xbb\xbf{}").is_ok());
    }

    #[test]
    fn what_is_no_envelope() {
        for body in ["[]", "[{}]", "\"x\"", "1", "null", "true", " [1] "] {
            assert_eq!(Envelope::parse(body.as_bytes()).unwrap_err(), Malformed::NotAnObject, "{body}");
        }
        for body in ["", "{", "{nope", "{} {}", "{\"id\": }", "NaN", "[", "{'id': 1}"] {
            assert_eq!(Envelope::parse(body.as_bytes()).unwrap_err(), Malformed::NotJson, "{body}");
        }
        assert_eq!(Envelope::parse(b"\xff{}").unwrap_err(), Malformed::NotJson);
    }

    #[test]
    fn depth_does_not_matter_in_an_id() {
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        let body = format!(r#"{{"id": {deep}}}"#);
        assert_eq!(Envelope::parse(body.as_bytes()).unwrap().id(), deep);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((".*", inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_id_comes_back_byte_for_byte(id in json(), params in json()) {
            let (id, params) = (id.to_string(), params.to_string());
            let body = format!(r#"{{"jsonrpc": "2.0", "params": {params}, "id": {id}}}"#);
            let envelope = Envelope::parse(body.as_bytes()).unwrap();
            prop_assert_eq!(envelope.id(), &id);
            prop_assert_eq!(envelope.params.unwrap().get(), params);
            prop_assert!(success(envelope.id(), "1").contains(&id));
        }

        #[test]
        fn any_bytes_are_answered(body in any::<Vec<u8>>()) {
            let _ = Envelope::parse(&body);
        }
    }
}
