//! `db`: databases as a whole. What changes one wants the master password as its first argument.

use std::io::Cursor;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::management::{self, Wanted};
use super::{Arguments, Client};
use crate::database;
use crate::error::{Error, Result};

pub async fn dispatch(client: &Client, method: &str, mut args: Vec<Value>) -> Result<Value> {
    match method {
        "db_exist" => {
            let arguments = Arguments::bind(method, &["db_name"], &[], args)?;
            return Ok(client.app.databases.exists(arguments.text(0)).await?.into());
        }
        "list" => {
            Arguments::bind(method, &[], &["document"], args)?;
            return list(client).await;
        }
        "list_lang" => {
            Arguments::bind(method, &[], &[], args)?;
            return Ok(json!(database::languages(client.app.series)));
        }
        "server_version" => {
            Arguments::bind(method, &[], &[], args)?;
            return Ok(client.app.series.name().into());
        }
        "list_countries"
        | "create_database"
        | "duplicate_database"
        | "drop"
        | "rename"
        | "dump"
        | "restore"
        | "change_admin_password"
        | "migrate_databases" => {}
        other => return Err(Error::key_error(format!("Method not found: {other}"))),
    }
    if args.is_empty() {
        return Err(Error::Python { name: "builtins.IndexError", message: "list index out of range".to_owned() });
    }
    let app = &client.app;
    let master = args.remove(0);
    let master = master.as_str().unwrap_or_default();
    match method {
        // It tells nothing of databases.
        "list_countries" => app.master.check(&app.passwords, master).await?,
        _ => management::authorize(app, master).await?,
    }
    administrate(client, method, args).await
}

async fn list(client: &Client) -> Result<Value> {
    if !client.app.config.list_db {
        return Err(Error::access_denied());
    }
    Ok(json!(client.app.visible_databases(&client.host).await?))
}

/// The functions behind the master password.
async fn administrate(client: &Client, method: &str, args: Vec<Value>) -> Result<Value> {
    let app = &client.app;
    match method {
        "list_countries" => {
            Arguments::bind(method, &[], &[], args)?;
            Ok(json!(database::countries(app.series)))
        }
        "create_database" => {
            let optional = ["user_password", "login", "country_code", "phone"];
            create(client, &Arguments::bind(method, &["db_name", "demo", "lang"], &optional, args)?).await
        }
        "duplicate_database" => {
            let required = ["db_original_name", "db_name"];
            let arguments = Arguments::bind(method, &required, &["neutralize_database"], args)?;
            app.databases.duplicate(arguments.text(0), arguments.text(1)).await?;
            Ok(true.into())
        }
        "drop" => {
            let arguments = Arguments::bind(method, &["db_name"], &[], args)?;
            Ok(app.databases.drop(arguments.text(0)).await?.into())
        }
        "rename" => {
            let arguments = Arguments::bind(method, &["old_name", "new_name"], &[], args)?;
            app.databases.rename(arguments.text(0), arguments.text(1)).await?;
            Ok(true.into())
        }
        "dump" => {
            let arguments = Arguments::bind(method, &["db_name", "format"], &[], args)?;
            let zipped = management::dump(app, arguments.text(0), Vec::new()).await?;
            Ok(STANDARD.encode(zipped).into())
        }
        "restore" => {
            let arguments = Arguments::bind(method, &["db_name", "data"], &["copy"], args)?;
            restore(client, &arguments).await
        }
        "change_admin_password" => {
            let arguments = Arguments::bind(method, &["new_password"], &[], args)?;
            app.master.change(&app.passwords, arguments.text(0)).await?;
            Ok(true.into())
        }
        _ => {
            Arguments::bind(method, &["databases"], &[], args)?;
            let why = "A wiredoo database stays in the series that it was made for, so there is nothing to migrate.";
            Err(Error::UserError(why.to_owned()))
        }
    }
}

async fn create(client: &Client, arguments: &Arguments) -> Result<Value> {
    let wanted = Wanted {
        name: arguments.text(0),
        lang: arguments.optional_text(2),
        password: arguments.optional_text(3),
        login: arguments.optional_text(4),
        country_code: arguments.optional_text(5),
        phone: arguments.optional_text(6),
    };
    management::create(&client.app, &wanted).await?;
    Ok(true.into())
}

async fn restore(client: &Client, arguments: &Arguments) -> Result<Value> {
    let unreadable = |why: String| Error::UserError(format!("The dump cannot be restored: {why}"));
    // Clients break base64 into lines.
    let data: String = arguments.text(1).split_ascii_whitespace().collect();
    let data = STANDARD.decode(data).map_err(|error| unreadable(error.to_string()))?;
    management::restore(&client.app, arguments.text(0), Cursor::new(data), arguments.flag(2)).await?;
    Ok(true.into())
}
