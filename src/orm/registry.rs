//! Which models there are and what fields they have: the definitions of `modules/`, and the manual models and fields
//! (`x_…`) of a database.

use std::collections::HashMap;
use std::sync::Arc;

use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::field::{Field, FieldDefinition, Kind};
use crate::modules;
use crate::series::{PerSeries, Series};

/// The fields that every model has, beside `id` and `display_name` those of models that log access.
pub const MAGIC: [&str; 6] = ["id", "display_name", "create_uid", "create_date", "write_uid", "write_date"];
/// The fields that a model keeps by itself.
pub const LOG_ACCESS: [&str; 4] = ["create_uid", "create_date", "write_uid", "write_date"];

/// A rule that every row of a table keeps, enforced by the database.
#[derive(Clone, Debug, Deserialize)]
pub struct Constraint(pub String, pub ConstraintKind, pub Option<String>);

/// What a [`Constraint`] demands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConstraintKind {
    /// No two rows have the same values in these columns.
    Unique(Vec<String>),
    /// A domain over the row's own columns holds.
    Check(Value),
}

impl Constraint {
    /// The name of the constraint of `table` in the database.
    #[must_use]
    pub fn name(&self, table: &str) -> String {
        if self.0.starts_with(table) { self.0.clone() } else { format!("{table}_{}", self.0) }
    }

    /// What a person is told who breaks it.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.2.as_deref()
    }
}

/// A model.
#[expect(clippy::struct_excessive_bools, reason = "Odoo's attributes of a model")]
#[derive(Clone, Debug)]
pub struct Model {
    /// Its name: `res.partner`.
    pub name: String,
    /// What people call it: `Contact`.
    pub description: String,
    /// Its table: `res_partner`.
    pub table: String,
    /// Whether it has no table.
    pub is_abstract: bool,
    /// Whether its records are soon removed: a wizard.
    pub transient: bool,
    /// The field that names a record, if there is one.
    pub rec_name: Option<String>,
    /// The order in which records are found: `complete_name ASC, id DESC`.
    pub order: String,
    /// The field of the record's parent, for `child_of` and `parent_of`.
    pub parent_name: String,
    /// Whether the ancestors of a record are stored with it, in `parent_path`.
    pub parent_store: bool,
    /// Models whose fields are this one's too, with the field that refers to their record.
    pub inherits: IndexMap<String, String>,
    /// Whether it has `create_uid` and the like.
    pub log_access: bool,
    /// The rules of its table.
    pub constraints: Vec<Constraint>,
    /// Whether it was made over the wire.
    pub manual: bool,
    /// The fields by name, in the order of their definition.
    pub fields: IndexMap<String, Arc<Field>>,
    /// Its id in `ir_model`, and those of its fields in `ir_model_fields`, where the definitions tell.
    pub id: Option<i32>,
    /// The id of its first field.
    pub fields_from: Option<i32>,
}

impl Model {
    /// The field of that name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Arc<Field>> {
        self.fields.get(name)
    }

    /// Whether records can be archived: there is a stored field `active` (`x_active` in manual models).
    #[must_use]
    pub fn active_field(&self) -> Option<&str> {
        ["active", "x_active"].into_iter().find(|name| self.fields.get(*name).is_some_and(|field| field.searchable))
    }

    /// Whether its records are rows of a table.
    #[must_use]
    pub fn has_table(&self) -> bool {
        !self.is_abstract
    }
}

#[derive(Deserialize)]
struct ModelDefinition {
    description: String,
    table: Option<String>,
    #[serde(default, rename = "abstract")]
    is_abstract: bool,
    #[serde(default)]
    transient: bool,
    rec_name: Option<String>,
    order: Option<String>,
    parent_name: Option<String>,
    #[serde(default)]
    inherits: IndexMap<String, String>,
    #[serde(default = "yes")]
    log_access: bool,
    #[serde(default)]
    constraints: Vec<Constraint>,
    id: Option<i32>,
    fields_from: Option<i32>,
    fields: IndexMap<String, FieldDefinition>,
}

fn yes() -> bool {
    true
}

/// All models of a database.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    models: IndexMap<String, Arc<Model>>,
    /// The many2one fields that refer to a model, as (model, field).
    referrers: HashMap<String, Vec<(String, String)>>,
}

static BASE: PerSeries<Arc<Registry>> = PerSeries::new(|series| Arc::new(Registry::of_modules(series)));

impl Registry {
    /// The models of the modules of a series.
    #[must_use]
    pub fn base(series: Series) -> Arc<Self> {
        Arc::clone(BASE.of(series))
    }

    /// Reads the definitions that are compiled in. A module's definitions may add fields to models of others.
    fn of_modules(series: Series) -> Self {
        let mut registry = Self::default();
        for module in modules::of(series) {
            let definitions: IndexMap<String, ModelDefinition> = module.read("models").unwrap_or_default();
            for (name, definition) in definitions {
                registry.define(name, definition);
            }
        }
        registry.finish();
        registry
    }

    fn define(&mut self, name: String, definition: ModelDefinition) {
        let fields = definition.fields.into_iter().map(|(field, definition)| {
            let field = Field::new(&name, field, definition);
            (field.name.clone(), Arc::new(field))
        });
        if let Some(known) = self.models.get_mut(&name) {
            let known = Arc::make_mut(known);
            known.fields.extend(fields);
            known.constraints.extend(definition.constraints);
            return;
        }
        let fields: IndexMap<_, _> = fields.collect();
        let model = Model {
            table: definition.table.unwrap_or_else(|| name.replace('.', "_")),
            description: definition.description,
            is_abstract: definition.is_abstract,
            transient: definition.transient,
            rec_name: definition.rec_name,
            order: definition.order.unwrap_or_else(|| "id".to_owned()),
            parent_name: definition.parent_name.unwrap_or_else(|| "parent_id".to_owned()),
            parent_store: fields.get("parent_path").is_some_and(|field| field.is_column()),
            inherits: definition.inherits,
            log_access: definition.log_access,
            constraints: definition.constraints,
            manual: false,
            fields,
            id: definition.id,
            fields_from: definition.fields_from,
            name: name.clone(),
        };
        self.models.insert(name, Arc::new(model));
    }

    /// Adds the rows of `ir_model` and `ir_model_fields` whose state is `manual`.
    #[must_use]
    pub fn with_manual(&self, models: &[Map<String, Value>], fields: &[Map<String, Value>]) -> Self {
        let mut registry = self.clone();
        for row in models {
            let model = manual_model(row);
            registry.models.insert(model.name.clone(), Arc::new(model));
        }
        for row in fields {
            let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default();
            if let (Some(model), Some(definition)) =
                (registry.models.get_mut(text("model")), FieldDefinition::manual(row))
            {
                let field = Field::new(text("model"), text("name").to_owned(), definition);
                Arc::make_mut(model).fields.insert(field.name.clone(), Arc::new(field));
            }
        }
        for row in models {
            let name = row.get("model").and_then(Value::as_str).unwrap_or_default();
            if let Some(model) = registry.models.get_mut(name).map(Arc::make_mut) {
                model.rec_name =
                    ["x_name", "name"].into_iter().find(|field| model.fields.contains_key(*field)).map(str::to_owned);
                // Names without `x_` are those of models from a fixture.
                if !model.fields.contains_key("x_parent_id") && model.fields.contains_key("parent_id") {
                    "parent_id".clone_into(&mut model.parent_name);
                }
            }
        }
        registry.finish();
        registry
    }

    /// What follows from all definitions together: inherited fields, types of related fields, who refers to whom.
    fn finish(&mut self) {
        let names: Vec<String> = self.models.keys().cloned().collect();
        for name in &names {
            for (parent, link) in self.models[name].inherits.clone() {
                let Some(parent) = self.models.get(&parent).cloned() else { continue };
                let Some(model) = self.models.get_mut(name).map(Arc::make_mut) else { continue };
                for (field, definition) in &parent.fields {
                    if MAGIC.contains(&field.as_str()) {
                        continue;
                    }
                    match model.fields.get_mut(field) {
                        Some(own) if own.inherited => Arc::make_mut(own).inherit(&link, definition),
                        Some(_) => {}
                        None => {
                            let mut own = Field::clone(definition);
                            own.inherit(&link, definition);
                            model.fields.insert(field.clone(), Arc::new(own));
                        }
                    }
                }
            }
        }
        self.referrers.clear();
        for model in self.models.values().filter(|model| model.has_table()) {
            for field in model.fields.values().filter(|field| field.is_column() && field.kind == Kind::Many2one) {
                let target = field.relation.clone().unwrap_or_default();
                self.referrers.entry(target).or_default().push((model.name.clone(), field.name.clone()));
            }
        }
    }

    /// The model of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Model>> {
        self.models.get(name)
    }

    /// All models, in the order of their definition.
    pub fn models(&self) -> impl Iterator<Item = &Arc<Model>> {
        self.models.values()
    }

    /// The many2one columns that refer to records of a model, as (model, field).
    #[must_use]
    pub fn referrers(&self, model: &str) -> &[(String, String)] {
        self.referrers.get(model).map_or(&[], Vec::as_slice)
    }

    /// The model whose table that is.
    #[must_use]
    pub fn of_table(&self, table: &str) -> Option<&Arc<Model>> {
        self.models.values().find(|model| model.has_table() && model.table == table)
    }
}

fn manual_model(row: &Map<String, Value>) -> Model {
    let text = |key: &str| row.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let flag = |key: &str| row.get(key).is_some_and(|value| value == true || value == 1);
    let name = text("model");
    let description = text("name");
    let order = text("order");
    let magic = MAGIC.iter().map(|field| {
        let field = Field::new(&name, (*field).to_owned(), FieldDefinition::magic(field));
        (field.name.clone(), Arc::new(field))
    });
    Model {
        table: name.replace('.', "_"),
        description,
        is_abstract: flag("abstract"),
        transient: flag("transient"),
        rec_name: None,
        order: if order.is_empty() { "id".to_owned() } else { order },
        parent_name: "x_parent_id".to_owned(),
        parent_store: false,
        inherits: IndexMap::new(),
        log_access: true,
        constraints: Vec::new(),
        manual: true,
        fields: magic.collect(),
        id: None,
        fields_from: None,
        name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_of_all_series_are_whole() {
        for series in Series::ALL {
            let registry = Registry::base(series);
            assert!(registry.get("res.partner").is_some(), "{series}");
            for model in registry.models() {
                for field in model.fields.values() {
                    let relation = field.relation.as_deref().filter(|_| field.kind.is_relational());
                    assert!(
                        relation.is_none_or(|name| registry.get(name).is_some()),
                        "{series} {} {field:?}",
                        model.name
                    );
                }
            }
            let users = registry.get("res.users").unwrap();
            assert_eq!(users.field("city").unwrap().related.as_deref(), Some("partner_id.city"));
        }
    }
}
