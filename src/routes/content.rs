//! `/web/content` and `/web/image`: files and images of records, for whoever may have them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::Map;

use super::{Shared, answered, is_true};
use crate::auth::visit::Visit;
use crate::error::{Error, Result};
use crate::images::{Crop, Size};
use crate::models::ir_binary::{self, Content, File, Wanted};
use crate::orm::Env;
use crate::series::Series;
use crate::wire::{file, page};

/// A request for a file: which one, and how it is to be sent.
#[derive(Clone, Debug)]
struct Request {
    wanted: Wanted,
    size: Size,
    /// To be kept, not shown.
    download: bool,
    /// The path has something of the content in it, so what is there stays as it is.
    unique: bool,
    company: Option<i32>,
}

/// `/web/content…`: a file.
pub async fn content(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let request = Request::parse(&uri, "/web/content")?;
        let file = find(&shared, &visit, &request, false).await?;
        Ok(send(file, &request, shared.app.series, &headers))
    };
    rendered(found.await, &uri)
}

/// `/web/image…`: an image, in a size of its own, or a picture that stands in for it.
pub async fn image(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let request = Request::parse(&uri, "/web/image")?;
        let found = find(&shared, &visit, &request, true).await;
        let shown = ir_binary::shown(found, &request.wanted, request.size, request.download).await?;
        Ok(send(shown, &request, shared.app.series, &headers))
    };
    rendered(found.await, &uri)
}

/// `/web/binary/company_logo`: the logo of the company `company`, or of the caller's, 180 pixels wide at most.
pub async fn company_logo(
    State(shared): State<Shared>,
    Extension(visit): Extension<Arc<Visit>>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let found = async {
        let query = Request::parse(&uri, uri.path())?;
        let company = query.company.filter(|company| *company != 0);
        let caller = visit.visitor().await?;
        let (tools, database) = (shared.app.tools(), Arc::clone(&caller.database));
        let found = database.read(move |tx| {
            Box::pin(async move {
                let env = Env::new(tx, &caller, &tools, Map::new()).await?;
                ir_binary::logo(&env, company).await
            })
        });
        let size = Size { width: 180, ..Size::default() };
        let shown = ir_binary::shown(found.await, &query.wanted, size, false).await?;
        Ok(send(shown, &query, shared.app.series, &headers))
    };
    rendered(found.await, &uri)
}

fn rendered(answer: Result<Response>, uri: &Uri) -> Response {
    answered(match answer {
        Ok(response) => response,
        // Nobody learns whether it is not there, or not for them.
        Err(error) if ir_binary::is_absence(&error) => page::not_found(),
        Err(error) => page::failure(&error, uri.path()),
    })
}

async fn find(shared: &Shared, visit: &Visit, request: &Request, image: bool) -> Result<File> {
    let caller = visit.visitor().await?;
    let tools = shared.app.tools();
    let wanted = request.wanted.clone();
    let database = Arc::clone(&caller.database);
    let found = database.read(move |tx| {
        Box::pin(async move {
            let env = Env::new(tx, &caller, &tools, Map::new()).await?;
            if image { ir_binary::image(&env, &wanted).await } else { ir_binary::file(&env, &wanted).await }
        })
    });
    found.await
}

fn send(found: File, request: &Request, series: Series, headers: &HeaderMap) -> Response {
    let content = match found.content {
        Content::Bytes(content) => content,
        Content::Url(url) => return page::redirect_with(StatusCode::MOVED_PERMANENTLY, &url),
    };
    let disposition = if series.names_shown_files() {
        Some(file::disposition(&found.name, request.download))
    } else {
        request.download.then(|| file::attachment(&found.name))
    };
    let file = file::File {
        content: content.into(),
        mimetype: found.mimetype,
        etag: found.etag,
        modified: found.modified,
        disposition,
        immutable: request.unique,
        public: found.public,
        parts: series.serves_parts_of_files(),
    };
    file.respond(headers)
}

impl Request {
    /// What a path below `root`, and the query, ask for.
    ///
    /// # Errors
    /// `NotFound` where the path has no such form; `BadRequest` for what is no number.
    fn parse(uri: &Uri, root: &str) -> Result<Self> {
        let query: HashMap<String, String> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let given = |name: &str| query.get(name).filter(|value| !value.is_empty()).cloned();
        let path = percent_decode_str(uri.path().strip_prefix(root).unwrap_or_default()).decode_utf8_lossy();
        let parts: Vec<&str> = path.strip_prefix('/').into_iter().flat_map(|path| path.split('/')).collect();
        let place =
            Place::parse(&parts, root == "/web/image").ok_or_else(|| Error::NotFound(page::NOT_FOUND.to_owned()))?;
        let id = match place.id {
            Some(id) => Some(id.to_owned()),
            None => given("id"),
        };
        let side = |own: Option<u32>, name: &str| match own {
            Some(side) => Ok(side),
            None => given(name).map_or(Ok(0), |side| number(&side, name)),
        };
        let xmlid = place.xmlid.map(str::to_owned).or_else(|| given("xmlid"));
        let wanted = Wanted {
            // A path that names a record says all.
            xmlid: xmlid.filter(|_| place.id.is_none()),
            model: place.model.map(str::to_owned).or_else(|| given("model")).unwrap_or("ir.attachment".to_owned()),
            id: id.map(|id| number(&id, "id")).transpose()?,
            field: place.field.map(str::to_owned).or_else(|| given("field")).unwrap_or("raw".to_owned()),
            filename: place.filename.map(str::to_owned).or_else(|| given("filename")),
            filename_field: given("filename_field").unwrap_or("name".to_owned()),
            mimetype: given("mimetype"),
            access_token: given("access_token"),
        };
        let (width, height) = place.size.unzip();
        Ok(Self {
            wanted,
            size: Size {
                width: side(width, "width")?,
                height: side(height, "height")?,
                crop: crop(given("crop").as_deref()),
            },
            download: given("download").is_some_and(|value| is_true(&value)),
            unique: place.unique || given("unique").is_some_and(|value| is_true(&value)),
            company: given("company").map(|id| number(&id, "company")).transpose()?,
        })
    }
}

/// What the parts of a path say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Place<'p> {
    xmlid: Option<&'p str>,
    model: Option<&'p str>,
    id: Option<&'p str>,
    field: Option<&'p str>,
    size: Option<(u32, u32)>,
    filename: Option<&'p str>,
    unique: bool,
}

impl<'p> Place<'p> {
    /// `<model>/<id>/<field>`, `<id>`, `<id>-<unique>` or `<xmlid>`; after it, for an `image`, `<width>x<height>`; last the
    /// name of the file.
    fn parse(parts: &[&'p str], image: bool) -> Option<Self> {
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        let (mut place, rest) = match parts {
            [] => return Some(Self::default()),
            [model, id, field, rest @ ..] if is_digits(id) => {
                (Self { model: Some(model), id: Some(id), field: Some(field), ..Self::default() }, rest)
            }
            [first, rest @ ..] => match first.split_once('-') {
                _ if is_digits(first) => (Self { id: Some(first), ..Self::default() }, rest),
                Some((id, unique)) if is_digits(id) && !unique.is_empty() => {
                    (Self { id: Some(id), unique: true, ..Self::default() }, rest)
                }
                _ => (Self { xmlid: Some(first), ..Self::default() }, rest),
            },
        };
        let rest = match rest {
            [size, rest @ ..] if image && let Some(size) = sides(size) => {
                place.size = Some(size);
                rest
            }
            rest => rest,
        };
        match rest {
            [] => {}
            [filename] => place.filename = Some(filename),
            _ => return None,
        }
        Some(place)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `<width>x<height>`.
fn sides(text: &str) -> Option<(u32, u32)> {
    let (width, height) = text.split_once('x')?;
    // What is too large for a number is larger than any image.
    let side = |text: &str| is_digits(text).then(|| text.parse().unwrap_or(u32::MAX));
    Some((side(width)?, side(height)?))
}

/// A number of the query. One that is too large is the largest: there is no such record, and no such image.
fn number<T: TryFrom<i64> + Largest>(text: &str, name: &str) -> Result<T> {
    let wrong = || Error::BadRequest(format!("'{name}' must be a number"));
    let text = text.trim();
    if !is_digits(text) {
        return Err(wrong());
    }
    Ok(text.parse::<i64>().ok().and_then(|number| T::try_from(number).ok()).unwrap_or(T::LARGEST))
}

/// A type of numbers that has a largest one.
trait Largest {
    const LARGEST: Self;
}

impl Largest for i32 {
    const LARGEST: Self = Self::MAX;
}

impl Largest for u32 {
    const LARGEST: Self = Self::MAX;
}

fn crop(value: Option<&str>) -> Option<Crop> {
    match value {
        Some("top") => Some(Crop::Top),
        Some("bottom") => Some(Crop::Bottom),
        Some(value) if is_true(value) => Some(Crop::Center),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(uri: &str) -> Result<Request> {
        let root = if uri.starts_with("/web/image") { "/web/image" } else { "/web/content" };
        Request::parse(&uri.parse().unwrap(), root)
    }

    #[test]
    fn paths() {
        let place = |uri: &str| {
            let Request { wanted, size, unique, .. } = parse(uri).unwrap();
            let Wanted { xmlid, model, id, field, filename, .. } = wanted;
            let id = id.map_or(String::new(), |id| id.to_string());
            let or_none = |text: Option<String>| text.unwrap_or_default();
            let size = if size.is_open() { String::new() } else { format!("{}x{}", size.width, size.height) };
            format!("{}|{model}|{id}|{field}|{size}|{}|{unique}", or_none(xmlid), or_none(filename))
        };
        for (uri, is) in [
            ("/web/content", "|ir.attachment||raw|||false"),
            ("/web/content/7", "|ir.attachment|7|raw|||false"),
            ("/web/content/7-abc/a%20b", "|ir.attachment|7|raw||a b|true"),
            ("/web/content/base.x/a.txt", "base.x|ir.attachment||raw||a.txt|false"),
            ("/web/content/res.partner/3/image_128/a.png", "|res.partner|3|image_128||a.png|false"),
            ("/web/content?model=res.lang&id=9&field=flag_image", "|res.lang|9|flag_image|||false"),
            ("/web/content/7?id=9&model=ir.attachment&xmlid=a.b", "|ir.attachment|7|raw|||false"),
            ("/web/content/7/2x2", "|ir.attachment|7|raw||2x2|false"),
            ("/web/image/7/2x3", "|ir.attachment|7|raw|2x3||false"),
            ("/web/image/7-u/2x3/a", "|ir.attachment|7|raw|2x3|a|true"),
            ("/web/image/res.partner/3/image_128/2x3", "|res.partner|3|image_128|2x3||false"),
            ("/web/image/base.x/2x3/a", "base.x|ir.attachment||raw|2x3|a|false"),
            ("/web/image/7?width=5&unique=1", "|ir.attachment|7|raw|5x0||true"),
            ("/web/image/7/99999999999x0", "|ir.attachment|7|raw|4294967295x0||false"),
            ("/web/content/99999999999999999999", "|ir.attachment|2147483647|raw|||false"),
        ] {
            assert_eq!(place(uri), is, "{uri}");
        }
    }

    #[test]
    fn paths_of_no_form() {
        for uri in ["/web/content/1/a/b", "/web/content/a/1", "/web/content//", "/web/content/m/1/f/a/b"] {
            let answer = parse(uri);
            let is_file = matches!(&answer, Ok(request) if request.wanted.filename.as_deref() == Some("1"));
            assert!(is_file || matches!(answer, Err(Error::NotFound(_))), "{uri}");
        }
        for uri in ["/web/content?id=a", "/web/content?id=-1", "/web/image/1?width=wide", "/web/image/1?height=1.5"] {
            assert!(matches!(parse(uri), Err(Error::BadRequest(_))), "{uri}");
        }
    }
}
