//! One request's view of its session: which sid it brings, what that stands for, and which cookie goes back.

use std::net::IpAddr;
use std::sync::Arc;

use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use chrono::{DateTime, NaiveDateTime};
use entity::sessions;
use serde_json::Value;
use tokio::sync::{Mutex, MutexGuard};

use super::Caller;
use super::csrf;
use super::identity::Identity;
use super::login::LoggedIn;
use super::session::{self, Content, Device, Sid, Stored};
use crate::app::App;
use crate::database::{Database, Version};
use crate::error::{Error, Result};
use crate::models::res_users;

/// A session's end is moved at most once in this part of its life, since that is a write.
const RENEWALS_PER_LIFETIME: i32 = 1000;
/// What sessions are remembered as.
const SESSION: &str = "session";
/// Under which name a session remembers when its user proved who they are.
const PROVED: &str = "identity-check-last";

/// Who makes a request: the session that it names, looked up when somebody asks for it.
#[derive(Debug)]
pub struct Visit {
    app: Arc<App>,
    sid: Option<Sid>,
    /// The sid came by query or header, so no cookie goes back.
    explicit: bool,
    /// `X-Odoo-Database`.
    named_database: Option<String>,
    client: Client,
    state: Mutex<State>,
}

/// Where a request comes from and how it came.
#[derive(Clone, Debug, Default)]
pub struct Client {
    /// The client's IP address.
    pub address: String,
    /// `Host`, with the port where it has one.
    pub host: String,
    /// `http` or, behind a proxy that says so, `https`.
    pub scheme: String,
    pub user_agent: String,
}

impl Client {
    /// The server's address as the client wrote it: `http://localhost:8069`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}://{}", self.scheme, self.host)
    }
}

#[derive(Debug, Default)]
struct State {
    /// Whether the sid has been looked up.
    loaded: bool,
    database: Option<Arc<Database>>,
    /// The version of the database when the session was looked up.
    version: Version,
    stored: Option<Arc<Stored>>,
    /// The sid of a session that this request has begun.
    renewed_sid: Option<Sid>,
    /// Whether the session changed, so that the client is told its sid again.
    dirty: bool,
}

/// The session that a login has begun.
#[derive(Debug)]
pub struct Begun {
    pub sid: Sid,
    pub session: sessions::Model,
}

impl Visit {
    /// Reads what a request says of its session. The first of query parameter, header and cookie that is not empty
    /// decides, whether it is any good or not.
    #[must_use]
    pub fn new(app: &Arc<App>, parts: &Parts, peer: &str) -> Self {
        let headers = &parts.headers;
        let query = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .find(|(key, value)| key == "session_id" && !value.is_empty())
            .map(|(_, value)| value.into_owned());
        let explicit = query.or_else(|| text(headers, "x-openerp-session-id").filter(|sid| !sid.is_empty()));
        let sid = explicit.clone().or_else(|| cookie(headers, "session_id"));
        Self {
            app: Arc::clone(app),
            sid: sid.as_deref().and_then(Sid::parse),
            explicit: explicit.is_some(),
            // A name that is no text is the name of no database, not the same as none.
            named_database: headers
                .get("x-odoo-database")
                .map(|name| String::from_utf8_lossy(name.as_bytes()).into_owned())
                .filter(|name| !name.is_empty()),
            client: client(parts, peer, app.config.proxy_mode),
            state: Mutex::default(),
        }
    }

    /// Where the request comes from.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    async fn state(&self) -> Result<MutexGuard<'_, State>> {
        let mut state = self.state.lock().await;
        if !state.loaded {
            if let Some(sid) = &self.sid {
                Box::pin(self.load(sid, &mut state)).await?;
            }
            state.loaded = true;
        }
        Ok(state)
    }

    async fn load(&self, sid: &Sid, state: &mut State) -> Result<()> {
        let host = &self.client.host;
        let open = self.app.open_databases_of_sid(sid, host);
        for database in &open {
            if self.load_from(database, sid, state).await? {
                return Ok(());
            }
        }
        for database in Box::pin(self.app.closed_databases_of_sid(sid, host, &open)).await? {
            if self.load_from(&database, sid, state).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Looks the session up in one database, and answers whether it lives there.
    async fn load_from(&self, database: &Arc<Database>, sid: &Sid, state: &mut State) -> Result<bool> {
        let now = database.clock().now();
        let version = database.version().await?;
        let found = stored(database, &version, sid).await?;
        let Some(mut stored) = Option::clone(&found).filter(|session| session.row.expires_at > now) else {
            return Ok(false);
        };
        tracing::Span::current().record("db", database.name()).record("uid", stored.row.user_id);
        let (lifetime, noted) = (self.app.session_lifetime(), !self.is_noted(&stored, now));
        if noted {
            session::trace(&mut Arc::make_mut(&mut stored).row.data, self.device(), now);
        }
        if noted || self.is_to_be_renewed(&stored, now) {
            let row = &stored.row;
            let renewed = database.write_committed(|tx| {
                let row = row.clone();
                Box::pin(async move { session::renew(tx, &row, now, lifetime).await })
            });
            match Box::pin(renewed).await {
                Ok(row) => Arc::make_mut(&mut stored).row = row,
                // Who only reads need not suffer from a disk that is full; the next request tries again.
                Err(Error::Database(error)) => {
                    tracing::warn!(db = database.name(), %error, "a session could not be renewed");
                }
                Err(error) => return Err(error),
            }
        }
        let database = Some(Arc::clone(database));
        *state = State { database, version, stored: Some(stored), dirty: noted, ..State::default() };
        Ok(true)
    }

    /// Whether a session knows the device, where it notes devices.
    fn is_noted(&self, stored: &Stored, now: NaiveDateTime) -> bool {
        stored.user.is_none()
            || !self.app.series.traces_devices()
            || session::is_traced(&stored.row.data, self.device(), now)
    }

    fn is_to_be_renewed(&self, stored: &Stored, now: NaiveDateTime) -> bool {
        now - stored.row.write_date > self.app.session_lifetime() / RENEWALS_PER_LIFETIME
    }

    fn device(&self) -> Device<'_> {
        let agent = self.client.user_agent.as_str();
        let known = |names: &[&'static str]| {
            let agent = agent.to_ascii_lowercase();
            names.iter().find(|name| agent.contains(**name)).copied().unwrap_or_default()
        };
        Device {
            platform: known(&["android", "iphone", "ipad", "windows", "macintosh", "linux"]),
            browser: known(&["edg", "opr", "chrome", "firefox", "safari", "python", "node", "curl"]),
            address: &self.client.address,
        }
    }

    /// The database of the request: its session's, or the one named by `X-Odoo-Database`, or the only one that the host
    /// sees.
    ///
    /// # Errors
    /// The named database cannot be opened, or the store failed.
    pub async fn database(&self) -> Result<Option<Arc<Database>>> {
        if let Some(database) = &self.state().await?.database {
            return Ok(Some(Arc::clone(database)));
        }
        let host = &self.client.host;
        if let Some(name) = &self.named_database {
            if !self.app.sees(host, name).await? {
                return Err(Error::no_such_database(name));
            }
            return Ok(Some(self.app.databases.open(name).await?));
        }
        match &self.app.visible_databases(host).await?[..] {
            [only] => Ok(Some(self.app.databases.open(only).await?)),
            _ => Ok(None),
        }
    }

    /// The database of a request that brings an API key: as [`database`](Self::database), but a session and the header
    /// must not name different ones.
    ///
    /// # Errors
    /// An `AccessError` where they do; otherwise as `database`.
    pub async fn stateless_database(&self) -> Result<Option<Arc<Database>>> {
        if let (Some(database), Some(named)) = (&self.state().await?.database, &self.named_database)
            && database.name() != named
        {
            let why = "Cannot use both the session_id cookie and the x-odoo-database header.";
            return Err(Error::AccessError(why.to_owned()));
        }
        self.database().await
    }

    /// The user who is logged in.
    ///
    /// # Errors
    /// `SessionExpired` where nobody is; a failure of the database.
    pub async fn caller(&self) -> Result<Caller> {
        let state = self.state().await?;
        match (&state.database, state.stored.as_ref().and_then(|stored| stored.user.as_ref())) {
            (Some(database), Some(user)) => {
                let (database, version) = (Arc::clone(database), state.version.clone());
                Ok(Caller { database, version, user: Arc::clone(user) })
            }
            _ => Err(Error::SessionExpired),
        }
    }

    /// The user who is logged in, and when they last proved who they are, by what is remembered of a version that the
    /// database of the session is [supposed](Database::supposed_version) to have.
    #[must_use]
    pub fn supposed_caller(&self) -> Option<(Caller, Identity)> {
        if self.app.series.always_sends_cookie() && !self.explicit {
            // For the cookie it has to be looked up in any case.
            return None;
        }
        let sid = self.sid.as_ref()?;
        let [database] = &self.app.open_databases_of_sid(sid, &self.client.host)[..] else { return None };
        let version = database.supposed_version()?;
        let found = database.known::<Option<Arc<Stored>>>(&version, SESSION, &sid.hash())?;
        let (stored, now) = (Option::as_ref(&found)?, database.clock().now());
        if stored.row.expires_at <= now || !self.is_noted(stored, now) || self.is_to_be_renewed(stored, now) {
            return None;
        }
        let user = stored.user.clone()?;
        Some((Caller { database: Arc::clone(database), version, user }, identity(&stored.row)))
    }

    /// The database that a request without a session names, if it is open and the host sees it.
    #[must_use]
    pub fn named_and_open(&self) -> Option<Arc<Database>> {
        let name = self.named_database.as_ref().filter(|_| self.sid.is_none())?;
        self.app.databases.opened(name).filter(|_| self.app.config.db_filter.admits(name, &self.client.host))
    }

    /// The user who is logged in, or else the public user of the request's database.
    ///
    /// # Errors
    /// `NotFound` where there is no such database; a failure of the database.
    pub async fn visitor(&self) -> Result<Caller> {
        match self.caller().await {
            Err(Error::SessionExpired) => {}
            answer => return answer,
        }
        let unknown = || Error::NotFound("There is no database.".to_owned());
        let database = self.database().await.map_err(|error| match error {
            Error::Database(error) => Error::Database(error),
            _ => unknown(),
        })?;
        let database = match database {
            Some(database) => database,
            None => self.main_database().await?.ok_or_else(unknown)?,
        };
        let version = database.version().await?;
        let public = database.cached(&version, "public_user", "", || res_users::public(database.connection())).await?;
        let user = Option::clone(&public).ok_or_else(unknown)?;
        Ok(Caller { database, version, user })
    }

    /// The database that the server was started with, if it is one and the host sees it: what visitors mean where there are
    /// several.
    async fn main_database(&self) -> Result<Option<Arc<Database>>> {
        let [name] = self.app.config.databases.as_slice() else { return Ok(None) };
        if !self.app.visible_databases(&self.client.host).await?.contains(name) {
            return Ok(None);
        }
        Ok(Some(self.app.databases.open(name).await?))
    }

    /// Makes the session one of this user: a new sid, and the old one dead at once.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn log_in(&self, database: &Arc<Database>, login: &LoggedIn) -> Result<Begun> {
        let content = if login.second_factor {
            Content { user: None, awaiting_second_factor: Some(login.user.id) }
        } else {
            Content { user: Some(login.user.clone()), awaiting_second_factor: None }
        };
        let mut state = self.state().await?;
        self.begin(&mut state, database, content).await
    }

    /// Ends the session. A client with a cookie gets a new, anonymous one, which remembers the database where
    /// `keep_database` is set.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn log_out(&self, keep_database: bool) -> Result<()> {
        let mut state = self.state().await?;
        if let Some(database) = state.database.clone() {
            // A client that sends its sid itself would not learn of a new one.
            if keep_database && !self.explicit {
                self.begin(&mut state, &database, Content::default()).await?;
                return Ok(());
            }
            end(&database, state.stored.take().map(|stored| stored.row.clone())).await?;
        }
        *state = State { loaded: true, dirty: true, ..State::default() };
        Ok(())
    }

    async fn begin(&self, state: &mut State, database: &Arc<Database>, content: Content) -> Result<Begun> {
        let mut old = state.stored.take().map(|stored| stored.row.clone());
        if let Some(other) = state.database.take().filter(|other| !Arc::ptr_eq(other, database)) {
            end(&other, old.take()).await?;
        }
        let sid = Sid::generate(self.app.series, Some(database.name()));
        let (now, lifetime) = (database.clock().now(), self.app.session_lifetime());
        let secret = database.secret(&database.version().await?).await?;
        database
            .write(|tx| {
                let (secret, sid) = (Arc::clone(&secret), sid.clone());
                let (content, old) = (content.clone(), old.clone());
                Box::pin(async move {
                    if let Some(old) = old {
                        session::remove(tx, &old).await?;
                    }
                    session::insert(tx, &secret, &sid, &content, now, lifetime).await
                })
            })
            .await?;
        // Read again after the version: the user may have changed while the password was checked.
        let version = database.version().await?;
        let stored = session::find(database.connection(), &secret, &sid).await?.ok_or(Error::SessionExpired)?;
        let begun = Begun { sid: sid.clone(), session: stored.row.clone() };
        *state = State {
            loaded: true,
            database: Some(Arc::clone(database)),
            version,
            stored: Some(Arc::new(stored)),
            renewed_sid: Some(sid),
            dirty: true,
        };
        Ok(begun)
    }

    /// When the user of the session last proved who they are.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn identity(&self) -> Result<Identity> {
        let state = self.state().await?;
        Ok(state.stored.as_ref().map(|stored| identity(&stored.row)).unwrap_or_default())
    }

    /// Has the session remember a proof that a call has brought.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn remember(&self, identity: &Identity) -> Result<()> {
        let Some(proved) = identity.changed() else { return Ok(()) };
        let mut state = self.state().await?;
        let State { database: Some(database), stored: Some(stored), .. } = &mut *state else { return Ok(()) };
        let mut row = stored.row.clone();
        if let Some(data) = row.data.as_object_mut() {
            data.insert(PROVED.to_owned(), proved.and_utc().timestamp().into());
        }
        let (now, lifetime) = (database.clock().now(), self.app.session_lifetime());
        let renewed = database.write_committed(|tx| {
            let row = row.clone();
            Box::pin(async move { session::renew(tx, &row, now, lifetime).await })
        });
        Arc::make_mut(stored).row = Box::pin(renewed).await?;
        Ok(())
    }

    /// Keeps the session alive over a change of its user's password.
    ///
    /// # Errors
    /// `SessionExpired` where the session or the user is gone; a failure of the database.
    pub async fn keep(&self, caller: &Caller) -> Result<()> {
        let mut state = self.state().await?;
        let sid = state.renewed_sid.clone().or_else(|| self.sid.clone()).ok_or(Error::SessionExpired)?;
        let database = &caller.database;
        let secret = database.secret(&database.version().await?).await?;
        database
            .write(|tx| {
                let (secret, sid, uid) = (Arc::clone(&secret), sid.clone(), caller.user.id);
                Box::pin(async move { session::authorize(tx, &secret, &sid, uid).await })
            })
            .await?;
        // What is known of the session and its user is out of date.
        state.loaded = false;
        Ok(())
    }

    /// A token for the forms of a page of this session; empty where it has none.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn csrf_token(&self) -> Result<String> {
        let now = self.app.clock.now();
        let keyed = self.key_of_forms().await?;
        Ok(keyed.map_or_else(String::new, |(secret, sid)| csrf::token(&secret, &sid, now)))
    }

    /// Refuses a form that no page of this session has sent. A client that names its session itself, not by a cookie that
    /// browsers add, needs no token.
    ///
    /// # Errors
    /// `BadRequest`; a failure of the database.
    pub async fn check_csrf(&self, token: &str) -> Result<()> {
        let now = self.app.clock.now();
        if self.explicit || self.key_of_forms().await?.is_some_and(|(key, sid)| csrf::is_valid(&key, &sid, now, token))
        {
            return Ok(());
        }
        Err(Error::BadRequest("Session expired (invalid CSRF token)".to_owned()))
    }

    /// The secret and the sid by which forms of this session are known.
    async fn key_of_forms(&self) -> Result<Option<(Arc<String>, Sid)>> {
        let state = self.state().await?;
        let (Some(database), Some(_)) = (&state.database, &state.stored) else { return Ok(None) };
        let sid = state.renewed_sid.clone().or_else(|| self.sid.clone());
        let secret = database.secret(&state.version).await?;
        Ok(sid.map(|sid| (secret, sid)))
    }

    /// Has the client told its sid again, as `get_session_info` does, which lengthens the life of the cookie.
    ///
    /// # Errors
    /// A failure of the database.
    pub async fn touch(&self) -> Result<()> {
        self.state().await?.dirty = true;
        Ok(())
    }

    /// The `Set-Cookie` header of the answer, if it has one. `answered` says that a handler was reached: only then does
    /// 15.0 send the cookie that it always sends.
    pub async fn set_cookie(&self, answered: bool) -> Option<String> {
        if self.explicit {
            return None;
        }
        let always = answered && self.app.series.always_sends_cookie();
        // To send the sid always, it must be known whether it is good.
        let state = if always { self.state().await.ok()? } else { self.state.lock().await };
        if !(state.dirty || always) {
            return None;
        }
        let known = state.stored.as_ref().and(self.sid.clone());
        let sid = state.renewed_sid.clone().or(known);
        let sid = sid.unwrap_or_else(|| Sid::generate(self.app.series, None));
        let seconds = self.app.session_lifetime().num_seconds();
        Some(format!("session_id={}; Max-Age={seconds}; HttpOnly; Path=/", sid.expose()))
    }
}

/// When the user of a session last proved who they are.
fn identity(session: &sessions::Model) -> Identity {
    let proved = session.data.get(PROVED).and_then(Value::as_i64);
    Identity::new(proved.and_then(|at| DateTime::from_timestamp(at, 0)).map(|at| at.naive_utc()))
}

/// Removes a session from its database, if there is one.
async fn end(database: &Database, session: Option<sessions::Model>) -> Result<()> {
    let Some(session) = session else { return Ok(()) };
    database
        .write(|tx| {
            let session = session.clone();
            Box::pin(async move { session::remove(tx, &session).await })
        })
        .await
}

/// The session of a sid in this `version` of a database, if it lives.
async fn stored(database: &Database, version: &Version, sid: &Sid) -> Result<Arc<Option<Arc<Stored>>>> {
    let (kind, hash) = (SESSION, sid.hash());
    if let Some(known) = database.known(version, kind, &hash) {
        return Ok(known);
    }
    // The secret hardly ever changes, so one statement asks for the session, and whether it has.
    if let Some(secret) = database.last_secret() {
        let found = database.within(session::find_under(database.connection(), &secret, sid)).await?;
        if found.is_some() {
            let found = Arc::new(found.map(Arc::new));
            database.keep_secret(version, &secret);
            database.keep(version, kind, &hash, &found);
            return Ok(found);
        }
    }
    let secret = database.secret(version).await?;
    let find = || async { Ok(session::find(database.connection(), &secret, sid).await?.map(Arc::new)) };
    database.cached(version, kind, &hash, find).await
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(|value| value.trim().to_owned())
}

/// The first cookie of that name.
fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.trim_matches('"').to_owned())
}

fn client(parts: &Parts, peer: &str, proxy_mode: bool) -> Client {
    let headers = &parts.headers;
    // What the proxy itself has seen is the last element of the last header; before it stands what it was told.
    let forwarded = |name: &str| -> Option<String> {
        let line = headers.get_all(name).iter().next_back().filter(|_| proxy_mode)?;
        Some(line.to_str().ok()?.rsplit(',').next()?.trim().to_owned())
    };
    let address = forwarded("x-forwarded-for").and_then(|address| address.parse::<IpAddr>().ok());
    let scheme = forwarded("x-forwarded-proto").filter(|scheme| matches!(scheme.as_str(), "http" | "https"));
    let host = forwarded("x-forwarded-host").or_else(|| text(headers, "host"));
    let host = host.or_else(|| parts.uri.authority().map(ToString::to_string));
    Client {
        address: address.map_or_else(|| peer.to_owned(), |address| address.to_string()),
        host: host.unwrap_or_else(|| "localhost".to_owned()),
        scheme: scheme.unwrap_or_else(|| "http".to_owned()),
        user_agent: text(headers, "user-agent").unwrap_or_default(),
    }
}
