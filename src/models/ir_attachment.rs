//! `ir.attachment`: files, alone or of records. Their contents are [blobs]; what is told about them is kept with them.
//! Who may do what with a record may do the same with its files.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sea_orm::sea_query::{Alias, ExprTrait, Query as Sql};
use serde_json::{Map, Value, json};

use super::{Behaviour, Values};
use crate::database::parameter;
use crate::error::{Error, Result};
use crate::orm::access::{self, Operation};
use crate::orm::call::{self, Bound};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::query::{self, column};
use crate::orm::registry::Model;
use crate::orm::{attachments, blobs, read, search, write};
use crate::series::Series;
use crate::{images, mimetypes, python};

const MODEL: &str = "ir.attachment";
const TABLE: &str = "ir_attachment";
/// What is said of files of records that the caller may not see.
const REFUSED: &str = "Sorry, you are not allowed to access this document.";
/// What is kept of a content, and what no caller decides.
const KEPT: [&str; 3] = ["file_size", "checksum", "store_fname"];
/// The types of images that browsers show.
const IMAGES: [&str; 7] =
    ["image/gif", "image/jpe", "image/jpeg", "image/jpg", "image/png", "image/svg+xml", "image/webp"];
type Step<'e, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'e>>;

/// The behaviour of `ir.attachment`.
#[derive(Debug)]
pub struct IrAttachment;

#[async_trait]
impl Behaviour for IrAttachment {
    fn searched(&self, env: &Env<'_>, domain: &Domain) -> Domain {
        searched(env, domain)
    }

    async fn accessible(&self, env: &Env<'_>, operation: Operation) -> Result<Domain> {
        accessible(env, operation).await
    }

    fn searches_without_rights(&self, series: Series) -> bool {
        series.searches_files_without_rights()
    }

    async fn default(&self, env: &Env<'_>, field: &Field) -> Result<Option<Value>> {
        Ok(if field.name == "company_id" { Some(env.company().await?.into()) } else { None })
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        match field.name.as_str() {
            "datas" | "raw" if env.flag("bin_size") || env.flag(&format!("bin_size_{}", field.name)) => {
                sizes(env, model, ids).await.map(Some)
            }
            "datas" => {
                let files = contents(env, ids).await?;
                Ok(Some(files.into_iter().map(|(id, content)| (id, BASE64.encode(content).into())).collect()))
            }
            "raw" => {
                let files = contents(env, ids).await?;
                let text = |content: &[u8]| Value::from(String::from_utf8_lossy(content).into_owned());
                Ok(Some(files.iter().map(|(id, content)| (*id, text(content))).collect()))
            }
            "image_width" | "image_height" => {
                let side = |(width, height): (u32, u32)| if field.name == "image_width" { width } else { height };
                let files = contents(env, ids).await?;
                Ok(Some(files.iter().map(|(id, content)| (*id, side(images::size(content)).into())).collect()))
            }
            "res_name" => record_names(env, model, ids).await.map(Some),
            "local_url" => urls(env, model, ids, local_url).await.map(Some),
            "image_src" => urls(env, model, ids, image_src).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn prepare_create(&self, env: &Env<'_>, _model: &Model, values: &mut Vec<Values>) -> Result<()> {
        let mut filled = Vec::new();
        for file in values {
            check_record(env, file).await?;
            for name in KEPT {
                file.shift_remove(name);
            }
            let content = content_in(file)?;
            set_type(env, file, content.as_deref()).await?;
            // Who makes a file gives it a content or does not: there is none to be taken away.
            if let Some(content) = content.filter(|content| !content.is_empty()) {
                filled.push((file, content));
            }
        }
        set_contents(env, filled).await
    }

    async fn prepare_write(&self, env: &Env<'_>, _model: &Model, _ids: &[i32], values: &mut Values) -> Result<()> {
        check_record(env, values).await?;
        for name in KEPT {
            values.shift_remove(name);
        }
        let content = content_in(values)?;
        if content.is_some() || values.contains_key("mimetype") {
            set_type(env, values, content.as_deref()).await?;
        }
        if let Some(content) = content {
            set_contents(env, vec![(values, content)]).await?;
        }
        Ok(())
    }

    async fn prepare_copy(
        &self,
        env: &Env<'_>,
        _model: &Model,
        id: i32,
        default: &Values,
        values: &mut Values,
    ) -> Result<()> {
        if ["datas", "raw", "db_datas"].iter().any(|name| default.contains_key(*name)) {
            return Ok(());
        }
        values.shift_remove("db_datas");
        if let Some(content) = contents(env, &[id]).await?.remove(&id) {
            values.insert("datas".to_owned(), BASE64.encode(content).into());
        }
        Ok(())
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "generate_access_token" => access_tokens(env, model, &call.ids).await?,
            "create_unique" => create_unique(env, model, call.get("values_list")).await?,
            "get_serving_groups" => json!(["base.group_system"]),
            "check" => {
                if !env.is_superuser() && !env.has_group("base.group_user").await? {
                    return Err(Error::AccessError(REFUSED.to_owned()));
                }
                Value::Null
            }
            _ => return Ok(None),
        }))
    }
}

// --- Contents -----------------------------------------------------------------------------------

/// The contents of files, whoever asks; empty for those that have none.
///
/// # Errors
/// A failure of the database.
pub async fn contents(env: &Env<'_>, ids: &[i32]) -> Result<HashMap<i32, Vec<u8>>> {
    let wanted: Vec<i64> = ids.iter().map(|id| i64::from(*id)).collect();
    let select = attachments::with_contents(column(TABLE, "id"))
        .and_where(query::one_of(column(TABLE, "id"), &wanted, env.is_sqlite()))
        .take();
    let mut contents = HashMap::new();
    for row in env.rows(&select).await? {
        let content: Option<Vec<u8>> = row.get(1)?;
        contents.insert(row.get(0)?, content.unwrap_or_default());
    }
    Ok(contents)
}

/// The content that values give, if they give one: `raw` first.
fn content_in(values: &mut Values) -> Result<Option<Vec<u8>>> {
    let (raw, datas) = (values.shift_remove("raw"), values.shift_remove("datas"));
    if raw.is_none() && datas.is_none() {
        return Ok(None);
    }
    if let Some(raw) = raw.filter(python::truth) {
        return Ok(Some(python::text(&raw).into_bytes()));
    }
    let datas = datas.filter(python::truth).map(|datas| attachments::decode(&python::text(&datas))).transpose()?;
    Ok(Some(datas.unwrap_or_default()))
}

/// Keeps contents, and what is told about them. The types are known before.
async fn set_contents(env: &Env<'_>, files: Vec<(&mut Values, Vec<u8>)>) -> Result<()> {
    let kept: Vec<&[u8]> =
        files.iter().map(|(_, content)| &content[..]).filter(|content| !content.is_empty()).collect();
    let mut names = blobs::keep(env, &kept).await?.into_iter();
    for (values, content) in files {
        let kind = values.get("mimetype").and_then(Value::as_str).unwrap_or(mimetypes::UNKNOWN);
        let index = index(&content, kind);
        let name = if content.is_empty() { None } else { names.next() };
        values.insert("index_content".to_owned(), index.into());
        values.insert("file_size".to_owned(), content.len().into());
        values.insert("checksum".to_owned(), attachments::checksum(&content).into());
        values.insert(blobs::NAME.to_owned(), name.map_or(Value::Bool(false), Value::from));
        values.insert("db_datas".to_owned(), false.into());
    }
    Ok(())
}

/// What a file is found by: the words of a text, of others the kind.
fn index(content: &[u8], kind: &str) -> String {
    let kind = kind.split('/').next().unwrap_or_default();
    if kind != "text" {
        return kind.to_owned();
    }
    let words = content.split(|byte| !(0x20..0x7f).contains(byte)).filter(|word| word.len() >= 4);
    let words: Vec<_> = words.map(String::from_utf8_lossy).collect();
    words.join("\n")
}

async fn set_type(env: &Env<'_>, values: &mut Values, content: Option<&[u8]>) -> Result<()> {
    let mut kind = type_of(values, content);
    let runs = kind.contains("ht") || kind.contains("xml") && !kind.contains("openxmlformats");
    if runs && !may_write_pages(env).await? {
        // What browsers would run is only served as such for who may write pages anyway.
        "text/plain".clone_into(&mut kind);
    }
    values.insert("mimetype".to_owned(), kind.into());
    Ok(())
}

async fn may_write_pages(env: &Env<'_>) -> Result<bool> {
    if env.flag("attachments_mime_plainxml") {
        return Ok(false);
    }
    let views = env.model("ir.ui.view").await?;
    access::may(env, &views, Operation::Write).await
}

/// The type that is told, or that the name or the content has.
fn type_of(values: &Values, content: Option<&[u8]>) -> String {
    let text = |name: &str| values.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let by_url = |url: &str| mimetypes::by_name(url.split('?').next().unwrap_or_default());
    let told = text("mimetype").map(str::to_lowercase);
    let known = told
        .or_else(|| text("name").and_then(mimetypes::by_name).map(str::to_owned))
        .or_else(|| text("url").and_then(by_url).map(str::to_owned))
        .filter(|kind| kind != mimetypes::UNKNOWN);
    let by_content = || content.filter(|content| !content.is_empty()).map(mimetypes::by_content);
    known.unwrap_or_else(|| by_content().unwrap_or(mimetypes::UNKNOWN).to_owned())
}

// --- What is told about files -------------------------------------------------------------------

async fn sizes(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<HashMap<i32, Value>> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["file_size"]).await?;
    let files = read::fetch(&sudo, model, ids, &fields).await?;
    let size = |file: &Map<String, Value>| match file["file_size"].as_i64() {
        None | Some(0) => Value::Bool(false),
        Some(size) => attachments::human_size(size).into(),
    };
    Ok(files.iter().map(|(id, file)| (*id, size(file))).collect())
}

/// The record that a file is of, in a model that there is.
fn record_of(file: &Map<String, Value>) -> Option<(&str, i32)> {
    let model = file.get("res_model")?.as_str()?;
    let id = read::ids_in(file.get("res_id")?).first().copied().filter(|id| *id != 0)?;
    Some((model, id))
}

/// The names of the records that files are of.
async fn record_names(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<HashMap<i32, Value>> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["res_model", "res_id"]).await?;
    let files = read::fetch(&sudo, model, ids, &fields).await?;
    let registry = env.registry().await?;
    let mut records: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for (of_model, id) in files.values().filter_map(record_of) {
        records.entry(of_model).or_default().push(id);
    }
    let mut names = HashMap::new();
    for (of_model, records) in records {
        let Some(known) = registry.get(of_model).filter(|known| known.has_table()) else { continue };
        let of_records = read::display_names(&sudo, known, &records).await?;
        names.extend(of_records.into_iter().map(|(id, name)| ((of_model, id), name)));
    }
    let name =
        |file| record_of(file).and_then(|record| names.get(&record)).map_or(Value::Bool(false), |n| n.as_str().into());
    Ok(files.iter().map(|(id, file)| (*id, name(file))).collect())
}

async fn urls(
    env: &Env<'_>,
    model: &Model,
    ids: &[i32],
    url: fn(i32, &Map<String, Value>) -> Option<String>,
) -> Result<HashMap<i32, Value>> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["name", "type", "url", "checksum", "mimetype"]).await?;
    let files = read::fetch(&sudo, model, ids, &fields).await?;
    Ok(files.iter().map(|(id, file)| (*id, url(*id, file).map_or(Value::Bool(false), Value::from))).collect())
}

fn text<'f>(file: &'f Map<String, Value>, name: &str) -> &'f str {
    file.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Where a file can be had.
#[expect(clippy::unnecessary_wraps, reason = "an URL like others, of which not every file has one")]
fn local_url(id: i32, file: &Map<String, Value>) -> Option<String> {
    Some(match text(file, "url") {
        "" => format!("/web/image/{id}?unique={}", text(file, "checksum")),
        url => url.to_owned(),
    })
}

/// Where an image can be had; nothing for other files.
fn image_src(id: i32, file: &Map<String, Value>) -> Option<String> {
    let kind = text(file, "mimetype").split(';').next().unwrap_or_default();
    if !IMAGES.contains(&kind) {
        return None;
    }
    let (url, name) = (text(file, "url"), quoted(text(file, "name")));
    if text(file, "type") == "url" {
        return Some(if url.starts_with('/') { url.to_owned() } else { format!("/web/image/{id}-redirect/{name}") });
    }
    let unique: String = text(file, "checksum").chars().take(8).collect();
    Some(match url {
        "" => format!("/web/image/{id}-{unique}/{name}"),
        url => format!("{url}{}unique={unique}", if url.contains('?') { '&' } else { '?' }),
    })
}

/// A name as a part of an URL.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-~/".contains(&byte);
    let quote = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    name.bytes().map(quote).collect()
}

// --- Methods ------------------------------------------------------------------------------------

/// `generate_access_token`: by which whoever has it may read the file; each file keeps the one that it has.
async fn access_tokens(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Value> {
    let fields = read::named_fields(env, model, ["access_token"]).await?;
    let mut tokens = Vec::new();
    for (id, file) in read::fetch(env, model, ids, &fields).await? {
        let mut token = text(&file, "access_token").to_owned();
        if token.is_empty() {
            token = parameter::new_uuid();
            let values = Map::from_iter([("access_token".to_owned(), token.as_str().into())]);
            write::write(env, model, &[id], values).await?;
        }
        tokens.push(token);
    }
    Ok(tokens.into())
}

/// `create_unique`: files, each only where there is none with the same content.
async fn create_unique(env: &Env<'_>, model: &Model, list: &Value) -> Result<Value> {
    let all = env.sudo().with("active_test", false);
    let mut ids: Vec<i32> = Vec::new();
    for values in python::list(list.clone())? {
        let values = call::values(&values, model, env.series())?;
        let content = content_in(&mut values.clone())?.unwrap_or_default();
        let domain = Domain::and(vec![
            Domain::leaf("checksum", Operator::Eq, attachments::checksum(&content)),
            Domain::leaf("file_size", Operator::Eq, content.len()),
            Domain::leaf("mimetype", Operator::Eq, values.get("mimetype").cloned().unwrap_or(Value::Bool(false))),
        ]);
        let known = search::ids(&all, model, &domain).await?;
        if known.is_empty() {
            ids.extend(write::create(env, model, vec![values]).await?);
        } else {
            ids.extend(known);
        }
    }
    Ok(ids.into())
}

// --- Rights -------------------------------------------------------------------------------------

/// What has to be allowed with a record for something to be allowed with its files.
fn on_record(operation: Operation) -> Operation {
    match operation {
        Operation::Read => Operation::Read,
        _ => Operation::Write,
    }
}

/// Refuses to give a file to a record that the caller may not write.
async fn check_record(env: &Env<'_>, values: &Values) -> Result<()> {
    if env.is_superuser() {
        return Ok(());
    }
    let Some((model, id)) = record_of(values) else { return Ok(()) };
    let registry = env.registry().await?;
    let Some(model) = registry.get(model).filter(|model| model.has_table()) else { return Ok(()) };
    // Everybody may give files to themselves, though nobody may write all of themselves.
    if model.name == "res.users" && id == env.uid() {
        return Ok(());
    }
    let existing = read::existing(env, model, &[id]).await?;
    access::check_model(env, model, Operation::Write).await?;
    access::check_records(env, model, &existing, Operation::Write).await
}

/// The files that a search without a word on `res_field` and `id` is for: no contents of fields.
#[must_use]
pub fn searched(env: &Env<'_>, domain: &Domain) -> Domain {
    if env.flag("skip_res_field_check") || domain.mentions("id") || domain.mentions("res_field") {
        return Domain::True;
    }
    Domain::leaf("res_field", Operator::Eq, false)
}

/// The files that the caller may do that with: those of records with which the caller may do it, the caller's own that
/// are of no record, and to read, those for everybody.
///
/// # Errors
/// A failure of the database.
#[must_use]
pub fn accessible<'e>(env: &'e Env<'_>, operation: Operation) -> Step<'e, Domain> {
    Box::pin(async move {
        // What is being made was checked when its values were.
        if env.is_superuser() || operation == Operation::Create {
            return Ok(Domain::True);
        }
        let of_nothing = Domain::or(vec![
            Domain::leaf("res_model", Operator::Eq, false),
            Domain::leaf("res_id", Operator::In, json!([false, 0])),
        ]);
        let mut any = Vec::new();
        if operation == Operation::Read {
            any.push(Domain::leaf("public", Operator::Eq, true));
        }
        any.push(if env.has_group("base.group_system").await? {
            of_nothing
        } else {
            Domain::and(vec![of_nothing, Domain::leaf("create_uid", Operator::Eq, env.uid())])
        });
        for ((model, field), records) in attached(env).await? {
            any.extend(of_records(env, &model, field.as_deref(), &records, on_record(operation)).await?);
        }
        Ok(Domain::or(any))
    })
}

/// The records that files are of, by model and field.
async fn attached(env: &Env<'_>) -> Result<BTreeMap<(String, Option<String>), Vec<i32>>> {
    let select = Sql::select()
        .distinct()
        .columns(["res_model", "res_field", "res_id"].map(Alias::new))
        .from(Alias::new(TABLE))
        .and_where(column(TABLE, "res_model").is_not_null())
        .and_where(column(TABLE, "res_id").ne(0))
        .take();
    let mut attached: BTreeMap<(String, Option<String>), Vec<i32>> = BTreeMap::new();
    for row in env.rows(&select).await? {
        let of = (row.get(0)?, row.get(1)?);
        attached.entry(of).or_default().push(row.get(2)?);
    }
    Ok(attached)
}

/// The files of those of `records` with which the caller may do that.
async fn of_records(
    env: &Env<'_>,
    model: &str,
    field: Option<&str>,
    records: &[i32],
    operation: Operation,
) -> Result<Option<Domain>> {
    let of_model = vec![
        Domain::leaf("res_model", Operator::Eq, model),
        Domain::leaf("res_field", Operator::Eq, field.map_or(Value::Bool(false), Value::from)),
    ];
    let registry = env.registry().await?;
    let Some(known) = registry.get(model) else {
        // Nothing can be said of models that are not there any more.
        let internal = env.has_group("base.group_user").await?;
        return Ok(internal.then(|| Domain::and(of_model)));
    };
    // A file of a file would lead around in circles.
    if known.name == MODEL || !known.has_table() || !access::may(env, known, operation).await? {
        return Ok(None);
    }
    if let Some(field) = field.and_then(|field| known.field(field))
        && !access::may_see(env, field).await?
    {
        return Ok(None);
    }
    let (mut allowed, _) = access::allowed(env, known, records, operation).await?;
    if model == "res.users" && !allowed.contains(&env.uid()) {
        allowed.push(env.uid());
    }
    let of_allowed = Domain::leaf("res_id", Operator::In, allowed);
    Ok(Some(Domain::and(of_model.into_iter().chain([of_allowed]).collect())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: Value) -> Values {
        match pairs {
            Value::Object(values) => values,
            _ => Values::new(),
        }
    }

    #[test]
    fn types_are_told_or_guessed() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x0a\0\0\0\x14".as_slice();
        for (told, content, kind) in [
            (json!({"name": "a.txt"}), None, "text/plain"),
            (json!({"name": "a.TXT", "mimetype": "Text/HTML"}), None, "text/html"),
            (json!({"name": "a"}), Some(png), "image/png"),
            (json!({"name": "a", "url": "/b.css?c=d.js"}), None, "text/css"),
            (json!({"name": "a"}), Some(b"words".as_slice()), "text/plain"),
            (json!({"name": "a"}), Some(b"\0\x01".as_slice()), mimetypes::UNKNOWN),
            (json!({"name": "a"}), None, mimetypes::UNKNOWN),
        ] {
            assert_eq!(type_of(&values(told), content), kind);
        }
    }

    #[test]
    fn contents_that_values_give() {
        let content = |given| content_in(&mut values(given)).unwrap();
        assert_eq!(content(json!({"datas": "aGVsbG8gd29ybGQ="})).unwrap(), b"hello world");
        assert_eq!(content(json!({"raw": "<p>", "datas": "YQ=="})).unwrap(), b"<p>");
        assert_eq!(content(json!({"name": "a"})), None);
        assert_eq!(content(json!({"datas": false})).unwrap(), b"");
        assert_eq!(index(b"hello world\0of", "text/plain"), "hello world");
        assert_eq!(index(b"\0", "image/png"), "image");
    }

    #[test]
    fn urls_of_files() {
        let of_file = json!({"name": "a b.png", "type": "binary", "checksum": "0123456789", "mimetype": "image/png"});
        let file = values(of_file);
        assert_eq!(image_src(7, &file).unwrap(), "/web/image/7-01234567/a%20b.png");
        assert_eq!(local_url(7, &file).unwrap(), "/web/image/7?unique=0123456789");
        assert_eq!(image_src(7, &values(json!({"mimetype": "text/plain"}))), None);
    }
}
