//! Fields: what a model's records consist of.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::images::Size;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Char,
    Text,
    Html,
    Integer,
    Float,
    Monetary,
    Boolean,
    Date,
    Datetime,
    Selection,
    Binary,
    Many2one,
    One2many,
    Many2many,
    Reference,
    Many2oneReference,
    Json,
    Properties,
    PropertiesDefinition,
}

impl Kind {
    /// The name on the wire: `many2one`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Char => "char",
            Self::Text => "text",
            Self::Html => "html",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Monetary => "monetary",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Selection => "selection",
            Self::Binary => "binary",
            Self::Many2one => "many2one",
            Self::One2many => "one2many",
            Self::Many2many => "many2many",
            Self::Reference => "reference",
            Self::Many2oneReference => "many2one_reference",
            Self::Json => "json",
            Self::Properties => "properties",
            Self::PropertiesDefinition => "properties_definition",
        }
    }

    /// Whether values are records of one model, which `relation` names.
    #[must_use]
    pub fn is_relational(self) -> bool {
        matches!(self, Self::Many2one) || self.is_x2many()
    }

    /// Whether values are lists of records.
    #[must_use]
    pub fn is_x2many(self) -> bool {
        matches!(self, Self::One2many | Self::Many2many)
    }

    /// Whether values are texts.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Self::Char | Self::Text | Self::Html)
    }

    /// Whether values are numbers.
    #[must_use]
    pub fn is_number(self) -> bool {
        matches!(self, Self::Integer | Self::Float | Self::Monetary | Self::Many2oneReference)
    }

    /// Whether values are dates, with or without a time.
    #[must_use]
    pub fn is_temporal(self) -> bool {
        matches!(self, Self::Date | Self::Datetime)
    }

    /// Whether values are JSON documents.
    #[must_use]
    pub fn is_json(self) -> bool {
        matches!(self, Self::Json | Self::Properties | Self::PropertiesDefinition)
    }
}

/// A field as a data file or a row of `ir_model_fields` defines it.
#[expect(clippy::struct_excessive_bools, reason = "Odoo's attributes of a field")]
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(try_from = "Map<String, Value>")]
pub struct FieldDefinition {
    kind: Option<Kind>,
    string: Option<String>,
    relation: Option<String>,
    inverse: Option<String>,
    table: Option<[String; 3]>,
    ondelete: Option<String>,
    related: Option<String>,
    selection: Option<Vec<(String, String)>>,
    dynamic: bool,
    size: Option<usize>,
    digits: Option<(u32, u32)>,
    translate: bool,
    default: Option<Value>,
    groups: Vec<String>,
    aggregator: Option<String>,
    index: bool,
    required: bool,
    readonly: bool,
    computed: bool,
    inherited: bool,
    store: Option<bool>,
    copy: Option<bool>,
    searchable: Option<bool>,
    manual: bool,
    /// What is not said above.
    attributes: Map<String, Value>,
}

impl TryFrom<Map<String, Value>> for FieldDefinition {
    type Error = serde_json::Error;

    /// Reads what a data file says of a field. By hand, since there are thousands of fields and a database is ready in
    /// milliseconds.
    fn try_from(definition: Map<String, Value>) -> Result<Self, Self::Error> {
        fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<Option<T>, serde_json::Error> {
            serde_json::from_value(value).map(Some)
        }
        let text = |value: Value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        let mut field = Self::default();
        for (key, value) in definition {
            let truth = crate::python::truth(&value);
            match key.as_str() {
                "type" => field.kind = read(value)?,
                "string" => field.string = text(value),
                "relation" => field.relation = text(value),
                "inverse" => field.inverse = text(value),
                "table" => field.table = read(value)?,
                "ondelete" => field.ondelete = text(value),
                "related" => field.related = text(value),
                "selection" => field.selection = read(value)?,
                "dynamic" => field.dynamic = truth,
                "size" => field.size = read(value)?,
                "digits" => field.digits = read(value)?,
                "translate" => field.translate = truth,
                "default" => field.default = Some(value),
                "groups" => {
                    field.groups = match value {
                        Value::String(list) => list.split(',').map(|group| group.trim().to_owned()).collect(),
                        list => read(list)?.unwrap_or_default(),
                    }
                }
                "aggregator" => field.aggregator = text(value),
                "index" => field.index = truth,
                "required" => field.required = truth,
                "readonly" => field.readonly = truth,
                "computed" => field.computed = truth,
                "inherited" => field.inherited = truth,
                "store" => field.store = Some(truth),
                "copy" => field.copy = Some(truth),
                "searchable" => field.searchable = Some(truth),
                "manual" => field.manual = truth,
                _ => {
                    field.attributes.insert(key, value);
                }
            }
        }
        Ok(field)
    }
}

impl FieldDefinition {
    /// The definition of a field that every model has.
    #[must_use]
    pub fn magic(name: &str) -> Self {
        let (kind, string) = match name {
            "id" => (Kind::Integer, "ID"),
            "display_name" => (Kind::Char, "Display Name"),
            "create_uid" => (Kind::Many2one, "Created by"),
            "create_date" => (Kind::Datetime, "Created on"),
            "write_uid" => (Kind::Many2one, "Last Updated by"),
            _ => (Kind::Datetime, "Last Updated on"),
        };
        Self {
            kind: Some(kind),
            string: Some(string.to_owned()),
            relation: (kind == Kind::Many2one).then(|| "res.users".to_owned()),
            ondelete: (kind == Kind::Many2one).then(|| "set null".to_owned()),
            readonly: true,
            computed: name == "display_name",
            store: Some(name != "display_name"),
            searchable: Some(true),
            ..Self::default()
        }
    }

    /// The definition that a row of `ir_model_fields` (as `read` answers, with `selection` from
    /// `ir_model_fields_selection`) makes; nothing where it is not one.
    #[must_use]
    pub fn manual(row: &Map<String, Value>) -> Option<Self> {
        let text = |key: &str| row.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned);
        let flag = |key: &str| row.get(key).is_some_and(|value| *value == true || *value == 1);
        let kind: Kind = serde_json::from_value(row.get("ttype")?.clone()).ok()?;
        let table = text("relation_table").zip(text("column1")).zip(text("column2"));
        let selection = row.get("selection").cloned().and_then(|value| serde_json::from_value(value).ok());
        let mut attributes = Map::new();
        if let Some(domain) = text("domain").filter(|domain| domain != "[]") {
            attributes.insert("domain".to_owned(), domain.into());
        }
        Some(Self {
            kind: Some(kind),
            string: text("field_description"),
            relation: text("relation").filter(|_| kind.is_relational()),
            inverse: text("relation_field"),
            table: table.filter(|_| kind == Kind::Many2many).map(|((table, own), other)| [table, own, other]),
            ondelete: text("on_delete"),
            related: text("related"),
            selection,
            size: row
                .get("size")
                .and_then(Value::as_u64)
                .and_then(|size| usize::try_from(size).ok())
                .filter(|n| *n > 0),
            translate: row.get("translate").is_some_and(crate::python::truth),
            index: flag("index"),
            required: flag("required"),
            readonly: flag("readonly"),
            computed: text("compute").is_some() || text("related").is_some(),
            store: Some(flag("store")),
            copy: Some(flag("copied")),
            manual: true,
            groups: row
                .get("groups")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(|group| group.as_str().map(str::to_owned))
                .collect(),
            attributes,
            ..Self::default()
        })
    }
}

/// The table of a many2many field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    pub table: String,
    /// The column with the ids of the field's own model.
    pub own: String,
    /// The column with the ids of the other model.
    pub other: String,
}

/// A field of a model.
#[expect(clippy::struct_excessive_bools, reason = "Odoo's attributes of a field")]
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    /// The model that it belongs to.
    pub model: String,
    pub kind: Kind,
    /// Its label.
    pub string: String,
    /// The model of its records.
    pub relation: Option<String>,
    /// The many2one field of the other model, for one2many.
    pub inverse: Option<String>,
    /// Where many2many pairs are.
    pub table: Option<Relation>,
    /// What a many2one does when its record goes: `cascade`, `restrict` or `set null`.
    pub ondelete: Option<String>,
    /// The path that it mirrors: `partner_id.city`.
    pub related: Option<String>,
    /// Values with labels.
    pub selection: Vec<(String, String)>,
    /// Whether the selection is computed.
    pub dynamic: bool,
    /// How long texts may be.
    pub size: Option<usize>,
    /// (precision, scale)
    pub digits: Option<(u32, u32)>,
    pub translate: bool,
    pub default: Option<Value>,
    /// External ids of groups that may see it, `!` before those that may not.
    pub groups: Vec<String>,
    pub aggregator: Option<String>,
    pub index: bool,
    pub required: bool,
    pub readonly: bool,
    pub computed: bool,
    /// Whether it is a parent's field by `_inherits`.
    pub inherited: bool,
    /// Whether Odoo stores it.
    pub store: bool,
    pub copy: bool,
    pub searchable: bool,
    pub manual: bool,
    /// What else `fields_get` shows.
    pub attributes: Map<String, Value>,
}

impl Field {
    /// The field `name` of `model`.
    #[must_use]
    pub fn new(model: &str, name: String, definition: FieldDefinition) -> Self {
        let kind = definition.kind.unwrap_or(Kind::Char);
        let store = definition.store.unwrap_or(true);
        let is_log = super::registry::MAGIC.contains(&name.as_str());
        let copied = store && !definition.computed && kind != Kind::One2many && !is_log;
        let table = definition.table.map(|[table, own, other]| Relation { table, own, other });
        let table = table.or_else(|| {
            let relation = definition.relation.as_deref().filter(|_| kind == Kind::Many2many && store)?;
            Some(default_relation(model, relation))
        });
        Self {
            model: model.to_owned(),
            kind,
            string: definition.string.unwrap_or_else(|| name.clone()),
            relation: definition.relation,
            inverse: definition.inverse,
            table,
            ondelete: definition.ondelete,
            selection: definition.selection.unwrap_or_default(),
            dynamic: definition.dynamic,
            size: definition.size,
            digits: definition.digits,
            translate: definition.translate,
            default: definition.default,
            groups: definition.groups,
            aggregator: definition.aggregator,
            index: definition.index,
            required: definition.required,
            readonly: definition.readonly,
            computed: definition.computed,
            inherited: definition.inherited,
            store,
            copy: definition.copy.unwrap_or(copied),
            searchable: definition.searchable.unwrap_or(store || definition.related.is_some()),
            manual: definition.manual,
            attributes: definition.attributes,
            related: definition.related,
            name,
        }
    }

    /// Becomes the mirror of a parent's field, which `link` refers to the record of.
    pub fn inherit(&mut self, link: &str, parent: &Self) {
        self.related = Some(format!("{link}.{}", self.name));
        self.kind = parent.kind;
        self.relation.clone_from(&parent.relation);
        self.selection.clone_from(&parent.selection);
        self.inherited = true;
        self.computed = true;
        self.store = false;
        self.searchable = true;
        self.required = parent.required;
        self.readonly = parent.readonly;
        self.copy = false;
    }

    /// Whether it is a column of the model's table. Related fields are followed instead, also where Odoo stores them:
    /// then they are never out of date.
    #[must_use]
    pub fn is_column(&self) -> bool {
        // What depends on the company has one value here, and Odoo stores it elsewhere.
        let kept = self.store || self.attribute("company_dependent").is_some_and(|value| *value == true);
        kept && self.related.is_none() && !self.kind.is_x2many() && !self.is_attachment()
    }

    /// Whether its content is a row of `ir_attachment`.
    #[must_use]
    pub fn is_attachment(&self) -> bool {
        let own = self.related.is_none() || self.original().is_some();
        self.kind == Kind::Binary && self.store && own && self.model != "ir.attachment"
    }

    /// The field of the same record whose image it has in another size: `image_1920` of `image_128`.
    #[must_use]
    pub fn original(&self) -> Option<&str> {
        let related = self.related.as_deref()?;
        (self.kind == Kind::Binary && self.store && !related.contains('.')).then_some(related)
    }

    /// The size of the images that it takes, if it takes no other files.
    #[must_use]
    pub fn image_size(&self) -> Option<Size> {
        let is_image = self.name.starts_with("image_") || self.name == "flag_image";
        (is_image && !self.manual && self.is_attachment()).then(|| Size::of_field(&self.name))
    }

    /// Whether a value can be given to it and is kept.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.related.is_none() && self.store
    }

    /// An attribute that `fields_get` shows, where the definition has it.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Value> {
        self.attributes.get(name)
    }

    /// The context in which the records of a relation are read: `{"active_test": false}`.
    #[must_use]
    pub fn context(&self) -> Option<&Map<String, Value>> {
        self.attribute("context").and_then(Value::as_object)
    }

    /// The other model. Empty for fields without one.
    #[must_use]
    pub fn comodel(&self) -> &str {
        self.relation.as_deref().unwrap_or_default()
    }
}

/// The table that Odoo gives a many2many field that names none: both tables in the order of the alphabet.
#[must_use]
pub fn default_relation(model: &str, relation: &str) -> Relation {
    let (own, other) = (model.replace('.', "_"), relation.replace('.', "_"));
    let (first, second) = if own <= other { (&own, &other) } else { (&other, &own) };
    let table = format!("{first}_{second}_rel");
    if own == other {
        return Relation { table, own: "id1".to_owned(), other: "id2".to_owned() };
    }
    Relation { table, own: format!("{own}_id"), other: format!("{other}_id") }
}
