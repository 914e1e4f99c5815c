//! The contents of attachments, in the table `ir_attachment_blob`: each is there once, under the name that Odoo would
//! give its file (`store_fname`). They are rows of the database, so they are dumped, restored and copied with it, in
//! memory as on PostgreSQL.

use std::collections::HashMap;

use indexmap::IndexMap;
use sea_orm::ConnectionTrait;
use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query as Sql};
use sha2::{Digest as _, Sha256};

use super::attachments;
use super::env::Env;
use crate::database::Transaction;
use crate::error::{Error, Result};

/// The table.
pub const TABLE: &str = "ir_attachment_blob";
/// Its key, and the column of `ir_attachment` that refers to it.
pub const NAME: &str = "store_fname";

/// How many contents a statement keeps.
const CHUNK: usize = 100;

/// Keeps contents, none of which may be empty, and answers with the `store_fname` of each.
///
/// # Errors
/// A `UserError` where another content has the same checksum; a failure of the database.
pub async fn keep(env: &Env<'_>, contents: &[&[u8]]) -> Result<Vec<String>> {
    let collision = || Error::UserError("The attachment collides with an existing file.".to_owned());
    let mut names = Vec::new();
    let mut distinct: IndexMap<String, (String, &[u8])> = IndexMap::new();
    for content in contents {
        let checksum = attachments::checksum(content);
        let name = format!("{}/{checksum}", &checksum[..2]);
        // SHA-1 is what clients know a content by, but contents with the same one can be made on purpose.
        let sha256 = hex::encode(Sha256::digest(content));
        let kept = distinct.entry(name.clone()).or_insert_with(|| (sha256.clone(), content));
        if kept.0 != sha256 {
            return Err(collision());
        }
        names.push(name);
    }
    for chunk in distinct.into_iter().collect::<Vec<_>>().chunks(CHUNK) {
        let mut known = OnConflict::column(Alias::new(NAME));
        if env.is_sqlite() {
            known.do_nothing();
        } else {
            // So that a sweep at the same time cannot take away what another transaction begins to refer to.
            known.update_column(Alias::new(NAME));
        }
        let mut insert = Sql::insert();
        insert.into_table(Alias::new(TABLE)).columns([NAME, "sha256", "content"].map(Alias::new)).on_conflict(known);
        for (name, (sha256, content)) in chunk {
            insert.values_panic([Expr::val(name.as_str()), Expr::val(sha256.as_str()), Expr::val(content.to_vec())]);
        }
        env.execute(&insert).await?;
        let select = Sql::select()
            .columns([NAME, "sha256"].map(Alias::new))
            .from(Alias::new(TABLE))
            .and_where(Expr::col(Alias::new(NAME)).is_in(chunk.iter().map(|(name, _)| name.as_str())))
            .take();
        let mut kept: HashMap<String, String> = HashMap::new();
        for row in env.rows(&select).await? {
            kept.insert(row.get(0)?, row.get(1)?);
        }
        if chunk.iter().any(|(name, (sha256, _))| kept.get(name) != Some(sha256)) {
            return Err(collision());
        }
    }
    Ok(names)
}

/// Removes contents that no attachment has any more. Wants a transaction that sees one state of the data.
///
/// # Errors
/// A failure of the database.
pub async fn sweep(db: &Transaction) -> Result<u64> {
    let referred = Sql::select()
        .column(Alias::new(NAME))
        .from(Alias::new("ir_attachment"))
        .and_where(Expr::col(Alias::new(NAME)).is_not_null())
        .take();
    let delete = Sql::delete()
        .from_table(Alias::new(TABLE))
        .and_where(Expr::col(Alias::new(NAME)).not_in_subquery(referred))
        .take();
    Ok(db.execute(&delete).await?.rows_affected())
}
