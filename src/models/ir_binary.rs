//! `ir.binary`: contents of attachments and of binary fields, as files that can be served.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::NaiveDateTime;
use serde_json::{Map, Value};

use super::{avatars, ir_attachment, ir_model_data};
use crate::auth::password;
use crate::error::{Error, Result};
use crate::images::{self, Size, StandIn};
use crate::orm::access::{self, Operation};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::{Field, Kind};
use crate::orm::registry::Model;
use crate::orm::{attachments, read, search, temporal};
use crate::{mimetypes, python};

const ATTACHMENT: &str = "ir.attachment";
/// The fields with the content of an attachment.
const CONTENTS: [&str; 3] = ["raw", "datas", "db_datas"];

/// Which file is asked for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The external id of the record; else there is `model` and `id`.
    pub xmlid: Option<String>,
    pub model: String,
    pub id: Option<i32>,
    pub field: String,
    /// The name that the file gets.
    pub filename: Option<String>,
    /// The field with its name.
    pub filename_field: String,
    /// The type that it gets.
    pub mimetype: Option<String>,
    /// The token of an attachment, by which anybody may read it.
    pub access_token: Option<String>,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    Bytes(Vec<u8>),
    /// It is elsewhere.
    Url(String),
}

/// A file.
#[derive(Clone, Debug)]
pub struct File {
    pub content: Content,
    pub mimetype: String,
    pub name: String,
    pub etag: String,
    pub modified: Option<NaiveDateTime>,
    /// Whether anybody may have it.
    pub public: bool,
}

impl File {
    fn is_empty(&self) -> bool {
        self.content == Content::Bytes(Vec::new())
    }
}

/// The file that is asked for.
///
/// # Errors
/// A `MissingError`, a `UserError` or an `AccessError` where there is none for the caller; a failure of the database.
pub async fn file(env: &Env<'_>, wanted: &Wanted) -> Result<File> {
    let (model, id) = record(env, wanted).await?;
    let reader = admitted(env, &model, id, wanted.access_token.as_deref()).await?;
    let mut file = file_of(&reader, &model, id, wanted).await?;
    file.public |= wanted.access_token.is_some();
    Ok(file)
}

/// The image that is asked for, in its own size, or what stands in for it where the record has none.
///
/// # Errors
/// As [`file`].
pub async fn image(env: &Env<'_>, wanted: &Wanted) -> Result<File> {
    let (model, id) = record(env, wanted).await?;
    let reader = admitted(env, &model, id, wanted.access_token.as_deref()).await?;
    let mut file = match file_of(&reader, &model, id, wanted).await {
        Ok(file) if !file.is_empty() => file,
        // A field without a content, and not one that there is not.
        Ok(_) | Err(Error::MissingError(_)) => {
            stand_in(avatars::placeholder(&reader, &model, id, &wanted.field).await?)
        }
        Err(error) => return Err(error),
    };
    file.public |= wanted.access_token.is_some();
    let is_image = file.mimetype.starts_with("image/") || matches!(file.content, Content::Url(_));
    if !is_image && env.series().serves_images_only_as_such() {
        mimetypes::UNKNOWN.clone_into(&mut file.mimetype);
    }
    Ok(file)
}

/// The logo of a company, whoever asks: of that one, or of the caller's. A house where it has none.
///
/// # Errors
/// A failure of the database.
pub async fn logo(env: &Env<'_>, company: Option<i32>) -> Result<File> {
    let sudo = env.sudo();
    let company = match company {
        Some(company) => company,
        None => env.company().await?,
    };
    let model = sudo.model("res.company").await?;
    let field = model.field("logo").cloned();
    let file = match field {
        Some(field) if !read::existing(&sudo, &model, &[company]).await?.is_empty() => {
            of_value(&sudo, &model, company, &field).await?
        }
        _ => return Ok(stand_in(StandIn::Company)),
    };
    let Content::Bytes(content) = &file.content else { return Ok(file) };
    if content.is_empty() {
        return Ok(stand_in(StandIn::Company));
    }
    let mimetype = mimetypes::by_content(content).to_owned();
    let name = mimetypes::ending(&mimetype).map_or_else(|| "logo".to_owned(), |ending| format!("logo.{ending}"));
    Ok(File { mimetype, name, ..file })
}

/// An image as it is shown: what was `found` in the size that is asked for, or else that the name of its field says; a
/// picture that stands in where there is none, unless `strict`. Needs no database, and may take its time.
///
/// # Errors
/// A failure of the database; if `strict`, those of [`image`], and a `UserError` for what is no image.
pub async fn shown(found: Result<File>, wanted: &Wanted, size: Size, strict: bool) -> Result<File> {
    let size = if size.width == 0 && size.height == 0 { Size::of_field(&wanted.field) } else { size };
    let answer = match found {
        Ok(file) => sized(file, size).await,
        Err(error) => Err(error),
    };
    match answer {
        Err(error) if !strict && is_absence(&error) => sized(stand_in(StandIn::Picture), size).await,
        answer => answer,
    }
}

/// Whether an error means that there is no such file for the caller.
#[must_use]
pub fn is_absence(error: &Error) -> bool {
    matches!(error, Error::MissingError(_) | Error::UserError(_) | Error::AccessError(_) | Error::AccessDeniedTo { .. })
}

/// A file with an image in that size.
async fn sized(file: File, size: Size) -> Result<File> {
    if size.is_open() {
        return Ok(file);
    }
    let Content::Bytes(content) = file.content else { return Ok(file) };
    let crop = size.crop.map_or("", |_| "-crop");
    let etag = format!("{}-{}x{}{crop}", file.etag, size.width, size.height);
    let resized =
        images::resize(content, size).await.map_err(|_| Error::UserError("There is no such image.".to_owned()))?;
    Ok(File { content: Content::Bytes(resized), etag, ..file })
}

fn stand_in(what: StandIn) -> File {
    File {
        content: Content::Bytes(what.png().to_vec()),
        mimetype: "image/png".to_owned(),
        name: what.name().to_owned(),
        etag: format!("wiredoo-{}", what.name()),
        modified: None,
        public: true,
    }
}

/// The record that is asked for, whoever asks.
async fn record(env: &Env<'_>, wanted: &Wanted) -> Result<(std::sync::Arc<Model>, i32)> {
    let missing = || Error::MissingError("There is no such record.".to_owned());
    let (model, id) = match &wanted.xmlid {
        Some(xmlid) => ir_model_data::find(env, xmlid).await?.ok_or_else(missing)?,
        None => (wanted.model.clone(), wanted.id.ok_or_else(missing)?),
    };
    let registry = env.registry().await?;
    let model = registry.get(&model).filter(|model| model.has_table()).cloned().ok_or_else(missing)?;
    if read::existing(env, &model, &[id]).await?.is_empty() {
        return Err(missing());
    }
    Ok((model, id))
}

/// The environment in which the caller may read a record: with all rights where it is an attachment that the caller may
/// have.
async fn admitted<'a>(env: &Env<'a>, model: &Model, id: i32, token: Option<&str>) -> Result<Env<'a>> {
    if model.name != ATTACHMENT {
        access::check_model(env, model, Operation::Read).await?;
        access::check_records(env, model, &[id], Operation::Read).await?;
        return Ok(env.clone());
    }
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["access_token", "public"]).await?;
    let files = read::fetch(&sudo, model, &[id], &fields).await?;
    let file = files.get(&id).ok_or_else(|| access::missing_error(env, model, &[id]))?;
    if let Some(token) = token {
        let own = file["access_token"].as_str().unwrap_or_default();
        return if !own.is_empty() && password::same(token, own) {
            Ok(sudo)
        } else {
            Err(Error::AccessError("Invalid access token".to_owned()))
        };
    }
    if !python::truth(&file["public"]) {
        // Portal users may have the files of what they may see, though not all that is told of files.
        if !env.is_superuser() && !env.has_group("base.group_portal").await? {
            access::check_model(env, model, Operation::Read).await?;
        }
        access::check_records(env, model, &[id], Operation::Read).await?;
    }
    Ok(sudo)
}

/// The file in a field of a record.
async fn file_of(env: &Env<'_>, model: &Model, id: i32, wanted: &Wanted) -> Result<File> {
    let name = wanted.field.as_str();
    let field = model.field(name).ok_or_else(|| Error::UserError(format!("Record has no field '{name}'.")))?;
    if field.kind != Kind::Binary {
        let why = format!(
            "Field {}.{name} is type '{}' but it is only possible to stream Binary or Image fields.",
            model.name,
            field.kind.name()
        );
        return Err(Error::UserError(why));
    }
    access::check_field(env, model, field, Operation::Read).await?;
    let mut file = if model.name == ATTACHMENT && CONTENTS.contains(&name) {
        of_attachment(env, model, id).await?
    } else if field.is_attachment() {
        of_attachment_field(env, model, id, field).await?
    } else {
        of_value(env, model, id, field).await?
    };
    let Content::Bytes(content) = &file.content else { return Ok(file) };
    if let Some(mimetype) = &wanted.mimetype {
        file.mimetype.clone_from(mimetype);
    } else if file.mimetype.is_empty() {
        mimetypes::by_content(content).clone_into(&mut file.mimetype);
    }
    if let Some(given) = &wanted.filename {
        file.name.clone_from(given);
    } else if let Some(told) = told_name(env, model, id, &wanted.filename_field).await? {
        file.name = told;
    }
    if file.name.is_empty() {
        file.name = format!("{}-{id}-{name}", model.table);
    }
    file.name = file.name.replace(['\n', '\r'], "_");
    if mimetypes::by_name(&file.name).is_none()
        && file.mimetype != mimetypes::UNKNOWN
        && let Some(ending) = mimetypes::ending(&file.mimetype)
    {
        file.name = format!("{}.{ending}", file.name);
    }
    Ok(file)
}

/// The name of a file that a field of its record has.
async fn told_name(env: &Env<'_>, model: &Model, id: i32, field: &str) -> Result<Option<String>> {
    if model.field(field).is_none() {
        return Ok(None);
    }
    let fields = read::named_fields(env, model, [field]).await?;
    let mut records = read::fetch(env, model, &[id], &fields).await?;
    let told = records.get_mut(&id).and_then(|record| record.shift_remove(field));
    Ok(told.filter(python::truth).map(|told| python::text(&told)))
}

fn text<'f>(file: &'f Map<String, Value>, name: &str) -> &'f str {
    file.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// An attachment as a file. The caller may have it.
async fn of_attachment(env: &Env<'_>, model: &Model, id: i32) -> Result<File> {
    let sudo = env.sudo();
    let names = ["name", "mimetype", "checksum", "type", "url", "public", "write_date"];
    let fields = read::named_fields(&sudo, model, names).await?;
    let files = read::fetch(&sudo, model, &[id], &fields).await?;
    let file = files.get(&id).ok_or_else(|| access::missing_error(env, model, &[id]))?;
    let content = ir_attachment::contents(&sudo, &[id]).await?.remove(&id).unwrap_or_default();
    let content = match text(file, "url") {
        url if content.is_empty() && !url.is_empty() => Content::Url(url.to_owned()),
        _ => Content::Bytes(content),
    };
    Ok(File {
        content,
        mimetype: text(file, "mimetype").to_owned(),
        name: text(file, "name").to_owned(),
        etag: text(file, "checksum").to_owned(),
        modified: temporal::parse_datetime(&file["write_date"])?,
        public: python::truth(&file["public"]),
    })
}

/// The content of a binary field that is an attachment of its own.
async fn of_attachment_field(env: &Env<'_>, model: &Model, id: i32, field: &Field) -> Result<File> {
    let attachment = env.model(ATTACHMENT).await?;
    let domain = Domain::and(vec![
        Domain::leaf("res_model", Operator::Eq, model.name.as_str()),
        Domain::leaf("res_field", Operator::Eq, field.name.as_str()),
        Domain::leaf("res_id", Operator::Eq, id),
    ]);
    let found = search::ids(&env.sudo(), &attachment, &domain).await?;
    let missing = || Error::MissingError("The related attachment does not exist.".to_owned());
    of_attachment(env, &attachment, *found.first().ok_or_else(missing)?).await
}

/// The content of any other binary field.
async fn of_value(env: &Env<'_>, model: &Model, id: i32, field: &Field) -> Result<File> {
    let mut names = vec![field.name.as_str()];
    if model.log_access {
        names.push("write_date");
    }
    let fields = read::named_fields(env, model, names).await?;
    let records = read::fetch(env, model, &[id], &fields).await?;
    let record = records.get(&id).ok_or_else(|| access::missing_error(env, model, &[id]))?;
    let content = BASE64.decode(text(record, &field.name)).unwrap_or_default();
    let modified = record.get("write_date").map(temporal::parse_datetime).transpose()?.flatten();
    Ok(File {
        etag: attachments::checksum(&content),
        content: Content::Bytes(content),
        mimetype: String::new(),
        name: String::new(),
        modified,
        public: false,
    })
}
