//! `wiredoo serve`.

use std::io::{self, IsTerminal as _, Write as _};
use std::net::IpAddr;

use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::Failure;
use super::args::{LogFormat, ServeArgs};
use crate::app::App;
use crate::auth::password::Verdict;
use crate::config::Config;
use crate::{Builder, Wiredoo};

const DEFAULT_PASSWORD: &str = "admin";

/// Serves until SIGTERM or SIGINT.
pub async fn serve(args: ServeArgs) -> Result<(), Failure> {
    start_log(&args)?;
    let config = args.config();
    let double = args.double.settings(args.ephemeral)?;
    if let Some(seed) = double.as_ref().and_then(|double| double.seed) {
        crate::auth::seed(seed);
    }
    if !is_loopback(&args.host) {
        refuse_default_passwords(&config).await?;
    }
    // From here on, so that a signal during the start is not lost.
    let stopped = signal()?;
    let mut builder = Builder::from(config).listen(&args.host, args.port);
    if let Some(address) = &args.metrics {
        builder = builder.metrics(address);
    }
    if let Some(double) = double {
        builder = builder.double(double);
    }
    let server = builder.start().await?;
    announce(&server, &args)?;
    stopped.await;
    tracing::info!("stopping");
    server.shutdown().await;
    Ok(())
}

fn start_log(args: &ServeArgs) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(&args.log).map_err(|error| Failure(format!("--log {}: {error}", args.log)))?;
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
    match args.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    Ok(())
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whoever can reach the server knows the default passwords.
async fn refuse_default_passwords(config: &Config) -> Result<(), Failure> {
    let refused = |what: &str| {
        let why = "the address is not loopback, so the server does not start with the default";
        Err(Failure(format!("{why} {what} 'admin'")))
    };
    let app = App::connect(config.clone()).await?;
    if app.master.check(&app.passwords, DEFAULT_PASSWORD).await.is_ok() {
        return refused("master password (--master-password)");
    }
    for name in &config.databases {
        if app.databases.is_missing(name).await? {
            if config.admin_password == DEFAULT_PASSWORD {
                return refused("administrator's password (--admin-password)");
            }
            continue;
        }
        let database = app.databases.open(name).await?;
        let user = crate::models::res_users::find(database.connection(), &config.admin_login).await?;
        let stored = user.and_then(|user| user.password);
        if app.passwords.verify(DEFAULT_PASSWORD, stored.as_deref()).await != Verdict::Wrong {
            return refused(&format!("administrator's password in the database '{name}' (wiredoo user password)"));
        }
    }
    app.databases.close_all().await;
    Ok(())
}

/// Tells programs on standard output, and a person at a terminal on standard error, that the server is ready.
fn announce(server: &Wiredoo, args: &ServeArgs) -> io::Result<()> {
    let (url, db, series) = (server.url(), server.db(), args.series);
    let mut ready = json!({"ready": true, "url": url, "db": db, "series": series.name(), "pid": std::process::id()});
    if let Some(metrics) = server.metrics_url() {
        ready["metrics"] = metrics.into();
    }
    let mut out = io::stdout().lock();
    writeln!(out, "{ready}")?;
    out.flush()?;
    tracing::info!(url, db, %series, "ready");
    if io::stderr().is_terminal() {
        let login = &args.admin_login;
        // Everybody knows the default password; another one is nobody's business.
        let password = if args.admin_password == DEFAULT_PASSWORD { DEFAULT_PASSWORD } else { "…" };
        eprintln!(
            "\nwiredoo {series} listens on {url}, database {db}, login {login}.\nTry:\n\n    curl {url}/session/auth/login \
             --json '{{\"db\": \"{db}\", \"login\": \"{login}\", \"password\": \"{password}\"}}'\n"
        );
    }
    Ok(())
}

/// Completes when the process is asked to end.
fn signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        Ok(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(async { drop(tokio::signal::ctrl_c().await) })
}
