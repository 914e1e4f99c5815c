//! `res.lang`: languages, and how numbers are written in them.

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Map, Value, json};

use super::{Behaviour, Values, ir_default};
use crate::database::DEFAULT_LANG;
use crate::error::{Error, Result};
use crate::orm::call::{Bound, singleton};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, search, write};
use crate::python;
use crate::series::Series;

/// Who is told that a language is used, in the order in which they are asked for: model, archived ones too, message.
const USED_BY: [(&str, bool, &str); 3] = [
    ("res.users", false, "Cannot deactivate a language that is currently used by users."),
    ("res.partner", false, "Cannot deactivate a language that is currently used by contacts."),
    (
        "res.users",
        true,
        "You cannot archive the language in which Odoo was setup as it is used by automated processes.",
    ),
];

/// The behaviour of `res.lang`.
#[derive(Debug)]
pub struct ResLang;

#[async_trait]
impl Behaviour for ResLang {
    fn names_searched(&self, series: Series) -> &'static [&'static str] {
        series.names_of_languages()
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        if field.name != "flag_image_url" {
            return Ok(None);
        }
        let sudo = env.sudo();
        let sizes = sudo.with("bin_size", true);
        let fields = read::named_fields(&sudo, model, ["code", "flag_image"]).await?;
        let langs = read::fetch(&sizes, model, ids, &fields).await?;
        let url = |(id, lang): (i32, Map<String, Value>)| {
            let own = python::truth(&lang["flag_image"]);
            let url = if own { format!("/web/image/res.lang/{id}/flag_image") } else { flag_url(text(&lang, "code")) };
            (id, url.into())
        };
        Ok(Some(langs.into_iter().map(url).collect()))
    }

    async fn prepare_create(&self, _env: &Env<'_>, _model: &Model, values: &mut Vec<Values>) -> Result<()> {
        for lang in values {
            if !lang.get("url_code").is_some_and(python::truth) {
                let code =
                    ["iso_code", "code"].into_iter().find_map(|name| lang.get(name).filter(|c| python::truth(c)));
                if let Some(code) = code.cloned() {
                    lang.insert("url_code".to_owned(), code);
                }
            }
        }
        Ok(())
    }

    async fn created(&self, env: &Env<'_>, model: &Model, _ids: &[i32], _values: &[Values]) -> Result<()> {
        check_any_active(env, model).await
    }

    async fn prepare_write(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &mut Values) -> Result<()> {
        let codes = codes(env, model, ids).await?;
        if let Some(code) = values.get("code")
            && codes.iter().any(|own| code != own.as_str())
        {
            return Err(Error::UserError("Language code cannot be modified.".to_owned()));
        }
        if values.get("active").is_some_and(|active| !python::truth(active)) {
            check_unused(env, &codes).await?;
            // Nobody gets by default a language that there is not.
            let defaults = env.model("ir.default").await?;
            let values: Vec<Value> = codes.into_iter().map(Value::from).collect();
            ir_default::discard_values(env, &defaults, "res.partner", "lang", &values).await?;
        }
        Ok(())
    }

    async fn written(&self, env: &Env<'_>, model: &Model, ids: &[i32], values: &Values) -> Result<()> {
        match values.get("active") {
            Some(active) if python::truth(active) => shorten_url_codes(env, model, ids).await,
            Some(_) => check_any_active(env, model).await,
            None => Ok(()),
        }
    }

    async fn prepare_unlink(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
        let sudo = env.sudo();
        let fields = read::named_fields(&sudo, model, ["code", "active"]).await?;
        let preferred = env.context().get("lang").and_then(Value::as_str);
        for lang in read::fetch(&sudo, model, ids, &fields).await?.values() {
            let code = text(lang, "code");
            let refusal = if code == DEFAULT_LANG {
                "Base Language 'en_US' can not be deleted."
            } else if preferred == Some(code) {
                "You cannot delete the language which is the user's preferred language."
            } else if python::truth(&lang["active"]) {
                "You cannot delete the language which is Active!\nPlease de-activate the language first."
            } else {
                continue;
            };
            return Err(Error::UserError(refusal.to_owned()));
        }
        Ok(())
    }

    async fn prepare_copy(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        _id: i32,
        default: &Values,
        values: &mut Values,
    ) -> Result<()> {
        for name in ["name", "code", "url_code"] {
            if let Some(Value::String(text)) = values.get_mut(name).filter(|_| !default.contains_key(name)) {
                text.push_str(" (copy)");
            }
        }
        Ok(())
    }

    async fn call(&self, env: &Env<'_>, model: &Model, call: &Bound) -> Result<Option<Value>> {
        Ok(Some(match call.method.name.as_str() {
            "get_installed" => {
                let langs = env.langs().await?;
                sorted(langs.iter().map(|(code, name, _)| (code.clone(), name.clone())).collect())
            }
            "get_available" => {
                let all = env.with("active_test", false);
                let ids = search::ids(&all, model, &Domain::True).await?;
                names(&all, model, &ids).await?
            }
            "get_sorted" => names(env, model, &call.ids).await?,
            "install_lang" => {
                install(env, model).await?;
                true.into()
            }
            "action_activate_langs" => {
                let active = Map::from_iter([("active".to_owned(), true.into())]);
                write::write(env, model, &call.ids, active).await?;
                installed_notification()
            }
            "format" => {
                let notation = Notation::of(env, model, singleton(model, &call.ids)?).await?;
                let plain = plain(&python::text(call.get("percent")), call.get("value"))?;
                let grouped = python::truth(call.get("grouping"));
                notation.write(&plain, grouped).into()
            }
            _ => return Ok(None),
        }))
    }
}

fn text<'r>(record: &'r Map<String, Value>, name: &str) -> &'r str {
    record.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn flag_url(code: &str) -> String {
    let country = code.to_lowercase();
    let country = country.rsplit('_').next().unwrap_or_default();
    format!("/base/static/img/country_flags/{country}.png")
}

async fn codes(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Vec<String>> {
    let Some(code) = model.field("code") else { return Ok(Vec::new()) };
    let codes = read::values(&env.sudo(), model, ids, code).await?;
    Ok(codes.iter().filter_map(Value::as_str).map(str::to_owned).collect())
}

/// Refuses to take away languages that somebody speaks.
async fn check_unused(env: &Env<'_>, codes: &[String]) -> Result<()> {
    let sudo = env.sudo();
    let spoken = Domain::leaf("lang", Operator::In, codes.to_vec());
    for (model, archived, refusal) in USED_BY {
        let of = env.model(model).await?;
        if search::count(&sudo.with("active_test", !archived), &of, &spoken, Some(1)).await? > 0 {
            return Err(Error::UserError(refusal.to_owned()));
        }
    }
    Ok(())
}

async fn check_any_active(env: &Env<'_>, model: &Model) -> Result<()> {
    let active = Domain::leaf("active", Operator::Eq, true);
    if search::count(&env.sudo(), model, &active, Some(1)).await? > 0 {
        return Ok(());
    }
    Err(Error::ValidationError("At least one language must be active.".to_owned()))
}

/// Languages that are activated are called in URLs without their country, where no other language is called so.
async fn shorten_url_codes(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<()> {
    let all = env.sudo().with("active_test", false);
    let fields = read::named_fields(&all, model, ["code", "url_code"]).await?;
    for (id, lang) in read::fetch(&all, model, ids, &fields).await? {
        if !text(&lang, "url_code").contains('_') {
            continue;
        }
        let short = text(&lang, "code").split('_').next().unwrap_or_default();
        if search::count(&all, model, &Domain::leaf("url_code", Operator::Eq, short), Some(1)).await? == 0 {
            write::write(&all, model, &[id], Map::from_iter([("url_code".to_owned(), short.into())])).await?;
        }
    }
    Ok(())
}

/// `[[code, name], …]` by name, as Python sorts texts.
fn sorted(mut langs: Vec<(String, String)>) -> Value {
    langs.sort_by(|(_, one), (_, other)| one.cmp(other));
    langs.into_iter().map(|(code, name)| json!([code, name])).collect()
}

async fn names(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Value> {
    let fields = read::named_fields(env, model, ["code", "name"]).await?;
    let langs = read::fetch(env, model, ids, &fields).await?;
    Ok(sorted(langs.values().map(|lang| (text(lang, "code").to_owned(), text(lang, "name").to_owned())).collect()))
}

/// `install_lang`: the language that every database has is active, and the default of partners where they have none.
async fn install(env: &Env<'_>, model: &Model) -> Result<()> {
    let all = env.with("active_test", false);
    let domain = Domain::and(vec![
        Domain::leaf("code", Operator::Eq, DEFAULT_LANG),
        Domain::leaf("active", Operator::Eq, false),
    ]);
    let inactive = search::ids(&all, model, &domain).await?;
    write::write(&all, model, &inactive, Map::from_iter([("active".to_owned(), true.into())])).await?;
    ir_default::set_for_all_if_none(env, "res.partner", "lang", &DEFAULT_LANG.into()).await
}

fn installed_notification() -> Value {
    let message = "The languages that you selected have been successfully installed. Users can choose their favorite \
                   language in their preferences.";
    json!({
        "type": "ir.actions.client",
        "tag": "display_notification",
        "target": "new",
        "params": {
            "message": message,
            "type": "success",
            "sticky": false,
            "next": {"type": "ir.actions.act_window_close"},
        },
    })
}

/// How numbers are written in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notation {
    decimal_point: String,
    thousands_sep: String,
    /// The sizes of groups of digits from the right; the last is repeated where 0 follows.
    grouping: Vec<i64>,
}

impl Notation {
    /// That of the language of the context.
    ///
    /// # Errors
    /// As [`Env::lang`].
    pub async fn of_context(env: &Env<'_>) -> Result<Self> {
        let code = env.lang().await?;
        let langs = env.model("res.lang").await?;
        let known = env.langs().await?;
        let id = known.iter().find(|(known, _, _)| *known == code).map(|(_, _, id)| *id);
        match id {
            Some(id) => Self::of(env, &langs, id).await,
            None => Ok(Self { decimal_point: ".".to_owned(), thousands_sep: ",".to_owned(), grouping: vec![3, 0] }),
        }
    }

    async fn of(env: &Env<'_>, langs: &Model, id: i32) -> Result<Self> {
        let sudo = env.sudo();
        let fields = read::named_fields(&sudo, langs, ["decimal_point", "thousands_sep", "grouping"]).await?;
        let records = read::fetch(&sudo, langs, &[id], &fields).await?;
        let lang = records.get(&id).cloned().unwrap_or_default();
        Ok(Self {
            decimal_point: text(&lang, "decimal_point").to_owned(),
            thousands_sep: text(&lang, "thousands_sep").to_owned(),
            grouping: serde_json::from_str(text(&lang, "grouping")).unwrap_or_default(),
        })
    }

    /// A number such as `-1234.50`, as the language writes it.
    #[must_use]
    pub fn write(&self, plain: &str, grouped: bool) -> String {
        let (whole, decimals) = plain.split_once('.').map_or((plain, None), |(whole, rest)| (whole, Some(rest)));
        let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |digits| ("-", digits));
        let whole = if grouped { self.group(digits) } else { digits.to_owned() };
        match decimals {
            Some(decimals) => format!("{sign}{whole}{}{decimals}", self.decimal_point),
            None => format!("{sign}{whole}"),
        }
    }

    fn group(&self, digits: &str) -> String {
        let mut groups = Vec::new();
        let mut rest = digits;
        let mut sizes = self.grouping.iter().copied();
        let mut size = 0;
        while !rest.is_empty() {
            match sizes.next() {
                // The last size goes on.
                Some(0) | None if size > 0 && self.grouping.contains(&0) => {}
                Some(next) if next > 0 => size = next,
                _ => break,
            }
            let at = usize::try_from(size).map_or(0, |size| rest.len().saturating_sub(size));
            let (left, group) = rest.split_at_checked(at).unwrap_or(("", rest));
            groups.push(group);
            rest = left;
        }
        if !rest.is_empty() {
            groups.push(rest);
        }
        groups.reverse();
        groups.join(&self.thousands_sep)
    }
}

/// A number by Python's `%.2f`, `%d` and the like.
fn plain(percent: &str, value: &Value) -> Result<String> {
    let malformed = || Error::value_error("format() must be given exactly one %char format specifier");
    let format = percent.strip_prefix('%').ok_or_else(malformed)?;
    let (precision, conversion) = match format.strip_prefix('.') {
        Some(rest) => {
            let conversion = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            (rest[..rest.len() - conversion.len()].parse().unwrap_or_default(), conversion)
        }
        None => (6_usize, format),
    };
    match conversion {
        "f" | "F" => Ok(format!("{:.*}", precision.min(100), python::float(value)?)),
        "d" | "i" => Ok(python::int(value)?.to_string()),
        "s" => Ok(python::text(value)),
        _ => Err(malformed()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notation(point: &str, separator: &str, grouping: &[i64]) -> Notation {
        Notation { decimal_point: point.to_owned(), thousands_sep: separator.to_owned(), grouping: grouping.to_vec() }
    }

    #[test]
    fn numbers_are_grouped_as_the_language_does() {
        let english = notation(".", ",", &[3, 0]);
        for (plain, written) in [("1234567.80", "1,234,567.80"), ("-999", "-999"), ("-1000", "-1,000"), ("0.5", "0.5")]
        {
            assert_eq!(english.write(plain, true), written);
        }
        assert_eq!(notation(",", " ", &[3, 0]).write("1234.5", false), "1234,5");
        assert_eq!(notation(".", ",", &[3, 2, 0]).write("123456789", true), "12,34,56,789");
        assert_eq!(notation(".", ",", &[3]).write("123456789", true), "123456,789");
        assert_eq!(notation(".", ",", &[]).write("123456789", true), "123456789");
    }

    #[test]
    fn formats_of_numbers() {
        assert_eq!(plain("%.2f", &json!(1.5)).unwrap(), "1.50");
        assert_eq!(plain("%f", &json!(1)).unwrap(), "1.000000");
        assert_eq!(plain("%d", &json!(7.9)).unwrap(), "7");
        for wrong in ["", "f", "%", "%x%d"] {
            assert!(plain(wrong, &json!(1)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn flags_are_those_of_countries() {
        assert_eq!(flag_url("fr_BE"), "/base/static/img/country_flags/be.png");
        assert_eq!(flag_url("eo"), "/base/static/img/country_flags/eo.png");
    }

    #[test]
    fn languages_are_sorted_by_name() {
        let of = |code: &str, name: &str| (code.to_owned(), name.to_owned());
        let langs = sorted(vec![of("fr_FR", "French"), of("en_US", "English")]);
        assert_eq!(langs, json!([["en_US", "English"], ["fr_FR", "French"]]));
    }
}
