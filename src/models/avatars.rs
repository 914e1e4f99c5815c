//! `avatar.mixin`: the image of a record, or what stands in for it.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use crate::error::Result;
use crate::images::{self, StandIn};
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::registry::Model;
use crate::orm::{attachments, read, search};
use crate::python;

/// The values of `avatar_…` of contacts: their image; else, of those who are internal users, a drawing with the first
/// letter of the name, and of others a picture that is the same for all.
///
/// # Errors
/// A failure of the database.
pub async fn of_partners(env: &Env<'_>, model: &Model, field: &str, ids: &[i32]) -> Result<HashMap<i32, Value>> {
    let image = field.replace("avatar", "image");
    let sudo = env.sudo();
    let fields = read::named_fields(&sudo, model, [image.as_str(), "name", "is_company"]).await?;
    let partners = read::fetch(&sudo, model, ids, &fields).await?;
    let internal = internal_users(&sudo, ids).await?;
    let sizes = env.flag("bin_size") || env.flag(&format!("bin_size_{field}"));
    let shown = |content: &[u8]| -> Value {
        if sizes {
            let size = i64::try_from(content.len()).unwrap_or(i64::MAX);
            return attachments::human_size(size).into();
        }
        BASE64.encode(content).into()
    };
    let avatar = |id: i32, partner: &serde_json::Map<String, Value>| {
        let name = partner["name"].as_str().unwrap_or_default();
        if python::truth(&partner[image.as_str()]) {
            partner[image.as_str()].clone()
        } else if internal.contains(&id) && !name.is_empty() {
            shown(images::avatar(name, &format!("{name}{id}")).as_bytes())
        } else {
            shown(stand_in(partner).png())
        }
    };
    Ok(partners.iter().map(|(id, partner)| (*id, avatar(*id, partner))).collect())
}

/// What stands in for the image of a contact.
fn stand_in(partner: &serde_json::Map<String, Value>) -> StandIn {
    if partner.get("is_company").is_some_and(python::truth) { StandIn::Company } else { StandIn::Person }
}

/// What stands in for the image of a record.
///
/// # Errors
/// A failure of the database.
pub async fn placeholder(env: &Env<'_>, model: &Model, id: i32, field: &str) -> Result<StandIn> {
    let is_image = field.starts_with("image_") || field.starts_with("avatar_");
    match model.name.as_str() {
        "res.users" if is_image => Ok(StandIn::Person),
        "res.partner" if is_image => {
            let fields = read::named_fields(env, model, ["is_company"]).await?;
            let partners = read::fetch(env, model, &[id], &fields).await?;
            Ok(partners.get(&id).map_or(StandIn::Person, stand_in))
        }
        _ => Ok(StandIn::Picture),
    }
}

/// Those of these contacts who are internal users.
async fn internal_users(sudo: &Env<'_>, partners: &[i32]) -> Result<HashSet<i32>> {
    let users = sudo.model("res.users").await?;
    let of_partners = Domain::leaf("partner_id", Operator::In, partners.to_vec());
    let found = search::ids(sudo, &users, &of_partners).await?;
    let link = read::named_fields(sudo, &users, ["partner_id"]).await?;
    let mut internal = HashSet::new();
    for (user, values) in read::fetch(sudo, &users, &found, &link).await? {
        if !sudo.user_of(user).await?.share {
            internal.extend(read::ids_in(&values["partner_id"]));
        }
    }
    Ok(internal)
}
