//! Stubs: answers in the place of the database's own.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::Refusal;
use super::faults::{Effect, ErrorKind};
use super::rules::{Does, Rule, Standing};
use super::seen::Seen;
use crate::error::{Error, Result};

/// A rule by which calls are answered without being run.
pub type Stub = Rule<Answers>;

/// What a stub answers: exactly one of `answer`, `answers`, `template`, `error`, `callback` and, from Rust, `function`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Answers {
    /// Always this.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub answer: Option<Value>,
    /// One after the other; the last one again and again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<Value>>,
    /// This, in which `{{args.vals.name}}` is replaced by what the call has there.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub template: Option<Value>,
    /// An error, in the form of the dialect and the series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What this URL answers, to which the call is sent by POST: `{"answer": …}`, `{"error", "message"}` or
    /// `{"pass": true}` to let the call run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// What this function answers; see [`Rule::asks`].
    #[serde(skip)]
    pub function: Option<Function>,
}

/// A function in the tester's own process.
#[derive(Clone)]
pub struct Function(Arc<dyn Fn(Seen) -> BoxFuture<'static, Answer> + Send + Sync>);

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Function")
    }
}

/// Null is an answer, too.
fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// How long a callback may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// The size of a callback's answer.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

impl Does for Answers {
    fn can_precede_calls(&self) -> bool {
        false
    }

    fn check(&self) -> Result<(), Refusal> {
        let said = [
            self.answer.is_some(),
            self.answers.is_some(),
            self.template.is_some(),
            self.error.is_some(),
            self.callback.is_some(),
            self.function.is_some(),
        ];
        if said.iter().filter(|said| **said).count() != 1 {
            return Err(Refusal::wrong(
                "a stub answers with one of answer, answers, template, error and callback, as in {\"answer\": 42}",
            ));
        }
        if self.answers.as_ref().is_some_and(Vec::is_empty) {
            return Err(Refusal::wrong("write at least one answer").at("answers"));
        }
        if self.message.is_some() && self.error.is_none() {
            return Err(Refusal::wrong("message says something of \"error\", which is missing").at("message"));
        }
        if let Some(template) = &self.template {
            check_template(template)?;
        }
        match self.callback.as_deref().map(url::Url::parse) {
            Some(Ok(url)) if url.scheme() == "http" && url.host().is_some() => Ok(()),
            Some(_) => Err(Refusal::wrong("a callback is a URL that begins with http://").at("callback")),
            None => Ok(()),
        }
    }
}

/// What a stub comes to.
#[derive(Debug)]
pub enum Answer {
    Of(Result<Value>),
    /// Let the call run.
    Pass,
}

impl Standing<Answers> {
    /// Answers a call, of which [`Rules::take`](super::rules::Rules::take) has said that it is this stub's.
    pub async fn answer(&self, seen: &Seen) -> Answer {
        let does = &self.rule.does;
        if let Some(answer) = &does.answer {
            return Answer::Of(Ok(answer.clone()));
        }
        if let Some(answers) = &does.answers {
            let turn = usize::try_from(self.hits.load(Ordering::Relaxed)).unwrap_or(usize::MAX).saturating_sub(1);
            let answer = answers.get(turn).or(answers.last()).cloned().unwrap_or_default();
            return Answer::Of(Ok(answer));
        }
        if let Some(template) = &does.template {
            return Answer::Of(Ok(fill(template, seen)));
        }
        if let Some(url) = &does.callback {
            return ask(url, seen).await;
        }
        if let Some(Function(function)) = &does.function {
            return function(seen.clone()).await;
        }
        let effect = Effect { error: does.error, message: does.message.clone(), ..Effect::default() };
        Answer::Of(effect.error().map_or(Ok(Value::Null), Err))
    }
}

impl Rule<Answers> {
    /// Always this answer.
    #[must_use]
    pub fn answer(mut self, answer: impl Into<Value>) -> Self {
        self.does.answer = Some(answer.into());
        self
    }

    /// One answer after the other; the last one again and again.
    #[must_use]
    pub fn answers(mut self, answers: impl IntoIterator<Item = Value>) -> Self {
        self.does.answers = Some(answers.into_iter().collect());
        self
    }

    /// What `function` answers when it is asked with the call; [`Answer::Pass`] lets the call run. It runs on the server's
    /// runtime, before the call is answered, and may make calls itself.
    #[must_use]
    pub fn asks<A>(mut self, function: impl Fn(Seen) -> A + Send + Sync + 'static) -> Self
    where
        A: Future<Output = Answer> + Send + 'static,
    {
        self.does.function = Some(Function(Arc::new(move |seen| Box::pin(function(seen)))));
        self
    }
}

/// Splits a text at the placeholders `{{path}}`: texts and paths in turn.
fn parts(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        if let Some(inner) = text.strip_prefix("{{")
            && let Some((path, after)) = inner.split_once("}}")
        {
            rest = Some(after).filter(|after| !after.is_empty());
            return Some((true, path.trim()));
        }
        let begins = |from: usize| text[from..].find("{{").map(|at| at + from);
        // A "{{" that nothing closes is text.
        let end = begins(usize::from(text.starts_with("{{"))).unwrap_or(text.len());
        rest = Some(&text[end..]).filter(|after| !after.is_empty());
        Some((false, &text[..end]))
    })
}

fn check_template(template: &Value) -> Result<(), Refusal> {
    match template {
        Value::String(text) => {
            for (is_path, path) in parts(text) {
                let root = path.split('.').next().unwrap_or_default();
                if is_path && !["ids", "args", "context", "user", "model", "method", "db"].contains(&root) {
                    return Err(Refusal::wrong(format!(
                        "{{{{{path}}}}} leads nowhere: a path begins with ids, args, context, user, model, method or db"
                    ))
                    .at("template"));
                }
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(check_template),
        Value::Object(object) => object.values().try_for_each(check_template),
        _ => Ok(()),
    }
}

/// A template with what the call has. A text that is one placeholder becomes the value itself.
fn fill(template: &Value, seen: &Seen) -> Value {
    match template {
        Value::String(text) => {
            let parts: Vec<(bool, &str)> = parts(text).collect();
            if let [(true, path)] = parts[..] {
                return value_at(seen, path);
            }
            let text = |(is_path, part): &(bool, &str)| match value_at(seen, part) {
                _ if !is_path => (*part).to_owned(),
                Value::String(text) => text,
                Value::Null => String::new(),
                other => other.to_string(),
            };
            parts.iter().map(text).collect::<String>().into()
        }
        Value::Array(items) => items.iter().map(|item| fill(item, seen)).collect(),
        Value::Object(object) => object.iter().map(|(name, value)| (name.clone(), fill(value, seen))).collect(),
        other => other.clone(),
    }
}

fn value_at(seen: &Seen, path: &str) -> Value {
    match path {
        "ids" => json!(seen.ids),
        "args" => seen.args.clone().into(),
        "context" => seen.context.clone().into(),
        "model" => json!(seen.model),
        "method" => json!(seen.method),
        "db" => json!(seen.db),
        "user" => json!(seen.user),
        "user.id" => json!(seen.user.as_ref().map(|user| user.id)),
        "user.login" => json!(seen.user.as_ref().map(|user| &user.login)),
        path => match &seen.at(path)[..] {
            [] => Value::Null,
            [one] => (*one).clone(),
            several => several.iter().map(|value| (*value).clone()).collect(),
        },
    }
}

/// What a callback answers.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Called {
    #[serde(deserialize_with = "given")]
    answer: Option<Value>,
    error: Option<ErrorKind>,
    message: Option<String>,
    pass: bool,
}

async fn ask(url: &str, seen: &Seen) -> Answer {
    let called = match tokio::time::timeout(PATIENCE, post(url, seen)).await {
        Ok(called) => called,
        Err(_) => Err("it does not answer".to_owned()),
    };
    match called {
        Ok(Called { pass: true, .. }) => Answer::Pass,
        Ok(Called { error: error @ Some(_), message, .. }) => {
            let effect = Effect { error, message, ..Effect::default() };
            Answer::Of(effect.error().map_or(Ok(Value::Null), Err))
        }
        Ok(Called { answer: Some(answer), .. }) => Answer::Of(Ok(answer)),
        Ok(_) => failed(url, "it answered neither answer, error nor pass"),
        Err(why) => failed(url, &why),
    }
}

fn failed(url: &str, why: &str) -> Answer {
    tracing::error!(url, why, "the callback of a stub failed");
    Answer::Of(Err(Error::UserError(format!("The callback {url} of a stub failed: {why}"))))
}

/// Sends a call to a callback, and reads what it answers.
async fn post(url: &str, seen: &Seen) -> Result<Called, String> {
    let url = url::Url::parse(url).map_err(|error| error.to_string())?;
    let authority = url[url::Position::BeforeHost..url::Position::AfterPort].to_owned();
    let address =
        (url.host_str().unwrap_or_default().trim_matches(['[', ']']), url.port_or_known_default().unwrap_or(80));
    let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "the connection to a callback broke off");
        }
    });
    let request = hyper::Request::post(&url[url::Position::BeforePath..url::Position::AfterQuery])
        .header("Host", authority)
        .header("Content-Type", "application/json")
        .body(Full::new(Bytes::from(json!(seen).to_string())))
        .map_err(|error| error.to_string())?;
    let answer = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
    if !status.is_success() {
        return Err(format!("it answered with status {status}"));
    }
    serde_json::from_slice(&body.to_bytes()).map_err(|error| format!("its answer cannot be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let seen = Seen {
            model: Some("sale.order".to_owned()),
            ids: vec![json!(3)].into(),
            args: json!({"vals": {"name": "Acme", "n": 2}, "list": [{"a": 1}, {"a": 2}]}).as_object().unwrap().clone(),
            ..Seen::default()
        };
        let template = json!({
            "name": "<{{ args.vals.name }}/{{args.vals.n}}>{{", "n": "{{args.vals.n}}", "id": "{{ids.0}}",
            "all": ["{{args.list.a}}", "{{args.none}}", 7], "model": "{{model}}",
        });
        check_template(&template).unwrap();
        assert_eq!(
            fill(&template, &seen),
            json!({"name": "<Acme/2>{{", "n": 2, "id": 3, "all": [[1, 2], null, 7], "model": "sale.order"})
        );
        assert!(check_template(&json!(["{{vals.name}}"])).is_err());
    }

    #[test]
    fn a_stub_answers_with_one_thing() {
        let check = |stub: Value| Stub::parse(stub).and_then(|stub| stub.does.check());
        assert!(check(json!({"match": {}, "answer": null})).is_ok());
        assert!(check(json!({"match": {}})).is_err());
        assert!(check(json!({"answer": 1, "error": "user_error"})).is_err());
        let unknown = check(json!({"match": {}, "anser": 1})).unwrap_err().message;
        assert!(unknown.starts_with("unknown field `anser`, expected one of `answer`"), "{unknown}");
        let wrong = check(json!({"match": {"where": [["args.x", "~", 1]]}, "answer": 1})).unwrap_err();
        assert_eq!(wrong.at.as_deref(), Some("match.where"));
        assert!(check(json!({"callback": "https://x/"})).is_err());
        assert!(check(json!({"callback": "http://127.0.0.1:1/x"})).is_ok());
    }
}
