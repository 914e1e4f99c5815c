//! `res.groups`: groups of users, and the groups that they imply.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Behaviour, Values, res_users};
use crate::error::Result;
use crate::orm::domain::{Domain, Leaf};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::{read, search};

/// `res.groups`
pub struct ResGroups;

#[async_trait]
impl Behaviour for ResGroups {
    async fn written(&self, env: &Env<'_>, _: &Model, ids: &[i32], values: &Values) -> Result<()> {
        if values.contains_key("implied_ids") || values.keys().any(|name| USERS.contains(&name.as_str())) {
            res_users::members_changed(env, ids).await?;
        }
        Ok(())
    }

    async fn created(&self, env: &Env<'_>, _: &Model, ids: &[i32], _: &[Values]) -> Result<()> {
        env.note_write("res.groups").await?;
        res_users::members_changed(env, ids).await
    }

    async fn compute(
        &self,
        env: &Env<'_>,
        model: &Model,
        field: &Field,
        ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        let rights = env.rights().await?;
        let sudo = env.sudo();
        Ok(match field.name.as_str() {
            "full_name" => {
                let Some(name) = model.field("name").cloned() else { return Ok(None) };
                let records = read::fetch(env, model, ids, &[name]).await?;
                Some(records.into_iter().map(|(id, record)| (id, record["name"].clone())).collect())
            }
            "trans_implied_ids" => Some(
                ids.iter()
                    .map(|id| {
                        let implied: Vec<i32> = rights.closure([*id]).into_iter().filter(|other| other != id).collect();
                        (*id, implied.into())
                    })
                    .collect(),
            ),
            "all_implied_ids" => {
                Some(ids.iter().map(|id| (*id, rights.closure([*id]).into_iter().collect::<Vec<_>>().into())).collect())
            }
            "all_implied_by_ids" => {
                let all = search::ids(&sudo, model, &Domain::True).await?;
                let implying = |id: i32| -> Vec<i32> {
                    all.iter().copied().filter(|other| rights.closure([*other]).contains(&id)).collect()
                };
                Some(ids.iter().map(|id| (*id, implying(*id).into())).collect())
            }
            "all_user_ids" => {
                let users = env.model("res.users").await?;
                let mut members: HashMap<i32, BTreeSet<i32>> = HashMap::new();
                for user in search::ids(&sudo.with("active_test", false), &users, &Domain::True).await? {
                    for group in &env.user_of(user).await?.groups {
                        members.entry(*group).or_default().insert(user);
                    }
                }
                Some(ids.iter().map(|id| (*id, json!(members.remove(id).unwrap_or_default()))).collect())
            }
            _ => None,
        })
    }

    async fn search(&self, _: &Env<'_>, _: &Model, field: &Field, leaf: &Leaf) -> Result<Option<Domain>> {
        Ok((field.name == "full_name").then(|| Domain::Leaf(Leaf { path: "name".to_owned(), ..leaf.clone() })))
    }

    async fn prepare_copy(&self, _: &Env<'_>, _: &Model, _: i32, default: &Values, values: &mut Values) -> Result<()> {
        if !default.contains_key("name") {
            let name = values.get("name").and_then(Value::as_str).unwrap_or_default();
            values.insert("name".to_owned(), format!("{name} (copy)").into());
        }
        Ok(())
    }
}

/// The fields with the members of a group, which are called differently from series to series.
const USERS: [&str; 2] = ["users", "user_ids"];
