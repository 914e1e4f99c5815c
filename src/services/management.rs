//! What can be done to databases as a whole by whoever knows the master password, for the service `db` and for the forms
//! of `/web/database`. Copying, renaming and dropping need no more than
//! [`Databases`](crate::database::Databases) has.

use std::io::{Read, Seek, Write};

use crate::app::App;
use crate::database::{DEFAULT_LANG, NewDatabase, dump};
use crate::error::{Error, Result};

/// A database that is wanted. What is left out is as in a fresh one.
#[derive(Clone, Debug, Default)]
pub struct Wanted<'a> {
    pub name: &'a str,
    pub lang: Option<&'a str>,
    pub login: Option<&'a str>,
    pub password: Option<&'a str>,
    pub country_code: Option<&'a str>,
    pub phone: Option<&'a str>,
}

/// Lets through who knows the master password, unless databases are not to be managed over the wire.
///
/// # Errors
/// `AccessDenied`.
pub async fn authorize(app: &App, master: &str) -> Result<()> {
    // As in Odoo, who hides the list does not let databases be managed either.
    if !app.config.list_db {
        return Err(Error::access_denied());
    }
    app.master.check(&app.passwords, master).await
}

/// Makes a database.
///
/// # Errors
/// Odoo's `DatabaseExists` where there is one, or a `ValueError` for an impossible name.
pub async fn create(app: &App, wanted: &Wanted<'_>) -> Result<()> {
    // Before the hash, which takes its time.
    app.databases.check_free(wanted.name).await?;
    let new = NewDatabase {
        login: wanted.login.unwrap_or("admin").to_owned(),
        password_hash: app.passwords.hash(wanted.password.unwrap_or("admin")).await,
        lang: wanted.lang.unwrap_or(DEFAULT_LANG).to_owned(),
        country_code: wanted.country_code.map(str::to_owned),
        phone: wanted.phone.map(str::to_owned),
    };
    app.databases.create(wanted.name, &new).await.map(drop)
}

/// Dumps a database as a zip into `target`, piece by piece, on a thread that may block, and answers with `target`. The
/// database is held in one state meanwhile, one in memory for all others too, so `target` should not wait for a client.
///
/// # Errors
/// There is no such database; a failure of the database, or of `target`.
pub async fn dump<W>(app: &App, name: &str, target: W) -> Result<W>
where
    W: Write + Send + 'static,
{
    let database = app.databases.open(name).await?;
    dump::dump_to(&database, app.clock.now(), target).await
}

/// Makes the database `name` of a dump that is read from `source` on a thread that may block. With `copy` it gets an
/// identity of its own.
///
/// # Errors
/// Odoo's `Exception` where there is a database of that name, a `UserError` for what is no dump, or one of another series.
pub async fn restore<R>(app: &App, name: &str, source: R, copy: bool) -> Result<()>
where
    R: Read + Seek + Send + 'static,
{
    dump::restore_from(&app.databases, name, source, copy).await
}
