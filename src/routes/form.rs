//! Forms: what pages and scripts send to paths that take no JSON.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, Uri, header};
use axum::response::Response;
use http_body_util::BodyExt as _;

use super::Shared;
use crate::auth::visit::Visit;
use crate::error::{Error, Result};
use crate::wire::page;

/// As many fields and files as werkzeug takes.
const MOST_PARTS: usize = 1000;

/// The fields and files of a request, from the query and the body.
#[derive(Debug, Default)]
pub struct Form {
    fields: HashMap<String, String>,
    files: Vec<(String, Upload)>,
}

/// A request that sends a form, before the form is read.
pub struct Posted {
    pub shared: Shared,
    pub visit: Arc<Visit>,
    pub uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl FromRequest<Shared> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, shared: &Shared) -> Result<Self, Response> {
        let (parts, body) = request.into_parts();
        let visit = parts.extensions.get::<Arc<Visit>>().expect("`with_visit` adds the visit");
        let (shared, visit) = (shared.clone(), Arc::clone(visit));
        let body = body.collect().await.map_err(|error| page::bad_request(&error.to_string()))?.to_bytes();
        Ok(Self { shared, visit, uri: parts.uri, headers: parts.headers, body })
    }
}

impl Posted {
    /// Reads the form.
    ///
    /// # Errors
    /// As [`Form::read`].
    pub async fn form(&self) -> Result<Form> {
        Form::read(&self.uri, &self.headers, self.body.clone()).await
    }
}

/// A file that is sent.
#[derive(Clone, Debug)]
pub struct Upload {
    /// As the client calls it.
    pub filename: String,
    pub content: Bytes,
}

impl Form {
    /// Reads a request: the query, and a body that is declared as a form. What the body says counts more.
    ///
    /// # Errors
    /// `BadRequest` for a multipart body that cannot be read, or has too many parts.
    pub async fn read(uri: &Uri, headers: &HeaderMap, body: Bytes) -> Result<Self> {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let mut form = Self { fields: query, files: Vec::new() };
        let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        match essence(kind).as_str() {
            "multipart/form-data" => {
                let parts = Self::multipart(kind, body).await?;
                form.fields.extend(parts.fields);
                form.files = parts.files;
            }
            "application/x-www-form-urlencoded" => {
                form.fields.extend(form_urlencoded::parse(&body).into_owned());
            }
            _ => {}
        }
        Ok(form)
    }

    /// Reads a multipart body of this content type.
    ///
    /// # Errors
    /// `BadRequest` for one that cannot be read, or has too many parts.
    pub async fn multipart(kind: &str, body: Bytes) -> Result<Self> {
        let wrong = |why: String| Error::BadRequest(format!("the multipart body cannot be read: {why}"));
        let request = Request::builder().header(header::CONTENT_TYPE, kind).body(Body::from(body));
        let request = request.map_err(|error| wrong(error.to_string()))?;
        let parts = Multipart::from_request(request, &()).await;
        let mut parts = parts.map_err(|rejection| wrong(rejection.body_text()))?;
        let mut form = Self::default();
        for _ in 0..=MOST_PARTS {
            let part = parts.next_field().await.map_err(|error| wrong(error.body_text()))?;
            let Some(part) = part else { return Ok(form) };
            let name = part.name().unwrap_or_default().to_owned();
            let filename = part.file_name().map(str::to_owned);
            let content = part.bytes().await.map_err(|error| wrong(error.body_text()))?;
            match filename {
                Some(filename) => form.files.push((name, Upload { filename, content })),
                None => drop(form.fields.insert(name, String::from_utf8_lossy(&content).into_owned())),
            }
        }
        Err(wrong(format!("it has more than {MOST_PARTS} parts")))
    }

    /// The fields.
    #[must_use]
    pub fn into_fields(self) -> HashMap<String, String> {
        self.fields
    }

    /// The value of a field that may be left out.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// The value of a field.
    ///
    /// # Errors
    /// `BadRequest` where it is missing.
    pub fn required(&self, name: &str) -> Result<&str> {
        self.optional(name).ok_or_else(|| missing(name))
    }

    /// The files under a name.
    pub fn files<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f Upload> {
        self.files.iter().filter(move |(known, _)| known == name).map(|(_, file)| file)
    }

    /// The first file under a name.
    ///
    /// # Errors
    /// `BadRequest` where there is none.
    pub fn file<'f>(&'f self, name: &'f str) -> Result<&'f Upload> {
        self.files(name).next().ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> Error {
    Error::BadRequest(format!("'{name}' is missing"))
}

/// A content type without its parameters.
#[must_use]
pub fn essence(kind: &str) -> String {
    kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
