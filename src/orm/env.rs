//! The environment of a call: who calls, in which context, on which transaction.

use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chrono::NaiveDateTime;
use sea_orm::StatementBuilder;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement, UnionType};
use serde_json::{Map, Value};

use super::access::Rights;
use super::query;
use super::registry::{Model, Registry};
use crate::auth::Caller;
use crate::auth::identity::Identity;
use crate::auth::password::Passwords;
use crate::database::cells::Cells;
use crate::database::{Basis, Changes, DEFAULT_LANG, Database, Row, Transaction, Version, dialect};
use crate::error::{Error, Result};
use crate::interception::Intercepting;
use crate::metrics::Metrics;
use crate::reply::Reply;
use crate::series::Series;

/// The superuser, by whose rights the system itself works.
pub const SUPERUSER: i32 = 1;

/// The models on which rights depend, and the registry.
const RIGHTS: [&str; 4] = ["ir.model.access", "ir.rule", "res.groups", "ir.model.data"];
const REGISTRY: [&str; 3] = ["ir.model", "ir.model.fields", "ir.model.fields.selection"];

/// Each user has a partner.
const PARTNER: &str = "res.partner";
/// The fields of partners on which it depends what a user is, and what rules make of them.
const PERSONAL: [&str; 6] = ["active", "lang", "tz", "parent_id", "is_company", "commercial_partner_id"];

/// Models on whose records nothing depends that is remembered beyond a transaction, but for partners who are
/// [known](Env::known_partners). So it is with models that users have made.
const ORDINARY: [&str; 3] = [PARTNER, "res.partner.category", "mail.message"];
/// Of how many partners it is remembered at most that they are known.
const KNOWN_PARTNERS: usize = 2_000;

/// What is remembered, by kind, and the models on which it depends. What is not named here may depend on all.
const REMEMBERED: [(&str, &[&str]); 6] = [
    ("known partners", &["res.users", "res.company", PARTNER]),
    ("user", &["res.users", "res.groups", "res.company", "res.partner", "ir.model.access", "ir.rule", "ir.model.data"]),
    ("langs", &["res.lang"]),
    ("defaults", &["ir.default"]),
    (RULES, &RULED),
    (RULE_CONDITIONS, &RULED),
];
/// The domains of record rules, and their conditions as SQL.
pub(super) const RULES: &str = "rules";
pub(super) const RULE_CONDITIONS: &str = "rule conditions";
/// Records that a statement has found to be the caller's, until something is written.
pub(super) const ALLOWED: &str = "allowed";
/// The models on which rules depend that look no further than at the user.
const RULED: [&str; 11] = [
    "res.users",
    "res.groups",
    "res.company",
    "res.partner",
    "res.lang",
    "ir.model.access",
    "ir.rule",
    "ir.model.data",
    "ir.model",
    "ir.model.fields",
    "ir.model.fields.selection",
];

/// What calls need beside the database.
#[derive(Clone, Debug)]
pub struct Tools {
    pub passwords: Arc<Passwords>,
    /// Who stands between calls and their answers.
    pub interceptor: Intercepting,
    /// What counts calls, where somebody wants to know.
    pub metrics: Option<Arc<Metrics>>,
    /// When the caller last proved who they are.
    pub identity: Identity,
}

/// Who calls, in which context, on which transaction. Copies share the transaction.
#[derive(Clone)]
pub struct Env<'a> {
    shared: Arc<Shared<'a>>,
    uid: i32,
    su: bool,
    context: Arc<Context>,
}

/// The context of a call.
#[derive(Default)]
struct Context {
    values: Map<String, Value>,
    /// Its JSON, once somebody has asked for it.
    text: OnceLock<String>,
}

type Remembered = Arc<dyn Any + Send + Sync>;

struct Shared<'a> {
    db: &'a Transaction,
    database: &'a Database,
    version: Version,
    now: NaiveDateTime,
    passwords: Arc<Passwords>,
    identity: Identity,
    memo: Mutex<HashMap<&'static str, HashMap<String, Remembered>>>,
    /// What this transaction has written to: the kinds of what depends on it, so that nothing of it is remembered beyond.
    wrote: Mutex<BTreeSet<&'static str>>,
    /// Counters of changes of the registry and of rights.
    signals: Mutex<Signals>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Signals {
    registry: Changes,
    rights: Changes,
}

/// What decides what a user may do and see.
#[derive(Clone, Debug, Default)]
pub struct UserInfo {
    /// Ids of groups, also of implied ones.
    pub groups: BTreeSet<i32>,
    pub company: i32,
    pub companies: Vec<i32>,
    pub partner: i32,
    pub lang: Option<String>,
    pub tz: Option<String>,
    pub active: bool,
    pub share: bool,
}

fn is_ordinary(model: &Model) -> bool {
    model.manual || ORDINARY.contains(&model.name.as_str())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Env<'a> {
    /// The environment of a call on a transaction that began after the caller's version of the database was read.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn new(
        db: &'a Transaction,
        caller: &'a Caller,
        tools: &Tools,
        context: Map<String, Value>,
    ) -> Result<Self> {
        let (database, version, uid) = (caller.database.as_ref(), &caller.version, caller.user.id);
        let signals = if db.is_joined() {
            Arc::new(read_signals(db).await?)
        } else {
            database.cached(version, "signals", "", || read_signals(db)).await?
        };
        let shared = Shared {
            db,
            database,
            version: version.clone(),
            now: database.clock().now(),
            passwords: Arc::clone(&tools.passwords),
            identity: tools.identity.clone(),
            memo: Mutex::default(),
            wrote: Mutex::default(),
            signals: Mutex::new(*signals),
        };
        let env = Self { shared: Arc::new(shared), uid, su: uid == SUPERUSER, context: Arc::default() };
        Ok(env.with_context(context))
    }

    /// The series that is spoken.
    #[must_use]
    pub fn series(&self) -> Series {
        self.shared.database.series()
    }

    /// Who calls.
    #[must_use]
    pub fn uid(&self) -> i32 {
        self.uid
    }

    /// Whether rights are not asked for.
    #[must_use]
    pub fn is_superuser(&self) -> bool {
        self.su
    }

    /// The time of the transaction.
    #[must_use]
    pub fn now(&self) -> NaiveDateTime {
        self.shared.now
    }

    /// The context.
    #[must_use]
    pub fn context(&self) -> &Map<String, Value> {
        &self.context.values
    }

    /// The context as JSON, for the key of what depends on it.
    #[must_use]
    pub fn context_text(&self) -> &str {
        self.context.text.get_or_init(|| serde_json::to_string(&self.context.values).unwrap_or_default())
    }

    /// Whether a key of the context is there and true.
    #[must_use]
    pub fn flag(&self, key: &str) -> bool {
        self.context().get(key).is_some_and(crate::python::truth)
    }

    /// The same without asking for rights.
    #[must_use]
    pub fn sudo(&self) -> Self {
        Self { su: true, ..self.clone() }
    }

    /// The same for another user.
    #[must_use]
    pub fn with_user(&self, uid: i32) -> Self {
        Self { uid, su: uid == SUPERUSER, ..self.clone() }
    }

    /// The same with another context.
    #[must_use]
    pub fn with_context(&self, context: Map<String, Value>) -> Self {
        Self { context: Arc::new(Context { values: context, text: OnceLock::new() }), ..self.clone() }
    }

    /// The same with more in the context.
    #[must_use]
    pub fn with(&self, key: &str, value: impl Into<Value>) -> Self {
        let mut context = self.context().clone();
        context.insert(key.to_owned(), value.into());
        self.with_context(context)
    }

    /// The same with less in the context: no `default_…`, which were meant for the records of a call itself.
    #[must_use]
    pub fn without_defaults(&self) -> Self {
        if !self.context().keys().any(|key| key.starts_with("default_")) {
            return self.clone();
        }
        let context = self.context().iter().filter(|(key, _)| !key.starts_with("default_"));
        self.with_context(context.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    /// What hashes and checks passwords.
    #[must_use]
    pub fn passwords(&self) -> &Passwords {
        &self.shared.passwords
    }

    /// When the caller last proved who they are.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.shared.identity
    }

    /// Refuses a context with a language that the series refuses.
    ///
    /// # Errors
    /// As [`lang`](Self::lang).
    pub async fn check_lang(&self) -> Result<()> {
        self.lang().await.map(drop)
    }

    // --- statements ---------------------------------------------------------------------------

    /// The database.
    #[must_use]
    pub fn database(&self) -> &'a Database {
        self.shared.database
    }

    /// The transaction.
    #[must_use]
    pub fn db(&self) -> &'a Transaction {
        self.shared.db
    }

    /// Whether the database is SQLite (or else PostgreSQL).
    #[must_use]
    pub fn is_sqlite(&self) -> bool {
        dialect::is_sqlite(self.shared.db)
    }

    /// The rows that a statement answers.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn rows<S: StatementBuilder>(&self, statement: &S) -> Result<Vec<Row>> {
        self.shared.database.count_statement();
        Ok(self.shared.database.within(self.shared.db.rows(statement)).await?)
    }

    /// The rows that a statement answers which makes records of a model.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn inserted_rows<S: StatementBuilder>(&self, model: &Model, statement: &S) -> Result<Vec<Row>> {
        let basis = self.basis(model, &[]).await?;
        self.shared.database.count_statement();
        let rows = self.shared.database.within(self.shared.db.rows_from(statement, basis)).await;
        lock(&self.shared.memo).remove(ALLOWED);
        Ok(rows?)
    }

    /// The first row that a statement answers.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn row<S: StatementBuilder>(&self, statement: &S) -> Result<Option<Row>> {
        self.shared.database.count_statement();
        Ok(self.shared.database.within(self.shared.db.row(statement)).await?)
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute<S: StatementBuilder>(&self, statement: &S) -> Result<()> {
        self.execute_from(None, statement).await
    }

    /// Runs a statement that writes to nothing but these records of a model, or links to such.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute_on<S: StatementBuilder>(&self, model: &Model, ids: &[i32], statement: &S) -> Result<()> {
        self.execute_from(self.basis(model, ids).await?, statement).await
    }

    /// Runs a statement that removes these records of a model.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn execute_removal<S: StatementBuilder>(&self, model: &Model, ids: &[i32], statement: &S) -> Result<()> {
        let mut basis = self.basis(model, ids).await?;
        if let Some(found) = &mut basis {
            // It depends on what refers to the records, which may become more.
            found.always = false;
            // With a record may go those that refer to it, and somebody may have added such fields to any model.
            let registry = self.registry().await?;
            let may_take_along = |(referrer, field): &(String, String)| {
                let referrer = registry.get(referrer).filter(|referrer| !is_ordinary(referrer));
                referrer.and_then(|referrer| referrer.field(field)).is_some_and(|field| field.manual)
            };
            basis = basis.filter(|_| !registry.referrers(&model.name).iter().any(may_take_along));
        }
        self.execute_from(basis, statement).await
    }

    async fn execute_from<S: StatementBuilder>(&self, basis: Option<Basis>, statement: &S) -> Result<()> {
        self.shared.database.count_statement();
        let done = self.shared.database.within(self.shared.db.execute_from(statement, basis)).await;
        lock(&self.shared.memo).remove(ALLOWED);
        Ok(done?)
    }

    /// Why nothing that is remembered is out of date when records of a model are made or these are written to; nothing where
    /// something may be.
    async fn basis(&self, model: &Model, ids: &[i32]) -> Result<Option<Basis>> {
        if !is_ordinary(model) {
            return Ok(None);
        }
        let version = self.shared.version.alone();
        if model.name != PARTNER || ids.is_empty() {
            return Ok(Some(Basis { version, always: true, ..Basis::default() }));
        }
        let basis =
            Basis { version, always: false, written: ids.iter().copied().collect(), known: self.who_is_known().await? };
        Ok(Some(basis).filter(|basis| basis.outlives(&basis.written)))
    }

    /// Whether something may be remembered of any of these partners.
    async fn knows_any(&self, ids: &[i32]) -> Result<bool> {
        if ids.is_empty() {
            return Ok(false);
        }
        let known = self.who_is_known().await?;
        Ok(known.as_ref().as_ref().is_none_or(|known| ids.iter().any(|id| known.contains(id))))
    }

    async fn who_is_known(&self) -> Result<Arc<Option<BTreeSet<i32>>>> {
        self.remembered("known partners", "", || self.known_partners()).await
    }

    /// The partners of whom something may be remembered: those of users and of companies, and those whose names are part of
    /// theirs. Nothing where there are [too many](KNOWN_PARTNERS).
    async fn known_partners(&self) -> Result<Option<BTreeSet<i32>>> {
        let column = |table: &str, column: &str| Expr::col((Alias::new(table), Alias::new(column)));
        let of = |table: &str| Query::select().column(Alias::new("partner_id")).from(Alias::new(table)).take();
        let above = |link: &str| {
            Query::select()
                .expr(column("res_partner", link))
                .from(Alias::new("res_users"))
                .inner_join(
                    Alias::new("res_partner"),
                    column("res_partner", "id").eq(column("res_users", "partner_id")),
                )
                .and_where(column("res_partner", link).is_not_null())
                .take()
        };
        let mut select = of("res_users");
        for more in [of("res_company"), above("parent_id"), above("commercial_partner_id")] {
            select.union(UnionType::All, more);
        }
        let found = self.ids(select.limit(KNOWN_PARTNERS as u64 + 1)).await?;
        Ok((found.len() <= KNOWN_PARTNERS).then(|| found.into_iter().collect()))
    }

    /// `columns` of the rows of a query, as JSON that the database writes: one list a row.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn json_rows(&self, select: SelectStatement, columns: Vec<Expr>) -> Result<Vec<Vec<Value>>> {
        let Some(text) = self.json_text(select, columns).await? else { return Ok(Vec::new()) };
        let rows: Vec<Vec<Vec<Value>>> = serde_json::from_str(&text)
            .map_err(|error| sea_orm::DbErr::Custom(format!("the database wrote no JSON: {error}")))?;
        Ok(rows.into_iter().map(|chunks| chunks.into_iter().flatten().collect()).collect())
    }

    /// As [`json_rows`](Self::json_rows), as the text that the database writes: a list of rows, each a list of lists.
    ///
    /// # Errors
    /// A failure of the database.
    async fn json_text(&self, select: SelectStatement, columns: Vec<Expr>) -> Result<Option<String>> {
        let row = self.row(&query::as_json(select, &columns, self.is_sqlite())).await?;
        Ok(row.map(Row::into_text).transpose()?.flatten())
    }

    /// `columns` of the rows of a query, none of which is JSON or has bytes. PostgreSQL writes them as JSON too; of SQLite,
    /// which is here, each is asked for by itself.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn cells(&self, mut select: SelectStatement, columns: Vec<Expr>) -> Result<Cells> {
        if !self.is_sqlite() {
            let width = columns.len();
            let text = self.json_text(select, columns).await?;
            return Ok(Cells::of_json(width, text.as_deref().unwrap_or("[]"))?);
        }
        self.shared.database.count_statement();
        Ok(self.shared.db.cells(select.exprs(columns))?)
    }

    /// The whole numbers in the first column of a query.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn ids(&self, select: &SelectStatement) -> Result<Vec<i32>> {
        let rows = self.rows(select).await?;
        rows.iter().map(|row| Ok(row.get(0)?)).collect()
    }

    // --- what is remembered -------------------------------------------------------------------

    /// What `load` answers, once a transaction.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn memo<T, F>(&self, kind: &'static str, key: &str, load: impl FnOnce() -> F) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        if let Some(value) = self.recalled(kind, key) {
            return Ok(value);
        }
        let value = Arc::new(Box::pin(load()).await?);
        self.recall(kind, key, &value);
        Ok(value)
    }

    /// What is remembered in this transaction.
    fn recalled<T: Send + Sync + 'static>(&self, kind: &'static str, key: &str) -> Option<Arc<T>> {
        lock(&self.shared.memo).get(kind)?.get(key).cloned()?.downcast().ok()
    }

    fn recall<T: Send + Sync + 'static>(&self, kind: &'static str, key: &str, value: &Arc<T>) {
        let value: Remembered = Arc::<T>::clone(value);
        lock(&self.shared.memo).entry(kind).or_default().insert(key.to_owned(), value);
    }

    /// What is [kept](Self::keep) or [remembered](Self::remembered) of that kind and key.
    #[must_use]
    pub fn known<T: Send + Sync + 'static>(&self, kind: &'static str, key: &str) -> Option<Arc<T>> {
        if self.sees_what_is_committed(kind) {
            let kept = self.shared.database.known(&self.shared.version, kind, key);
            if kept.is_some() {
                return kept;
            }
        }
        self.recalled(kind, key)
    }

    /// Keeps what depends on nothing but the data as long as they are the same; if it does not `last`, for this transaction
    /// only.
    pub fn keep<T: Send + Sync + 'static>(&self, kind: &'static str, key: &str, value: &Arc<T>, lasts: bool) {
        if lasts && self.sees_what_is_committed(kind) {
            self.shared.database.keep(&self.shared.version, kind, key, value);
        } else {
            self.recall(kind, key, value);
        }
    }

    /// Whether all that is read here for that kind is committed, so that it can be remembered.
    fn sees_what_is_committed(&self, kind: &'static str) -> bool {
        if self.shared.db.is_joined() {
            return false;
        }
        let wrote = lock(&self.shared.wrote);
        let known = REMEMBERED.iter().any(|(known, _)| *known == kind);
        if known { !wrote.contains(kind) } else { wrote.is_empty() }
    }

    /// As [`memo`](Self::memo), and beyond the transaction as long as the database does not change.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn remembered<T, F>(&self, kind: &'static str, key: &str, load: impl FnOnce() -> F) -> Result<Arc<T>>
    where
        T: Send + Sync + 'static,
        F: Future<Output = Result<T>> + Send,
    {
        if self.sees_what_is_committed(kind) {
            let shared = &self.shared;
            return shared.database.cached(&shared.version, kind, key, load).await;
        }
        self.memo(kind, key, load).await
    }

    /// As [`remembered`](Self::remembered), of an answer as JSON.
    ///
    /// # Errors
    /// Those of `load`.
    pub async fn remembered_text<F>(&self, kind: &'static str, key: &str, load: impl FnOnce() -> F) -> Result<Reply>
    where
        F: Future<Output = Result<Value>> + Send,
    {
        if !self.sees_what_is_committed(kind) {
            return Box::pin(load()).await.map(Reply::from);
        }
        let shared = &self.shared;
        let text = shared.database.cached_text(&shared.version, kind, key, load).await?;
        Ok(Reply::Text(text))
    }

    /// Forgets what was read in this transaction, part of which has been taken back.
    pub fn forget(&self) {
        lock(&self.shared.memo).clear();
    }

    /// Notes that `fields` of records of `model` are written, and forgets what depends on them. Those of new records, which
    /// have no `ids` yet, change nothing for the users that there are.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn note_changes<'f>(
        &self,
        model: &str,
        ids: &[i32],
        mut fields: impl Iterator<Item = &'f str> + Send,
    ) -> Result<()> {
        let of_users = model != PARTNER || fields.any(|field| PERSONAL.contains(&field)) && self.knows_any(ids).await?;
        self.note(model, of_users).await
    }

    /// Notes that records of `model` are written, and forgets what depends on them.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn note_write(&self, model: &str) -> Result<()> {
        self.note(model, true).await
    }

    /// Notes that these records of a model are removed, and forgets what depends on them.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn note_removal(&self, model: &Model, ids: &[i32]) -> Result<()> {
        let of_users = model.name != PARTNER || self.knows_any(ids).await?;
        self.note(&model.name, of_users).await
    }

    async fn note(&self, model: &str, of_users: bool) -> Result<()> {
        let rights = RIGHTS.contains(&model);
        let registry = REGISTRY.contains(&model);
        let depends = |(kind, models): &(&'static str, &[&str])| (of_users && models.contains(&model)).then_some(*kind);
        let mut forget: Vec<&'static str> = REMEMBERED.iter().filter_map(depends).collect();
        forget.extend(rights.then_some("rights"));
        forget.extend(registry.then_some("registry"));
        let first = {
            let mut wrote = lock(&self.shared.wrote);
            let first = (registry && !wrote.contains("registry"), rights && !wrote.contains("rights"));
            wrote.insert("any");
            wrote.extend(&forget);
            first
        };
        lock(&self.shared.memo).retain(|kind, _| *kind != ALLOWED && !forget.contains(kind));
        if first.0 || first.1 {
            self.bump(first.0, first.1).await?;
        }
        Ok(())
    }

    /// Tells all processes that the registry or the rights have changed.
    async fn bump(&self, registry: bool, rights: bool) -> Result<()> {
        let mut update = Query::update();
        update.table(Alias::new("orm_signaling"));
        for (column, changed) in [("registry", registry), ("rights", rights)] {
            if changed {
                update.value(Alias::new(column), Expr::col(Alias::new(column)).add(1));
            }
        }
        self.execute(&update).await?;
        let mut signals = lock(&self.shared.signals);
        signals.registry.count += i64::from(registry);
        signals.rights.count += i64::from(rights);
        Ok(())
    }

    /// The models and fields.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn registry(&self) -> Result<Arc<Registry>> {
        let changes = lock(&self.shared.signals).registry;
        let wrote = lock(&self.shared.wrote).contains("registry");
        if !wrote && let Some(known) = self.shared.database.remembered::<Registry>("registry", changes) {
            return Ok(known);
        }
        let registry = self.memo("registry", "", || super::manual::load(self)).await?;
        if !wrote && !self.shared.db.is_joined() {
            self.shared.database.remember("registry", changes, &registry);
        }
        Ok(registry)
    }

    /// The model of that name.
    ///
    /// # Errors
    /// A `KeyError` where there is none; a failure of the database.
    pub async fn model(&self, name: &str) -> Result<Arc<Model>> {
        let registry = self.registry().await?;
        registry.get(name).cloned().ok_or_else(|| Error::key_error(name))
    }

    /// Who may do what.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn rights(&self) -> Result<Arc<Rights>> {
        let changes = lock(&self.shared.signals).rights;
        let wrote = lock(&self.shared.wrote).contains("rights");
        if !wrote && let Some(known) = self.shared.database.remembered::<Rights>("rights", changes) {
            return Ok(known);
        }
        let rights = self.memo("rights", "", || Rights::load(self)).await?;
        if !wrote && !self.shared.db.is_joined() {
            self.shared.database.remember("rights", changes, &rights);
        }
        Ok(rights)
    }

    /// The user who calls.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn user(&self) -> Result<Arc<UserInfo>> {
        self.user_of(self.uid).await
    }

    /// A user.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn user_of(&self, uid: i32) -> Result<Arc<UserInfo>> {
        self.remembered("user", &uid.to_string(), || super::access::user(self, uid)).await
    }

    /// Whether the user who calls is a member of the group with that external id.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn has_group(&self, xmlid: &str) -> Result<bool> {
        let (rights, user) = (self.rights().await?, self.user().await?);
        Ok(rights.group(xmlid).is_some_and(|id| user.groups.contains(&id)))
    }

    /// The active languages: code, name, id.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn langs(&self) -> Result<Arc<Vec<(String, String, i32)>>> {
        let load = || async {
            let select = Query::select()
                .columns(["code", "name", "id"].map(Alias::new))
                .from(Alias::new("res_lang"))
                .and_where(Expr::col(Alias::new("active")).eq(true))
                .order_by(Alias::new("name"), sea_orm::Order::Asc)
                .take();
            let rows = self.rows(&select).await?;
            rows.iter().map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).collect()
        };
        self.remembered("langs", "", load).await
    }

    /// The language of the context, if it is an active one; else the language that every database has.
    ///
    /// # Errors
    /// A `UserError` for an inactive one in 19.0; a failure of the database.
    pub async fn lang(&self) -> Result<String> {
        let Some(lang) = self.context().get("lang").and_then(Value::as_str).filter(|lang| !lang.is_empty()) else {
            return Ok(DEFAULT_LANG.to_owned());
        };
        if lang == DEFAULT_LANG || self.langs().await?.iter().any(|(code, _, _)| code == lang) {
            return Ok(lang.to_owned());
        }
        if self.series().refuses_inactive_languages() {
            return Err(Error::UserError(format!("Invalid language code: {lang}")));
        }
        Ok(DEFAULT_LANG.to_owned())
    }

    /// The companies in which the user works: those of `allowed_company_ids` in the context, or all of the user's.
    ///
    /// # Errors
    /// An `AccessError` for companies that are not the user's; a failure of the database.
    pub async fn companies(&self) -> Result<Vec<i32>> {
        let user = self.user().await?;
        let allowed = self.context().get("allowed_company_ids").and_then(Value::as_array);
        let Some(allowed) = allowed.filter(|ids| !ids.is_empty()) else { return Ok(user.companies.clone()) };
        let mut ids = Vec::new();
        for id in allowed {
            let id = id.as_i64().and_then(|id| i32::try_from(id).ok());
            let known = id.filter(|id| self.su || user.companies.contains(id));
            ids.push(
                known.ok_or_else(|| Error::AccessError("Access to unauthorized or invalid companies.".to_owned()))?,
            );
        }
        Ok(ids)
    }

    /// The company in which the user works: the first of [`companies`](Self::companies) in the context, or the user's own.
    ///
    /// # Errors
    /// As [`companies`](Self::companies).
    pub async fn company(&self) -> Result<i32> {
        let allowed = self.context().get("allowed_company_ids").and_then(Value::as_array);
        if allowed.is_some_and(|ids| !ids.is_empty()) {
            return Ok(self.companies().await?.first().copied().unwrap_or_default());
        }
        Ok(self.user().await?.company)
    }
}

async fn read_signals(db: &Transaction) -> Result<Signals> {
    let select = Query::select()
        .columns(["registry", "rights"].map(Alias::new))
        .expr(dialect::number_of_database(db))
        .from(Alias::new("orm_signaling"))
        .take();
    let Some(row) = db.row(&select).await? else { return Ok(Signals::default()) };
    let database = row.get(2)?;
    let changes = |count| Changes { database, count };
    Ok(Signals { registry: changes(row.get(0)?), rights: changes(row.get(1)?) })
}
