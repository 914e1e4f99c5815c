//! Who may do what: access rights of models, record rules, groups of fields.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;

use sea_orm::ConnectionTrait as _;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query as Sql, SelectStatement};
use serde_json::{Map, Value, json};

use super::domain::{Domain, Operator};
use super::env::{ALLOWED, Env, RULE_CONDITIONS, RULES, UserInfo};
use super::expression::{self, Expression, Reference};
use super::field::{Field, Kind};
use super::query::{Query, Rendered};
use super::registry::Model;
use super::{query, read, temporal};
use crate::error::{Error, Result};

/// What is done to records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    Read,
    Write,
    Create,
    Unlink,
}

impl Operation {
    /// All of them, in the order of the columns `perm_…`.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Create, Self::Unlink];

    /// The name on the wire: `read`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Create => "create",
            Self::Unlink => "unlink",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    /// The `AssertionError` that Odoo raises for another.
    pub fn parse(name: &Value) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|operation| name == operation.name());
        found
            .ok_or_else(|| Error::Python { name: "builtins.AssertionError", message: "Invalid access mode".to_owned() })
    }

    /// What a person is told that they may not do.
    fn verb(self) -> &'static str {
        match self {
            Self::Read => "access",
            Self::Write => "modify",
            Self::Create => "create",
            Self::Unlink => "delete",
        }
    }

    fn index(self) -> usize {
        Self::ALL.iter().position(|known| *known == self).unwrap_or_default()
    }
}

/// The access rights and record rules of a database.
#[derive(Debug, Default)]
pub struct Rights {
    access: HashMap<String, Vec<Access>>,
    rules: HashMap<String, Vec<Rule>>,
    implied: HashMap<i32, Vec<i32>>,
    groups: HashMap<String, i32>,
    names: HashMap<i32, String>,
}

#[derive(Debug)]
struct Access {
    group: Option<i32>,
    allowed: [bool; 4],
}

#[derive(Debug)]
struct Rule {
    groups: Vec<i32>,
    domain: Expression,
    applies: [bool; 4],
}

/// The group whose members are told more of a refusal.
const TECHNICAL_FEATURES: &str = "base.group_no_one";

const PERMISSIONS: [&str; 4] = ["perm_read", "perm_write", "perm_create", "perm_unlink"];

fn flags(values: &[Value]) -> [bool; 4] {
    std::array::from_fn(|index| values.get(index).is_some_and(query::is_true))
}

fn id(value: &Value) -> Option<i32> {
    value.as_i64().and_then(|id| i32::try_from(id).ok())
}

impl Rights {
    /// Reads them.
    ///
    /// # Errors
    /// A failure of the database.
    pub(super) async fn load(env: &Env<'_>) -> Result<Self> {
        let mut rights = Self::default();
        rights.load_groups(env).await?;
        let of_model = |table: &str| -> SelectStatement {
            Sql::select()
                .from(Alias::new(table))
                .inner_join(
                    Alias::new("ir_model"),
                    query::column(table, "model_id").eq(query::column("ir_model", "id")),
                )
                .and_where(query::column(table, "active").eq(true))
                .order_by((Alias::new(table), Alias::new("id")), sea_orm::Order::Asc)
                .take()
        };
        let columns = |table: &'static str, first: &[&'static str]| -> Vec<Expr> {
            let own = first.iter().chain(&PERMISSIONS).map(|name| query::column(table, name));
            std::iter::once(query::column("ir_model", "model")).chain(own).collect()
        };
        let rows = env.json_rows(of_model("ir_model_access"), columns("ir_model_access", &["group_id"])).await?;
        for row in rows {
            let [Value::String(model), group, allowed @ ..] = row.as_slice() else { continue };
            let access = Access { group: id(group), allowed: flags(allowed) };
            rights.access.entry(model.clone()).or_default().push(access);
        }
        let pairs = Sql::select().from(Alias::new("rule_group_rel")).take();
        let columns_of_pairs = ["rule_group_id", "group_id"].map(|name| query::column("rule_group_rel", name));
        let mut groups: HashMap<i32, Vec<i32>> = HashMap::new();
        for pair in env.json_rows(pairs, columns_of_pairs.to_vec()).await? {
            if let [Some(rule), Some(group)] = [id(&pair[0]), id(&pair[1])] {
                groups.entry(rule).or_default().push(group);
            }
        }
        for row in env.json_rows(of_model("ir_rule"), columns("ir_rule", &["id", "domain_force"])).await? {
            let [Value::String(model), rule, domain, applies @ ..] = row.as_slice() else { continue };
            let text = domain.as_str().map(str::trim).filter(|text| !text.is_empty()).unwrap_or("[]");
            let domain = match expression::parse(text) {
                Ok(domain) => domain,
                Err(error) => {
                    // It was checked when it was saved, so somebody wrote it into the table. Who has no access at all
                    // cannot see what the rule would have hidden.
                    tracing::error!(model, text, %error, "a record rule cannot be read, so nobody has access");
                    rights.access.remove(model);
                    continue;
                }
            };
            let groups = id(rule).and_then(|rule| groups.remove(&rule)).unwrap_or_default();
            rights.rules.entry(model.clone()).or_default().push(Rule { groups, domain, applies: flags(applies) });
        }
        Ok(rights)
    }

    async fn load_groups(&mut self, env: &Env<'_>) -> Result<()> {
        let external = Sql::select()
            .from(Alias::new("ir_model_data"))
            .and_where(query::column("ir_model_data", "model").eq("res.groups"))
            .take();
        let columns = ["module", "name", "res_id"].map(|name| query::column("ir_model_data", name));
        for row in env.json_rows(external, columns.to_vec()).await? {
            if let ([Value::String(module), Value::String(name), ..], Some(group)) = (row.as_slice(), id(&row[2])) {
                self.groups.insert(format!("{module}.{name}"), group);
            }
        }
        let implied = Sql::select().from(Alias::new("res_groups_implied_rel")).take();
        let columns = ["gid", "hid"].map(|name| query::column("res_groups_implied_rel", name));
        for row in env.json_rows(implied, columns.to_vec()).await? {
            if let [Some(group), Some(other)] = [id(&row[0]), id(&row[1])] {
                self.implied.entry(group).or_default().push(other);
            }
        }
        let select = Sql::select().from(Alias::new("res_groups")).take();
        let name = query::translated(query::column("res_groups", "name"), "en_US");
        for row in env.json_rows(select, vec![query::column("res_groups", "id"), name]).await? {
            if let (Some(group), Some(name)) = (id(&row[0]), row[1].as_str()) {
                self.names.insert(group, name.to_owned());
            }
        }
        Ok(())
    }

    /// The id of the group with that external id.
    #[must_use]
    pub fn group(&self, xmlid: &str) -> Option<i32> {
        // Manual fields name groups without an external id by their id.
        self.groups.get(xmlid).copied().or_else(|| xmlid.parse().ok())
    }

    /// These groups and all that they imply.
    #[must_use]
    pub fn closure(&self, groups: impl IntoIterator<Item = i32>) -> BTreeSet<i32> {
        let mut all = BTreeSet::new();
        let mut todo: Vec<i32> = groups.into_iter().collect();
        while let Some(group) = todo.pop() {
            if all.insert(group) {
                todo.extend(self.implied.get(&group).into_iter().flatten());
            }
        }
        all
    }

    fn allows(&self, user: &UserInfo, model: &str, operation: Operation) -> bool {
        self.access.get(model).into_iter().flatten().any(|access| {
            access.allowed[operation.index()] && access.group.is_none_or(|group| user.groups.contains(&group))
        })
    }

    /// The groups that may do something with a model, by name.
    fn groups_that_may(&self, model: &str, operation: Operation) -> Vec<String> {
        let allowed = self.access.get(model).into_iter().flatten().filter(|a| a.allowed[operation.index()]);
        let mut names: Vec<String> =
            allowed.filter_map(|access| self.names.get(&access.group?)).map(ToOwned::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// Reads what decides on a user's rights.
pub(super) async fn user(env: &Env<'_>, uid: i32) -> Result<UserInfo> {
    let (users, partners) = ("res_users", "res_partner");
    let select = Sql::select()
        .from(Alias::new(users))
        .left_join(Alias::new(partners), query::column(users, "partner_id").eq(query::column(partners, "id")))
        .and_where(query::column(users, "id").eq(uid))
        .take();
    let related = |table: &str, own: &str| {
        Sql::select().from(Alias::new(table)).and_where(query::column(table, own).eq(uid)).take()
    };
    let groups = related("res_groups_users_rel", "uid");
    // The user's companies in the order in which companies are found.
    let companies = related("res_company_users_rel", "user_id")
        .inner_join(
            Alias::new("res_company"),
            query::column("res_company", "id").eq(query::column("res_company_users_rel", "cid")),
        )
        .and_where(query::column("res_company", "active").eq(true))
        .order_by((Alias::new("res_company"), Alias::new("sequence")), sea_orm::Order::Asc)
        .order_by((Alias::new("res_company"), Alias::new("name")), sea_orm::Order::Asc)
        .take();
    let list = |select, table, name| query::as_list(select, query::column(table, name), env.is_sqlite());
    let columns = vec![
        query::column(users, "company_id"),
        query::column(users, "partner_id"),
        query::column(users, "active"),
        query::column(users, "share"),
        query::column(partners, "lang"),
        query::column(partners, "tz"),
        list(groups, "res_groups_users_rel", "gid"),
        list(companies, "res_company_users_rel", "cid"),
    ];
    let rows = env.json_rows(select, columns).await?;
    let row = rows.into_iter().next().and_then(|row| <[Value; 8]>::try_from(row).ok());
    let Some([company, partner, active, share, lang, tz, groups, companies]) = row else {
        return Ok(UserInfo::default());
    };
    let rights = env.rights().await?;
    Ok(UserInfo {
        groups: rights.closure(query::list(&groups)?),
        company: id(&company).unwrap_or_default(),
        companies: query::list(&companies)?,
        partner: id(&partner).unwrap_or_default(),
        lang: lang.as_str().map(str::to_owned),
        tz: tz.as_str().map(str::to_owned),
        active: query::is_true(&active),
        share: query::is_true(&share),
    })
}

/// The groups of users, directly and by implication.
///
/// # Errors
/// A failure of the database.
pub async fn groups_of(env: &Env<'_>, users: &[i32]) -> Result<HashMap<i32, BTreeSet<i32>>> {
    let table = "res_groups_users_rel";
    let wanted: Vec<i64> = users.iter().map(|id| i64::from(*id)).collect();
    let select = Sql::select()
        .from(Alias::new(table))
        .and_where(query::one_of(query::column(table, "uid"), &wanted, env.is_sqlite()))
        .take();
    let mut direct: HashMap<i32, Vec<i32>> = HashMap::new();
    for row in env.json_rows(select, vec![query::column(table, "uid"), query::column(table, "gid")]).await? {
        if let [user, group] = row.as_slice()
            && let (Some(user), Some(group)) = (id(user), id(group))
        {
            direct.entry(user).or_default().push(group);
        }
    }
    let rights = env.rights().await?;
    Ok(direct.into_iter().map(|(user, groups)| (user, rights.closure(groups))).collect())
}

/// Whether the caller may do that with records of a model, whichever.
///
/// # Errors
/// A failure of the database.
pub async fn may(env: &Env<'_>, model: &Model, operation: Operation) -> Result<bool> {
    if env.is_superuser() {
        return Ok(true);
    }
    let (rights, user) = (env.rights().await?, env.user().await?);
    Ok(rights.allows(&user, &model.name, operation))
}

/// Refuses what the caller may not do with records of a model.
///
/// # Errors
/// An `AccessError`; a failure of the database.
pub async fn check_model(env: &Env<'_>, model: &Model, operation: Operation) -> Result<()> {
    if may(env, model, operation).await? {
        return Ok(());
    }
    Err(refusal(env, &model.name, &model.description, operation).await?)
}

/// What a caller is told who may not do that with records of a model.
///
/// # Errors
/// A failure of the database.
pub async fn refusal(env: &Env<'_>, model: &str, description: &str, operation: Operation) -> Result<Error> {
    let groups = env.rights().await?.groups_that_may(model, operation);
    let resolution = if groups.is_empty() {
        "No group currently allows this operation.".to_owned()
    } else {
        let list: Vec<_> = groups.iter().map(|group| format!("\t- {group}")).collect();
        format!("This operation is allowed for the following groups:\n{}", list.join("\n"))
    };
    Ok(Error::AccessError(format!(
        "You are not allowed to {} '{description}' ({model}) records.\n\n{resolution}\n\nContact your administrator to \
         request access if necessary.",
        operation.verb(),
    )))
}

/// The records that record rules let the caller do something with.
#[derive(Debug)]
struct Admitted {
    domain: Domain,
    /// Whether it is the same as long as nothing is written that rights, users and companies depend on: no rule asks for
    /// the time, nor for what is further away.
    lasts: bool,
}

/// The records of a model that the record rules let the caller do that with.
///
/// # Errors
/// A failure of the database.
pub async fn rules(env: &Env<'_>, model: &Model, operation: Operation) -> Result<Domain> {
    Ok(admitted(env, model, operation).await?.domain.clone())
}

/// Whether record rules may keep records of a model from the caller.
///
/// # Errors
/// A failure of the database.
pub async fn has_rules(env: &Env<'_>, model: &Model, operation: Operation) -> Result<bool> {
    Ok(admitted(env, model, operation).await?.domain != Domain::True)
}

/// Keeps the records of a query to those that the record rules let the caller do that with, and answers whether there are
/// any rules. They look at what the caller may not see.
///
/// # Errors
/// A failure of the database.
pub async fn restrict(env: &Env<'_>, query: &mut Query<'_, '_>, operation: Operation) -> Result<bool> {
    let model = query.model();
    let admitted = admitted(env, model, operation).await?;
    if admitted.domain == Domain::True {
        return Ok(false);
    }
    let sudo = env.sudo();
    let alias = query.alias().to_owned();
    // The same in all statements of the caller, and most of what there is to put together for one.
    let key = format!("{} {} {} {alias} {}", env.uid(), model.name, operation.name(), env.context_text());
    let known = if admitted.lasts { env.known::<Rendered>(RULE_CONDITIONS, &key) } else { None };
    let rendered = if let Some(known) = known {
        known
    } else {
        let mut names = query::Names::outer();
        let condition = query::condition(&sudo, model, &alias, &admitted.domain, &mut names).await?;
        let rendered = Arc::new(Rendered::new(condition, env.is_sqlite()));
        env.keep(RULE_CONDITIONS, &key, &rendered, admitted.lasts);
        rendered
    };
    query.select().and_where(rendered.condition());
    Ok(true)
}

fn admitted<'e>(
    env: &'e Env<'_>,
    model: &'e Model,
    operation: Operation,
) -> Pin<Box<dyn Future<Output = Result<Arc<Admitted>>> + Send + 'e>> {
    Box::pin(async move {
        if env.is_superuser() {
            return Ok(Arc::new(Admitted { domain: Domain::True, lasts: true }));
        }
        let key = format!("{} {} {} {}", env.uid(), model.name, operation.name(), env.context_text());
        let rules = if let Some(known) = env.known::<Admitted>(RULES, &key) {
            known
        } else {
            let admitted = Arc::new(compute_rules(env, model, operation).await?);
            env.keep(RULES, &key, &admitted, admitted.lasts);
            admitted
        };
        Ok(match crate::models::behaviour(&model.name).accessible(env, operation).await? {
            Domain::True => rules,
            accessible => {
                let domain = Domain::and(vec![rules.domain.clone(), accessible]);
                Arc::new(Admitted { domain, lasts: false })
            }
        })
    })
}

async fn compute_rules(env: &Env<'_>, model: &Model, operation: Operation) -> Result<Admitted> {
    let (rights, user) = (env.rights().await?, env.user().await?);
    let mut lasts = true;
    let mut all = Vec::new();
    let mut any = Vec::new();
    let mut has_group_rules = false;
    for rule in rights.rules.get(&model.name).into_iter().flatten() {
        if !rule.applies[operation.index()] {
            continue;
        }
        let domains = if rule.groups.is_empty() {
            &mut all
        } else if rule.groups.iter().any(|group| user.groups.contains(group)) {
            has_group_rules = true;
            &mut any
        } else {
            continue;
        };
        lasts &= !rule.domain.references().iter().any(asks_further);
        domains.push(evaluate(env, &rule.domain).await?);
    }
    for (parent, link) in &model.inherits {
        let parent = env.model(parent).await?;
        let admitted = admitted(env, &parent, operation).await?;
        lasts &= admitted.lasts;
        if admitted.domain != Domain::True {
            all.push(Domain::leaf(link.clone(), Operator::Any, super::domain_value(admitted.domain.clone())));
        }
    }
    if has_group_rules {
        all.push(Domain::or(any));
    }
    let domain = Domain::and(all);
    lasts &= !domain.any_text(&temporal::is_of_the_moment);
    Ok(Admitted { domain, lasts })
}

/// Whether a name in a rule's text stands for the time, or for what is further away than the user's companies, groups and
/// partner.
fn asks_further(reference: &Reference) -> bool {
    let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    let near = match path[..] {
        [name] => matches!(name, "company_id" | "company_ids" | "user"),
        ["user", name] => matches!(name, "id" | "ids" | "has_group"),
        ["user", field, "id"] => matches!(field, "company_id" | "partner_id" | "commercial_partner_id"),
        ["user", field, "ids"] => matches!(field, "company_ids" | "groups_id" | "group_ids" | "all_group_ids"),
        _ => false,
    };
    !near
}

/// The domain that a rule's text means for the caller.
async fn evaluate(env: &Env<'_>, rule: &Expression) -> Result<Domain> {
    let mut values = BTreeMap::new();
    for reference in rule.references() {
        let value = resolve(env, &reference).await?;
        values.insert(reference, value);
    }
    let value = rule
        .evaluate(&|reference| values.get(reference).cloned().flatten())
        .map_err(|refused| Error::UserError(format!("A record rule cannot be evaluated: {refused}")))?;
    Domain::parse(&value, env.series())
}

/// What a name in a rule's text stands for; nothing where it stands for nothing.
async fn resolve(env: &Env<'_>, reference: &Reference) -> Result<Option<Value>> {
    let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
    let sudo = env.sudo();
    Ok(match (path.as_slice(), &reference.arguments) {
        (["company_id"], None) => Some(env.company().await?.into()),
        (["company_ids"], None) => Some(env.companies().await?.into()),
        (["user", "has_group"], Some(arguments)) => match arguments.as_slice() {
            [Value::String(xmlid)] => Some(env.has_group(xmlid).await?.into()),
            _ => None,
        },
        (["time", "strftime"], Some(arguments)) => match arguments.as_slice() {
            // `now` has no fractions, which no format asks for.
            [Value::String(format)] if format == "%Y-%m-%d" => Some(temporal::date_text(env.now().date()).into()),
            [Value::String(format)] if format == "%Y-%m-%d %H:%M:%S" => Some(temporal::datetime_text(env.now()).into()),
            _ => None,
        },
        (["user"], None) => Some(env.uid().into()),
        (["user", fields @ ..], None) => follow(&sudo, "res.users", vec![env.uid()], fields).await?,
        _ => None,
    })
}

/// The value at the end of a path of fields: ids of a relation that ends in `ids`, one id or false that ends in `id`.
async fn follow(env: &Env<'_>, model: &str, mut ids: Vec<i32>, fields: &[&str]) -> Result<Option<Value>> {
    let mut model = env.model(model).await?;
    for (index, name) in fields.iter().enumerate() {
        let last = index + 1 == fields.len();
        match *name {
            "id" if last => return Ok(Some(ids.first().map_or(Value::Bool(false), |id| (*id).into()))),
            "ids" if last => return Ok(Some(ids.into())),
            _ => {}
        }
        let Some(field) = model.field(name).cloned() else { return Ok(None) };
        let values = read::values(env, &model, &ids, &field).await?;
        if !field.kind.is_relational() {
            return Ok(values.into_iter().next().filter(|_| last));
        }
        ids = values.iter().flat_map(read::ids_in).collect();
        model = env.model(field.comodel()).await?;
    }
    Ok(Some(ids.into()))
}

/// Refuses a text that is no domain of a record rule.
///
/// # Errors
/// A `ValidationError` that says what is wrong with it; a failure of the database.
pub async fn check_rule(env: &Env<'_>, model: &Model, text: &str) -> Result<()> {
    let invalid = |why: String| Error::ValidationError(format!("Invalid domain: {why}"));
    let text = if text.trim().is_empty() { "[]" } else { text.trim() };
    let rule = expression::parse(text).map_err(|refused| invalid(refused.to_string()))?;
    let domain = evaluate(env, &rule).await.map_err(|error| invalid(error.to_string()))?;
    let sudo = env.sudo();
    let mut query = Query::new(&sudo, model);
    query.filter(&domain).await.map_err(|error| invalid(error.to_string()))
}

/// Those of `ids` that the rules let the caller do that with, and whether there are any rules. Archived records count.
///
/// # Errors
/// A failure of the database.
pub async fn allowed(env: &Env<'_>, model: &Model, ids: &[i32], operation: Operation) -> Result<(Vec<i32>, bool)> {
    let env = env.with("active_test", false);
    let mut query = Query::of_ids(&env, model, ids);
    let has_rules = restrict(&env, &mut query, operation).await?;
    let id = query::column(query.alias(), "id");
    let select = query.into_select().expr(id).take();
    // Who may read and who may write are often the same, and both are asked for.
    let key = format!("{:?}", env.db().get_database_backend().build(&select));
    let found = env.memo(ALLOWED, &key, || env.ids(&select)).await?;
    Ok((found.to_vec(), has_rules))
}

/// Refuses records that the rules keep from the caller, or that are not there.
///
/// # Errors
/// A `MissingError` or an `AccessError`; a failure of the database.
pub async fn check_records(env: &Env<'_>, model: &Model, ids: &[i32], operation: Operation) -> Result<()> {
    if ids.is_empty() || !model.has_table() {
        return Ok(());
    }
    let (admitted, has_rules) = Box::pin(allowed(env, model, ids, operation)).await?;
    let admitted: HashSet<i32> = admitted.into_iter().collect();
    let refused: Vec<i32> = ids.iter().copied().filter(|id| !admitted.contains(id)).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let existing = if has_rules { read::existing(env, model, &refused).await? } else { Vec::new() };
    let missing: Vec<i32> = refused.iter().copied().filter(|id| !existing.contains(id)).collect();
    if !missing.is_empty() {
        return Err(missing_error(env, model, &missing));
    }
    Err(rule_error(env, model, &refused, operation).await?)
}

/// Odoo's `MissingError` for records.
#[must_use]
pub fn missing_error(env: &Env<'_>, model: &Model, ids: &[i32]) -> Error {
    let ids: Vec<_> = ids.iter().map(ToString::to_string).collect();
    let list = if ids.len() == 1 { format!("{},", ids[0]) } else { ids.join(", ") };
    let record = format!("(Record: {}({list}), User: {})", model.name, env.uid());
    Error::MissingError(format!("Record does not exist or has been deleted.\n{record}"))
}

/// What is said of records that the rules keep from the caller.
pub(super) async fn rule_error(env: &Env<'_>, model: &Model, ids: &[i32], operation: Operation) -> Result<Error> {
    let sudo = env.sudo();
    let users = env.model("res.users").await?;
    let name = read::display_names(&sudo, &users, &[env.uid()]).await?.remove(&env.uid()).unwrap_or_default();
    let message = format!(
        "Uh-oh! Looks like you have stumbled upon some top-secret records.\n\nSorry, {name} (id={}) doesn't have '{}' \
         access to:\n- {} ({})\n\nIf you really, really need access, perhaps you can win over your friendly \
         administrator with a batch of freshly baked cookies.",
        env.uid(),
        operation.name(),
        model.description,
        model.name,
    );
    let context = if env.series().suggests_company() { suggested_company(env, model, ids).await? } else { None };
    Ok(Error::AccessDeniedTo { message, context: context.unwrap_or_default() })
}

/// The company that the caller could switch to in order to see the records: `{"suggested_company": {"id",
/// "display_name"}}` (18.0 on).
async fn suggested_company(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<Map<String, Value>>> {
    let Some(field) = model.field("company_id").filter(|field| field.kind == Kind::Many2one) else { return Ok(None) };
    let sudo = env.sudo();
    let (user, active) = (env.user().await?, env.companies().await?);
    let values = read::values(&sudo, model, ids, field).await?;
    let company = values
        .iter()
        .flat_map(read::ids_in)
        .find(|company| user.companies.contains(company) && !active.contains(company));
    let Some(company) = company else { return Ok(None) };
    let companies = env.model("res.company").await?;
    let name = read::display_names(&sudo, &companies, &[company]).await?.remove(&company);
    let suggested = json!({"id": company, "display_name": name});
    Ok(Some(Map::from_iter([("suggested_company".to_owned(), suggested)])))
}

/// Whether the caller may see a field at all.
///
/// # Errors
/// A failure of the database.
pub async fn may_see(env: &Env<'_>, field: &Field) -> Result<bool> {
    if env.is_superuser() || field.groups.is_empty() {
        return Ok(true);
    }
    let mut allowed = true;
    for group in &field.groups {
        match group.strip_prefix('!') {
            Some(excluded) if env.has_group(excluded).await? => return Ok(false),
            Some(_) => {}
            // `.` is a group that nobody is in.
            None if group != "." && env.has_group(group).await? => return Ok(true),
            None => allowed = false,
        }
    }
    Ok(allowed)
}

/// Refuses a field that the caller may not see.
///
/// # Errors
/// An `AccessError`; a failure of the database.
pub async fn check_field(env: &Env<'_>, model: &Model, field: &Field, operation: Operation) -> Result<()> {
    if may_see(env, field).await? {
        return Ok(());
    }
    let technical = env.has_group(TECHNICAL_FEATURES).await?;
    let groups = if technical { Some(allowed_groups(env, field).await?) } else { None };
    let details = groups.as_deref().map(|groups| (env.uid(), groups));
    Err(Error::AccessError(env.series().forbidden_field(model, &field.name, operation.name(), details)))
}

/// Whom a field is for: the names of its groups, by their ids.
async fn allowed_groups(env: &Env<'_>, field: &Field) -> Result<String> {
    let rights = env.rights().await?;
    let mut ids: Vec<i32> = field.groups.iter().filter_map(|xmlid| rights.group(xmlid)).collect();
    if ids.is_empty() {
        return Ok("always forbidden".to_owned());
    }
    ids.sort_unstable();
    let groups = env.model("res.groups").await?;
    let names = read::display_names(&env.sudo(), &groups, &ids).await?;
    let names: Vec<_> = ids.iter().filter_map(|id| names.get(id)).map(|name| format!("'{name}'")).collect();
    Ok(format!("allowed for groups {}", names.join(", ")))
}
