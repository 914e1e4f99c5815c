//! The contents of attachments, in the table `ir_attachment_blob`: each is there once, under the name that Odoo would
//! give its file (`store_fname`). They are rows of the database, so they are dumped, restored and copied with it, in
//! memory as on PostgreSQL.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, OnConflict, Query as Sql};
use sea_orm::{ConnectionTrait, DatabaseTransaction};
use sha2::{Digest as _, Sha256};

use super::attachments;
use super::env::Env;
use crate::error::{Error, Result};

/// The table.
pub const TABLE: &str = "ir_attachment_blob";
/// Its key, and the column of `ir_attachment` that refers to it.
pub const NAME: &str = "store_fname";

/// Keeps a content, which must not be empty, and answers with its `store_fname`.
///
/// # Errors
/// A `UserError` where another content has the same checksum; a failure of the database.
pub async fn keep(env: &Env<'_>, content: &[u8]) -> Result<String> {
    let checksum = attachments::checksum(content);
    let name = format!("{}/{checksum}", &checksum[..2]);
    // SHA-1 is what clients know a content by, but contents with the same one can be made on purpose.
    let sha256 = hex::encode(Sha256::digest(content));
    let mut known = OnConflict::column(Alias::new(NAME));
    if env.is_sqlite() {
        known.do_nothing();
    } else {
        // So that a sweep at the same time cannot take away what another transaction begins to refer to.
        known.update_column(Alias::new(NAME));
    }
    let insert = Sql::insert()
        .into_table(Alias::new(TABLE))
        .columns([NAME, "sha256", "content"].map(Alias::new))
        .values_panic([Expr::val(name.as_str()), Expr::val(sha256.as_str()), Expr::val(content.to_vec())])
        .on_conflict(known)
        .take();
    env.execute(&insert).await?;
    let select = Sql::select()
        .column(Alias::new("sha256"))
        .from(Alias::new(TABLE))
        .and_where(Expr::col(Alias::new(NAME)).eq(name.as_str()))
        .take();
    let kept: Option<String> = env.row(&select).await?.map(|row| row.try_get_by_index(0)).transpose()?;
    if kept.is_none_or(|kept| kept != sha256) {
        return Err(Error::UserError("The attachment collides with an existing file.".to_owned()));
    }
    Ok(name)
}

/// Removes contents that no attachment has any more. Wants a transaction that sees one state of the data.
///
/// # Errors
/// A failure of the database.
pub async fn sweep(db: &DatabaseTransaction) -> Result<u64> {
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
