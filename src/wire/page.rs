//! Pages of HTML: errors that are not told in JSON, and the little that a browser gets to see.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::error::Error;

/// A page with this status, title and body (HTML).
#[must_use]
pub fn page(status: StatusCode, title: &str, body: &str) -> Response {
    let html = ["<!doctype html>\n<html lang=en>\n<title>", &escape(title), "</title>\n", body, "\n"].concat();
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html).into_response()
}

/// The page of an error.
#[must_use]
pub fn error(status: StatusCode, description: &str) -> Response {
    let reason = status.canonical_reason().unwrap_or_default();
    let body = format!("<h1>{reason}</h1>\n<p>{}</p>", escape(description));
    page(status, &format!("{} {reason}", status.as_u16()), &body)
}

/// Status 400 with a bare text, as for a body that is no envelope.
#[must_use]
pub fn bad_request(text: &str) -> Response {
    fragment(StatusCode::BAD_REQUEST, text)
}

/// HTML as it is, or a text of which the type says that it is HTML.
#[must_use]
pub fn fragment(status: StatusCode, html: &str) -> Response {
    (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], html.to_owned()).into_response()
}

/// Status 404, with the words of werkzeug.
#[must_use]
pub fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, NOT_FOUND)
}

/// What werkzeug says of a path at which there is nothing.
pub const NOT_FOUND: &str = "The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again.";

/// The one place where an [`Error`] becomes a page; who has no session is sent to the login, and from there back to
/// `path`.
#[must_use]
pub fn failure(failure: &Error, path: &str) -> Response {
    failure.log();
    match failure {
        Error::SessionExpired => {
            let back = form_urlencoded::Serializer::new(String::new()).append_pair("redirect", path).finish();
            redirect(&format!("/web/login?{back}"))
        }
        Error::NotFound(_) => not_found(),
        Error::MissingError(why) => error(StatusCode::NOT_FOUND, why),
        Error::AccessDenied(why) | Error::AccessError(why) | Error::AccessDeniedTo { message: why, .. } => {
            error(StatusCode::FORBIDDEN, why)
        }
        Error::BadRequest(why) | Error::UserError(why) | Error::ValidationError(why) => {
            error(StatusCode::BAD_REQUEST, why)
        }
        Error::RedirectWarning(why) => error(StatusCode::BAD_REQUEST, &why.message),
        Error::Unauthorized(why) => error(StatusCode::UNAUTHORIZED, why),
        Error::Unprocessable(why) => error(StatusCode::UNPROCESSABLE_ENTITY, why),
        Error::Python { .. } | Error::Database(_) => {
            error(StatusCode::INTERNAL_SERVER_ERROR, "The server encountered an internal error.")
        }
    }
}

/// Sends a browser elsewhere, with status 303.
#[must_use]
pub fn redirect(location: &str) -> Response {
    redirect_with(StatusCode::SEE_OTHER, location)
}

/// Sends a browser elsewhere, with this status.
#[must_use]
pub fn redirect_with(status: StatusCode, location: &str) -> Response {
    let body = format!("<h1>Redirecting...</h1>\n<p><a href=\"{0}\">{0}</a></p>", escape(location));
    let mut response = page(status, "Redirecting...", &body);
    let location = HeaderValue::from_str(location).unwrap_or_else(|_| HeaderValue::from_static("/"));
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// A text as HTML.
#[must_use]
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
