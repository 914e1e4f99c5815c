//! `common`: what server this is, and who a login is.

use serde_json::{Value, json};

use super::{Arguments, Client};
use crate::error::{Error, Result};

/// What all series say.
const ABOUT: &str = "See http://openerp.com";

pub async fn dispatch(client: &Client, method: &str, args: Vec<Value>) -> Result<Value> {
    let credentials = ["db", "login", "password"];
    match method {
        "version" => {
            Arguments::bind(method, &[], &[], args)?;
            Ok(client.app.series.version())
        }
        "about" => {
            let extended = Arguments::bind(method, &[], &["extended"], args)?.flag(0);
            Ok(if extended { json!([ABOUT, client.app.series.name()]) } else { ABOUT.into() })
        }
        "login" => authenticate(client, &Arguments::bind(method, &credentials, &[], args)?).await,
        "authenticate" => {
            let required = ["db", "login", "password", "user_agent_env"];
            authenticate(client, &Arguments::bind(method, &required, &[], args)?).await
        }
        "set_loglevel" => {
            Arguments::bind(method, &["loglevel"], &["logger"], args)?;
            Ok(true.into())
        }
        other => Err(Error::exception(format!("Method not found: {other}"))),
    }
}

/// The id of the user with these credentials, `false` where they are wrong.
async fn authenticate(client: &Client, arguments: &Arguments) -> Result<Value> {
    let database = client.app.databases.open(arguments.text(0)).await?;
    match client.app.gate(&client.address).by_credentials(&database, arguments.text(1), arguments.text(2)).await {
        Ok(user) => Ok(user.id.into()),
        Err(Error::AccessDenied(_)) => Ok(false.into()),
        Err(error) => Err(error),
    }
}
