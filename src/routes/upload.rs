//! `/web/binary/upload_attachment`: files that pages send.

use axum::http::StatusCode;
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};

use super::answered;
use super::form::{Posted, Upload};
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::orm::env::Tools;
use crate::orm::{self, MethodCall};
use crate::python;
use crate::wire::page;

const MODEL: &str = "ir.attachment";

/// Keeps the files `ufile` as attachments of the record `id` of `model`. Answers with a list of what they became, or why
/// not; with `callback`, as a script for the page that holds the form.
pub async fn upload_attachment(posted: Posted) -> Response {
    let kept = async {
        let caller = posted.visit.caller().await?;
        let form = posted.form().await?;
        posted.visit.check_csrf(form.optional("csrf_token").unwrap_or_default()).await?;
        let (model, id) = (form.required("model")?, form.required("id")?);
        form.file("ufile")?;
        let mut told = Vec::new();
        for file in form.files("ufile") {
            told.push(keep(&caller, &posted.shared.app.tools(), model, id, file).await);
        }
        Ok((Value::from(told), form.optional("callback").map(str::to_owned)))
    };
    match kept.await {
        Ok((told, callback)) => answered(page::fragment(StatusCode::OK, &rendered(&told, callback.as_deref()))),
        Err(error) => answered(page::failure(&error, posted.uri.path())),
    }
}

/// What the page reads: JSON, or a script that hands it to the event `callback`.
fn rendered(told: &Value, callback: Option<&str>) -> String {
    let Some(callback) = callback.filter(|callback| !callback.is_empty()) else { return told.to_string() };
    // Neither may end the script that it is in.
    let quoted = |value: &Value| value.to_string().replace('<', "\\u003c");
    let event = quoted(&callback.into());
    format!("<script>window.top.window.jQuery(window.top.window).trigger({event}, {});</script>", quoted(told))
}

async fn keep(caller: &Caller, tools: &Tools, model: &str, id: &str, file: &Upload) -> Value {
    match create(caller, tools, model, id, file).await {
        Ok(kept) => kept,
        Err(Error::AccessError(_) | Error::AccessDeniedTo { .. }) => {
            json!({"error": "You are not allowed to upload an attachment here."})
        }
        Err(error) => {
            tracing::warn!(%error, "an uploaded file was not kept");
            json!({"error": "Something horrible happened"})
        }
    }
}

async fn create(caller: &Caller, tools: &Tools, model: &str, id: &str, file: &Upload) -> Result<Value> {
    let id = python::int(&id.into())?;
    let values =
        json!({"name": file.filename, "datas": BASE64.encode(&file.content), "res_model": model, "res_id": id});
    let call = |method: &str, args: Vec<Value>| {
        let (model, method) = (MODEL.to_owned(), method.to_owned());
        orm::call(caller, tools, MethodCall { model, method, args, kwargs: Map::new(), ids: None })
    };
    let made = call("create", vec![values]).await?.into_value()?;
    let mut rows = call("read", vec![json!([made]), json!(["mimetype", "file_size"])]).await?.into_value()?;
    let row = rows[0].take();
    Ok(json!({"filename": file.filename, "mimetype": row["mimetype"], "id": made, "size": row["file_size"]}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_cannot_be_ended_from_within() {
        let told = json!([{"filename": "</script>"}]);
        assert_eq!(rendered(&told, Some("")), told.to_string());
        let script = rendered(&told, Some("</script>\"'"));
        assert_eq!(script.matches("</script>").count(), 1, "{script}");
    }
}
