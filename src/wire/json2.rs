//! JSON-2 (19.0): the bare result, or an error with a status and what JSON-RPC has under `data`.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use super::{fault, rest};
use crate::error::Error;
use crate::reply::Reply;
use crate::series::Series;

/// A result, with status 200.
#[must_use]
pub fn success(result: Reply) -> Response {
    rest::json_response(StatusCode::OK, result.into_json())
}

/// The one place where an [`Error`] becomes an answer of JSON-2.
#[must_use]
pub fn failure(error: &Error, series: Series) -> Response {
    error.log();
    let mut body = fault::data(error, series);
    let status = match error {
        // What HTTP has an exception for tells its description and its status.
        Error::BadRequest(why) => http(&mut body, StatusCode::BAD_REQUEST, why),
        Error::Unauthorized(why) => http(&mut body, StatusCode::UNAUTHORIZED, why),
        Error::NotFound(why) => http(&mut body, StatusCode::NOT_FOUND, why),
        Error::Unprocessable(why) => http(&mut body, StatusCode::UNPROCESSABLE_ENTITY, why),
        Error::AccessDenied(_) | Error::AccessError(_) | Error::AccessDeniedTo { .. } | Error::SessionExpired => {
            StatusCode::FORBIDDEN
        }
        Error::MissingError(_) => StatusCode::NOT_FOUND,
        Error::UserError(_) | Error::ValidationError(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Error::RedirectWarning(_) | Error::Python { .. } | Error::Database(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let mut response = rest::json_response(status, body.to_string());
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

fn http(body: &mut Value, status: StatusCode, description: &str) -> StatusCode {
    body["message"] = description.into();
    body["arguments"] = json!([description, status.as_u16()]);
    status
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        let text = || "x".to_owned();
        for (error, status) in [
            (Error::BadRequest(text()), 400),
            (Error::Unauthorized(text()), 401),
            (Error::access_denied(), 403),
            (Error::AccessError(text()), 403),
            (Error::SessionExpired, 403),
            (Error::NotFound(text()), 404),
            (Error::MissingError(text()), 404),
            (Error::UserError(text()), 422),
            (Error::ValidationError(text()), 422),
            (Error::Unprocessable(text()), 422),
            (Error::key_error("x"), 500),
        ] {
            assert_eq!(failure(&error, Series::V19).status(), status, "{error:?}");
        }
    }
}
