//! The memberships of a user as fields, up to 18.0: `in_group_7` tells whether they are in a group, `sel_groups_1_10_11`
//! in which of several. They are no fields: they are read from the groups of the user, and mean a change of those.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Values, ir_model_data};
use crate::error::Result;
use crate::orm::domain::Domain;
use crate::orm::env::Env;
use crate::orm::{read, search};
use crate::python;

/// What a name shows.
enum Membership {
    In(i32),
    OneOf(Vec<i32>),
}

impl Membership {
    fn parse(name: &str) -> Option<Self> {
        if let Some(group) = name.strip_prefix("in_group_") {
            return group.parse().ok().map(Self::In);
        }
        let groups = name.strip_prefix("sel_groups_")?;
        groups.split('_').map(|group| group.parse().ok()).collect::<Option<_>>().map(Self::OneOf)
    }
}

/// Whether a name is that of a membership.
#[must_use]
pub fn is_one(name: &str) -> bool {
    Membership::parse(name).is_some()
}

/// Adds these memberships to what was read of a user, with the groups among it.
///
/// # Errors
/// A failure of the database.
pub async fn add(env: &Env<'_>, groups_field: &str, names: &[String], user: &mut Values) -> Result<()> {
    let groups = user.get(groups_field).map(read::ids_in).unwrap_or_default();
    let rights = env.rights().await?;
    let internal = rights.group("base.group_user");
    for name in names {
        let value = match Membership::parse(name) {
            None => continue,
            Some(Membership::In(group)) => groups.contains(&group).into(),
            Some(Membership::OneOf(mut options)) => {
                // Who is in several is shown in the one that implies most of the others.
                let all = options.clone();
                options.sort_by_key(|group| rights.closure([*group]).iter().filter(|id| all.contains(id)).count());
                options.retain(|group| groups.contains(group));
                let shown = options.iter().find(|group| internal == Some(**group)).or(options.last());
                shown.map_or(Value::Bool(false), |group| (*group).into())
            }
        };
        user.insert(name.clone(), value);
    }
    Ok(())
}

/// Puts commands on the groups in the place of memberships.
///
/// # Errors
/// A failure of the database.
pub async fn translate(env: &Env<'_>, groups_field: &str, values: &mut Values) -> Result<()> {
    let shown: Vec<String> = values.keys().filter(|name| is_one(name)).cloned().collect();
    let (mut into, mut out) = (Vec::new(), Vec::new());
    for name in shown {
        let value = values.shift_remove(&name).unwrap_or_default();
        match Membership::parse(&name) {
            Some(Membership::In(group)) if python::truth(&value) => into.push(group),
            Some(Membership::In(group)) => out.push(group),
            Some(Membership::OneOf(options)) => {
                out.extend(options);
                into.extend(read::ids_in(&value));
            }
            None => {}
        }
    }
    if (into.is_empty() && out.is_empty()) || values.contains_key(groups_field) {
        return Ok(());
    }
    let kept = env.rights().await?.closure(into.iter().copied());
    let leave = out.iter().filter(|group| !kept.contains(group)).map(|group| json!([3, group]));
    let commands: Vec<Value> = leave.chain(into.iter().map(|group| json!([4, group]))).collect();
    values.insert(groups_field.to_owned(), commands.into());
    Ok(())
}

/// The fields by which the form of a user shows memberships, up to 18.0: a choice for each category of groups, and
/// a box for each group that is in none.
///
/// # Errors
/// A failure of the database.
pub async fn describe(env: &Env<'_>) -> Result<Values> {
    let groups = env.model("res.groups").await?;
    let categories = env.model("ir.module.category").await?;
    let all = search::search(&env.sudo(), &groups, &Domain::True, &search::Page::default()).await?;
    let fields = read::named_fields(env, &groups, ["name", "category_id"]).await?;
    let mut records = read::fetch(&env.sudo(), &groups, &all, &fields).await?;
    records.sort_keys();
    let mut of_category: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    let mut described = Values::new();
    for (id, record) in &records {
        if let Some(category) = read::ids_in(&record["category_id"]).first() {
            of_category.entry(*category).or_default().push(*id);
        } else {
            let field = json!({"type": "boolean", "string": record["name"], "exportable": false,
                "selectable": false});
            described.insert(format!("in_group_{id}"), field);
        }
    }
    let kinds = ir_model_data::find(&env.sudo(), "base.module_category_user_type").await?.map(|(_, id)| id);
    let names: Vec<i32> = of_category.keys().copied().collect();
    let names = read::display_names(&env.sudo(), &categories, &names).await?;
    for (category, members) in of_category {
        let mut options: Vec<Value> = members.iter().map(|id| json!([id, records[id]["name"]])).collect();
        // Everybody is of some kind.
        if kinds != Some(category) {
            options.insert(0, json!([false, ""]));
        }
        let ids: Vec<String> = members.iter().map(ToString::to_string).collect();
        let field = json!({"type": "selection", "string": names.get(&category), "selection": options,
            "exportable": false, "selectable": false});
        described.insert(format!("sel_groups_{}", ids.join("_")), field);
    }
    Ok(described)
}
