#![doc = include_str!("../../docs/double.md")]
//!
//! ---
//!
//! Everything else works without this module, and knows nothing of it but that somebody may
//! [stand in between](crate::interception).

mod admin;
mod carrier;
mod chance;
pub mod databases;
pub mod error;
pub mod faults;
pub mod fixtures;
pub mod journal;
mod prepared;
pub mod rules;
pub mod seen;
pub mod selection;
pub mod stubs;
pub mod testing;
pub mod time;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use chrono::Utc;

use self::carrier::{Carried, Request};
use self::chance::Chance;
use self::databases::{Origin, Shelf};
use self::error::Refusal;
use self::faults::{Connection, Effect, Fault, Goes};
use self::journal::{Entry, Expectation, Journal, Outcome, Problem, Query, Verdict};
use self::prepared::Pantry;
use self::rules::{Rules, Standing};
use self::seen::Seen;
use self::selection::{Glob, Match};
use self::stubs::{Answer, Answers, Stub};
use self::time::{Preset, Ticks};
use crate::app::App;
use crate::error::{Error, Result};
use crate::interception::{Call, Exchange, Interceptor, Running};
use crate::reply::Reply;

/// What a double is told at its start.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What `/__wiredoo/…` wants as `Authorization: Bearer …`; nothing where it is not set.
    pub token: Option<String>,
    /// Names of databases (with `*` and `?`) that are made when they are first asked for.
    pub auto: Vec<Glob>,
    /// What the clock of the server shows.
    pub clock: Option<Preset>,
    /// Decides what `probability` comes to.
    pub seed: Option<u64>,
    /// How many calls the journal holds.
    pub journal: usize,
    /// What the databases of the start are filled with.
    pub fixtures: Vec<fixtures::Source>,
}

impl Default for Settings {
    fn default() -> Self {
        Self { token: None, auto: Vec::new(), clock: None, seed: None, journal: journal::SIZE, fixtures: Vec::new() }
    }
}

/// The double of a server.
pub struct Double {
    app: Weak<App>,
    token: Option<String>,
    shelf: Shelf,
    pantry: Pantry,
    journal: Journal,
    faults: Rules<Goes>,
    stubs: Rules<Answers>,
    ticks: Ticks,
    chance: Chance,
    last_rule: AtomicU64,
    /// Until when the server is down.
    down: Mutex<Option<Instant>>,
}

impl fmt::Debug for Double {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Double").field("shelf", &self.shelf).finish_non_exhaustive()
    }
}

impl Double {
    /// Puts a double into a server that has just started, and loads the fixtures into its databases.
    ///
    /// # Errors
    /// A fixture cannot be loaded, or the store failed.
    pub async fn start(app: &Arc<App>, settings: Settings) -> Result<Arc<Self>, Refusal> {
        let template = databases::template(app).await?;
        let double = Arc::new(Self {
            app: Arc::downgrade(app),
            token: settings.token,
            shelf: Shelf::new(template, settings.auto),
            pantry: Pantry::default(),
            journal: Journal::new(settings.journal),
            faults: Rules::default(),
            stubs: Rules::default(),
            ticks: Ticks::default(),
            chance: Chance::new(settings.seed.unwrap_or_default()),
            last_rule: AtomicU64::new(0),
            down: Mutex::default(),
        });
        if let Some(preset) = settings.clock {
            double.ticks.set(app, None, &preset.into())?;
        }
        for name in &app.config.databases {
            if !settings.fixtures.is_empty() {
                double.load(name, &settings.fixtures).await?;
            }
            double.shelf.keep_as_first(app, name).await?;
        }
        let maker = Arc::clone(&double);
        app.databases.make_on_demand(Box::new(move |name| maker.shelf.template_of(name)));
        app.intercept(Arc::clone(&double) as Arc<dyn Interceptor>);
        Ok(double)
    }

    /// The routes of a server with this double around them, and its own.
    pub fn around(self: &Arc<Self>, routes: Router) -> Router {
        admin::routes(self).merge(carrier::around(self, routes))
    }

    fn app(&self) -> Result<Arc<App>, Refusal> {
        self.app.upgrade().ok_or_else(|| Refusal::missing("the server has stopped"))
    }

    /// Makes a database: `name`, or a new one that begins with `prefix` (else [`databases::PREFIX`]), of the database
    /// `from`, or as a fresh server has it; then loads the fixtures. Answers with its name.
    ///
    /// # Errors
    /// The name is taken or none, there is no database `from`, a fixture cannot be loaded (then nothing is made), or the
    /// store failed.
    pub async fn create_database(
        &self,
        name: Option<&str>,
        prefix: Option<&str>,
        from: Option<&str>,
        fixtures: &[fixtures::Source],
    ) -> Result<String, Refusal> {
        Ok(self.make_database(name, prefix, from, fixtures).await?.0)
    }

    /// As [`create_database`](Self::create_database); answers also with what was loaded.
    async fn make_database(
        &self,
        name: Option<&str>,
        prefix: Option<&str>,
        from: Option<&str>,
        fixtures: &[fixtures::Source],
    ) -> Result<(String, fixtures::Loaded), Refusal> {
        let app = self.app()?;
        let is_fresh = from.is_none() && !fixtures.is_empty();
        let today = || name.map_or_else(|| app.clock.clone(), |name| app.databases.clock(name)).now().date();
        if let Some(prepared) = is_fresh.then(|| self.pantry.find(fixtures, today())).flatten() {
            let origin = Origin::Image(prepared.image.clone());
            let database = self.shelf.create(&app, name, prefix, origin).await?;
            if prepared.redate(&database).await? {
                self.shelf.keep_as_first(&app, database.name()).await?;
            }
            return Ok((database.name().to_owned(), prepared.loaded.clone()));
        }
        let origin = from.map_or(Origin::Template, Origin::Database);
        let database = self.shelf.create(&app, name, prefix, origin).await?;
        let name = database.name().to_owned();
        if fixtures.is_empty() {
            return Ok((name, fixtures::Loaded::default()));
        }
        match self.load(&name, fixtures).await {
            Ok(loaded) => {
                let image = self.shelf.keep_as_first(&app, &name).await?;
                if is_fresh {
                    self.pantry.keep(fixtures, &loaded, image);
                }
                Ok((name, loaded))
            }
            Err(refusal) => {
                self.shelf.drop(&app, &name).await?;
                Err(refusal)
            }
        }
    }

    /// Loads fixtures into a database.
    ///
    /// # Errors
    /// There is no such database, or a fixture cannot be loaded; then nothing of them is.
    pub async fn load(&self, db: &str, fixtures: &[fixtures::Source]) -> Result<fixtures::Loaded, Refusal> {
        let app = self.app()?;
        if !app.databases.exists(db).await? {
            return Err(Refusal::missing(format!("there is no database '{db}'")));
        }
        let database = app.databases.open(db).await.map_err(Error::from)?;
        Ok(fixtures::load(&database, &app.tools(), fixtures).await?)
    }

    /// Puts a database back to what it was when it was made, with its fixtures.
    ///
    /// # Errors
    /// There is no such database, or the store failed.
    pub async fn reset(&self, db: &str) -> Result<(), Refusal> {
        self.shelf.reset(&*self.app()?, db).await
    }

    /// Keeps aside, under a name, what a database is now.
    ///
    /// # Errors
    /// There is no such database, the name is empty or taken, or the store failed.
    pub async fn snapshot(&self, db: &str, name: &str) -> Result<(), Refusal> {
        self.shelf.snapshot(&*self.app()?, db, name).await
    }

    /// Puts a database back to what it was when the snapshot was made.
    ///
    /// # Errors
    /// There is no such database or snapshot, or the store failed.
    pub async fn restore(&self, db: &str, name: &str) -> Result<(), Refusal> {
        self.shelf.restore(&*self.app()?, db, name).await
    }

    /// Removes a database, and what of the double belongs to it.
    ///
    /// # Errors
    /// There is no such database, or the store failed.
    pub async fn drop_database(&self, db: &str) -> Result<(), Refusal> {
        let app = self.app()?;
        self.shelf.drop(&app, db).await?;
        self.journal.clear(Some(db));
        self.faults.clear(Some(db));
        self.stubs.clear(Some(db));
        self.ticks.clear(Some(db));
        app.databases.forget_clock(db);
        Ok(())
    }

    /// Puts a fault in force; it goes before those that are. Answers with its id.
    ///
    /// # Errors
    /// It contradicts itself.
    pub fn add_fault(&self, fault: Fault) -> Result<u64, Refusal> {
        self.faults.add(self.next_rule(), fault).map(|rule| rule.id)
    }

    /// Puts a stub in force; it goes before those that are. Answers with its id.
    ///
    /// # Errors
    /// It contradicts itself.
    pub fn add_stub(&self, stub: Stub) -> Result<u64, Refusal> {
        self.stubs.add(self.next_rule(), stub).map(|rule| rule.id)
    }

    /// The stubs that no call has used.
    #[must_use]
    pub fn unused_stubs(&self, db: Option<&str>) -> Vec<Arc<Standing<Answers>>> {
        let mut stubs = self.stubs.list(db);
        stubs.retain(|stub| !stub.is_used());
        stubs
    }

    /// Calls, oldest first.
    #[must_use]
    pub fn calls(&self, query: &Query) -> Vec<Entry> {
        self.journal.find(query)
    }

    /// Whether the calls so far are as expected.
    ///
    /// # Errors
    /// The expectation contradicts itself.
    pub fn verify(&self, expected: &Expectation) -> Result<Verdict, Refusal> {
        self.journal.verify(expected)
    }

    /// Waits until the calls are as expected, at most so long; then answers as [`verify`](Self::verify) does.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn wait_for(&self, expected: &Expectation, patience: Duration) -> Result<Verdict, Refusal> {
        self.journal.wait_for(expected, patience).await
    }

    /// Fails with what came nearest unless there were exactly so many calls as described.
    ///
    /// # Panics
    /// There were fewer or more.
    #[track_caller]
    pub fn assert_called(&self, matching: Match, times: usize) {
        let expected = Expectation { matching, exactly: Some(times), ..Expectation::default() };
        let verdict = self.verify(&expected).unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(verdict.ok, "{}", verdict.message);
    }

    fn next_rule(&self) -> u64 {
        self.last_rule.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Takes the server down: what the process remembers is gone, and for so long nobody is answered.
    fn go_down(&self, time: Duration) {
        *self.down.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now() + time);
        if let Ok(app) = self.app() {
            app.forget();
        }
    }

    fn is_down(&self) -> bool {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        *down = down.filter(|until| Instant::now() < *until);
        down.is_some()
    }

    /// Lets an effect happen to a call: before it runs, or in its place.
    async fn suffer<'c>(
        &self,
        effect: &Effect,
        exchange: &Exchange,
        run: &(dyn Fn() -> Running<'c> + Send + Sync),
    ) -> Option<Result<Reply>> {
        if let Some(time) = effect.delay_ms {
            tokio::time::sleep(Duration::from_millis(time)).await;
        }
        if let Some(error) = effect.error() {
            return Some(Err(error));
        }
        if effect.http.is_some() || effect.restart.is_some() || effect.connection == Some(Connection::CutBefore) {
            if let Some(restart) = effect.restart {
                self.go_down(Duration::from_millis(restart.down_ms));
            }
            exchange.leave(Carried(effect.clone()));
            return Some(Err(Error::UserError("The answer is not sent.".to_owned())));
        }
        if effect.connection.is_some() {
            let answer = run().await;
            exchange.leave(Carried(effect.clone()));
            return Some(answer);
        }
        None
    }
}

#[async_trait]
impl Interceptor for Double {
    async fn answer<'c>(&self, call: Call<'c>, run: &(dyn Fn() -> Running<'c> + Send + Sync)) -> Result<Reply> {
        let exchange = Exchange::current().unwrap_or_default();
        let request = exchange.look::<Request>().unwrap_or_default();
        let (Ok(app), begun, time) = (self.app(), Instant::now(), Utc::now()) else { return run().await };
        let seen = Seen::of(&call, app.series, &request.path);
        self.ticks.tick(&app, seen.db.as_deref());
        let fault = self.faults.take(&seen, &self.chance);
        let mut rule = fault.as_ref().map(|fault| fault.id);
        let mut answer = match &fault {
            Some(fault) => self.suffer(&fault.rule.does.effect, &exchange, run).await,
            None => None,
        };
        if answer.is_none()
            && let Some(stub) = self.stubs.take(&seen, &self.chance)
        {
            rule = Some(stub.id);
            if let Answer::Of(given) = stub.answer(&seen).await {
                answer = Some(given.map(Reply::from));
            }
        }
        let answer = match answer {
            Some(answer) => answer,
            None => run().await,
        };
        let error =
            answer.as_ref().err().map(|error| Problem { name: error.name().to_owned(), message: error.to_string() });
        let entry = Entry {
            time,
            outcome: if error.is_some() { Outcome::Error } else { Outcome::Ok },
            error,
            duration_ms: begun.elapsed().as_secs_f64() * 1000.0,
            rule,
            seen: seen.shortened(),
            ..Entry::default()
        };
        let noted = self.journal.note(entry);
        let mut entries = exchange.look::<carrier::Noted>().unwrap_or_default();
        entries.0.push(noted);
        exchange.leave(entries);
        answer
    }

    fn knows_model(&self, database: &str, model: &str) -> bool {
        self.stubs.names_model(database, model) || self.faults.names_model(database, model)
    }
}
