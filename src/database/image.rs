//! Images: states of databases that are kept aside, to which a database can be put back, and from which others are made.

use std::sync::Arc;

use sea_orm::DbErr;

use super::Connection;
use super::sqlite::Lease;

/// A state of a database, kept aside. It lives as long as its store; see
/// [`Databases::forget_image`](super::Databases::forget_image).
#[derive(Clone, Debug)]
pub enum Image {
    /// The pages of a SQLite database, for stores in memory.
    Pages(Arc<[u8]>),
    /// A database of the store under a name that no client can say.
    Kept(String),
}

/// The pages of the SQLite database that `connection` is to.
///
/// # Errors
/// A failure of the database.
pub(super) async fn pages(connection: &Connection) -> Result<Image, DbErr> {
    let lease = connection.sqlite()?.lease(false).await?;
    Ok(Image::Pages(Arc::from(lease.pages()?)))
}

/// Makes `pages` the content of the SQLite database in memory that `connection` is to. Nobody reads before what it answers
/// is dropped.
///
/// # Errors
/// A failure of the database.
pub(super) async fn replace_pages(connection: &Connection, pages: &[u8]) -> Result<Lease, DbErr> {
    let lease = connection.sqlite()?.lease(true).await?;
    lease.replace(pages)?;
    Ok(lease)
}
