//! The methods that can be called from outside, with their parameters, as each series has them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use indexmap::IndexMap;
use serde_json::{Map, Value};

use super::registry::Model;
use crate::error::{Error, Result};
use crate::modules;
use crate::python::{self, plural};
use crate::series::{PerSeries, Series};

/// The methods that all models share.
const SHARED: &str = "*";
/// A model without behaviour of its own, whose methods all manual models have too.
pub(crate) const PLAIN: &str = "res.partner.industry";

/// Methods of all models that only the server itself may call, of which 16.0 says so.
const PRIVATE: [&str; 26] = [
    "_add_missing_default_values",
    "_apply_ir_rules",
    "_check_company",
    "_check_recursion",
    "_compute_display_name",
    "_convert_to_write",
    "_create",
    "_fields_view_get",
    "_filter_access_rules",
    "_generate_order_by",
    "_get_external_ids",
    "_mapped_func",
    "_name_search",
    "_onchange_eval",
    "_parent_store_create",
    "_prepare_setup",
    "_read",
    "_read_group_raw",
    "_register_hook",
    "_search",
    "_setup_base",
    "_setup_complete",
    "_setup_fields",
    "_unregister_hook",
    "_where_calc",
    "_write",
];

/// A method that can be called.
#[derive(Clone, Debug)]
pub struct Method {
    /// As a `TypeError` names it: `BaseModel.search`.
    pub function: String,
    pub name: String,
    /// Whether it is called on a model, without records.
    pub on_model: bool,
    /// Its parameters as Python writes them: `(domain, limit=None)`.
    pub signature: Arc<str>,
    parameters: Arc<[Parameter]>,
}

#[derive(Clone, Debug, PartialEq)]
struct Parameter {
    name: String,
    default: Option<Value>,
    kind: ParameterKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ParameterKind {
    Plain,
    KeywordOnly,
    /// `*args`
    Positional,
    /// `**kwargs`
    Keywords,
}

/// What comes of the text of a signature: `(domain, limit=None) @model`.
#[derive(Debug)]
struct Signature {
    list: Arc<str>,
    on_model: bool,
    parameters: Arc<[Parameter]>,
}

/// A signature as it is written, read when it is needed.
#[derive(Debug)]
struct Written {
    text: String,
    read: OnceLock<Signature>,
}

type Signatures = IndexMap<String, IndexMap<String, Written>>;

static SIGNATURES: PerSeries<Signatures> = PerSeries::new(signatures);

fn signatures(series: Series) -> Signatures {
    let mut all = Signatures::new();
    for module in modules::of(series) {
        let texts: IndexMap<String, IndexMap<String, String>> = module.read("methods").unwrap_or_default();
        for (model, methods) in texts {
            all.entry(model).or_default().extend(methods.into_iter().map(|(name, text)| (name, Written::new(text))));
        }
    }
    let further =
        series.further_methods().iter().map(|(name, text)| ((*name).to_owned(), Written::new((*text).to_owned())));
    all.entry(SHARED.to_owned()).or_default().extend(further);
    all
}

/// The method `name` of a model; nothing where there is none.
///
/// # Errors
/// An `AccessError` for a private method.
pub fn find(series: Series, model: &Model, name: &str) -> Result<Option<Method>> {
    let (model_name, signatures) = (model.name.as_str(), SIGNATURES.of(series));
    let private = || Error::AccessError(series.private_method(model_name, name));
    if name.starts_with('_') {
        let is_known = !series.looks_for_private_methods() || PRIVATE.contains(&name);
        return if is_known { Err(private()) } else { Ok(None) };
    }
    let of = |model: &str| signatures.get(model).and_then(|methods| methods.get(name));
    let (signature, own) = match (of(model_name), of(SHARED)) {
        (Some(own), _) => (own, true),
        (None, Some(shared)) => (shared, false),
        (None, None) => match of(PLAIN).filter(|_| model.manual || !signatures.contains_key(model_name)) {
            Some(plain) => (plain, false),
            None if series.hides_method(name) => return Err(private()),
            None => return Ok(None),
        },
    };
    let everywhere = !own || of(PLAIN).is_some();
    let class = match (everywhere, name.starts_with("web_")) {
        (true, true) => "Base".to_owned(),
        (true, false) => "BaseModel".to_owned(),
        (false, _) => series.model_class(model_name),
    };
    Ok(Some(Method::new(&class, name, signature)))
}

/// All public methods of a model.
#[must_use]
pub fn of(series: Series, model: &Model) -> Vec<Method> {
    let signatures = SIGNATURES.of(series);
    let plain = model.manual || !signatures.contains_key(&model.name);
    let sources = [Some(model.name.as_str()), Some(SHARED), Some(PLAIN).filter(|_| plain)];
    let names: BTreeSet<&String> =
        sources.into_iter().flatten().filter_map(|source| signatures.get(source)).flat_map(IndexMap::keys).collect();
    names.into_iter().filter_map(|name| find(series, model, name).ok().flatten()).collect()
}

/// Whether a series has a method in all models.
#[must_use]
pub fn is_shared(series: Series, name: &str) -> bool {
    let signatures = SIGNATURES.of(series);
    [SHARED, PLAIN].iter().any(|model| signatures.get(*model).is_some_and(|methods| methods.contains_key(name)))
}

/// The arguments of a call by the names of the parameters.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    values: HashMap<String, Value>,
    /// Those that `**kwargs` took.
    pub more: Map<String, Value>,
    /// Those that `*args` took.
    pub rest: Vec<Value>,
}

impl Arguments {
    /// An argument, or the parameter's default; null where there is neither.
    #[must_use]
    pub fn get(&self, name: &str) -> &Value {
        static NULL: Value = Value::Null;
        self.values.get(name).unwrap_or(&NULL)
    }

    /// The first argument that has one of these names, which differ from series to series.
    #[must_use]
    pub fn any(&self, names: &[&str]) -> &Value {
        names.iter().find_map(|name| self.values.get(*name)).unwrap_or_else(|| self.get(""))
    }
}

impl Written {
    fn new(text: String) -> Self {
        Self { text, read: OnceLock::new() }
    }

    fn read(&self) -> &Signature {
        self.read.get_or_init(|| Signature::parse(&self.text))
    }
}

impl Signature {
    fn parse(text: &str) -> Self {
        let (list, decorator) = text.rsplit_once(')').unwrap_or((text, ""));
        let list = list.strip_prefix('(').unwrap_or(list);
        let mut parameters = Vec::new();
        let mut keyword_only = false;
        for text in split(list) {
            if text == "*" {
                keyword_only = true;
                continue;
            }
            let kind = match text.as_bytes() {
                [b'*', b'*', ..] => ParameterKind::Keywords,
                [b'*', ..] => ParameterKind::Positional,
                _ if keyword_only => ParameterKind::KeywordOnly,
                _ => ParameterKind::Plain,
            };
            let (name, default) = text.split_once('=').map_or((text, None), |(name, default)| (name, Some(default)));
            let default = default.map(literal);
            parameters.push(Parameter { name: name.trim_start_matches('*').to_owned(), default, kind });
        }
        Self { list: format!("({list})").into(), on_model: decorator.contains("@model"), parameters: parameters.into() }
    }
}

impl Method {
    fn new(class: &str, name: &str, written: &Written) -> Self {
        let signature = written.read();
        Self {
            function: format!("{class}.{name}"),
            name: name.to_owned(),
            on_model: signature.on_model,
            signature: Arc::clone(&signature.list),
            parameters: Arc::clone(&signature.parameters),
        }
    }

    /// The names of the parameters, with the defaults of those that have one.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Option<&Value>)> {
        self.parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.default.as_ref()))
    }

    /// What kind of parameter one is, in the words of `inspect`; nothing for an ordinary one.
    #[must_use]
    pub fn kind_of(&self, parameter: &str) -> Option<&'static str> {
        let known = self.parameters.iter().find(|known| known.name == parameter)?;
        match known.kind {
            ParameterKind::Plain => None,
            ParameterKind::KeywordOnly => Some("KEYWORD_ONLY"),
            ParameterKind::Positional => Some("VAR_POSITIONAL"),
            ParameterKind::Keywords => Some("VAR_KEYWORD"),
        }
    }

    /// Whether there is a parameter of that name.
    #[must_use]
    pub fn has(&self, parameter: &str) -> bool {
        self.parameters.iter().any(|known| known.name == parameter)
    }

    /// Gives arguments to parameters.
    ///
    /// # Errors
    /// A `TypeError` in Python's words for arguments that do not fit.
    pub fn bind(&self, args: Vec<Value>, kwargs: Map<String, Value>) -> Result<Arguments> {
        let mut arguments = Arguments::default();
        let plain: Vec<&Parameter> = self.parameters.iter().filter(|p| p.kind == ParameterKind::Plain).collect();
        let takes_all = self.parameters.iter().any(|p| p.kind == ParameterKind::Positional);
        if args.len() > plain.len() && !takes_all {
            return Err(self.surplus(&plain, args.len()));
        }
        let mut args = args.into_iter();
        for (parameter, value) in plain.iter().zip(args.by_ref()) {
            arguments.values.insert(parameter.name.clone(), value);
        }
        arguments.rest = args.collect();
        for (name, value) in kwargs {
            let parameter = self.parameters.iter().find(|parameter| {
                parameter.name == name && matches!(parameter.kind, ParameterKind::Plain | ParameterKind::KeywordOnly)
            });
            if parameter.is_some() {
                if arguments.values.insert(name.clone(), value).is_some() {
                    let message = format!("{}() got multiple values for argument '{name}'", self.function);
                    return Err(Error::type_error(message));
                }
            } else if self.parameters.iter().any(|parameter| parameter.kind == ParameterKind::Keywords) {
                arguments.more.insert(name, value);
            } else {
                let message = format!("{}() got an unexpected keyword argument '{name}'", self.function);
                return Err(Error::type_error(message));
            }
        }
        let mut missing = Vec::new();
        for parameter in self.parameters.iter() {
            if matches!(parameter.kind, ParameterKind::Positional | ParameterKind::Keywords)
                || arguments.values.contains_key(&parameter.name)
            {
                continue;
            }
            match &parameter.default {
                Some(default) => {
                    arguments.values.insert(parameter.name.clone(), default.clone());
                }
                None => missing.push(parameter.name.as_str()),
            }
        }
        if missing.is_empty() { Ok(arguments) } else { Err(python::missing_arguments(&self.function, &missing)) }
    }

    /// Arguments by the names of the parameters that they are for, as far as there are such; surplus ones by position.
    #[must_use]
    pub fn name_arguments(&self, args: Vec<Value>, kwargs: Map<String, Value>) -> Map<String, Value> {
        let plain: Vec<&Parameter> = self.parameters.iter().filter(|p| p.kind == ParameterKind::Plain).collect();
        let name = |index: usize| plain.get(index).map_or_else(|| index.to_string(), |known| known.name.clone());
        args.into_iter().enumerate().map(|(index, value)| (name(index), value)).chain(kwargs).collect()
    }

    /// Gives arguments that all have names to parameters, as JSON-2 does: with the words of `inspect`, which binds them
    /// beforehand. One record for `create` becomes a list, so that the answer is one too.
    ///
    /// # Errors
    /// `Unprocessable` for arguments that do not fit.
    pub fn bind_named(&self, mut kwargs: Map<String, Value>) -> Result<Arguments> {
        let refused = |message: String| Err(Error::Unprocessable(message));
        if kwargs.contains_key("self") {
            return refused("multiple values for argument 'self'".to_owned());
        }
        let mut arguments = Arguments::default();
        for parameter in self.parameters.iter() {
            if matches!(parameter.kind, ParameterKind::Positional | ParameterKind::Keywords) {
                continue;
            }
            let value = match (kwargs.shift_remove(&parameter.name), &parameter.default) {
                (Some(one @ Value::Object(_)), _) if self.name == "create" => Value::Array(vec![one]),
                (Some(value), _) => value,
                (None, Some(default)) => default.clone(),
                (None, None) => return refused(format!("missing a required argument: '{}'", parameter.name)),
            };
            arguments.values.insert(parameter.name.clone(), value);
        }
        if self.parameters.iter().any(|parameter| parameter.kind == ParameterKind::Keywords) {
            arguments.more = kwargs;
        } else if let Some(name) = kwargs.keys().next() {
            return refused(format!("got an unexpected keyword argument {}", python::repr(&name.as_str().into())));
        }
        Ok(arguments)
    }

    fn surplus(&self, plain: &[&Parameter], given: usize) -> Error {
        let required = plain.iter().filter(|parameter| parameter.default.is_none()).count();
        let (least, most) = (required + 1, plain.len() + 1);
        let takes = if least == most { most.to_string() } else { format!("from {least} to {most}") };
        let s = if least == most { plural(most) } else { "s" };
        let given = given + 1;
        Error::type_error(format!("{}() takes {takes} positional argument{s} but {given} were given", self.function))
    }
}

/// Splits at commas that are not in parentheses or quotes.
fn split(list: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start, mut quoted) = (Vec::new(), 0_usize, 0, false);
    for (index, c) in list.char_indices() {
        match c {
            '\'' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if depth == 0 && !quoted => {
                parts.push(list[start..index].trim());
                start = index + 1;
            }
            _ => {}
        }
    }
    parts.push(list[start..].trim());
    parts.retain(|part| !part.is_empty());
    parts
}

/// A default as Python writes it.
fn literal(text: &str) -> Value {
    match text {
        "None" => Value::Null,
        "True" => true.into(),
        "False" => false.into(),
        "()" | "[]" => Value::Array(Vec::new()),
        _ => match text.strip_prefix('\'').and_then(|text| text.strip_suffix('\'')) {
            Some(text) => text.into(),
            None => text.parse::<i64>().map_or(Value::Null, Value::from),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn method() -> Method {
        Method::new(
            "BaseModel",
            "search",
            &Written::new("(domain, offset=0, limit=None, order=None) @model".to_owned()),
        )
    }

    #[test]
    fn signatures_are_read() {
        let method = method();
        assert!(method.on_model);
        let arguments = method.bind(vec![json!([]), json!(2)], Map::new()).unwrap();
        assert_eq!(arguments.get("offset"), &json!(2));
        assert_eq!(arguments.get("limit"), &Value::Null);
        let more = Method::new("B", "f", &Written::new("(name, **options) @model".to_owned()));
        let arguments = more.bind(vec![json!(1)], Map::from_iter([("x".to_owned(), json!(2))])).unwrap();
        assert_eq!(arguments.more["x"], json!(2));
    }

    #[test]
    fn pythons_words_for_arguments_that_do_not_fit() {
        let kwargs = |name: &str| Map::from_iter([(name.to_owned(), json!(1))]);
        let message = |args: Vec<Value>, kwargs| method().bind(args, kwargs).unwrap_err().to_string();
        assert_eq!(message(vec![], Map::new()), "BaseModel.search() missing 1 required positional argument: 'domain'");
        assert_eq!(
            message(vec![json!(1); 5], Map::new()),
            "BaseModel.search() takes from 2 to 5 positional arguments but 6 were given"
        );
        assert_eq!(
            message(vec![json!([])], kwargs("foo")),
            "BaseModel.search() got an unexpected keyword argument 'foo'"
        );
        assert_eq!(
            message(vec![json!([])], kwargs("domain")),
            "BaseModel.search() got multiple values for argument 'domain'"
        );
    }

    #[test]
    fn every_signature_of_every_series_is_readable() {
        for series in Series::ALL {
            for (model, methods) in SIGNATURES.of(series) {
                for (name, written) in methods {
                    let text = &written.text;
                    assert!(text.starts_with('('), "{series} {model}.{name}");
                    let readable = written.read().parameters.iter().all(|p| !p.name.contains(' '));
                    assert!(readable, "{series} {model}.{name}{text}");
                }
            }
        }
    }
}
