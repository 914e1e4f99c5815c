//! A method of a model, called from outside: the one path that all dialects share.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::domain::{Domain, Operator};
use super::env::{Env, Tools};
use super::methods::{self, Arguments, Method};
use super::registry::{Model, Registry};
use super::search::{self, Page};
use super::{defaults, fields_get, names, onchange, read, recordset, rows, transfer, translations, views, web, write};
use crate::auth::Caller;
use crate::database::{Step, Transaction};
use crate::error::{Error, Result};
use crate::interception;
use crate::models;
use crate::python;
use crate::reply::Reply;
use crate::series::Series;

/// A call of a method of a model.
#[derive(Clone, Debug, Default)]
pub struct MethodCall {
    pub model: String,
    pub method: String,
    /// Arguments by position.
    pub args: Vec<Value>,
    /// Arguments by name; `context` among them.
    pub kwargs: Map<String, Value>,
    /// The records of a call whose arguments all have names, as JSON-2 makes it; `args` are empty then.
    pub ids: Option<Value>,
}

impl MethodCall {
    /// What is said of a method that there is not: with names only, that there is nothing at its path.
    fn unknown(&self, series: Series) -> Error {
        let message = series.unknown_method(&self.model, &self.method);
        match self.ids {
            Some(_) => Error::NotFound(message),
            None => Error::Python { name: "builtins.AttributeError", message },
        }
    }

    /// Gives the arguments to the parameters of a method.
    fn bind(&self, method: Method, kwargs: Map<String, Value>) -> Result<Bound> {
        if let Some(given) = &self.ids {
            if method.on_model && python::truth(given) {
                let message = format!("cannot call {}.{} with ids", self.model, self.method);
                return Err(Error::Unprocessable(message));
            }
            let arguments = method.bind_named(kwargs)?;
            return Ok(Bound { method, ids: parse_ids(&browsed(given)?)?, arguments });
        }
        let mut args = self.args.clone();
        let mut records = Value::Null;
        if !method.on_model && method.name != "create" {
            if args.is_empty() {
                let message = "list index out of range".to_owned();
                return Err(Error::Python { name: "builtins.IndexError", message });
            }
            records = args.remove(0);
        }
        let arguments = method.bind(args, kwargs)?;
        Ok(Bound { method, ids: parse_ids(&records)?, arguments })
    }
}

/// A method that is being called, with its arguments.
#[derive(Clone, Debug)]
pub struct Bound {
    pub method: Method,
    /// The records that it is called on.
    pub ids: Vec<i32>,
    pub arguments: Arguments,
}

impl Bound {
    /// An argument; see [`Arguments::get`].
    #[must_use]
    pub fn get(&self, name: &str) -> &Value {
        self.arguments.get(name)
    }
}

/// Methods that write nothing, so that they need not wait for writers.
const READING: [&str; 45] = [
    "search",
    "search_fetch",
    "search_read",
    "search_count",
    "read",
    "exists",
    "name_search",
    "name_get",
    "fields_get",
    "default_get",
    "onchange",
    "read_group",
    "formatted_read_group",
    "formatted_read_grouping_sets",
    "web_read",
    "web_search_read",
    "web_read_group",
    "web_name_search",
    "read_progress_bar",
    "get_views",
    "get_view",
    "fields_view_get",
    "load_views",
    "get_metadata",
    "get_external_id",
    "check_access_rights",
    "check_access",
    "check_access_rule",
    "has_access",
    "check_field_access_rights",
    "get_field_translations",
    "has_group",
    "has_groups",
    "context_get",
    "get_param",
    "check_object_reference",
    "get_installed",
    "copy_data",
    "get_formview_id",
    "get_formview_action",
    "get_empty_list_help",
    "get_import_templates",
    "get_base_url",
    "display_name_for",
    "get_available_models",
];

/// Whether a method writes nothing.
#[must_use]
pub fn reads(method: &str) -> bool {
    READING.contains(&method) || recordset::READING.contains(&method)
}

/// What a request asks for: the model, and the call, unless something is wrong with that, which is said of models that there
/// are.
pub type Asked = Result<(String, Result<Arc<MethodCall>>)>;

/// Whether there is a model of that name.
///
/// # Errors
/// A failure of the database.
pub async fn has_model(caller: &Caller, model: &str, tools: &Tools) -> Result<bool> {
    let intercepted = tools.interceptor.as_ref().is_some_and(|who| who.knows_model(caller.database.name(), model));
    if intercepted || Registry::base(caller.database.series()).get(model).is_some() {
        return Ok(true);
    }
    Box::pin(has_manual_model(caller, model, tools)).await
}

async fn has_manual_model(caller: &Caller, model: &str, tools: &Tools) -> Result<bool> {
    let (tools, name) = (tools.clone(), model.to_owned());
    let caller = caller.clone();
    let database = Arc::clone(&caller.database);
    database.read(move |tx| Box::pin(async move { is_manual(tx, &caller, &tools, &name).await })).await
}

/// Whether a model that is none of the series' own is there all the same.
async fn is_manual(tx: &Transaction, caller: &Caller, tools: &Tools, model: &str) -> Result<bool> {
    let env = Env::new(tx, caller, tools, Map::new()).await?;
    Ok(env.registry().await?.get(model).is_some())
}

/// Calls a method of a model that [there is](has_model), in one transaction.
///
/// # Errors
/// An `AccessError` for a private method, an `AttributeError` for an unknown one, a `TypeError` for arguments that do not
/// fit, and what the method returns.
pub async fn call(caller: &Caller, tools: &Tools, call: impl Into<Arc<MethodCall>>) -> Result<Reply> {
    let (call, started) = (call.into(), Instant::now());
    let done = Box::pin(answer(caller, tools, &call)).await;
    count(tools, &call, &done, started);
    done
}

fn count(tools: &Tools, call: &MethodCall, done: &Result<Reply>, started: Instant) {
    if let Some(metrics) = &tools.metrics {
        metrics.called(&call.model, &call.method, done, started.elapsed());
    }
}

/// As [`call`], by one who was found by what is remembered under a
/// [supposed](crate::database::Database::supposed_version) version; nothing where the database has another one, or where
/// there is no such model, so that the caller is to be looked for.
pub async fn call_supposed(caller: &Caller, tools: &Tools, call: &Arc<MethodCall>) -> Option<Result<Reply>> {
    if tools.interceptor.is_some() {
        return None;
    }
    let (started, database) = (Instant::now(), &caller.database);
    let done = if reads(&call.method) {
        Box::pin(database.read_supposed(&caller.version, |tx| step_if_known(tx, caller, tools, call))).await
    } else {
        Box::pin(database.write_supposed(&caller.version, |tx| step_if_known(tx, caller, tools, call))).await
    };
    let done = done?.transpose()?;
    count(tools, call, &done, started);
    Some(done)
}

async fn answer(caller: &Caller, tools: &Tools, call: &Arc<MethodCall>) -> Result<Reply> {
    if tools.interceptor.is_none() {
        return Box::pin(perform(caller, tools, call)).await;
    }
    let seen = interception::Call {
        service: "object",
        database: Some(caller.database.name()),
        user: Some((caller.user.id, &caller.user.login)),
        model: Some(&call.model),
        method: &call.method,
        ids: call.ids.as_ref(),
        args: &call.args,
        kwargs: &call.kwargs,
    };
    interception::answer(&tools.interceptor, seen, || Box::pin(perform(caller, tools, call))).await
}

async fn perform(caller: &Caller, tools: &Tools, call: &Arc<MethodCall>) -> Result<Reply> {
    if reads(&call.method) {
        return Box::pin(caller.database.read_at(&caller.version, |tx| step(tx, caller, tools, call))).await;
    }
    caller.version.release();
    Box::pin(caller.database.write(|tx| step(tx, caller, tools, call))).await
}

/// A call in a transaction.
fn step<'a>(tx: &'a Transaction, caller: &Caller, tools: &Tools, call: &Arc<MethodCall>) -> Step<'a, Reply> {
    let (caller, tools, call) = (caller.clone(), tools.clone(), Arc::clone(call));
    Box::pin(async move { run(tx, &caller, &tools, &call).await })
}

/// A call in a transaction, if there is such a model.
fn step_if_known<'a>(
    tx: &'a Transaction,
    caller: &Caller,
    tools: &Tools,
    call: &Arc<MethodCall>,
) -> Step<'a, Option<Reply>> {
    let (caller, tools, call) = (caller.clone(), tools.clone(), Arc::clone(call));
    Box::pin(async move {
        let is_base = Registry::base(caller.database.series()).get(&call.model).is_some();
        if !is_base && !is_manual(tx, &caller, &tools, &call.model).await? {
            return Ok(None);
        }
        run(tx, &caller, &tools, &call).await.map(Some)
    })
}

async fn run(tx: &Transaction, caller: &Caller, tools: &Tools, call: &MethodCall) -> Result<Reply> {
    let mut kwargs = call.kwargs.clone();
    let context = match kwargs.shift_remove("context") {
        Some(Value::Object(context)) => context,
        _ => Map::new(),
    };
    let env = Env::new(tx, caller, tools, context).await?;
    env.check_lang().await?;
    let model = env.model(&call.model).await?;
    let method = methods::find(env.series(), &model, &call.method)?.ok_or_else(|| call.unknown(env.series()))?;
    let bound = call.bind(method, kwargs)?;
    if let Some(answer) = models::behaviour(&model.name).call(&env, &model, &bound).await? {
        return Ok(answer.into());
    }
    let shared = Shared { env: &env, model: &model, call: &bound };
    shared.run().await?.ok_or_else(|| call.unknown(env.series()))
}

/// The ids of `browse(value)`: one, or whatever makes a sequence.
fn browsed(value: &Value) -> Result<Value> {
    match value {
        value if !python::truth(value) => Ok(Value::Null),
        Value::Number(number) if number.is_i64() || number.is_u64() => Ok(value.clone()),
        other => Ok(python::list(other.clone())?.into()),
    }
}

/// The records of a call: an id, a list of ids, or nothing.
///
/// # Errors
/// PostgreSQL's refusal of what is no number.
pub fn parse_ids(value: &Value) -> Result<Vec<i32>> {
    let values = match value {
        Value::Null | Value::Bool(false) => return Ok(Vec::new()),
        Value::Array(values) => values.as_slice(),
        one => std::slice::from_ref(one),
    };
    let id = |value: &Value| -> Result<Option<i32>> {
        let invalid = |text: &str| Error::Python {
            name: "psycopg2.errors.InvalidTextRepresentation",
            message: format!("invalid input syntax for type integer: \"{text}\"\n"),
        };
        match value {
            // What is being made has no id yet.
            Value::Bool(false) | Value::Null => Ok(None),
            Value::String(text) => text.trim().parse().map(Some).map_err(|_| invalid(text)),
            Value::Number(_) => Ok(Some(i32::try_from(python::int(value)?).unwrap_or(i32::MAX))),
            other => Err(invalid(&python::text(other))),
        }
    };
    values.iter().filter_map(|value| id(value).transpose()).collect()
}

/// The one record that a method is called on.
///
/// # Errors
/// The `ValueError` that Odoo raises for none and for several.
pub fn singleton(model: &Model, ids: &[i32]) -> Result<i32> {
    if let [id] = ids {
        return Ok(*id);
    }
    let list: Vec<_> = ids.iter().map(ToString::to_string).collect();
    Err(Error::value_error(format!("Expected singleton: {}({})", model.name, list.join(", "))))
}

/// The methods that all models have.
struct Shared<'c, 'a> {
    env: &'c Env<'a>,
    model: &'c Arc<Model>,
    call: &'c Bound,
}

impl Shared<'_, '_> {
    fn domain(&self) -> Result<Domain> {
        Domain::parse(self.call.arguments.any(&["domain", "args"]), self.env.series())
    }

    fn page(&self) -> Result<Page> {
        let get = |name| self.call.get(name);
        Page::parse(get("offset"), get("limit"), get("order"))
    }

    fn operator(&self) -> Result<Operator> {
        let written = self.call.get("operator");
        let parsed = written.as_str().and_then(|text| Operator::parse(text, self.env.series()));
        parsed
            .ok_or_else(|| self.env.series().invalid_leaf(&format!("('display_name', {}, '')", python::repr(written))))
    }

    /// Runs the method; nothing where there is none of that name.
    async fn run(&self) -> Result<Option<Reply>> {
        match self.call.method.name.as_str() {
            "search_read" => Box::pin(self.search_read()).await.map(Some),
            "read" => Box::pin(self.read(&self.call.ids)).await.map(Some),
            "fields_get" => Box::pin(self.fields_get()).await.map(Some),
            "search" | "search_fetch" | "search_count" => Box::pin(self.search()).await.map(|found| Some(found.into())),
            _ => Ok(Box::pin(self.run_others()).await?.map(Reply::from)),
        }
    }

    async fn search(&self) -> Result<Value> {
        let (env, model, call) = (self.env, self.model.as_ref(), self.call);
        let page = match call.method.name.as_str() {
            "search_count" => Page { limit: self.page()?.limit, ..Page::default() },
            "search" if python::truth(call.get("count")) => Page::default(),
            "search" => return Ok(search::search(env, model, &self.domain()?, &self.page()?).await?.into()),
            _ => {
                self.fields(call.get("field_names")).await?;
                return Ok(search::search(env, model, &self.domain()?, &self.page()?).await?.into());
            }
        };
        Ok(search::count(env, model, &self.domain()?, page.limit).await?.into())
    }

    async fn run_others(&self) -> Result<Option<Value>> {
        let (env, model, call) = (self.env, self.model.as_ref(), self.call);
        let ids = call.ids.as_slice();
        Ok(Some(match call.method.name.as_str() {
            "exists" => read::existing(env, model, ids).await?.into(),
            "create" => self.create().await?,
            "write" => {
                let values = values(call.arguments.any(&["vals", "values"]), model, env.series())?;
                write::write(env, model, ids, values).await?;
                true.into()
            }
            "unlink" => {
                write::unlink(env, model, ids).await?;
                true.into()
            }
            "copy" => self.copy(ids).await?,
            "copy_data" => self.copy_data(ids).await?,
            "name_get" => {
                access::check_model(env, model, Operation::Read).await?;
                access::check_records(env, model, ids, Operation::Read).await?;
                names::pairs(env, model, ids).await?
            }
            "name_search" => {
                let limit = self.page()?.limit;
                let found =
                    names::name_search(env, model, call.get("name"), &self.domain()?, self.operator()?, limit).await?;
                names::pairs(env, model, &found).await?
            }
            "name_create" => names::name_create(env, model, call.get("name")).await?,
            "default_get" => {
                let wanted = call.arguments.any(&["fields", "fields_list", "default_fields"]);
                let wanted: Vec<String> = python::list(wanted.clone())?.iter().map(python::text).collect();
                let fields: Vec<_> = wanted.iter().filter_map(|name| model.field(name).cloned()).collect();
                defaults::of(env, model, &fields).await?.into()
            }
            "action_archive" | "action_unarchive" | "toggle_active" => self.set_active(ids).await?,
            "get_metadata" => self.metadata(ids).await?,
            "get_external_id" => self.external_ids(ids).await?,
            "check_access_rights" | "check_access" | "check_access_rule" | "has_access" => self.check(ids).await?,
            "check_field_access_rights" => self.field_rights().await?,
            "get_base_url" => models::ir_config_parameter::value(env, "web.base.url").await?,
            "get_field_translations" => {
                let name = python::text(call.get("field_name"));
                translations::get(env, model, ids, &name, call.get("langs")).await?
            }
            "update_field_translations" => {
                let name = python::text(call.get("field_name"));
                translations::update(env, model, ids, &name, call.get("translations")).await?
            }
            _ => return self.run_further().await,
        }))
    }

    /// The methods that are in files of their own.
    async fn run_further(&self) -> Result<Option<Value>> {
        let (env, model, call) = (self.env, self.model, self.call);
        if let Some(answer) = web::run(env, model, call).await? {
            return Ok(Some(answer));
        }
        if let Some(answer) = transfer::run(env, model, call).await? {
            return Ok(Some(answer));
        }
        if let Some(answer) = onchange::run(env, model, call).await? {
            return Ok(Some(answer));
        }
        if let Some(answer) = views::run(env, model, call).await? {
            return Ok(Some(answer));
        }
        recordset::run(env, model, call).await
    }

    async fn fields(&self, names: &Value) -> Result<Vec<Arc<super::field::Field>>> {
        match names {
            Value::Array(names) if !names.is_empty() => {
                let names: Vec<String> = names.iter().map(python::text).collect();
                read::named_fields(self.env, self.model, &names).await
            }
            _ => read::visible_fields(self.env, self.model).await,
        }
    }

    async fn read(&self, ids: &[i32]) -> Result<Reply> {
        access::check_model(self.env, self.model, Operation::Read).await?;
        let fields = self.fields(self.call.get("fields")).await?;
        let classic = self.call.get("load") == "_classic_read";
        if rows::can_write(self.model, &fields) {
            return Box::pin(rows::read(self.env, self.model, ids, &fields, classic)).await;
        }
        let records = read::read(self.env, self.model, ids, &fields, classic).await?;
        Ok(Reply::Value(records.into_iter().map(Value::from).collect()))
    }

    async fn search_read(&self) -> Result<Reply> {
        let (env, model) = (self.env, self.model.as_ref());
        access::check_model(env, model, Operation::Read).await?;
        let fields = self.fields(self.call.get("fields")).await?;
        let (domain, page) = (self.domain()?, self.page()?);
        let classic = self.call.arguments.more.get("load").is_none_or(|load| load == "_classic_read");
        if rows::can_write(model, &fields) {
            return Box::pin(rows::search_read(env, model, &domain, &page, &fields, classic)).await;
        }
        let ids = search::search(env, model, &domain, &page).await?;
        let records = read::read(env, model, &ids, &fields, classic).await?;
        Ok(Reply::Value(records.into_iter().map(Value::from).collect()))
    }

    /// What is told of fields depends on who asks, and in which context.
    async fn fields_get(&self) -> Result<Reply> {
        let (env, model) = (self.env, self.model.as_ref());
        let (names, attributes) = (self.call.get("allfields"), self.call.get("attributes"));
        let key = json!([model.name, env.uid(), names, attributes, env.context()]).to_string();
        env.remembered_text("fields_get", &key, || fields_get::fields_get(env, model, names, attributes)).await
    }

    async fn create(&self) -> Result<Value> {
        let given = self.call.arguments.any(&["vals_list", "vals", "values"]);
        let series = self.env.series();
        let (list, one) = match given {
            Value::Array(list) => {
                (list.iter().map(|item| values(item, self.model, series)).collect::<Result<Vec<_>>>()?, false)
            }
            one => (vec![values(one, self.model, series)?], true),
        };
        let ids = write::create(self.env, self.model, list).await?;
        Ok(if one { ids.first().copied().into() } else { ids.into() })
    }

    async fn copy(&self, ids: &[i32]) -> Result<Value> {
        let default = match self.call.get("default") {
            Value::Object(default) => default.clone(),
            _ => Map::new(),
        };
        let copies = write::copy(self.env, self.model, ids, &default).await?;
        Ok(if self.env.series().copies_to_list() { copies.into() } else { copies.first().copied().into() })
    }

    async fn copy_data(&self, ids: &[i32]) -> Result<Value> {
        let default = self.call.get("default").as_object().cloned().unwrap_or_default();
        let mut all = Vec::new();
        for id in ids {
            all.push(Value::from(write::copy_data(self.env, self.model, *id, &default).await?));
        }
        Ok(all.into())
    }

    async fn set_active(&self, ids: &[i32]) -> Result<Value> {
        let (env, model) = (self.env, self.model.as_ref());
        let name = self.call.method.name.as_str();
        let Some(active) = model.active_field().and_then(|name| model.field(name)).cloned() else {
            return Ok(Value::Null);
        };
        let current = read::values(env, model, ids, &active).await?;
        for wanted in [true, false] {
            let changes = |value: &Value| match name {
                "action_archive" => !wanted && python::truth(value),
                "action_unarchive" => wanted && !python::truth(value),
                _ => python::truth(value) != wanted,
            };
            let ids: Vec<i32> =
                ids.iter().zip(&current).filter(|(_, value)| changes(value)).map(|(id, _)| *id).collect();
            let values = Map::from_iter([(active.name.clone(), wanted.into())]);
            write::write(env, model, &ids, values).await?;
        }
        Ok(Value::Null)
    }

    async fn metadata(&self, ids: &[i32]) -> Result<Value> {
        let (env, model) = (self.env, self.model.as_ref());
        let names = super::registry::LOG_ACCESS.into_iter().filter(|name| model.field(name).is_some());
        let names: Vec<String> = names.map(str::to_owned).collect();
        let fields = read::named_fields(env, model, &names).await?;
        let rows = read::read(env, model, ids, &fields, true).await?;
        let external = models::ir_model_data::external_ids(&env.sudo(), &model.name, ids).await?;
        let described = rows.into_iter().map(|row| {
            let id = row.get("id").and_then(Value::as_i64).and_then(|id| i32::try_from(id).ok()).unwrap_or_default();
            let of_record = external.get(&id).cloned().unwrap_or_default();
            let first = of_record.first();
            let xmlids: Vec<Value> = of_record
                .iter()
                .map(|data| json!({"xmlid": data.complete_name(), "noupdate": data.noupdate}))
                .collect();
            let mut described = json!({"id": id});
            for name in super::registry::LOG_ACCESS {
                described[name] = row.get(name).cloned().unwrap_or(Value::Bool(false));
            }
            described["xmlid"] = first.map_or(Value::Bool(false), |data| data.complete_name().into());
            described["noupdate"] = first.is_some_and(|data| data.noupdate).into();
            described["xmlids"] = xmlids.into();
            described
        });
        Ok(described.collect())
    }

    async fn external_ids(&self, ids: &[i32]) -> Result<Value> {
        let external = models::ir_model_data::external_ids(&self.env.sudo(), &self.model.name, ids).await?;
        let name =
            |id: &i32| external.get(id).and_then(|all| all.first()).map(models::ir_model_data::External::complete_name);
        Ok(Value::Object(ids.iter().map(|id| (id.to_string(), name(id).unwrap_or_default().into())).collect()))
    }

    async fn check(&self, ids: &[i32]) -> Result<Value> {
        let (env, model, call) = (self.env, self.model.as_ref(), self.call);
        let operation = Operation::parse(call.get("operation"))?;
        match call.method.name.as_str() {
            "check_access_rights" => {
                let may = access::may(env, model, operation).await?;
                if !may && python::truth(call.get("raise_exception")) {
                    access::check_model(env, model, operation).await?;
                }
                // From 18.0 on it says nothing where it would raise.
                let silent = env.series().access_check_says_nothing() && python::truth(call.get("raise_exception"));
                Ok(if silent { Value::Null } else { may.into() })
            }
            "has_access" => {
                if !access::may(env, model, operation).await? {
                    return Ok(false.into());
                }
                match access::check_records(env, model, ids, operation).await {
                    Ok(()) => Ok(true.into()),
                    Err(Error::AccessDeniedTo { .. } | Error::AccessError(_) | Error::MissingError(_)) => {
                        Ok(false.into())
                    }
                    Err(error) => Err(error),
                }
            }
            "check_access" => {
                access::check_model(env, model, operation).await?;
                access::check_records(env, model, ids, operation).await?;
                Ok(Value::Null)
            }
            _ => {
                access::check_records(env, model, ids, operation).await?;
                Ok(Value::Null)
            }
        }
    }

    async fn field_rights(&self) -> Result<Value> {
        let fields = match self.call.get("field_names") {
            Value::Array(names) if !names.is_empty() => {
                let names: Vec<String> = names.iter().map(python::text).collect();
                read::named_fields(self.env, self.model, &names).await?
            }
            _ => read::visible_fields(self.env, self.model).await?,
        };
        Ok(fields.iter().map(|field| Value::from(field.name.clone())).collect())
    }
}

/// The values of a record.
///
/// # Errors
/// What Python says of values that are no dictionary.
pub fn values(value: &Value, model: &Model, series: Series) -> Result<Map<String, Value>> {
    match value {
        Value::Object(values) => Ok(values.clone()),
        other => Err(series.values_of_wrong_type(&model.name, other)),
    }
}
