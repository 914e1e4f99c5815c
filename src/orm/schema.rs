//! The tables of models: made with a database, and changed when manual models and fields come and go.

use std::collections::HashSet;
use std::sync::Arc;

use sea_orm::sea_query::{
    Alias, Check, ColumnDef, ForeignKey, ForeignKeyAction, ForeignKeyCreateStatement, Index, IndexCreateStatement,
    IndexOrder, IndexType, IntoIden as _, IntoIndexColumn as _, PostgresQueryBuilder, SqliteQueryBuilder, Table,
    TableCreateStatement,
};
use sea_orm::{ConnectionTrait, DbErr};
use sha2::{Digest as _, Sha256};

use super::field::{Field, Kind, Relation};
use super::query;
use super::registry::{Constraint, ConstraintKind, Model, Registry};
use crate::database::{Transaction, dialect};
use crate::models;
use crate::series::Series;

/// How long a name can be in PostgreSQL.
pub const MAX_IDENTIFIER: usize = 63;
/// Columns that are no fields: since no client may read them, or since the code knows them by name and a series has
/// no such field.
const HIDDEN: [(&str, &str, Kind); 10] = [
    ("res_users", "password", Kind::Char),
    ("res_users", "totp_secret", Kind::Char),
    ("res_users", "totp_last_counter", Kind::Integer),
    ("res_users", "tour_enabled", Kind::Boolean),
    ("res_users_apikeys", "index", Kind::Char),
    ("res_users_apikeys", "key", Kind::Char),
    ("res_users_apikeys", "scope", Kind::Char),
    ("res_users_apikeys", "expiration_date", Kind::Datetime),
    ("res_partner", "complete_name", Kind::Char),
    ("res_company", "parent_path", Kind::Char),
];

/// Models of which there may be so many records that nobody wants to wait until all have been looked at.
const NUMEROUS: [&str; 1] = ["res.partner"];

/// Statements in the words of the database at hand.
struct Script {
    sqlite: bool,
    statements: Vec<String>,
}

impl Script {
    fn new(db: &impl ConnectionTrait) -> Self {
        Self { sqlite: dialect::is_sqlite(db), statements: Vec::new() }
    }

    fn table(&mut self, table: &TableCreateStatement) {
        self.statements.push(if self.sqlite {
            table.to_string(SqliteQueryBuilder)
        } else {
            table.to_string(PostgresQueryBuilder)
        });
    }

    fn index(&mut self, index: &IndexCreateStatement) {
        self.statements.push(if self.sqlite {
            index.to_string(SqliteQueryBuilder)
        } else {
            index.to_string(PostgresQueryBuilder)
        });
    }

    /// SQLite has foreign keys in the table's definition only, PostgreSQL wants the other table to be there.
    fn foreign_key(&mut self, key: &ForeignKeyCreateStatement) {
        if !self.sqlite {
            self.statements.push(key.to_string(PostgresQueryBuilder));
        }
    }

    async fn run(self, db: &impl ConnectionTrait) -> Result<(), DbErr> {
        dialect::run_script(db, &self.statements).await
    }
}

/// The models that have tables, one of those that share one.
fn tables(registry: &Registry) -> Vec<&Model> {
    let mut names = HashSet::new();
    let models = registry.models().map(AsRef::as_ref).filter(|model: &&Model| model.has_table());
    models.filter(|model| names.insert(model.table.as_str())).collect()
}

/// Makes the tables of all models of a fresh database.
///
/// # Errors
/// A failure of the database.
pub async fn create(db: &impl ConnectionTrait, registry: &Registry, series: Series) -> Result<(), DbErr> {
    let mut script = Script::new(db);
    let rules = query::Dialect::of_tables(script.sqlite, series);
    let mut relations = HashSet::new();
    for model in tables(registry) {
        let columns: Vec<_> = model.fields.values().filter(|field| field.is_column()).collect();
        let mut table = table_of(model);
        for field in &columns {
            if field.name != "id" {
                table.col(column(field));
            }
        }
        for (_, name, kind) in HIDDEN.iter().filter(|hidden| hidden.0 == model.table) {
            if model.field(name).is_none_or(|field| !field.is_column()) {
                table.col(typed(ColumnDef::new(Alias::new(*name)), *kind));
            }
        }
        for field in columns.iter().filter(|_| script.sqlite) {
            if let Some(mut key) = foreign_key(registry, model, field) {
                table.foreign_key(&mut key);
            }
        }
        for constraint in &model.constraints {
            if let Some(check) = check(model, constraint, rules) {
                table.check(check);
            }
        }
        script.table(&table);
        for index in indexes(model, script.sqlite) {
            script.index(&index);
        }
        for field in model.fields.values() {
            let Some(relation) = field.table.as_ref().filter(|_| field.related.is_none()) else { continue };
            if relations.insert(relation.table.clone()) {
                relation_table(&mut script, registry, field, relation);
            }
        }
    }
    script.run(db).await
}

/// Makes the foreign keys of all models on PostgreSQL, which would refuse the first records, since these refer to each
/// other. On SQLite they are part of the tables, and deferred.
///
/// # Errors
/// A failure of the database.
pub async fn add_foreign_keys(db: &impl ConnectionTrait, registry: &Registry) -> Result<(), DbErr> {
    let mut script = Script::new(db);
    let mut relations = HashSet::new();
    for model in tables(registry) {
        for field in model.fields.values() {
            // Both sides of a relation have the same table.
            if field.table.as_ref().is_some_and(|relation| !relations.insert(relation.table.clone())) {
                continue;
            }
            for key in keys_of(registry, model, field) {
                script.foreign_key(&key);
            }
        }
    }
    script.run(db).await
}

/// Lets PostgreSQL find texts by parts of them, as `ilike` and searches by name do, where the extension `pg_trgm` can be made. On
/// SQLite an index of trigrams makes a contact dearer by more than a look at a million names is worth.
///
/// # Errors
/// A failure of the database.
pub async fn add_trigrams(db: &Transaction, registry: &Registry, series: Series) -> Result<(), DbErr> {
    if !dialect::make_trigrams(db).await? {
        return Ok(());
    }
    let mut script = Script::new(db);
    for model in NUMEROUS.iter().filter_map(|name| registry.get(name)) {
        let mut names = models::behaviour(&model.name).names_searched(series).to_vec();
        names.extend(model.rec_name.as_deref().filter(|name| !names.contains(name)));
        for field in names.iter().filter_map(|name| model.field(name)) {
            if field.is_column() && field.kind.is_text() && !field.translate {
                let name = identifier(&format!("{}_{}_trigrams", model.table, field.name));
                let column = Alias::new(&field.name).into_index_column().with_operator_class("gin_trgm_ops");
                let gin = IndexType::Custom("gin".into_iden());
                let index =
                    Index::create().name(name).table(Alias::new(&model.table)).col(column).index_type(gin).take();
                script.index(&index);
            }
        }
    }
    script.run(db).await
}

/// How the names of columns begin that were removed and could not be dropped.
pub const REMOVED: &str = "removed_";

/// Makes the table of a manual model.
///
/// # Errors
/// A failure of the database.
pub async fn add_model(db: &impl ConnectionTrait, registry: &Registry, model: &Model) -> Result<(), DbErr> {
    let mut script = Script::new(db);
    model_table(&mut script, registry, model);
    for field in model.fields.values() {
        if let Some(key) = foreign_key(registry, model, field) {
            script.foreign_key(&key);
        }
    }
    script.run(db).await
}

fn model_table(script: &mut Script, registry: &Registry, model: &Model) {
    let mut table = table_of(model);
    for field in model.fields.values().filter(|field| field.is_column() && field.name != "id") {
        table.col(column(field));
    }
    for field in model.fields.values().filter(|_| script.sqlite) {
        if let Some(mut key) = foreign_key(registry, model, field) {
            table.foreign_key(&mut key);
        }
    }
    script.table(&table);
}

/// Makes the tables and columns of all manual models and fields of a database that has none of them yet.
///
/// # Errors
/// A failure of the database.
pub async fn add_manual(db: &impl ConnectionTrait, registry: &Registry) -> Result<(), DbErr> {
    let mut script = Script::new(db);
    for model in registry.models().filter(|model| model.manual && model.has_table()) {
        model_table(&mut script, registry, model);
    }
    script.run(db).await?;
    for (model, field) in manual_fields(registry) {
        if !model.manual || field.table.is_some() {
            add_column(db, registry, model, field).await?;
        }
    }
    Ok(())
}

/// Makes the foreign keys of all manual models and fields on PostgreSQL, when their rows are there.
///
/// # Errors
/// A failure of the database.
pub async fn add_manual_foreign_keys(db: &impl ConnectionTrait, registry: &Registry) -> Result<(), DbErr> {
    let mut script = Script::new(db);
    for model in registry.models().filter(|model| model.has_table()) {
        for field in model.fields.values().filter(|field| model.manual || field.manual) {
            for key in keys_of(registry, model, field) {
                script.foreign_key(&key);
            }
        }
    }
    script.run(db).await
}

fn manual_fields(registry: &Registry) -> impl Iterator<Item = (&Model, &Field)> {
    let fields = registry.models().flat_map(|model| model.fields.values().map(move |field| (model.as_ref(), field)));
    fields.map(|(model, field)| (model, field.as_ref())).filter(|(_, field)| field.manual)
}

fn keys_of(registry: &Registry, model: &Model, field: &Field) -> Vec<ForeignKeyCreateStatement> {
    match field.table.as_ref().filter(|_| field.related.is_none()) {
        Some(relation) => relation_keys(registry, field, relation),
        None => foreign_key(registry, model, field).into_iter().collect(),
    }
}

/// A name that PostgreSQL takes as it is: what is too long for it is cut, and told apart by a hash.
#[must_use]
pub fn identifier(name: &str) -> String {
    if name.len() <= MAX_IDENTIFIER {
        return name.to_owned();
    }
    let hash = hex::encode(&Sha256::digest(name)[..6]);
    let start: String = name.chars().take(MAX_IDENTIFIER - hash.len() - 1).collect();
    format!("{start}_{hash}")
}

/// Removes the table of a manual model.
///
/// # Errors
/// A failure of the database.
pub async fn drop_model(db: &impl ConnectionTrait, model: &Model) -> Result<(), DbErr> {
    let mut drop = Table::drop();
    drop.table(Alias::new(&model.table)).if_exists();
    if !dialect::is_sqlite(db) {
        drop.cascade();
    }
    db.execute(&drop).await.map(drop_result)
}

/// Makes the column or the table of a manual field.
///
/// # Errors
/// A failure of the database.
pub async fn add_field(
    db: &impl ConnectionTrait,
    registry: &Registry,
    model: &Model,
    field: &Field,
) -> Result<(), DbErr> {
    if !add_column(db, registry, model, field).await? {
        return Ok(());
    }
    let mut script = Script::new(db);
    for key in keys_of(registry, model, field) {
        script.foreign_key(&key);
    }
    script.run(db).await
}

/// Makes the column or the table; answers whether it did.
async fn add_column(
    db: &impl ConnectionTrait,
    registry: &Registry,
    model: &Model,
    field: &Field,
) -> Result<bool, DbErr> {
    let mut script = Script::new(db);
    if let Some(relation) = field.table.as_ref().filter(|_| field.related.is_none()) {
        if dialect::tables(db).await?.contains(&relation.table) {
            return Ok(false);
        }
        relation_table(&mut script, registry, field, relation);
        script.run(db).await?;
        return Ok(true);
    }
    if !field.is_column() {
        return Ok(false);
    }
    let mut column = column(field);
    let target =
        registry.get(field.comodel()).filter(|target| can_be_referred_to(target) && field.kind == Kind::Many2one);
    if let Some(target) = target.filter(|_| script.sqlite) {
        // A table cannot get a constraint later, but a new column can refer.
        let action = dialect::on_delete(action(field));
        column.extra(["REFERENCES ", &dialect::quoted(&target.table), " (\"id\") ON DELETE ", action].concat());
    }
    db.execute(Table::alter().table(Alias::new(&model.table)).add_column(column)).await?;
    Ok(true)
}

/// Removes the column or the table of a manual field.
///
/// # Errors
/// A failure of the database.
pub async fn drop_field(
    db: &impl ConnectionTrait,
    registry: &Registry,
    model: &Model,
    field: &Field,
) -> Result<(), DbErr> {
    if let Some(relation) = field.table.as_ref().filter(|_| field.related.is_none()) {
        let shared = registry.models().flat_map(|model| model.fields.values()).any(|other| {
            other.table.as_ref().is_some_and(|table| table.table == relation.table)
                && (other.model.as_str(), &other.name) != (field.model.as_str(), &field.name)
        });
        if shared {
            return Ok(());
        }
        return db.execute(Table::drop().table(Alias::new(&relation.table)).if_exists()).await.map(drop_result);
    }
    if !field.is_column() {
        return Ok(());
    }
    let mut alter = Table::alter();
    alter.table(Alias::new(&model.table));
    if dialect::is_sqlite(db) && field.kind == Kind::Many2one {
        // SQLite drops no column that refers to another table. An empty one of another name is in nobody's way.
        let removed = format!("{REMOVED}{}_{}", field.name, hex::encode(crate::auth::random::<4>()));
        query::clear_column(db, &model.table, &field.name).await?;
        alter.rename_column(Alias::new(&field.name), Alias::new(&removed));
    } else {
        alter.drop_column(Alias::new(&field.name));
    }
    db.execute(&alter).await.map(drop_result)
}

fn drop_result<T>(_: T) {}

fn table_of(model: &Model) -> TableCreateStatement {
    let mut id = ColumnDef::new(Alias::new("id"));
    id.integer().not_null().auto_increment().primary_key();
    Table::create().table(Alias::new(&model.table)).col(id).take()
}

fn column(field: &Field) -> ColumnDef {
    typed(ColumnDef::new(Alias::new(&field.name)), if field.translate { Kind::Json } else { field.kind })
}

fn typed(mut column: ColumnDef, kind: Kind) -> ColumnDef {
    match kind {
        Kind::Char | Kind::Selection | Kind::Reference => column.string(),
        Kind::Text | Kind::Html => column.text(),
        Kind::Integer | Kind::Many2one | Kind::Many2oneReference => column.integer(),
        Kind::Float | Kind::Monetary => column.double(),
        Kind::Boolean => column.boolean().default(false),
        Kind::Date => column.date(),
        Kind::Datetime => column.date_time(),
        Kind::Binary => column.var_binary(u32::MAX >> 1),
        _ => column.json_binary(),
    };
    column
}

fn action(field: &Field) -> ForeignKeyAction {
    match field.ondelete.as_deref() {
        Some("cascade") => ForeignKeyAction::Cascade,
        Some("restrict") => ForeignKeyAction::Restrict,
        _ => ForeignKeyAction::SetNull,
    }
}

/// Actions of all kinds share their ids but not their table, so that none of the tables has the record for sure.
fn can_be_referred_to(target: &Model) -> bool {
    target.has_table() && target.table != "ir_actions"
}

fn foreign_key(registry: &Registry, model: &Model, field: &Field) -> Option<ForeignKeyCreateStatement> {
    if field.kind != Kind::Many2one || !field.is_column() {
        return None;
    }
    let target = registry.get(field.comodel()).filter(|target| can_be_referred_to(target))?;
    let key = ForeignKey::create()
        .name(identifier(&format!("{}_{}_fkey", model.table, field.name)))
        .from(Alias::new(&model.table), Alias::new(&field.name))
        .to(Alias::new(&target.table), Alias::new("id"))
        .on_delete(action(field))
        .take();
    Some(key)
}

/// The rule for names of manual fields, which `ir.model.fields` enforces itself: models and fields that are no client's
/// have other names.
pub const MANUAL_NAME: &str = "ir_model_fields_name_manual_field";

fn check(model: &Model, constraint: &Constraint, dialect: query::Dialect) -> Option<Check> {
    let ConstraintKind::Check(domain) = &constraint.1 else { return None };
    if constraint.name(&model.table) == MANUAL_NAME {
        return None;
    }
    let condition = query::own_columns(model, domain, dialect)?;
    Some(Check::named(Alias::new(constraint.name(&model.table)), condition))
}

/// What records of a model are sorted by after that field, and whether descending, where it is the first of the order and all
/// are columns.
fn sorted_after(model: &Model, field: &Field) -> Vec<(String, bool)> {
    let Ok(terms) = query::parse_order(&model.order) else { return Vec::new() };
    let is_plain = |term: &query::OrderTerm| {
        let field = model.field(&term.field);
        field.is_some_and(|field| field.is_column() && !field.translate && field.kind != Kind::Many2one)
    };
    match terms.split_first() {
        Some((first, rest)) if first.field == field.name && !first.descending && terms.iter().all(is_plain) => {
            rest.iter().map(|term| (term.field.clone(), term.descending)).collect()
        }
        _ => Vec::new(),
    }
}

fn indexes(model: &Model, sqlite: bool) -> Vec<IndexCreateStatement> {
    let index = |name: String, columns: &[String]| {
        let mut index = Index::create().name(identifier(&name)).table(Alias::new(&model.table)).take();
        for column in columns {
            index.col(Alias::new(column));
        }
        index
    };
    let of_field = |field: &Arc<Field>| {
        let name = format!("{}_{}_index", model.table, field.name);
        let mut index = index(name, std::slice::from_ref(&field.name));
        // SQLite sorts all rows for a page of a few unless an index has the whole order; PostgreSQL sorts the rest as it goes.
        for (column, descending) in sqlite.then(|| sorted_after(model, field)).into_iter().flatten() {
            index.col((Alias::new(column), if descending { IndexOrder::Desc } else { IndexOrder::Asc }));
        }
        index
    };
    let mut indexes: Vec<_> = model
        .fields
        .values()
        .filter(|field| field.is_column() && (field.index || field.name == "parent_path") && !field.translate)
        .map(of_field)
        .collect();
    for constraint in &model.constraints {
        if let ConstraintKind::Unique(columns) = &constraint.1
            && columns.iter().all(|column| model.field(column).is_some_and(|field| field.is_column()))
        {
            indexes.push(index(constraint.name(&model.table), columns).unique().take());
        }
    }
    indexes
}

fn sides<'r>(field: &'r Field, relation: &'r Relation) -> [(&'r str, &'r str); 2] {
    [(&relation.own, field.model.as_str()), (&relation.other, field.comodel())]
}

/// Pairs go with either record.
fn relation_keys(registry: &Registry, field: &Field, relation: &Relation) -> Vec<ForeignKeyCreateStatement> {
    let mut keys = Vec::new();
    for (name, model) in sides(field, relation) {
        let Some(target) = registry.get(model).filter(|target| target.has_table()) else { continue };
        let key = ForeignKey::create()
            .name(identifier(&format!("{}_{name}_fkey", relation.table)))
            .from(Alias::new(&relation.table), Alias::new(name))
            .to(Alias::new(&target.table), Alias::new("id"))
            .on_delete(ForeignKeyAction::Cascade)
            .take();
        keys.push(key);
    }
    keys
}

/// The table of a many2many field, and an index for the way back.
fn relation_table(script: &mut Script, registry: &Registry, field: &Field, relation: &Relation) {
    let mut table = Table::create().table(Alias::new(&relation.table)).take();
    for (name, _) in sides(field, relation) {
        let mut column = ColumnDef::new(Alias::new(name));
        column.integer().not_null();
        table.col(column);
    }
    table.primary_key(Index::create().col(Alias::new(&relation.own)).col(Alias::new(&relation.other)));
    if script.sqlite {
        for mut key in relation_keys(registry, field, relation) {
            table.foreign_key(&mut key);
        }
    }
    script.table(&table);
    let back = Index::create()
        .name(identifier(&format!("{}_{}_{}_idx", relation.table, relation.other, relation.own)))
        .table(Alias::new(&relation.table))
        .col(Alias::new(&relation.other))
        .col(Alias::new(&relation.own))
        .take();
    script.index(&back);
}
