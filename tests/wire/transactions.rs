//! That a call is done whole or not at all, with the commands and references in it.

use serde_json::json;
use wiredoo::Series;

use crate::common::{Client, odoo, stores};

#[tokio::test]
async fn commands_say_what_becomes_of_lists() {
    for store in stores() {
        let server = store.builder(Series::V18).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        let mut tags = Vec::new();
        for name in ["A", "B", "C"] {
            tags.push(client.create("res.partner.category", json!({"name": name})).await);
        }
        let kids = json!([[0, 0, {"name": "Kid 1"}], [0, "virtual_1", {"name": "Kid 2", "child_ids": [[0, 0, {"name": "Kid 3"}]]}]]);
        let values = json!({"name": "Top", "is_company": true, "child_ids": kids, "category_id": [[6, 0, tags[..2]]]});
        let top = client.create("res.partner", values).await;
        let kids = client.values("res.partner", top, json!(["child_ids"])).await["child_ids"].clone();
        assert_eq!(kids.as_array().unwrap().len(), 2, "{}", store.name);
        let name = |commands| json!([[top], commands]);
        for (commands, expected) in [
            (json!([[3, tags[0]], [4, tags[2]]]), json!([tags[1], tags[2]])),
            (json!([[5]]), json!([])),
            (json!([[4, tags[0], 0]]), json!([tags[0]])),
            (json!([[0, 0, {"name": "D"}], [1, tags[0], {"name": "A2"}], [3, tags[0], false]]), json!(["D"])),
            (json!([]), json!(["D"])),
            (json!([tags[1]]), json!([tags[1]])),
            (json!([[2, tags[1]]]), json!([])),
        ] {
            client.kw("res.partner", "write", name(json!({"category_id": commands})), json!({})).await;
            let ids = client.values("res.partner", top, json!(["category_id"])).await["category_id"].clone();
            let expected = match expected.as_array().unwrap().first() {
                Some(name) if name.is_string() => {
                    json!(client.search("res.partner.category", json!([["name", "=", name]])).await)
                }
                _ => expected,
            };
            assert_eq!(ids, expected, "{commands} on {}", store.name);
        }
        assert_eq!(client.values("res.partner.category", tags[0], json!(["name"])).await["name"], "A2");
        assert_eq!(client.search("res.partner.category", json!([["id", "=", tags[1]]])).await, [0; 0]);
        // A child that leaves the list has no parent any more.
        let (first, second) = (kids[0].as_i64().unwrap(), kids[1].as_i64().unwrap());
        client.kw("res.partner", "write", name(json!({"child_ids": [[3, first], [2, second]]})), json!({})).await;
        assert_eq!(client.values("res.partner", first, json!(["parent_id"])).await["parent_id"], false);
        assert_eq!(client.search("res.partner", json!([["id", "in", [first, second]]])).await, [first]);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn a_call_that_fails_leaves_nothing_behind() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        let before = client.search("res.partner", json!([])).await;
        for values in [
            json!([{"name": "Good"}, {"name": "Bad", "type": "galaxy"}]),
            json!([{"name": "Good", "child_ids": [[0, 0, {"name": "Kid"}], [0, 0, {"name": "Bad", "type": "galaxy"}]]}]),
            json!([{"name": "Good"}, {"name": "Bad", "nothing": 1}]),
            json!([{"name": "Good", "parent_id": 99_999}]),
        ] {
            client.fault("res.partner", "create", json!([values]), json!({})).await;
            assert_eq!(client.search("res.partner", json!([])).await, before, "{values} on {}", store.name);
        }
        let ids = json!([[1, 3, 99_999], {"name": "Changed"}]);
        let (name, message) = client.fault("res.partner", "write", ids, json!({})).await;
        assert_eq!(name, "MissingError", "{message}");
        assert_eq!(client.search("res.partner", json!([["name", "=", "Changed"]])).await, [0; 0], "{}", store.name);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn what_is_referred_to_stays_or_takes_along_as_the_field_says() {
    for store in stores() {
        let server = store.builder(Series::V18).start().await.unwrap();
        let mut client = Client::administrator(&server).await;
        let country = client.create("res.country", json!({"name": "Narnia", "code": "XN"})).await;
        let state = json!({"name": "West", "code": "W", "country_id": country});
        let state = client.create("res.country.state", state).await;
        let partner = client.create("res.partner", json!({"name": "Lucy", "state_id": state})).await;
        // `state_id` of a partner restricts.
        let (name, message) = client.fault("res.country.state", "unlink", json!([[state]]), json!({})).await;
        assert_eq!(name, "ValidationError");
        assert!(message.contains("another model requires the record being deleted"), "{message}");
        client.kw("res.partner", "unlink", json!([[partner]]), json!({})).await;
        client.kw("res.country.state", "unlink", json!([[state]]), json!({})).await;
        // `parent_id` of a tag cascades.
        let tag = client.create("res.partner.category", json!({"name": "Top"})).await;
        let kid = client.create("res.partner.category", json!({"name": "Kid", "parent_id": tag})).await;
        client.kw("res.partner.category", "unlink", json!([[tag]]), json!({})).await;
        assert_eq!(client.search("res.partner.category", json!([["id", "=", kid]])).await, [0; 0]);
        // `user_id` of a partner is emptied.
        let user = client.create("res.users", json!({"name": "Ed", "login": "ed"})).await;
        let partner = client.create("res.partner", json!({"name": "Sue", "user_id": user})).await;
        client.kw("res.users", "unlink", json!([[user]]), json!({})).await;
        assert_eq!(client.values("res.partner", partner, json!(["user_id"])).await["user_id"], false, "{}", store.name);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn nothing_is_its_own_ancestor() {
    for series in [Series::V17, Series::V18, Series::V19] {
        let server = odoo(series).await;
        let mut client = Client::administrator(&server).await;
        let top = client.create("res.partner.category", json!({"name": "Top"})).await;
        let kid = client.create("res.partner.category", json!({"name": "Kid", "parent_id": top})).await;
        let args = json!([[top], {"parent_id": kid}]);
        let (_, message) = client.fault("res.partner.category", "write", args, json!({})).await;
        assert!(message.to_lowercase().contains("recurs"), "{message}");
        let found = client.search("res.partner.category", json!([["id", "child_of", top]])).await;
        assert_eq!(found, [top, kid]);
    }
}

#[tokio::test]
async fn writers_at_once_lose_nothing() {
    for store in stores() {
        let server = std::sync::Arc::new(store.builder(Series::V19).start().await.unwrap());
        let mut client = Client::administrator(&server).await;
        let sequence = json!({"name": "Numbers", "code": "numbers", "implementation": "no_gap"});
        client.create("ir.sequence", sequence).await;
        let sid = client.sid.clone();
        let calls = (0..12).map(|_| {
            let (server, sid) = (std::sync::Arc::clone(&server), sid.clone());
            tokio::spawn(async move {
                let mut client = Client::new(&server);
                client.sid = sid;
                client.kw("ir.sequence", "next_by_code", json!(["numbers"]), json!({})).await
            })
        });
        let calls: Vec<_> = calls.collect();
        let mut numbers = Vec::new();
        for call in calls {
            numbers.push(call.await.unwrap().as_str().unwrap().parse::<u32>().unwrap());
        }
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=12).collect::<Vec<_>>(), "{}", store.name);
        store.finish(std::sync::Arc::into_inner(server).unwrap()).await;
    }
}
