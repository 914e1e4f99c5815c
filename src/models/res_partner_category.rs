//! `res.partner.category`: tags of partners, which are named with those above them.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use serde_json::Value;

use super::Behaviour;
use crate::error::Result;
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::read::{self, Records};
use crate::orm::registry::Model;
use crate::orm::search;

/// What is between the names of a tag and of the one above it.
const SEPARATOR: &str = " / ";

/// The behaviour of `res.partner.category`.
#[derive(Debug)]
pub struct ResPartnerCategory;

#[async_trait]
impl Behaviour for ResPartnerCategory {
    async fn display_names(&self, env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Option<HashMap<i32, String>>> {
        let known = with_ancestors(env, model, ids).await?;
        let own = ids.iter().filter(|id| known.contains_key(*id));
        Ok(Some(own.map(|id| (*id, path(&known, *id))).collect()))
    }

    async fn search_by_name(
        &self,
        env: &Env<'_>,
        model: &Model,
        operator: Operator,
        value: &Value,
    ) -> Result<Option<Domain>> {
        if env.series().finds_tags_below_named_ones() {
            if !operator.is_like() || operator.is_negative() {
                return Ok(None);
            }
            let named = search::ids(env, model, &Domain::leaf("name", operator, value.clone())).await?;
            return Ok(Some(Domain::leaf("id", Operator::ChildOf, named)));
        }
        // Of a path, the last name is the tag's own.
        let own = value.as_str().and_then(|text| text.rsplit(SEPARATOR).next());
        Ok(own.map(|own| Domain::leaf("name", operator, own)))
    }
}

/// The names and parents of records and of all that is above them.
async fn with_ancestors(env: &Env<'_>, model: &Model, ids: &[i32]) -> Result<Records> {
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, ["name", "parent_id"]).await?;
    let mut known = Records::new();
    let mut level: Vec<i32> = ids.to_vec();
    while !level.is_empty() {
        let records = read::fetch(&sudo, model, &level, &fields).await?;
        let parents: BTreeSet<i32> = records.values().flat_map(|record| read::ids_in(&record["parent_id"])).collect();
        known.extend(records);
        level = parents.into_iter().filter(|parent| !known.contains_key(parent)).collect();
    }
    Ok(known)
}

/// `Parent / Child`
fn path(known: &Records, id: i32) -> String {
    let mut names = Vec::new();
    let mut next = Some(id);
    while let Some(record) = next.and_then(|id| known.get(&id)) {
        names.push(record["name"].as_str().unwrap_or_default());
        next = read::ids_in(&record["parent_id"]).first().copied();
        // No record is above itself, but no table is trusted that far.
        if names.len() >= known.len() {
            break;
        }
    }
    names.reverse();
    names.join(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[test]
    fn tags_are_named_with_those_above_them() {
        let record = |name: &str, parent: Value| {
            Map::from_iter([("name".to_owned(), json!(name)), ("parent_id".to_owned(), parent)])
        };
        let all = [(1, record("A", json!(false))), (2, record("B", json!(1))), (3, record("C", json!(3)))];
        let known = Records::from_iter(all);
        assert_eq!(path(&known, 1), "A");
        assert_eq!(path(&known, 2), "A / B");
        assert!(path(&known, 3).starts_with("C / C"));
    }
}
