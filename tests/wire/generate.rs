//! Databases that are filled to measure with: their records are as `create` would have made them.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use wiredoo::generate::{self, Amounts, Progress};
use wiredoo::{Series, Wiredoo};

use crate::common::{self, Client, stores};

/// What differs between two records that were made alike.
const OWN: [&str; 8] =
    ["id", "__last_update", "create_date", "write_date", "create_uid", "write_uid", "self", "child_ids"];

async fn fill(server: &Wiredoo, amounts: Amounts) -> Vec<Progress> {
    let mut told = Vec::new();
    let database = server.app().databases.open(server.db()).await.unwrap();
    generate::fill(&database, &server.app().tools(), amounts, |progress| told.push(progress)).await.unwrap();
    told
}

/// All fields of partners, in the order of their ids.
async fn partners(client: &mut Client<'_>, ids: &[i64]) -> Vec<Value> {
    let rows = client.kw("res.partner", "read", json!([ids]), json!({"load": ""})).await;
    rows.as_array().unwrap().clone()
}

/// What `create` is told to make another such partner.
fn values(partner: &Value) -> Value {
    let given = ["name", "type", "is_company", "parent_id", "email", "phone", "function", "ref", "website"];
    let own = ["street", "city", "zip", "country_id", "vat"];
    // A contact has its address from its company, and whoever has a company, its tax number.
    let (has_parent, is_contact) = (partner["parent_id"] != false, partner["type"] == "contact");
    let own = own.iter().filter(|name| !has_parent || (!is_contact && **name != "vat"));
    let mut values: BTreeMap<&str, Value> =
        given.iter().chain(own).map(|name| (*name, partner[*name].clone())).collect();
    values.insert("category_id", json!([[6, 0, partner["category_id"]]]));
    json!(values)
}

#[tokio::test]
async fn generated_partners_are_as_create_makes_them() {
    for series in Series::ALL {
        for store in stores() {
            let server = store.builder(series).start().await.unwrap();
            let mut client = Client::administrator(&server).await;
            let before = client.search("res.partner", json!([])).await;
            fill(&server, Amounts { partners: 60, users: 0, categories: 12, seed: 3 }).await;
            let all = client.search("res.partner", json!([["id", "not in", before]])).await;
            assert_eq!(all.len(), 60);
            let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
            for made in partners(&mut client, &all).await {
                *kinds.entry(format!("{} {}", made["type"], made["parent_id"] != false)).or_default() += 1;
                let id = client.create("res.partner", values(&made)).await;
                let again = partners(&mut client, &[id]).await.remove(0);
                for (name, value) in made.as_object().unwrap().iter().filter(|(name, _)| !OWN.contains(&name.as_str()))
                {
                    let (mut expected, own) = (again[name].clone(), again[name] == again["id"]);
                    if name == "commercial_partner_id" && own {
                        expected = made["id"].clone();
                    }
                    if name == "same_vat_partner_id" || name.starts_with("same_") {
                        continue;
                    }
                    assert_eq!(*value, expected, "{series} on {}: {name} of {made}", store.name);
                }
            }
            assert!(kinds.len() == 3 && kinds.values().all(|count| *count > 1), "{kinds:?}");
            store.finish(server).await;
        }
    }
}

#[tokio::test]
async fn generated_users_can_log_in_and_are_told_of() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        let told = fill(&server, Amounts { partners: 5, users: 3, categories: 12, seed: 1 }).await;
        let last = |what| told.iter().rfind(|progress| progress.what == what).map(|p| (p.done, p.all));
        assert_eq!([last("categories"), last("users"), last("partners")], [Some((12, 12)), Some((3, 3)), Some((5, 5))]);
        let mut user = Client::new(&server);
        let info = user.authenticate("user2", generate::PASSWORD).await.result();
        let made = client.create("res.users", json!({"name": info["name"], "login": "another"})).await;
        let fields = json!(["group_ids", "company_ids", "share", "signature", "active", "lang", "partner_share"]);
        let generated = client.values("res.users", info["uid"].as_i64().unwrap(), fields.clone()).await;
        assert_eq!(generated, client.values("res.users", made, fields).await, "{}", store.name);
        let tags = client.search("res.partner.category", json!([["parent_id.name", "=", "Customer"]])).await;
        let names = client.kw("res.partner.category", "read", json!([tags, ["display_name"]]), json!({})).await;
        assert!(
            names
                .as_array()
                .unwrap()
                .iter()
                .all(|tag| tag["display_name"].as_str().unwrap().starts_with("Customer / "))
        );
        let database = server.app().databases.open(server.db()).await.unwrap();
        let amounts = Amounts { partners: 0, users: 1, categories: 0, seed: 1 };
        let again = generate::fill(&database, &server.app().tools(), amounts, |_| ()).await;
        assert!(again.unwrap_err().reason().contains("'user1'"));
        store.finish(server).await;
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_records() {
    let mut names = Vec::new();
    for seed in [1, 1, 2] {
        let server = common::odoo(Series::V18).await;
        let mut client = Client::administrator(&server).await;
        fill(&server, Amounts { partners: 40, users: 4, categories: 3, seed }).await;
        let fields = json!(["display_name", "email", "city", "category_id", "parent_id"]);
        names.push(client.kw("res.partner", "search_read", json!([[], fields]), json!({"order": "id"})).await);
    }
    assert_eq!(names[0], names[1]);
    assert_ne!(names[0], names[2]);
}

#[tokio::test]
async fn records_that_come_after_have_ids_of_their_own() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        for _ in 0..2 {
            fill(&server, Amounts { partners: 10, users: 0, categories: 1, seed: 1 }).await;
            let last = *client.search("res.partner", json!([])).await.last().unwrap();
            assert!(client.create("res.partner", json!({"name": "After"})).await > last, "{}", store.name);
        }
        store.finish(server).await;
    }
}
