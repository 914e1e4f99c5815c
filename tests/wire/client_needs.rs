//! What client libraries ask of a server on the way: the rights to any model, the versions of modules, and logins in
//! between wrong ones.

use serde_json::{Value, json};
use wiredoo::Series;

use crate::common::{Client, make_user, odoo, on_every_store};

const ACCESS: &str = "ir.model.access";
const MODULE: &str = "ir.module.module";
const USER: &str = "res.users";

#[tokio::test]
async fn rights_to_any_model_can_be_asked_for() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        make_user(&server, "uma", "secret", &["base.group_user"]).await;
        let mut uma = Client::new(&server);
        uma.authenticate("uma", "secret").await;
        for (args, may) in [
            (json!(["res.partner", "read", false]), true),
            (json!(["res.partner"]), true),
            (json!(["res.partner", "write", false]), false),
            (json!(["ir.config_parameter", "read", false]), false),
            (json!(["no.such", "read", false]), false),
        ] {
            assert_eq!(uma.kw(ACCESS, "check", args.clone(), json!({})).await, may, "{series}: {args}");
        }
        for (args, name, starts) in [
            (json!(["res.partner", "write"]), "AccessError", "You are not allowed to modify 'Contact' (res.partner)"),
            (json!(["no.such"]), "AccessError", "You are not allowed to access 'no.such' (no.such)"),
            (json!(["res.partner", "nope"]), "AssertionError", "Invalid access mode"),
            (json!([1]), "AssertionError", "Not a model name: 1"),
        ] {
            let (told, message) = uma.fault(ACCESS, "check", args.clone(), json!({})).await;
            assert!(told.ends_with(name) && message.starts_with(starts), "{series}: {args}: {told}: {message}");
        }
    }
}

#[tokio::test]
async fn modules_tell_their_versions() {
    on_every_store(&Series::ALL, async |client, series, store| {
        let fields = json!(["latest_version", "installed_version"]);
        for (name, version) in [("base", format!("{series}.1.3")), ("web", format!("{series}.1.0"))] {
            let rows = client.kw(MODULE, "search_read", json!([[["name", "=", name]], fields]), json!({})).await;
            assert_eq!(rows[0]["latest_version"], version, "{series}, {store}: {name}");
            assert_eq!(rows[0]["installed_version"], version, "{series}, {store}: {name}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_installed_already_leads_to_the_start_page() {
    for (series, url) in [(Series::V17, "/web"), (Series::V19, "/odoo")] {
        let server = odoo(series).await;
        let action = json!({"type": "ir.actions.act_url", "target": "self", "url": url});
        let mut client = Client::administrator(&server).await;
        assert_eq!(client.kw(MODULE, "button_immediate_install", json!([[]]), json!({})).await, action);
        make_user(&server, "uma", "secret", &["base.group_user"]).await;
        client.authenticate("uma", "secret").await;
        let (name, _) = client.fault(MODULE, "button_immediate_install", json!([[]]), json!({})).await;
        assert!(name.ends_with("AccessDenied"), "{series}: {name}");
    }
}

#[tokio::test]
async fn memberships_of_users_are_read_and_written_like_fields() {
    for series in [Series::V16, Series::V18] {
        let server = odoo(series).await;
        let uma = make_user(&server, "uma", "secret", &["base.group_user"]).await;
        let mut client = Client::administrator(&server).await;
        let described = client.kw(USER, "fields_get", json!([]), json!({"attributes": ["type"]})).await;
        let all: Vec<&String> = described.as_object().unwrap().keys().collect();
        let read = client.kw(USER, "read", json!([[uma], all]), json!({})).await;
        assert_eq!(read[0].as_object().unwrap().len(), all.len(), "{series}: what is described can be read");
        let id = async |client: &mut Client<'_>, name: &str| {
            client.kw("ir.model.data", "check_object_reference", json!(["base", name]), json!({})).await[1].clone()
        };
        let (user, portal) = (id(&mut client, "group_user").await, id(&mut client, "group_portal").await);
        let manager = id(&mut client, "group_partner_manager").await;
        let tick = format!("in_group_{manager}");
        let is_kind = |name: &&&String| name.starts_with("sel_groups_") && name.contains(&portal.to_string());
        let kind = all.iter().find(is_kind).unwrap().as_str();
        let fields = json!(["login", tick, kind]);
        let shown = |manager: bool, kind_of: &Value| json!({"login": "uma", tick.clone(): manager, kind: kind_of});
        assert_eq!(client.values(USER, uma.into(), fields.clone()).await, shown(false, &user));
        client.kw(USER, "write", json!([[uma], {tick.clone(): true}]), json!({})).await;
        assert_eq!(client.values(USER, uma.into(), fields.clone()).await, shown(true, &user));
        client.kw(USER, "write", json!([[uma], {tick.clone(): false, kind: portal}]), json!({})).await;
        assert_eq!(client.values(USER, uma.into(), fields.clone()).await, shown(false, &portal));
        for nothing in [json!([[5]]), json!([[5, 0, 0]]), json!([[6, 0, []]])] {
            client.kw(USER, "write", json!([[uma], {"groups_id": [[6, 0, [user]]]}]), json!({})).await;
            client.kw(USER, "write", json!([[uma], {"groups_id": nothing}]), json!({})).await;
            let left = client.values(USER, uma.into(), json!(["groups_id"])).await;
            assert_eq!(left, json!({"groups_id": []}), "{series}: {nothing}");
        }
        let pia = client.create(USER, json!({"name": "Pia", "login": "pia", kind: portal})).await;
        assert_eq!(client.values(USER, pia, json!([kind])).await[kind], portal);
    }
}

#[tokio::test]
async fn a_login_in_between_ends_the_failures_before_it() {
    let server = odoo(Series::V17).await;
    let mut client = Client::new(&server);
    let mut log_in =
        async |password: &str| client.service("common", "login", json!(["odoo", "admin", password])).await.result();
    // The password is remembered from the first time on, so that checking it is no try.
    for _ in 0..25 {
        assert_eq!(log_in("nope").await, false);
        assert_eq!(log_in("admin").await, 2);
    }
    for _ in 0..10 {
        assert_eq!(log_in("nope").await, false);
    }
    assert_eq!(log_in("admin").await, 2, "who is known does not wait");
    let refused = client.authenticate("admin", "admin").await;
    assert!(refused.exception().1.starts_with("Too many login failures"), "and does not end the wait of others");
}
