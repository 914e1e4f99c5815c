//! Views: `get_views`, `get_view`, and of 15.0 `load_views` and `fields_view_get`; and how a record's form is opened.
//!
//! A view that `ir.ui.view` has for a model comes as it is stored there, without what other views add to it. For a
//! model without one, a simple view is made of its fields.

use std::fmt::Write as _;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::call::Bound;
use super::domain::{Domain, Operator};
use super::env::Env;
use super::field::{Field, Kind};
use super::registry::{MAGIC, Model, Registry};
use super::search::{self, Page};
use super::{fields_get, read};
use crate::error::{Error, Result};
use crate::models::ir_model_data;
use crate::python;

/// What web clients need to know of fields.
const ATTRIBUTES: [&str; 31] = [
    "change_default",
    "context",
    "currency_field",
    "definition_record",
    "definition_record_field",
    "digits",
    "min_display_digits",
    "domain",
    "aggregator",
    "group_operator",
    "groups",
    "groupable",
    "help",
    "model_field",
    "name",
    "readonly",
    "related",
    "relation",
    "relation_field",
    "required",
    "searchable",
    "selection",
    "size",
    "sortable",
    "store",
    "string",
    "translate",
    "trim",
    "type",
    "default_export_compatible",
    "falsy_value_label",
];

/// How many fields a list has beside the name that a view is made for.
const LIST_FIELDS: usize = 5;

/// Runs a method for views; nothing for another.
///
/// # Errors
/// What the method returns.
pub async fn run(env: &Env<'_>, model: &Arc<Model>, call: &Bound) -> Result<Option<Value>> {
    let views = Views { env, model, registry: env.registry().await? };
    let view = || -> Result<(Option<i32>, String)> {
        let id = super::call::parse_ids(call.get("view_id"))?.first().copied();
        Ok((id, call.get("view_type").as_str().unwrap_or("form").to_owned()))
    };
    Ok(Some(match call.method.name.as_str() {
        "get_views" => views.several(call.get("views"), call.get("options")).await?,
        "get_view" => {
            let (id, kind) = view()?;
            let (mut shown, fields) = views.one(id, &kind).await?;
            shown["models"] = fields.into_iter().map(|(name, fields)| (name, Value::from_iter(fields))).collect();
            shown
        }
        "fields_view_get" => {
            let (id, kind) = view()?;
            views.with_fields(id, &kind, python::truth(call.get("toolbar"))).await?
        }
        "load_views" => views.several_with_fields(call.get("views"), call.get("options")).await?,
        "get_formview_id" => false.into(),
        "get_formview_action" => form_action(env, model, &call.ids)?,
        "get_empty_list_help" => call.get("help_message").clone(),
        "get_import_templates" => json!([]),
        _ => return Ok(None),
    }))
}

/// The action that opens the form of one record.
fn form_action(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Value> {
    let id = if ids.is_empty() { Value::Bool(false) } else { super::call::singleton(model, ids)?.into() };
    Ok(json!({
        "type": "ir.actions.act_window",
        "res_model": model.name,
        "view_type": "form",
        "view_mode": "form",
        "views": [[false, "form"]],
        "target": "current",
        "res_id": id,
        "context": env.context(),
    }))
}

/// Fields by model.
type Fields = IndexMap<String, IndexSet<String>>;

/// A view of which the description is known.
#[derive(Clone, Debug)]
struct View {
    /// Nothing for one that is made.
    id: Option<i32>,
    name: String,
    /// `list`, `form`, …, as the series calls it.
    kind: String,
    arch: String,
}

struct Views<'v, 'a> {
    env: &'v Env<'a>,
    model: &'v Arc<Model>,
    registry: Arc<Registry>,
}

impl Views<'_, '_> {
    /// The views that are asked for as `[id, type]`.
    fn wanted(views: &Value) -> Result<Vec<(Option<i32>, String)>> {
        let pair = |pair: Value| {
            let pair = python::list(pair)?;
            let id = super::call::parse_ids(pair.first().unwrap_or(&Value::Null))?.first().copied();
            Ok((id, pair.get(1).map(python::text).unwrap_or_default()))
        };
        python::list(views.clone())?.into_iter().map(pair).collect()
    }

    /// `get_views`
    async fn several(&self, views: &Value, options: &Value) -> Result<Value> {
        let option = |name: &str| options.get(name).is_some_and(python::truth);
        let (mut shown, mut fields) = (Map::new(), Fields::new());
        for (id, kind) in Self::wanted(views)? {
            let (mut view, of_view) = self.one(id, &kind).await?;
            for (model, names) in of_view {
                fields.entry(model).or_default().extend(names);
            }
            if option("toolbar") {
                view["toolbar"] = json!({});
            }
            if option("load_filters") && kind == "search" {
                view["filters"] = self.filters(options.get("action_id").unwrap_or(&Value::Null)).await?;
            }
            shown.insert(kind, view);
        }
        let mut models = Map::new();
        for (name, names) in fields {
            let model = self.env.model(&name).await?;
            let fields = fields_get::fields_get(self.env, &model, &Value::from_iter(names), &json!(ATTRIBUTES)).await?;
            let nested = self.env.series().nests_fields_of_views();
            models.insert(name, if nested { json!({"fields": fields}) } else { fields });
        }
        Ok(json!({"views": shown, "models": models}))
    }

    /// A view as `get_view` shows it, and the fields that are told with it.
    async fn one(&self, id: Option<i32>, kind: &str) -> Result<(Value, Fields)> {
        access::check_model(self.env, self.model, Operation::Read).await?;
        let view = self.view(id, kind).await?;
        let mut fields = fields_in(&self.registry, self.model, &view.arch);
        if [self.env.series().list_view(), "form", "kanban"].contains(&view.kind.as_str()) {
            for (name, names) in &mut fields {
                let model = self.registry.get(name);
                let always = ["id", self.env.series().change_field()];
                names.extend(
                    always.into_iter().filter(|name| model.is_some_and(|m| m.field(name).is_some())).map(str::to_owned),
                );
            }
        } else {
            // One can search and group by any of them.
            fields.insert(self.model.name.clone(), self.model.fields.keys().cloned().collect());
        }
        let id = view.id.map_or(Value::Bool(false), Value::from);
        Ok((json!({"arch": view.arch, "id": id, "model": self.model.name}), fields))
    }

    /// `fields_view_get`: a view with its fields in it.
    async fn with_fields(&self, id: Option<i32>, kind: &str, toolbar: bool) -> Result<Value> {
        let view = self.view(id, kind).await?;
        let names =
            fields_in(&self.registry, self.model, &view.arch).shift_remove(&self.model.name).unwrap_or_default();
        let mut fields = if names.is_empty() {
            json!({})
        } else {
            fields_get::fields_get(self.env, self.model, &Value::from_iter(names), &json!([])).await?
        };
        for (_, field) in fields.as_object_mut().into_iter().flatten() {
            if matches!(field["type"].as_str(), Some("one2many" | "many2many")) {
                field["views"] = json!({});
            }
        }
        let mut shown = json!({
            "model": self.model.name,
            "name": view.name,
            "type": view.kind,
            "arch": view.arch,
            "fields": fields,
            "field_parent": false,
            "view_id": view.id.map_or(Value::Bool(false), Value::from),
            "base_model": self.model.name,
        });
        if toolbar {
            shown["toolbar"] = json!({"print": [], "action": [], "relate": []});
        }
        Ok(shown)
    }

    /// `load_views`
    async fn several_with_fields(&self, views: &Value, options: &Value) -> Result<Value> {
        let option = |name: &str| options.get(name).is_some_and(python::truth);
        let mut shown = Map::new();
        for (id, kind) in Self::wanted(views)? {
            let view = self.with_fields(id, &kind, option("toolbar") && kind != "search").await?;
            shown.insert(kind, view);
        }
        let fields = fields_get::fields_get(self.env, self.model, &Value::Null, &Value::Null).await?;
        let mut answer = json!({"fields_views": shown, "fields": fields});
        if option("load_filters") {
            answer["filters"] = self.filters(options.get("action_id").unwrap_or(&Value::Null)).await?;
        }
        Ok(answer)
    }

    /// The searches that the user, or somebody for all, has saved.
    async fn filters(&self, action: &Value) -> Result<Value> {
        let Some(model) = self.registry.get("ir.filters") else { return Ok(json!([])) };
        let users = if model.field("user_ids").is_some() { "user_ids" } else { "user_id" };
        let none = Value::Bool(false);
        let one_or_none = |name: &str, value: Value| {
            Domain::or(vec![
                Domain::leaf(name, Operator::Eq, none.clone()),
                Domain::leaf(name, Operator::In, Value::Array(vec![value])),
            ])
        };
        let action = if python::truth(action) {
            one_or_none("action_id", action.clone())
        } else {
            Domain::leaf("action_id", Operator::Eq, none.clone())
        };
        let domain = Domain::and(vec![
            Domain::leaf("model_id", Operator::Eq, self.model.name.as_str()),
            one_or_none(users, self.env.uid().into()),
            action,
        ]);
        let sudo = self.env.sudo();
        let ids = search::search(&sudo, model, &domain, &Page::default()).await?;
        let names = ["name", "is_default", "domain", "context", users, "sort"];
        let fields: Vec<Arc<Field>> = names.iter().filter_map(|name| model.field(name).cloned()).collect();
        Ok(read::read(&sudo, model, &ids, &fields, true).await?.into_iter().map(Value::from).collect())
    }

    /// The view of that type: the one that is named, the model's first one, or one that is made.
    async fn view(&self, id: Option<i32>, kind: &str) -> Result<View> {
        let kind = if ["list", "tree"].contains(&kind) { self.env.series().list_view() } else { kind };
        let id = match id {
            Some(id) => Some(id),
            None => self.stored(kind).await?,
        };
        let Some(id) = id else {
            let arch = self.made(kind).await?;
            return Ok(View { id: None, name: "default".to_owned(), kind: kind.to_owned(), arch });
        };
        let sudo = self.env.sudo();
        let model = sudo.model("ir.ui.view").await?;
        let fields: Vec<_> = ["name", "type", "arch_db"].iter().filter_map(|name| model.field(name).cloned()).collect();
        let mut found = read::fetch(&sudo, &model, &[id], &fields).await?;
        let Some(record) = found.shift_remove(&id) else { return Err(access::missing_error(self.env, &model, &[id])) };
        let text = |name: &str| record.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(View { id: Some(id), name: text("name"), kind: text("type"), arch: text("arch_db") })
    }

    /// The view that `ir.ui.view` has of that type: the one that the context names, or the one that comes first.
    async fn stored(&self, kind: &str) -> Result<Option<i32>> {
        let sudo = self.env.sudo();
        if let Some(named) = self.env.context().get(&format!("{kind}_view_ref")).and_then(Value::as_str)
            && let Some((model, id)) = ir_model_data::find(&sudo, named).await?
            && model == "ir.ui.view"
        {
            return Ok(Some(id));
        }
        let model = sudo.model("ir.ui.view").await?;
        let domain = Domain::and(vec![
            Domain::leaf("model", Operator::Eq, self.model.name.as_str()),
            Domain::leaf("type", Operator::Eq, kind),
            Domain::leaf("mode", Operator::Eq, "primary"),
        ]);
        let page = Page { limit: Some(1), order: Some("priority, name, id".to_owned()), ..Page::default() };
        Ok(search::search(&sudo, &model, &domain, &page).await?.first().copied())
    }

    /// A view made of the model's fields.
    async fn made(&self, kind: &str) -> Result<String> {
        let title = format!(" string=\"{}\"", escaped(&self.model.description));
        let name = self.model.rec_name.as_deref().filter(|name| self.model.field(name).is_some()).unwrap_or("id");
        let list = self.env.series().list_view();
        Ok(match kind {
            "form" => self.form(&title).await?,
            "search" => format!("<search{title}>{}</search>", field(name)),
            "pivot" => format!("<pivot{title}/>"),
            "graph" => format!("<graph{title}>{}</graph>", field(name)),
            "kanban" => {
                let template = self.env.series().kanban_template();
                let name = field(name);
                format!(
                    "<kanban{title}>{name}<templates><t t-name=\"{template}\"><div class=\"oe_kanban_content\">{name}\
                     </div></t></templates></kanban>"
                )
            }
            "calendar" => {
                let date = ["date", "date_start", "x_date", "x_date_start"]
                    .into_iter()
                    .find(|name| self.model.field(name).is_some_and(|field| field.kind.is_temporal()));
                let date = date.ok_or_else(|| Error::UserError("Insufficient fields for Calendar View!".to_owned()))?;
                format!("<calendar{title} date_start=\"{date}\">{}</calendar>", field(name))
            }
            kind if kind == list => {
                let mut names = vec![name];
                for of_list in self.visible().await?.into_iter().filter(|field| field.is_column()) {
                    let long = matches!(of_list.kind, Kind::Text | Kind::Html | Kind::Binary | Kind::Reference);
                    if !long && !of_list.kind.is_json() && of_list.name != "active" && of_list.name != name {
                        names.push(of_list.name.as_str());
                    }
                }
                let names: String = names.into_iter().take(1 + LIST_FIELDS).map(field).collect();
                format!("<{list}{title}>{names}</{list}>")
            }
            other => {
                return Err(Error::UserError(format!("No default view of type '{other}' could be found!")));
            }
        })
    }

    /// The fields that a person may be shown.
    async fn visible(&self) -> Result<Vec<&Arc<Field>>> {
        let mut fields = Vec::new();
        for field in self.model.fields.values() {
            let technical =
                MAGIC.contains(&field.name.as_str()) || ["parent_path", "__last_update"].contains(&field.name.as_str());
            // The same image in other sizes.
            let mirrored = field.kind == Kind::Binary && (field.related.is_some() || field.readonly);
            if !technical && !mirrored && !field.kind.is_json() && access::may_see(self.env, field).await? {
                fields.push(field);
            }
        }
        Ok(fields)
    }

    /// Two columns of fields, and below them what needs the whole width.
    async fn form(&self, title: &str) -> Result<String> {
        let (wide, narrow): (Vec<_>, Vec<_>) = self
            .visible()
            .await?
            .into_iter()
            .partition(|field| field.kind.is_x2many() || matches!(field.kind, Kind::Text | Kind::Html));
        let fields = |of: &[&Arc<Field>]| -> String { of.iter().map(|of| field(&of.name)).collect() };
        let (left, right) = narrow.split_at(narrow.len().div_ceil(2));
        let mut arch = format!("<form{title}><sheet{title}>");
        let _ = write!(arch, "<group><group>{}</group><group>{}</group></group>", fields(left), fields(right));
        if !wide.is_empty() {
            let _ = write!(arch, "<group>{}</group>", fields(&wide));
        }
        arch.push_str("</sheet></form>");
        Ok(arch)
    }
}

fn field(name: &str) -> String {
    format!("<field name=\"{}\"/>", escaped(name))
}

/// A text within the quotes of an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The fields in a view, by model: what is within a field are views of its records.
fn fields_in(registry: &Registry, model: &Arc<Model>, arch: &str) -> Fields {
    let mut fields = Fields::from_iter([(model.name.clone(), IndexSet::new())]);
    let mut stack: Vec<Arc<Model>> = Vec::new();
    let mut current = Arc::clone(model);
    for tag in tags(arch) {
        if tag.closes {
            current = stack.pop().unwrap_or(current);
            continue;
        }
        let named = tag.attribute("name").filter(|_| ["field", "groupby"].contains(&tag.name));
        let field = named.and_then(|name| current.field(name));
        if let Some(field) = field {
            fields.entry(current.name.clone()).or_default().insert(field.name.clone());
        }
        if !tag.is_empty {
            let comodel =
                field.filter(|field| field.kind.is_relational()).and_then(|field| registry.get(field.comodel()));
            let within = comodel.cloned().unwrap_or_else(|| Arc::clone(&current));
            stack.push(std::mem::replace(&mut current, within));
        }
    }
    fields
}

/// A tag of a view's description.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Tag<'x> {
    name: &'x str,
    attributes: &'x str,
    closes: bool,
    is_empty: bool,
}

impl<'x> Tag<'x> {
    fn attribute(&self, name: &str) -> Option<&'x str> {
        let mut rest = self.attributes;
        while let Some((key, value)) = rest.split_once('=') {
            let value = value.trim_start();
            let quote = value.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
            let (value, further) = value[1..].split_once(quote)?;
            if key.trim() == name {
                return Some(value);
            }
            rest = further;
        }
        None
    }
}

/// The tags of an XML document that is well-formed; of another, those up to where it is not.
fn tags(xml: &str) -> impl Iterator<Item = Tag<'_>> {
    const SPECIAL: [(&str, &str); 4] = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>"), ("<!", ">")];
    let mut rest = xml;
    std::iter::from_fn(move || {
        loop {
            rest = &rest[rest.find('<')?..];
            if let Some((start, end)) = SPECIAL.iter().find(|(start, _)| rest.starts_with(start)) {
                let length = rest[start.len()..].find(end)?;
                rest = &rest[start.len() + length + end.len()..];
                continue;
            }
            let mut quote = None;
            let end = rest.char_indices().find_map(|(index, c)| {
                match (quote, c) {
                    (None, '>') => return Some(index),
                    (None, '"' | '\'') => quote = Some(c),
                    (Some(open), c) if open == c => quote = None,
                    _ => {}
                }
                None
            })?;
            let inner = &rest[1..end];
            rest = &rest[end + 1..];
            let (inner, closes) = inner.strip_prefix('/').map_or((inner, false), |inner| (inner, true));
            let (inner, is_empty) = inner.strip_suffix('/').map_or((inner, false), |inner| (inner, true));
            let (name, attributes) = inner.split_once(char::is_whitespace).unwrap_or((inner, ""));
            return Some(Tag { name: name.trim(), attributes, closes, is_empty });
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::series::Series;

    fn found(arch: &str) -> Vec<(String, Vec<String>)> {
        let registry = Registry::base(Series::V18);
        let model = registry.get("res.partner").unwrap();
        let fields = fields_in(&registry, model, arch);
        fields.into_iter().map(|(name, fields)| (name, fields.into_iter().collect())).collect()
    }

    #[test]
    fn attributes_of_tags() {
        let xml = "<?xml version=\"1.0\"?><!-- <field name='no'/> --><a b=\"1 > 0\" c = 'it is \"x\"'><d/></a>";
        let all: Vec<Tag<'_>> = tags(xml).collect();
        let names: Vec<_> = all.iter().map(|tag| (tag.name, tag.closes, tag.is_empty)).collect();
        assert_eq!(names, [("a", false, false), ("d", false, true), ("a", true, false)]);
        assert_eq!(all[0].attribute("b"), Some("1 > 0"));
        assert_eq!(all[0].attribute("c"), Some("it is \"x\""));
        assert_eq!(all[0].attribute("d"), None);
    }

    #[test]
    fn fields_within_fields_are_those_of_their_records() {
        let arch = "<form><field name=\"name\"/><field name=\"child_ids\"><list><field name=\"email\"/></list></field>\
                    <group><field name=\"category_id\"><list><field name=\"color\"/></list></field></group>\
                    <field name=\"nope\"/><button name=\"city\"/><field name=\"country_id\"/></form>";
        let own = ["name", "child_ids", "email", "category_id", "country_id"].map(str::to_owned).to_vec();
        let expected =
            [("res.partner".to_owned(), own), ("res.partner.category".to_owned(), vec!["color".to_owned()])].to_vec();
        assert_eq!(found(arch), expected);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(arch in "[<>/'\"=!?\\- afield]{0,60}") {
            let _ = found(&arch);
            for tag in tags(&arch) {
                let _ = tag.attribute("name");
            }
        }
    }
}
