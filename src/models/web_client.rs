//! What the web client asks for when it starts: how a language is written, and the menus.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{ir_model_data, ir_module_module};
use crate::error::Result;
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::{read, search};
use crate::python;

/// The fields that tell how a language is written; those that the series has.
const WRITING: [&str; 10] = [
    "name",
    "code",
    "direction",
    "date_format",
    "time_format",
    "short_time_format",
    "grouping",
    "decimal_point",
    "thousands_sep",
    "week_start",
];

/// The translations of modules (of all installed ones, where none are named), and how the language is written. There are no
/// texts of the web client here, so no module has messages.
///
/// # Errors
/// A failure of the database.
pub async fn translations(
    env: &Env<'_>,
    modules: Option<Vec<String>>,
    lang: Option<&str>,
) -> Result<Map<String, Value>> {
    let modules = match modules {
        Some(modules) => modules,
        None => ir_module_module::installed(env.db()).await?.into_iter().map(|module| module.name).collect(),
    };
    let langs = env.langs().await?;
    let known = langs.iter().find(|(code, _, _)| Some(code.as_str()) == lang);
    let writing = match known {
        Some((_, _, id)) => writing(env, *id).await?,
        None => Value::Null,
    };
    let messages = modules.into_iter().map(|module| (module, json!({"messages": []}))).collect();
    Ok(Map::from_iter([
        ("lang".to_owned(), known.map_or(Value::Bool(false), |(code, _, _)| code.as_str().into())),
        ("lang_parameters".to_owned(), writing),
        ("modules".to_owned(), Value::Object(messages)),
        ("multi_lang".to_owned(), (langs.len() > 1).into()),
    ]))
}

async fn writing(env: &Env<'_>, id: i32) -> Result<Value> {
    let sudo = env.sudo();
    let model = sudo.model("res.lang").await?;
    let names = WRITING.iter().filter(|name| model.field(name).is_some());
    let fields = read::named_fields(&sudo, &model, names).await?;
    let mut langs = read::fetch(&sudo, &model, &[id], &fields).await?;
    let mut lang = langs.shift_remove(&id).unwrap_or_default();
    let day = lang.get("week_start").map(python::int).transpose()?;
    lang.insert("week_start".to_owned(), day.unwrap_or_default().into());
    if !env.series().tells_id_of_language() {
        lang.shift_remove("id");
    }
    Ok(lang.into())
}

/// The menus that the user may see, by id, with `root` for what is above them.
///
/// # Errors
/// An `AccessError` for who may not read menus; a failure of the database.
pub async fn menus(env: &Env<'_>) -> Result<Map<String, Value>> {
    let model = env.model("ir.ui.menu").await?;
    let groups = env.series().groups_field_of_menus();
    let user = env.user().await?;
    let may = Domain::or(vec![
        Domain::leaf(groups, Operator::Eq, false),
        Domain::leaf(groups, Operator::In, user.groups.iter().copied().collect::<Vec<_>>()),
    ]);
    let ids = search::ids(env, &model, &may).await?;
    let fields = read::named_fields(env, &model, ["name", "parent_id", "action", "web_icon"]).await?;
    let rows = read::fetch(env, &model, &ids, &fields).await?;
    let external = ir_model_data::external_ids(&env.sudo(), "ir.ui.menu", &ids).await?;
    let parent = |id: &i32| read::ids_in(&rows[id]["parent_id"]).first().copied();
    let children = |of: Option<i32>| ids.iter().filter(|id| parent(id) == of).copied().collect::<Vec<_>>();
    let mut menus = Map::new();
    menus.insert("root".to_owned(), root(env, &children(None)));
    let mut apps: HashMap<i32, i32> = HashMap::new();
    let mut open: Vec<(i32, i32)> = children(None).into_iter().map(|id| (id, id)).collect();
    while let Some((id, app)) = open.pop() {
        apps.insert(id, app);
        open.extend(children(Some(id)).into_iter().map(|child| (child, app)));
    }
    // A menu below one that the user may not see is out of reach.
    for (id, app) in ids.iter().filter_map(|id| Some((*id, *apps.get(id)?))) {
        let xmlid = external.get(&id).and_then(|external| external.first());
        let xmlid = xmlid.map(|external| format!("{}.{}", external.module, external.name)).unwrap_or_default();
        let told = menu(env, id, app, &rows[&id], &children(Some(id)), &xmlid);
        menus.insert(id.to_string(), told);
    }
    Ok(menus)
}

fn root(env: &Env<'_>, children: &[i32]) -> Value {
    let mut root = json!({
        "id": "root",
        "name": "root",
        "children": children,
        "appID": false,
        "xmlid": "",
        "actionID": false,
        "actionModel": false,
        "webIcon": null,
        "webIconData": null,
        "backgroundImage": null,
    });
    complete(env, &mut root, &Value::Null);
    root
}

fn menu(env: &Env<'_>, id: i32, app: i32, row: &Map<String, Value>, children: &[i32], xmlid: &str) -> Value {
    let action = row["action"].as_str().and_then(|action| action.split_once(','));
    let (model, action) = action.map_or((Value::Bool(false), Value::Bool(false)), |(model, id)| {
        (model.into(), id.parse::<i32>().map_or(Value::Bool(false), Value::from))
    });
    let mut menu = json!({
        "id": id,
        "name": row["name"],
        "children": children,
        "appID": app,
        "xmlid": xmlid,
        "actionID": action,
        "actionModel": model,
        "webIcon": row["web_icon"],
        "webIconData": false,
    });
    complete(env, &mut menu, &Value::Bool(false));
    menu
}

/// Adds what later series tell of a menu.
fn complete(env: &Env<'_>, menu: &mut Value, nothing: &Value) {
    for name in env.series().further_members_of_menus() {
        menu[*name] = if *name == "actionPath" { Value::Bool(false) } else { nothing.clone() };
    }
}
