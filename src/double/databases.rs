//! Databases that come and go: made of a template in milliseconds, put back, kept aside under names.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::error::Refusal;
use super::selection::Glob;
use crate::app::App;
use crate::database::{Database, Image};

/// How the names of databases begin that are not named.
pub const PREFIX: &str = "test_";

/// What databases are made of that are made of nothing else: as a fresh server has them, with no fixture in it.
///
/// # Errors
/// The store failed.
pub async fn template(app: &App) -> Result<Image, Refusal> {
    // In memory the first database was made just now.
    match app.config.databases.first() {
        Some(first) if app.databases.store().is_ephemeral() => Ok(app.databases.image(first).await?),
        _ => Ok(app.databases.base_image(&app.new_database().await).await?),
    }
}

/// What a database is made of.
#[derive(Debug)]
pub enum Origin<'a> {
    /// As a fresh server has it.
    Template,
    /// Another one.
    Database(&'a str),
    Image(Image),
}

/// What is kept of a database.
#[derive(Debug, Default)]
struct Kept {
    /// To what a reset leads; to the template where there is none.
    first: Option<Image>,
    snapshots: BTreeMap<String, Image>,
}

/// A database, and what of it is kept aside.
#[derive(Debug, Serialize)]
pub struct Listed {
    pub name: String,
    pub snapshots: Vec<String>,
}

/// What the double knows of the databases of a server.
#[derive(Debug)]
pub struct Shelf {
    /// What a database is made of that is made of nothing else.
    template: Image,
    kept: Mutex<HashMap<String, Kept>>,
    number: AtomicU64,
    /// Names of databases that are made when they are first asked for.
    auto: Vec<Glob>,
}

impl Shelf {
    /// A shelf with this template. Databases whose names fit one of `auto` are made when they are first asked for.
    #[must_use]
    pub fn new(template: Image, auto: Vec<Glob>) -> Self {
        Self { template, kept: Mutex::default(), number: AtomicU64::new(1), auto }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a database of that name is made of when it is first asked for; none where it is not.
    #[must_use]
    pub fn template_of(&self, name: &str) -> Option<Image> {
        self.auto.iter().any(|glob| glob.admits(name)).then(|| self.template.clone())
    }

    /// All databases with their snapshots, sorted.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(&self, app: &App) -> Result<Vec<Listed>, Refusal> {
        let names = app.databases.list().await?;
        let kept = self.lock();
        let snapshots =
            |name: &str| kept.get(name).map_or_else(Vec::new, |kept| kept.snapshots.keys().cloned().collect());
        Ok(names.into_iter().map(|name| Listed { snapshots: snapshots(&name), name }).collect())
    }

    /// Makes a database: `name`, or a new one that begins with `prefix`.
    ///
    /// # Errors
    /// The name is taken or none, there is no database to make it of, or the store failed.
    pub async fn create(
        &self,
        app: &App,
        name: Option<&str>,
        prefix: Option<&str>,
        origin: Origin<'_>,
    ) -> Result<Arc<Database>, Refusal> {
        let own = match origin {
            Origin::Template => None,
            Origin::Database(from) => Some(self.image(app, from).await?),
            Origin::Image(image) => Some(image),
        };
        let image = own.as_ref().unwrap_or(&self.template);
        loop {
            let numbered = || format!("{}{}", prefix.unwrap_or(PREFIX), self.number.fetch_add(1, Ordering::Relaxed));
            let wanted = name.map_or_else(numbered, str::to_owned);
            if app.databases.exists(&wanted).await? {
                if name.is_none() {
                    continue;
                }
                return Err(Refusal::taken(format!("there is a database '{wanted}' already")).at("name"));
            }
            let database =
                app.databases.create_from(&wanted, image).await.map_err(|error| Refusal::from(error).at("name"))?;
            app.ensure_api_key(&database).await?;
            self.lock().insert(wanted, Kept { first: own, ..Kept::default() });
            return Ok(database);
        }
    }

    /// Makes what the database is now that to which a reset leads, and answers with it.
    ///
    /// # Errors
    /// There is no such database, or the store failed.
    pub async fn keep_as_first(&self, app: &App, name: &str) -> Result<Image, Refusal> {
        let image = self.image(app, name).await?;
        let old = self.lock().entry(name.to_owned()).or_default().first.replace(image.clone());
        forget(app, old).await?;
        Ok(image)
    }

    /// Puts a database back to what it was when it was made, with its fixtures.
    ///
    /// # Errors
    /// There is no such database, or the store failed.
    pub async fn reset(&self, app: &App, name: &str) -> Result<(), Refusal> {
        must_exist(app, name).await?;
        let first = self.lock().get(name).and_then(|kept| kept.first.clone());
        Ok(app.databases.restore(name, first.as_ref().unwrap_or(&self.template)).await?)
    }

    /// Keeps aside what the database is now.
    ///
    /// # Errors
    /// There is no such database, the name is empty or taken, or the store failed.
    pub async fn snapshot(&self, app: &App, name: &str, snapshot: &str) -> Result<(), Refusal> {
        if snapshot.is_empty() || snapshot.contains('/') {
            return Err(Refusal::wrong("a snapshot has a name, without slashes").at("name"));
        }
        let is_taken = |kept: &Kept| kept.snapshots.contains_key(snapshot);
        if self.lock().get(name).is_some_and(is_taken) {
            return Err(Refusal::taken(format!("'{name}' has a snapshot '{snapshot}' already")).at("name"));
        }
        let image = self.image(app, name).await?;
        let old = self.lock().entry(name.to_owned()).or_default().snapshots.insert(snapshot.to_owned(), image);
        forget(app, old).await
    }

    /// Puts a database back to a snapshot, which stays.
    ///
    /// # Errors
    /// There is no such database or snapshot, or the store failed.
    pub async fn restore(&self, app: &App, name: &str, snapshot: &str) -> Result<(), Refusal> {
        must_exist(app, name).await?;
        let image = self.lock().get(name).and_then(|kept| kept.snapshots.get(snapshot).cloned());
        let Some(image) = image else { return Err(no_snapshot(name, snapshot)) };
        Ok(app.databases.restore(name, &image).await?)
    }

    /// Removes a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, or the store failed.
    pub async fn forget(&self, app: &App, name: &str, snapshot: &str) -> Result<(), Refusal> {
        let image = self.lock().get_mut(name).and_then(|kept| kept.snapshots.remove(snapshot));
        match image {
            Some(image) => forget(app, Some(image)).await,
            None => Err(no_snapshot(name, snapshot)),
        }
    }

    /// Removes a database with its snapshots.
    ///
    /// # Errors
    /// There is no such database, or the store failed.
    pub async fn drop(&self, app: &App, name: &str) -> Result<(), Refusal> {
        if !app.databases.drop(name).await? {
            return Err(no_database(name));
        }
        let Some(Kept { first, snapshots }) = self.lock().remove(name) else { return Ok(()) };
        for image in first.into_iter().chain(snapshots.into_values()) {
            forget(app, Some(image)).await?;
        }
        Ok(())
    }

    async fn image(&self, app: &App, name: &str) -> Result<Image, Refusal> {
        must_exist(app, name).await?;
        Ok(app.databases.image(name).await?)
    }
}

async fn forget(app: &App, image: Option<Image>) -> Result<(), Refusal> {
    match image {
        Some(image) => Ok(app.databases.forget_image(image).await?),
        None => Ok(()),
    }
}

async fn must_exist(app: &App, name: &str) -> Result<(), Refusal> {
    if app.databases.exists(name).await? { Ok(()) } else { Err(no_database(name)) }
}

fn no_database(name: &str) -> Refusal {
    Refusal::missing(format!("there is no database '{name}'"))
}

fn no_snapshot(name: &str, snapshot: &str) -> Refusal {
    Refusal::missing(format!("'{name}' has no snapshot '{snapshot}'"))
}
