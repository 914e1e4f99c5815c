//! The texts of translated fields in all languages: `get_field_translations`, `update_field_translations`.

use sea_orm::sea_query::{Alias, Expr, ExprTrait, Query as Sql};
use serde_json::{Map, Value, json};

use super::access::{self, Operation};
use super::env::Env;
use super::field::Field;
use super::query::column;
use super::registry::Model;
use super::{convert, read};
use crate::database::DEFAULT_LANG;
use crate::error::{Error, Result};
use crate::python;

fn translated_field<'m>(env: &Env<'_>, model: &'m Model, name: &str) -> Result<&'m Field> {
    let field = model.field(name).ok_or_else(|| env.series().invalid_field_to_read(&model.name, name))?;
    Ok(field.as_ref())
}

async fn texts(env: &Env<'_>, model: &Model, id: i32, field: &Field) -> Result<Map<String, Value>> {
    let select = Sql::select().from(Alias::new(&model.table)).and_where(column(&model.table, "id").eq(id)).take();
    let own = read::exact(column(&model.table, &field.name), super::field::Kind::Json, env.is_sqlite());
    let rows = env.json_rows(select, vec![own]).await?;
    Ok(match rows.into_iter().next().and_then(|mut row| row.pop()) {
        Some(Value::Object(texts)) => texts,
        _ => Map::new(),
    })
}

/// The text of a field in each installed language, and how it is translated.
///
/// # Errors
/// An `AccessError`; a failure of the database.
pub async fn get(env: &Env<'_>, model: &Model, ids: &[i32], name: &str, langs: &Value) -> Result<Value> {
    let field = translated_field(env, model, name)?;
    access::check_field(env, model, field, Operation::Read).await?;
    let kind = json!({"translation_type": field.kind.name(), "translation_show_source": false});
    let Some(id) = ids.first().copied() else { return Ok(json!([[], kind])) };
    access::check_model(env, model, Operation::Read).await?;
    access::check_records(env, model, &[id], Operation::Read).await?;
    if !field.translate {
        return untranslated(env, model, id, field, kind).await;
    }
    let texts = texts(env, model, id, field).await?;
    let source = texts.get(DEFAULT_LANG).cloned().unwrap_or(Value::Bool(false));
    let asked = langs.as_array().filter(|langs| !langs.is_empty());
    let installed = env.langs().await?;
    let known = installed.iter().map(|(code, _, _)| code);
    let known = known.filter(|code| asked.is_none_or(|asked| asked.iter().any(|lang| lang == *code)));
    let translations: Vec<Value> = known
        .map(|code| {
            let value = texts.get(code).cloned().unwrap_or_else(|| source.clone());
            json!({"lang": code, "source": source, "value": value})
        })
        .collect();
    Ok(json!([translations, kind]))
}

/// Up to 17.0 a field without translations has its text in all languages, later none.
async fn untranslated(env: &Env<'_>, model: &Model, id: i32, field: &Field, kind: Value) -> Result<Value> {
    if !env.series().translates_all_fields() {
        return Ok(json!([[], kind]));
    }
    let Some(own) = model.field(&field.name).cloned() else { return Ok(json!([[], kind])) };
    let text = read::values(env, model, &[id], &own).await?.pop().unwrap_or(Value::Bool(false));
    let all = env.langs().await?;
    let translations: Vec<Value> =
        all.iter().map(|(code, _, _)| json!({"lang": code, "source": text, "value": text})).collect();
    Ok(json!([translations, kind]))
}

/// Writes texts by language; false takes a language's text away.
///
/// # Errors
/// An `AccessError`; a `UserError` for a language that is not installed; a failure of the database.
pub async fn update(env: &Env<'_>, model: &Model, ids: &[i32], name: &str, translations: &Value) -> Result<Value> {
    let field = translated_field(env, model, name)?;
    access::check_model(env, model, Operation::Write).await?;
    access::check_field(env, model, field, Operation::Write).await?;
    access::check_records(env, model, ids, Operation::Write).await?;
    if !field.translate {
        return Ok(Value::Bool(false));
    }
    let Value::Object(translations) = translations else {
        return Err(Error::type_error(format!(
            "'{}' object has no attribute 'items'",
            python::type_name(translations)
        )));
    };
    let installed = env.langs().await?;
    let unknown: Vec<&String> =
        translations.keys().filter(|lang| !installed.iter().any(|(code, _, _)| code == *lang)).collect();
    if !unknown.is_empty() {
        let names: Vec<_> = unknown.iter().map(|lang| lang.as_str()).collect();
        return Err(Error::UserError(format!("The following languages are not activated: {}", names.join(", "))));
    }
    env.note_write(&model.name).await?;
    for id in ids {
        let mut texts = texts(env, model, *id, field).await?;
        for (lang, value) in translations {
            if python::truth(value) {
                texts.insert(lang.clone(), convert::to_cache(env, field, value).await?);
            } else {
                texts.shift_remove(lang);
            }
        }
        if !texts.is_empty() && !texts.contains_key(DEFAULT_LANG) {
            let first = texts.values().next().cloned().unwrap_or_default();
            texts.insert(DEFAULT_LANG.to_owned(), first);
        }
        let value = if texts.is_empty() { Expr::null() } else { Expr::val(Value::from(texts)) };
        let mut update = Sql::update();
        update.table(Alias::new(&model.table)).value(Alias::new(name), value);
        if model.log_access {
            update.value(Alias::new("write_uid"), env.uid()).value(Alias::new("write_date"), env.now());
        }
        update.and_where(Expr::col(Alias::new("id")).eq(*id));
        env.execute(&update).await?;
    }
    Ok(Value::Bool(true))
}
