//! `onchange`: what a form shows that somebody is filling in.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::call::Bound;
use super::commands::{self, Command};
use super::env::Env;
use super::field::{Field, Kind};
use super::registry::Model;
use super::{defaults, read, web};
use crate::error::Result;
use crate::models::onchange::{self, Form};
use crate::python;

/// How often changes may lead to changes.
const ROUNDS: usize = 20;

/// Runs `onchange`; nothing for another method.
///
/// # Errors
/// What the method returns.
pub async fn run(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Option<Value>> {
    if call.method.name != "onchange" {
        return Ok(None);
    }
    let given = super::call::values(call.get("values"), model, env.series())?;
    let names = match call.arguments.any(&["field_names", "field_name"]) {
        Value::String(name) => vec![name.clone()],
        Value::Array(names) => names.iter().map(python::text).collect(),
        _ => Vec::new(),
    };
    // Up to 16.0 fields are told as paths, and values are shown as `read` shows them.
    let shape = if call.method.has("fields_spec") { Shape::Web } else { Shape::Read };
    let specification = match shape {
        Shape::Web => call.get("fields_spec").as_object().cloned().unwrap_or_default(),
        Shape::Read => {
            tree(call.get("field_onchange").as_object().into_iter().flatten().map(|(path, _)| path.as_str()))
        }
    };
    if names.iter().any(|name| model.field(name).is_none()) {
        return Ok(Some(json!({})));
    }
    access::check_model(env, model, Operation::Read).await?;
    let origin = call.ids.first().copied();
    let change = Change { env, model, specification: &specification, shape };
    Ok(Some(change.run(origin, given, names).await?))
}

/// How values are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// As `read` does: up to 16.0.
    Read,
    /// As `web_read` does: from 17.0 on.
    Web,
}

/// A specification of fields of paths like `child_ids.name`.
fn tree<'p>(paths: impl Iterator<Item = &'p str>) -> Map<String, Value> {
    fn insert(into: &mut Map<String, Value>, path: &str) {
        let (name, rest) = path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let of_field = into.entry(name.to_owned()).or_insert_with(|| json!({}));
        let Some(rest) = rest else { return };
        let of_field = of_field.as_object_mut().map(|of_field| of_field.entry("fields").or_insert_with(|| json!({})));
        if let Some(Value::Object(fields)) = of_field {
            insert(fields, rest);
        }
    }
    let mut tree = Map::new();
    for path in paths {
        insert(&mut tree, path);
    }
    tree
}

/// A value of a form as rules look at it: a many2one as an id or false.
fn plain(field: Option<&Arc<Field>>, value: Value) -> Value {
    if field.is_none_or(|field| field.kind != Kind::Many2one) {
        return if value.is_null() { Value::Bool(false) } else { value };
    }
    let id = match &value {
        Value::Array(pair) => pair.first().cloned(),
        Value::Object(record) => record.get("id").cloned(),
        _ => Some(value),
    };
    id.filter(Value::is_number).unwrap_or(Value::Bool(false))
}

struct Change<'c, 'a> {
    env: &'c Env<'a>,
    model: &'c Model,
    specification: &'c Map<String, Value>,
    shape: Shape,
}

impl Change<'_, '_> {
    async fn run(&self, origin: Option<i32>, given: Map<String, Value>, names: Vec<String>) -> Result<Value> {
        let first = names.is_empty();
        let given: Map<String, Value> =
            given.into_iter().map(|(name, value)| (name.clone(), plain(self.model.field(&name), value))).collect();
        let mut form = self.form(origin, &given).await?;
        let mut todo = names;
        if first {
            todo = given.keys().filter(|name| *name != "id").cloned().collect();
            let missing: Vec<Arc<Field>> = self
                .specification
                .keys()
                .filter(|name| !given.contains_key(*name))
                .filter_map(|name| self.model.field(name).cloned())
                .collect();
            let mut defaults = defaults::of(self.env, self.model, &missing).await?;
            for field in missing {
                let value = defaults.shift_remove(&field.name);
                if value.is_some() || origin.is_none() {
                    todo.extend(value.as_ref().map(|_| field.name.clone()));
                    let value = plain(Some(&field), value.unwrap_or_else(|| read::empty(field.kind)));
                    form.values.insert(field.name.clone(), value);
                }
            }
            // What is computed of nothing is computed, too.
            todo.extend(self.specification.keys().cloned());
        }
        let mut changed: BTreeSet<String> = BTreeSet::new();
        let mut warnings: Vec<Value> = Vec::new();
        let mut done: BTreeSet<String> = BTreeSet::new();
        for _ in 0..ROUNDS {
            todo.retain(|name| done.insert(name.clone()));
            if todo.is_empty() {
                break;
            }
            let outcome = onchange::changes(self.env, self.model, &form, &todo).await?;
            warnings.extend(outcome.warning.filter(|warning| !warnings.contains(warning)));
            let mut values = self.mirrored(&form, &todo).await?;
            values.extend(outcome.values);
            todo.clear();
            for (name, value) in values {
                let Some(field) = self.model.field(&name) else { continue };
                let value = plain(Some(field), value);
                let before = form.values.get(&name).cloned().unwrap_or_else(|| read::empty(field.kind));
                if before != value {
                    form.values.insert(name.clone(), value);
                    changed.insert(name.clone());
                    todo.push(name);
                }
            }
        }
        let mut value = Map::new();
        for (name, of_field) in self.specification.iter().filter(|(name, _)| *name != "id") {
            let Some(field) = self.model.field(name) else { continue };
            let current = form.values.get(name).cloned().unwrap_or_else(|| read::empty(field.kind));
            if first || changed.contains(name) && given.get(name) != Some(&current) {
                value.insert(name.clone(), self.shown(field, of_field, &current).await?);
            }
        }
        let mut answer = json!({"value": value});
        if let Some(warning) = warning(warnings) {
            answer["warning"] = warning;
        }
        Ok(answer)
    }

    /// The record with the values in the form. Of what is not in it, a new record has its defaults; what is computed
    /// has none before something is known that it is computed of.
    async fn form(&self, origin: Option<i32>, given: &Map<String, Value>) -> Result<Form> {
        let sudo = self.env.sudo();
        let fields = self.model.fields.values().filter(|field| {
            let simple = !field.kind.is_x2many() && !field.kind.is_json() && field.kind != Kind::Binary;
            simple && (field.is_column() || field.related.is_some() || self.specification.contains_key(&field.name))
        });
        let fields: Vec<Arc<Field>> = fields.cloned().collect();
        let saved = match origin {
            Some(id) => {
                access::check_records(self.env, self.model, &[id], Operation::Read).await?;
                read::fetch(&sudo, self.model, &[id], &fields).await?.shift_remove(&id)
            }
            None => None,
        };
        let mut values = if let Some(saved) = &saved {
            saved.clone()
        } else {
            let fields: Vec<_> = fields.into_iter().filter(|field| !field.computed || field.inherited).collect();
            let defaults = defaults::of(self.env, self.model, &fields).await?;
            defaults.into_iter().map(|(name, value)| (name.clone(), plain(self.model.field(&name), value))).collect()
        };
        values.extend(given.clone());
        Ok(Form { origin: saved, values })
    }

    /// The fields in the specification that mirror what changed relations refer to.
    async fn mirrored(&self, form: &Form, changed: &[String]) -> Result<Map<String, Value>> {
        let mut values = Map::new();
        for field in self.specification.keys().filter_map(|name| self.model.field(name)) {
            let Some((link, rest)) = field.related.as_deref().and_then(|path| path.split_once('.')) else { continue };
            let Some(link) = self.model.field(link).filter(|link| link.kind == Kind::Many2one) else { continue };
            if !changed.contains(&link.name) || changed.contains(&field.name) || field.kind == Kind::Binary {
                continue;
            }
            let value = match form.link(&link.name) {
                Some(id) => self.follow(link.comodel(), id, rest).await?,
                None => Value::Bool(false),
            };
            let value = if python::truth(&value) { value } else { read::empty(field.kind) };
            values.insert(field.name.clone(), value);
        }
        Ok(values)
    }

    /// The value at the end of a path from a record.
    async fn follow(&self, model: &str, id: i32, path: &str) -> Result<Value> {
        let sudo = self.env.sudo();
        let (mut model, mut id) = (sudo.model(model).await?, id);
        let mut names = path.split('.').peekable();
        while let Some(name) = names.next() {
            let Some(field) = model.field(name).cloned() else { break };
            let value = read::values(&sudo, &model, &[id], &field).await?.pop().unwrap_or_default();
            if names.peek().is_none() {
                return Ok(value);
            }
            let Some(next) = read::ids_in(&value).first().copied() else { break };
            (model, id) = (sudo.model(field.comodel()).await?, next);
        }
        Ok(Value::Bool(false))
    }

    async fn shown(&self, field: &Field, of_field: &Value, value: &Value) -> Result<Value> {
        match field.kind {
            Kind::Many2one => match read::ids_in(value).first() {
                Some(id) => self.shown_record(field, of_field, *id).await,
                None => Ok(Value::Bool(false)),
            },
            Kind::One2many | Kind::Many2many => self.shown_lines(field, of_field, value).await,
            _ => Ok(value.clone()),
        }
    }

    /// The record of a many2one: as the specification has it, up to 16.0 as `[id, name]`.
    async fn shown_record(&self, field: &Field, of_field: &Value, id: i32) -> Result<Value> {
        let comodel = self.env.model(field.comodel()).await?;
        let wanted = of_field.get("fields").and_then(Value::as_object);
        let Some(wanted) = wanted.filter(|_| self.shape == Shape::Web) else {
            if self.shape == Shape::Web {
                return Ok(id.into());
            }
            let name = read::display_names(&self.env.sudo(), &comodel, &[id]).await?.remove(&id);
            return Ok(name.map_or(Value::Bool(false), |name| json!([id, name])));
        };
        let mut wanted = wanted.clone();
        // A record's name may be seen where the record may not.
        let named = wanted.shift_remove("display_name").is_some();
        let mut record = if wanted.is_empty() {
            json!({"id": id})
        } else {
            web::web_read(self.env, &comodel, &[id], &wanted).await?.pop().unwrap_or_default()
        };
        if named && record.is_object() {
            let name = read::display_names(&self.env.sudo(), &comodel, &[id]).await?.remove(&id);
            record["display_name"] = name.map_or(Value::Bool(false), Value::from);
        }
        Ok(if record.is_null() { Value::Bool(false) } else { record })
    }

    /// The commands that make the lines of a form. Up to 16.0 they begin with one that clears.
    async fn shown_lines(&self, field: &Field, of_field: &Value, value: &Value) -> Result<Value> {
        let comodel = self.env.model(field.comodel()).await?;
        let wanted = of_field.get("fields").and_then(Value::as_object).cloned().unwrap_or_default();
        let mut shown = match self.shape {
            Shape::Read => vec![json!([5, 0, 0])],
            Shape::Web => Vec::new(),
        };
        let mut made = 0;
        for command in commands::parse(field, value)? {
            match command {
                Command::Create(values) => {
                    made += 1;
                    // Web clients tell lines apart that have no id yet.
                    let mark = if self.shape == Shape::Web { format!("virtual_{made}").into() } else { json!(0) };
                    shown.push(json!([0, mark, values]));
                }
                Command::Update(id, values) => shown.push(json!([1, id, values])),
                Command::Set(ids) => {
                    for id in ids {
                        shown.push(self.shown_link(&comodel, &wanted, id).await?);
                    }
                }
                Command::Link(id) => shown.push(self.shown_link(&comodel, &wanted, id).await?),
                Command::Delete(_) | Command::Unlink(_) | Command::Clear => {}
            }
        }
        Ok(shown.into())
    }

    async fn shown_link(&self, comodel: &Model, wanted: &Map<String, Value>, id: i32) -> Result<Value> {
        if self.shape == Shape::Read {
            return Ok(json!([4, id, 0]));
        }
        let record = web::web_read(self.env, comodel, &[id], wanted).await?.pop().unwrap_or_else(|| json!({"id": id}));
        Ok(json!([4, id, record]))
    }
}

/// One warning of all that there are.
fn warning(mut warnings: Vec<Value>) -> Option<Value> {
    if warnings.len() > 1 {
        let text =
            |warning: &Value| format!("{}\n\n{}", python::text(&warning["title"]), python::text(&warning["message"]));
        let message: Vec<String> = warnings.iter().map(text).collect();
        return Some(json!({"title": "Warnings", "message": message.join("\n\n"), "type": "dialog"}));
    }
    let mut warning = warnings.pop()?;
    if warning["type"].is_null() {
        warning["type"] = "dialog".into();
    }
    Some(warning)
}

#[cfg(test)]
mod tests {
    use super::super::registry::Registry;
    use super::*;
    use crate::series::Series;

    #[test]
    fn paths_become_a_specification() {
        let paths = ["name", "child_ids", "child_ids.name", "child_ids.country_id", "country_id"];
        let expected = json!({
            "name": {},
            "child_ids": {"fields": {"name": {}, "country_id": {}}},
            "country_id": {},
        });
        assert_eq!(Value::Object(tree(paths.into_iter())), expected);
    }

    #[test]
    fn values_of_forms() {
        let registry = Registry::base(Series::V17);
        let parent = registry.get("res.partner").unwrap().field("parent_id");
        for (given, plain_value) in [
            (json!(7), json!(7)),
            (json!([7, "A"]), json!(7)),
            (json!({"id": 7, "display_name": "A"}), json!(7)),
            (json!(false), json!(false)),
            (json!("virtual_1"), json!(false)),
        ] {
            assert_eq!(plain(parent, given), plain_value);
        }
        assert_eq!(plain(None, json!([[6, 0, [1]]])), json!([[6, 0, [1]]]));
    }

    #[test]
    fn several_warnings_are_one() {
        let one = json!({"title": "A", "message": "a"});
        assert_eq!(warning(vec![one.clone()]).unwrap()["type"], "dialog");
        let both = warning(vec![one, json!({"title": "B", "message": "b"})]).unwrap();
        assert_eq!(both["message"], "A\n\na\n\nB\n\nb");
        assert_eq!(warning(Vec::new()), None);
    }
}
