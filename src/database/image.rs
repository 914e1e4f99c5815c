//! Images: states of databases that are kept aside, to which a database can be put back, and from which others are made.

use std::sync::Arc;

use sea_orm::sqlx::Sqlite;
use sea_orm::sqlx::pool::PoolConnection;
use sea_orm::sqlx::sqlite::SqliteOwnedBuf;
use sea_orm::{DatabaseConnection, DbErr, RuntimeErr};

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
pub(super) async fn pages(connection: &DatabaseConnection) -> Result<Image, DbErr> {
    let mut connection = connection.get_sqlite_connection_pool().acquire().await.map_err(failed)?;
    let pages = connection.serialize(None).await.map_err(failed)?;
    Ok(Image::Pages(Arc::from(&*pages)))
}

/// Makes `pages` the content of the SQLite database in memory that `connection` is to. Answers with the only connection that
/// there is, so that nobody reads before it is given back.
///
/// # Errors
/// A failure of the database.
pub(super) async fn replace_pages(
    connection: &DatabaseConnection,
    pages: &[u8],
) -> Result<PoolConnection<Sqlite>, DbErr> {
    let mut connection = connection.get_sqlite_connection_pool().acquire().await.map_err(failed)?;
    let pages = SqliteOwnedBuf::try_from(pages).map_err(failed)?;
    connection.deserialize(None, pages, false).await.map_err(failed)?;
    Ok(connection)
}

fn failed(error: sea_orm::sqlx::Error) -> DbErr {
    DbErr::Conn(RuntimeErr::SqlxError(Arc::new(error)))
}
