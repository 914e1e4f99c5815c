//! `/web/database/…`.

use super::Call;
use crate::error::{Error, Result};

/// `/web/database/list`: the databases that the host sees.
pub async fn list(call: Call) -> Result<Vec<String>> {
    if !call.app.config.list_db {
        return Err(Error::access_denied());
    }
    call.app.visible_databases(&call.visit.client().host).await
}
