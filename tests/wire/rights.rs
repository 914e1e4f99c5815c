//! Who may do what: access rights, record rules, groups of fields; and that no call gets around them.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use wiredoo::Series;

use crate::common::{Client, durable_stores, make_user, odoo, on_every_store, stores};

const PARTNER: &str = "res.partner";

/// The id of a group.
async fn group(client: &mut Client<'_>, name: &str) -> i64 {
    let reference = client.kw("ir.model.data", "check_object_reference", json!(["base", name]), json!({})).await;
    reference[1].as_i64().unwrap()
}

/// The field with the groups of a user, and with the groups of a rule.
fn groups_field(series: Series) -> &'static str {
    if series == Series::V19 { "group_ids" } else { "groups_id" }
}

/// Makes a rule for a manual model, and answers with its id.
async fn rule(client: &mut Client<'_>, model: i64, domain: &str, more: Value) -> i64 {
    let mut values = json!({"name": domain, "model_id": model, "domain_force": domain});
    values.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    client.create("ir.rule", values).await
}

async fn may_not(client: &mut Client<'_>, model: &str, method: &str, args: Value, starts: &str) {
    let (name, message) = client.fault(model, method, args.clone(), json!({})).await;
    assert_eq!(name, "AccessError", "{model}.{method}({args}): {message}");
    assert!(message.starts_with(starts), "{model}.{method}({args}): {message}");
}

#[tokio::test]
async fn rights_to_models_come_from_groups() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        make_user(&server, "uma", "secret", &["base.group_user"]).await;
        let mut admin = Client::administrator(&server).await;
        let mut uma = Client::new(&server);
        let uid = uma.authenticate("uma", "secret").await.result()["uid"].as_i64().unwrap();
        let other = admin.create(PARTNER, json!({"name": "Other"})).await;
        assert_eq!(uma.values(PARTNER, other, json!(["name"])).await, json!({"name": "Other"}));
        for (model, method, args, verb, of) in [
            (PARTNER, "create", json!([{"name": "x"}]), "create", "'Contact' (res.partner)"),
            (PARTNER, "write", json!([[other], {"name": "x"}]), "modify", "'Contact' (res.partner)"),
            (PARTNER, "unlink", json!([[other]]), "delete", "'Contact' (res.partner)"),
            (PARTNER, "copy", json!([[other]]), "create", "'Contact' (res.partner)"),
            (PARTNER, "web_save", json!([[], {"name": "x"}, {}]), "create", "'Contact' (res.partner)"),
            (PARTNER, "name_create", json!(["x"]), "create", "'Contact' (res.partner)"),
            ("res.users", "create", json!([{"name": "x", "login": "x"}]), "create", "'User' (res.users)"),
            ("res.company", "write", json!([[1], {"name": "x"}]), "modify", "'Companies' (res.company)"),
            ("ir.config_parameter", "search", json!([[]]), "access", "'System Parameter' (ir.config_parameter)"),
            ("ir.config_parameter", "search_count", json!([[]]), "access", "'System Parameter' (ir.config_parameter)"),
            ("ir.config_parameter", "search_read", json!([[], ["value"]]), "access", "'System Parameter'"),
            ("ir.config_parameter", "read_group", json!([[], [], ["key"]]), "access", "'System Parameter'"),
            ("ir.config_parameter", "name_search", json!(["database"]), "access", "'System Parameter'"),
            ("ir.config_parameter", "get_param", json!(["database.secret"]), "access", "'System Parameter'"),
        ] {
            may_not(&mut uma, model, method, args, &format!("You are not allowed to {verb} {of}")).await;
        }
        assert_eq!(admin.values(PARTNER, other, json!(["name"])).await, json!({"name": "Other"}), "{series}");
        // The change of a group is there at once, for a session that there is.
        let manager = group(&mut admin, "group_partner_manager").await;
        let field = groups_field(series);
        for (command, may) in [(4, true), (3, false), (4, true)] {
            admin.kw("res.users", "write", json!([[uid], {field: [[command, manager]]}]), json!({})).await;
            let tried = uma.call_kw(PARTNER, "create", json!([{"name": "x"}]), json!({})).await.json();
            assert_eq!(tried["result"].is_number(), may, "{series}: {tried}");
            let rights = uma.kw(PARTNER, "check_access_rights", json!(["create", false]), json!({})).await;
            assert_eq!(rights, may, "{series}");
        }
        admin.kw("res.users", "write", json!([[uid], {"active": false}]), json!({})).await;
        assert_eq!(uma.uid().await, None, "{series}");
    }
}

#[tokio::test]
async fn nobody_gets_more_rights_by_a_way_round() {
    for series in [Series::V17, Series::V18, Series::V19] {
        let server = odoo(series).await;
        make_user(&server, "uma", "secret", &["base.group_user", "base.group_partner_manager"]).await;
        let mut admin = Client::administrator(&server).await;
        let mut uma = Client::new(&server);
        let uid = uma.authenticate("uma", "secret").await.result()["uid"].as_i64().unwrap();
        let system = group(&mut admin, "group_system").await;
        let field = groups_field(series);
        let own = admin.values("res.users", uid, json!(["partner_id"])).await["partner_id"][0].clone();
        let before = admin.values("res.users", 2, json!(["login", "name"])).await;
        let mut writes = vec![
            ("res.users", "write", json!([[uid], {field: [[4, system]]}])),
            ("res.users", "write", json!([[uid], {"name": "x", field: [[4, system]]}])),
            ("res.users", "write", json!([[uid, 2], {"name": "x"}])),
            ("res.users", "write", json!([[2], {"password": "x"}])),
            ("res.users", "write", json!([[uid], {"login": "root"}])),
            ("res.users", "write", json!([[uid], {"active": false}])),
            ("res.users", "write", json!([[uid], {"company_ids": [[6, 0, [1]]]}])),
            ("res.users", "copy", json!([[2]])),
            ("res.users", "unlink", json!([[uid]])),
            ("res.users", "web_save", json!([[uid], {field: [[4, system]]}, {}])),
            ("res.groups", "write", json!([[system], {"name": "x"}])),
            (PARTNER, "write", json!([[own], {"user_ids": [[1, 2, {"password": "x"}]]}])),
            (PARTNER, "write", json!([[own], {"user_ids": [[0, 0, {"login": "new", "name": "x"}]]}])),
            (PARTNER, "write", json!([[own], {"user_ids": [[4, 2]]}])),
            (PARTNER, "write", json!([[own], {"user_ids": [[2, 2]]}])),
            (PARTNER, "create", json!([{"name": "x", "user_ids": [[0, 0, {"login": "new"}]]}])),
            ("ir.model.access", "create", json!([{"name": "x", "model_id": 1, "perm_read": true}])),
            ("ir.rule", "write", json!([[1], {"active": false}])),
            ("ir.model.fields", "write", json!([[1], {"field_description": "x"}])),
            ("ir.default", "set", json!(["res.users", "share", true])),
        ];
        if series != Series::V19 {
            writes.push(("res.users", "write", json!([[uid], {format!("in_group_{system}"): true}])));
        }
        for (model, method, args) in writes {
            let body = uma.call_kw(model, method, args.clone(), json!({})).await.json();
            let name = &body["error"]["data"]["name"];
            assert_eq!(name, "odoo.exceptions.AccessError", "{series}: {model}.{method}({args}): {body}");
        }
        // Who is not asked, does not answer: neither the context nor an argument makes somebody else of the caller.
        let contexts = [
            json!({"uid": 1}),
            json!({"su": true}),
            json!({"sudo": true}),
            json!({"user": 2}),
            json!({"active_test": false, "bypass_access": true}),
        ];
        for context in contexts {
            let body =
                uma.call_kw("ir.config_parameter", "search", json!([[]]), json!({"context": context})).await.json();
            assert_eq!(body["error"]["data"]["name"], "odoo.exceptions.AccessError", "{series}: {context}");
        }
        for method in [
            "sudo",
            "with_user",
            "with_env",
            "with_context",
            "browse",
            "env",
            "_write",
            "_create",
            "_search",
            "_read",
            "__class__",
            "__init__",
            "invalidate_cache",
            "_compute_display_name",
            "init",
            "_check_credentials",
        ] {
            let body = uma.call_kw("res.users", method, json!([[2]]), json!({})).await.json();
            // Up to 18.0 some are answered with what Python shows of the records, which tells the ids that were given.
            if series < Series::V19 && ["res.users()", "res.users(2,)"].map(Value::from).contains(&body["result"]) {
                continue;
            }
            let name = body["error"]["data"]["name"].as_str().unwrap_or_else(|| panic!("{series}: {method}: {body}"));
            let refused = ["odoo.exceptions.AccessError", "builtins.AttributeError", "builtins.TypeError"];
            assert!(refused.contains(&name), "{series}: {method}: {body}");
            assert_ne!(body["error"]["data"]["message"], "the database failed");
        }
        assert_eq!(admin.values("res.users", 2, json!(["login", "name"])).await, before, "{series}");
        assert_eq!(
            admin.kw("res.users", "search_count", json!([[["login", "in", ["new", "root"]]]]), json!({})).await,
            0
        );
        assert_eq!(
            admin
                .kw("res.users", "search_count", json!([[[field, "in", [system]], ["id", "=", uid]]]), json!({}))
                .await,
            0
        );
    }
}

#[tokio::test]
async fn secrets_of_users_are_not_told() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let database = server.app().databases.open(server.db()).await.unwrap();
        let kept = wiredoo::models::res_users::find(database.connection(), "admin").await.unwrap().unwrap();
        let hash = kept.password.unwrap();
        let all = admin.kw("res.users", "search_read", json!([[]]), json!({})).await.to_string();
        assert!(!all.contains("pbkdf2") && !all.contains(&hash), "{series}");
        assert_eq!(admin.values("res.users", 2, json!(["password"])).await, json!({"password": ""}), "{series}");
        // Nor found out by conditions, orders, groups or exports.
        let found = async |client: &mut Client<'_>, domain: Value| {
            client.call_kw("res.users", "search", json!([domain]), json!({"order": "id"})).await.json()["result"]
                .clone()
        };
        let start = format!("{}%", &hash[..20]);
        assert_eq!(
            found(&mut admin, json!([["password", "=like", start]])).await,
            found(&mut admin, json!([["password", "=like", "$pbkdf2-sha512$xx%"]])).await,
            "{series}"
        );
        for (method, args) in [
            ("export_data", json!([[2], ["password"]])),
            ("read_group", json!([[], ["id:count"], ["password"]])),
            ("search_read", json!([[], ["login"], 0, 0, "password"])),
            ("fields_get", json!([["totp_secret", "password"], ["type"]])),
        ] {
            let answer = admin.call_kw("res.users", method, args, json!({})).await.text();
            assert!(!answer.contains("pbkdf2"), "{series}: {method}: {answer}");
        }
    }
}

#[tokio::test]
async fn users_write_what_is_their_own() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let uid = i64::from(make_user(&server, "uma", "secret", &["base.group_user"]).await);
        let mut uma = Client::new(&server);
        uma.authenticate("uma", "secret").await.result();
        let values =
            json!({"signature": "<p>Uma</p>", "tz": "Europe/Brussels", "email": "uma@example.com", "name": "Uma"});
        assert_eq!(uma.kw("res.users", "write", json!([[uid], values]), json!({})).await, true, "{series}");
        let row = uma.values("res.users", uid, json!(["signature", "tz", "email", "name"])).await;
        assert_eq!(row, values, "{series}");
        let context = uma.kw("res.users", "context_get", json!([]), json!({})).await;
        assert_eq!(context["tz"], "Europe/Brussels", "{series}");
        may_not(
            &mut uma,
            "res.users",
            "write",
            json!([[uid], {"name": "x", "login": "y"}]),
            "You are not allowed to modify",
        )
        .await;
        assert_eq!(uma.values("res.users", uid, json!(["name"])).await, json!({"name": "Uma"}), "{series}");
        let (name, _) = uma.fault("res.users", "change_password", json!(["wrong", "new"]), json!({})).await;
        assert_eq!(name, "AccessDenied", "{series}");
        assert_eq!(uma.kw("res.users", "change_password", json!(["secret", "new"]), json!({})).await, true, "{series}");
        let mut again = Client::new(&server);
        assert_eq!(again.authenticate("uma", "secret").await.exception().1, "Access Denied", "{series}");
        assert_eq!(again.authenticate("uma", "new").await.result()["uid"], uid, "{series}");
        // A company that is not theirs is not their own choice.
        let mut admin = Client::administrator(&server).await;
        let second = admin.create("res.company", json!({"name": "Second"})).await;
        let refused =
            again.call_kw("res.users", "write", json!([[uid], {"company_id": second}]), json!({})).await.json();
        assert_eq!(refused["error"]["data"]["name"], "odoo.exceptions.AccessError", "{series}: {refused}");
    }
}

/// How it begins what users are told of records that a rule keeps from them.
const TOP_SECRET: &str = "Uh-oh! Looks like you have stumbled upon some top-secret records.";

/// By no way round it is found out what a rule hides: `link`, which is seen, refers to what is not.
async fn hidden_by_every_way(uma: &mut Client<'_>, link: i64, context: &str) {
    assert_eq!(uma.search("x_doc", json!([["x_ref_id.x_name", "=", "hidden"]])).await, [0; 0], "{context}");
    assert_eq!(uma.search("x_doc", json!([["x_ref_id", "any", [["x_num", "=", 1]]]])).await, [0; 0], "{context}");
    assert_eq!(uma.search("x_doc", json!([["x_ref_id", "ilike", "hid"]])).await, [0; 0], "{context}");
    assert_eq!(uma.kw("x_doc", "name_search", json!(["hid"]), json!({})).await, json!([]), "{context}");
    let groups = uma.kw("x_doc", "read_group", json!([[], ["x_num:sum"], []]), json!({})).await;
    assert_eq!(groups[0]["x_num"], 6, "{context}");
    let page = uma.kw("x_doc", "web_search_read", json!([[]]), json!({"specification": {"x_num": {}}})).await;
    assert_eq!(page["length"], 2, "{context}");
    may_not(uma, "x_doc", "export_data", json!([[link], ["x_name", "x_ref_id/x_num"]]), TOP_SECRET).await;
}

#[tokio::test]
async fn rules_say_which_records_may_be_read_written_made_and_deleted() {
    on_every_store(&[Series::V17, Series::V19], async |admin: &mut Client<'_>, series: Series, context: &str| {
        let fields = json!([
            {"name": "x_open", "ttype": "boolean"},
            {"name": "x_num", "ttype": "integer"},
            {"name": "x_ref_id", "ttype": "many2one", "relation": "x_doc"},
        ]);
        let model = admin.manual_model("x_doc", fields).await;
        admin
            .manual_field(
                model,
                json!({"name": "x_doc_ids", "ttype": "one2many", "relation": "x_doc", "relation_field": "x_ref_id"}),
            )
            .await;
        let internal = group(admin, "group_user").await;
        let erp = group(admin, "group_erp_manager").await;
        let groups = [internal, group(admin, "group_allow_export").await];
        let user = json!({"name": "Uma", "login": "uma", "password": "secret", groups_field(series): [[6, 0, groups]]});
        let uid = admin.create("res.users", user).await;
        let docs = json!([[{"x_name": "hidden", "x_num": 1}, {"x_name": "open", "x_open": true, "x_num": 2}]]);
        let docs = admin.kw("x_doc", "create", docs, json!({})).await;
        let (hidden, open) = (docs[0].as_i64().unwrap(), docs[1].as_i64().unwrap());
        let link =
            admin.create("x_doc", json!({"x_name": "link", "x_open": true, "x_num": 4, "x_ref_id": hidden})).await;
        let mut uma = admin.another();
        uma.authenticate("uma", "secret").await.result();
        assert_eq!(uma.search("x_doc", json!([])).await, [hidden, open, link], "{context}");

        let of_group = json!({"groups": [[6, 0, [internal]]]});
        let first = rule(admin, model, "[('x_open', '=', True)]", of_group.clone()).await;
        assert_eq!(uma.search("x_doc", json!([])).await, [open, link], "at once: {context}");
        assert_eq!(uma.kw("x_doc", "search_count", json!([[]]), json!({})).await, 2, "{context}");
        for (method, args) in [
            ("read", json!([[hidden, open], ["x_name"]])),
            ("write", json!([[hidden], {"x_name": "x"}])),
            ("unlink", json!([[hidden]])),
            ("create", json!([{"x_name": "x", "x_open": false}])),
            ("write", json!([[open], {"x_open": false}])),
            ("copy", json!([[hidden]])),
            ("export_data", json!([[hidden], ["x_name"]])),
        ] {
            let (name, message) = uma.fault("x_doc", method, args.clone(), json!({})).await;
            assert_eq!(name, "AccessError", "{context}: {method}({args})");
            assert!(message.starts_with(TOP_SECRET), "{context}: {method}({args}): {message}");
        }
        assert_eq!(
            admin.kw("x_doc", "search_count", json!([[]]), json!({})).await,
            2,
            "the administrator is in the group too"
        );
        hidden_by_every_way(&mut uma, link, context).await;
        admin.kw("ir.rule", "write", json!([[first], {"active": false}]), json!({})).await;
        admin.kw("x_doc", "write", json!([[hidden], {"x_ref_id": open}]), json!({})).await;
        admin.kw("ir.rule", "write", json!([[first], {"active": true}]), json!({})).await;
        assert_eq!(uma.values("x_doc", open, json!(["x_doc_ids"])).await, json!({"x_doc_ids": []}), "{context}");

        // Rules of groups add to each other; those of none are for all.
        let second = rule(admin, model, "[('x_num', '=', 1)]", json!({"groups": [[6, 0, [erp]]]})).await;
        assert_eq!(uma.search("x_doc", json!([])).await, [open, link], "{context}");
        admin.kw("res.users", "write", json!([[uid], {groups_field(series): [[4, erp]]}]), json!({})).await;
        assert_eq!(uma.search("x_doc", json!([])).await, [hidden, open, link], "{context}");
        let global = rule(admin, model, "[('x_num', '<', 3)]", json!({})).await;
        assert_eq!(uma.search("x_doc", json!([])).await, [hidden, open], "{context}");
        admin.kw("ir.rule", "unlink", json!([[global, second, first]]), json!({})).await;

        // Each of the four modes by itself.
        for (mode, method, bad, good) in [
            ("perm_write", "write", json!([[hidden], {"x_name": "x"}]), json!([[open], {"x_name": "open"}])),
            ("perm_create", "create", json!([{"x_name": "x"}]), json!([{"x_name": "x", "x_open": true}])),
            ("perm_unlink", "unlink", json!([[hidden]]), json!([[]])),
            ("perm_read", "read", json!([[hidden], ["x_name"]]), json!([[open], ["x_name"]])),
        ] {
            let mut more = of_group.clone();
            for other in ["perm_read", "perm_write", "perm_create", "perm_unlink"] {
                more[other] = json!(other == mode);
            }
            let one = rule(admin, model, "[('x_open', '=', True)]", more).await;
            assert_eq!(
                uma.search("x_doc", json!([["id", "=", hidden]])).await.is_empty(),
                mode == "perm_read",
                "{context}: {mode}"
            );
            may_not(&mut uma, "x_doc", method, bad, TOP_SECRET).await;
            uma.kw("x_doc", method, good, json!({})).await;
            admin.kw("ir.rule", "unlink", json!([[one]]), json!({})).await;
        }
        // The user and the companies are known to rules.
        let own = rule(
            admin,
            model,
            "['|', ('create_uid', '=', user.id), ('x_ref_id.create_uid', 'in', [user.id])]",
            of_group,
        )
        .await;
        let made = uma.create("x_doc", json!({"x_name": "own"})).await;
        assert!(uma.search("x_doc", json!([])).await.contains(&made), "{context}");
        assert!(!uma.search("x_doc", json!([])).await.contains(&open), "{context}");
        admin.kw("ir.rule", "unlink", json!([[own]]), json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn rules_about_the_time_follow_the_clock() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let model = admin.manual_model("x_doc", json!([{"name": "x_day", "ttype": "date"}])).await;
        make_user(&server, "uma", "secret", &["base.group_user"]).await;
        let mut uma = Client::new(&server);
        uma.authenticate("uma", "secret").await.result();
        let mut rules = vec!["[('x_day', '<=', time.strftime('%Y-%m-%d'))]"];
        if series == Series::V19 {
            rules.push("[('x_day', '<=', 'today')]");
        }
        for text in rules {
            let tomorrow = server.app().clock.now().date() + TimeDelta::days(1);
            let doc = admin.create("x_doc", json!({"x_day": tomorrow.to_string()})).await;
            let id = rule(&mut admin, model, text, json!({})).await;
            let own = json!([["id", "=", doc]]);
            for _ in 0..2 {
                assert_eq!(uma.search("x_doc", own.clone()).await, [0; 0], "{series}: {text}");
            }
            // Nothing is written in between.
            server.app().clock.advance(Duration::from_hours(24));
            assert_eq!(uma.search("x_doc", own.clone()).await, [doc], "{series}: {text}");
            admin.kw("ir.rule", "unlink", json!([[id]]), json!({})).await;
        }
    }
}

#[tokio::test]
async fn rules_that_mean_nothing_are_refused() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let model = admin.manual_model("x_doc", json!([])).await;
        for domain in [
            "[('nope', '=', 1)]",
            "[('x_name', '~~', 1)]",
            "[('x_name', '=')]",
            "['|', ('x_name', '=', 'a')]",
            "[('x_name', '=', 'a'",
            "x_name = 1",
            "5",
            "[('x_name', '=', nobody.id)]",
            "[('x_name', '=', user.nope)]",
            "[('x_name', '=', __import__('os').getcwd())]",
            "[('x_name', '=', user.env['res.users'].search([]))]",
            "(lambda: [])()",
        ] {
            let values = json!({"name": "x", "model_id": model, "domain_force": domain});
            let (name, message) = admin.fault("ir.rule", "create", json!([values]), json!({})).await;
            assert_eq!(name, "ValidationError", "{series}: {domain}: {message}");
        }
        let kept = rule(&mut admin, model, "[('x_name', '=', 'a')]", json!({})).await;
        let (name, _) = admin.fault("ir.rule", "write", json!([[kept], {"domain_force": "[(1, 2)]"}]), json!({})).await;
        assert_eq!(name, "ValidationError", "{series}");
        for domain in [
            "[]",
            "[(1, '=', 1)]",
            "[('create_uid', '=', user.id)]",
            "[('create_date', '<', time.strftime('%Y-%m-%d'))]",
        ] {
            rule(&mut admin, model, domain, json!({})).await;
        }
        assert_eq!(admin.search("x_doc", json!([])).await, [0; 0], "{series}");
    }
}

#[tokio::test]
async fn fields_of_groups_are_not_there_for_others() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let model = admin.manual_model("x_doc", json!([{"name": "x_num", "ttype": "integer"}])).await;
        let system = group(&mut admin, "group_system").await;
        let secret = json!({"name": "x_secret", "ttype": "char", "groups": [[6, 0, [system]]]});
        admin.manual_field(model, secret).await;
        let id = admin.create("x_doc", json!({"x_name": "a", "x_secret": "s3cret"})).await;
        make_user(&server, "uma", "secret", &["base.group_user", "base.group_allow_export"]).await;
        let mut uma = Client::new(&server);
        uma.authenticate("uma", "secret").await.result();
        assert_eq!(admin.values("x_doc", id, json!(["x_secret"])).await, json!({"x_secret": "s3cret"}), "{series}");
        let described = uma.kw("x_doc", "fields_get", json!([]), json!({})).await;
        assert!(described.get("x_secret").is_none() && described.get("x_num").is_some(), "{series}");
        for (method, args) in [
            ("read", json!([[id], ["x_name", "x_secret"]])),
            ("search", json!([[["x_secret", "=", "s3cret"]]])),
            ("search_count", json!([[["x_secret", "=like", "s%"]]])),
            ("search", json!([[], 0, 10, "x_secret"])),
            ("search_read", json!([[], ["x_secret"]])),
            ("write", json!([[id], {"x_secret": "x"}])),
            ("create", json!([{"x_name": "b", "x_secret": "x"}])),
            ("read_group", json!([[], [], ["x_secret"]])),
            ("read_group", json!([[], ["x_secret:count_distinct"], []])),
            ("export_data", json!([[id], ["x_secret"]])),
            ("web_read", json!([[id], {"x_secret": {}}])),
        ] {
            let body = uma.call_kw("x_doc", method, args.clone(), json!({})).await.json();
            assert_eq!(
                body["error"]["data"]["name"], "odoo.exceptions.AccessError",
                "{series}: {method}({args}): {body}"
            );
        }
        let all = uma.kw("x_doc", "search_read", json!([[]]), json!({})).await;
        assert!(all[0].get("x_secret").is_none() && all[0]["x_name"] == "a", "{series}: {all}");
        let all = uma.kw("x_doc", "read", json!([[id]]), json!({})).await;
        assert!(all[0].get("x_secret").is_none(), "{series}: {all}");
        let copied = uma.kw("x_doc", "copy", json!([[id]]), json!({})).await;
        let copied = copied.as_i64().or_else(|| copied[0].as_i64()).unwrap();
        let kept = admin.values("x_doc", copied, json!(["x_secret"])).await;
        assert_eq!(kept, json!({"x_secret": false}), "{series}: what one may not see one does not copy");
    }
}

#[tokio::test]
async fn companies_are_worlds_of_their_own() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let second = admin.create("res.company", json!({"name": "Second"})).await;
        let partners = json!([[{"name": "P1", "company_id": 1}, {"name": "P2", "company_id": second}, {"name": "P3"}]]);
        let partners = admin.kw(PARTNER, "create", partners, json!({})).await;
        let partners: Vec<i64> = partners.as_array().unwrap().iter().map(|id| id.as_i64().unwrap()).collect();
        let user = json!({"name": "Cora", "login": "cora", "password": "secret", "company_id": 1, "company_ids": [[6, 0, [1, second]]]});
        let cora_id = admin.create("res.users", user).await;
        let mut cora = Client::new(&server);
        cora.authenticate("cora", "secret").await.result();
        let domain = json!([[["name", "in", ["P1", "P2", "P3"]]]]);
        for (allowed, found) in [
            (json!([1]), vec![partners[0], partners[2]]),
            (json!([second]), vec![partners[1], partners[2]]),
            (json!([1, second]), partners.clone()),
            (json!([]), partners.clone()),
        ] {
            let kwargs = json!({"order": "id", "context": {"allowed_company_ids": allowed}});
            assert_eq!(cora.kw(PARTNER, "search", domain.clone(), kwargs).await, json!(found), "{series}: {allowed}");
        }
        for allowed in [json!([99_999]), json!([1, 99_999])] {
            let kwargs = json!({"context": {"allowed_company_ids": allowed}});
            let fault = cora.fault(PARTNER, "search", domain.clone(), kwargs).await;
            assert_eq!(fault, ("AccessError".to_owned(), "Access to unauthorized or invalid companies.".to_owned()));
        }
        let only_first = json!({"context": {"allowed_company_ids": [1]}});
        for (method, args) in
            [("read", json!([[partners[1]], ["name"]])), ("write", json!([[partners[1]], {"city": "x"}]))]
        {
            let body = cora.call_kw(PARTNER, method, args, only_first.clone()).await.json();
            let data = &body["error"]["data"];
            assert_eq!(data["name"], "odoo.exceptions.AccessError", "{series}");
            let suggested = data["context"]["suggested_company"]["id"].as_i64();
            assert_eq!(suggested, (series == Series::V19).then_some(second), "{series}: {data}");
        }
        // Who is taken out of a company does not see it any more, at once.
        admin.kw("res.users", "write", json!([[cora_id], {"company_ids": [[3, second]]}]), json!({})).await;
        assert_eq!(
            cora.kw(PARTNER, "search", domain, json!({"order": "id"})).await,
            json!([partners[0], partners[2]]),
            "{series}"
        );
        let (name, message) =
            admin.fault("res.users", "write", json!([[cora_id], {"company_ids": [[6, 0, [second]]]}]), json!({})).await;
        assert!(
            name == "ValidationError" && message.contains("is not in the allowed companies"),
            "{series}: {message}"
        );
    }
}

#[tokio::test]
async fn portal_users_see_their_own_and_nobody_else() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut admin = Client::administrator(&server).await;
        let portal = group(&mut admin, "group_portal").await;
        let user =
            json!({"name": "Pia", "login": "pia", "password": "secret", groups_field(series): [[6, 0, [portal]]]});
        let uid = admin.create("res.users", user).await;
        let row = admin.values("res.users", uid, json!(["share", "partner_id"])).await;
        assert_eq!(row["share"], true, "{series}");
        let own = row["partner_id"][0].as_i64().unwrap();
        let below = admin.create(PARTNER, json!({"name": "Below", "parent_id": own})).await;
        let stranger = admin.create(PARTNER, json!({"name": "Stranger"})).await;
        let mut pia = Client::new(&server);
        pia.authenticate("pia", "secret").await.result();
        assert_eq!(pia.search(PARTNER, json!([])).await, [own, below], "{series}");
        assert_eq!(pia.search("res.users", json!([])).await, [uid], "{series}");
        assert_eq!(
            pia.kw("res.country", "search_count", json!([[["code", "=", "BE"]]]), json!({})).await,
            1,
            "{series}"
        );
        let files = pia.call_kw("ir.attachment", "search", json!([[]]), json!({})).await.json();
        if series == Series::V19 {
            assert_eq!(files["result"], json!([]));
        } else {
            assert_eq!(files["error"]["data"]["name"], "odoo.exceptions.AccessError");
        }
        for (model, method, args) in [
            (PARTNER, "read", json!([[stranger], ["name"]])),
            (PARTNER, "create", json!([{"name": "x"}])),
            (PARTNER, "write", json!([[own], {"city": "x"}])),
            (PARTNER, "unlink", json!([[below]])),
            ("res.users", "read", json!([[2], ["name"]])),
            ("ir.config_parameter", "search", json!([[]])),
            ("ir.model", "search_count", json!([[]])),
            ("res.groups", "search", json!([[]])),
            ("ir.model.access", "search", json!([[]])),
        ] {
            let (name, _) = pia.fault(model, method, args, json!({})).await;
            assert_eq!(name, "AccessError", "{series}: {model}.{method}");
        }
    }
}

#[tokio::test]
async fn without_a_session_there_are_no_records() {
    for series in Series::ALL {
        let server = odoo(series).await;
        let mut nobody = Client::new(&server);
        for method in ["search", "read", "fields_get", "context_get", "no_such_method"] {
            let body = nobody.call_kw("res.users", method, json!([[]]), json!({})).await.json();
            assert_eq!(body["error"]["data"]["name"], "odoo.http.SessionExpiredException", "{series}: {body}");
        }
        let db = server.db();
        // Neither the superuser nor the public user logs in, whatever the password.
        let mut admin = Client::administrator(&server).await;
        let kwargs = json!({"context": {"active_test": false}, "order": "id"});
        let users = admin.call_kw("res.users", "search", json!([[]]), kwargs).await.json();
        let mut ids: Vec<i64> = users["result"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
        ids.extend([1, 3, 4]);
        for uid in ids.into_iter().filter(|uid| *uid != 2) {
            for password in ["", "admin", "public"] {
                let args = json!([db, uid, password, "res.partner", "search", [[]]]);
                let answer = nobody.service("object", "execute_kw", args).await;
                assert_eq!(answer.exception().1, "Access Denied", "{series}: {uid}");
            }
        }
    }
}

#[tokio::test]
async fn another_server_of_the_store_knows_changed_rights_at_once() {
    for store in durable_stores() {
        let series = Series::V19;
        let (one, other) = (store.builder(series).start().await.unwrap(), store.builder(series).start().await.unwrap());
        let mut admin = Client::administrator(&one).await;
        let model = admin.manual_model("x_doc", json!([])).await;
        let doc = admin.create("x_doc", json!({"x_name": "a"})).await;
        let uid = i64::from(make_user(&one, "uma", "secret", &["base.group_user"]).await);
        let mut uma = Client::new(&other);
        uma.authenticate("uma", "secret").await.result();
        assert_eq!(uma.search("x_doc", json!([])).await, [doc], "{}", store.name);
        let nothing = rule(&mut admin, model, "[(0, '=', 1)]", json!({})).await;
        assert_eq!(uma.search("x_doc", json!([])).await, [0; 0], "{}", store.name);
        admin.kw("ir.rule", "unlink", json!([[nothing]]), json!({})).await;
        assert_eq!(uma.search("x_doc", json!([])).await, [doc], "{}", store.name);
        // By what a rule says of the user.
        let partner = admin.values("res.users", uid, json!(["partner_id"])).await["partner_id"][0].as_i64().unwrap();
        let company = admin.create(PARTNER, json!({"name": "Above", "is_company": true})).await;
        let partners = admin.search("ir.model", json!([["model", "=", PARTNER]])).await[0];
        let text = "[('id', '=', user.commercial_partner_id.id)]";
        let own_group = admin.create("res.groups", json!({"name": "Own"})).await;
        admin.kw("res.users", "write", json!([[uid], {"group_ids": [[4, own_group]]}]), json!({})).await;
        let own = rule(&mut admin, partners, text, json!({"groups": [[6, 0, [own_group]]]})).await;
        for _ in 0..2 {
            assert_eq!(uma.search(PARTNER, json!([])).await, [partner], "{}", store.name);
        }
        admin.kw(PARTNER, "write", json!([[partner], {"parent_id": company}]), json!({})).await;
        assert_eq!(uma.search(PARTNER, json!([])).await, [company], "{}", store.name);
        admin.kw("ir.rule", "unlink", json!([[own]]), json!({})).await;
        let access = admin.search("ir.model.access", json!([["model_id", "=", model]])).await;
        admin.kw("ir.model.access", "write", json!([access, {"perm_read": false}]), json!({})).await;
        may_not(&mut uma, "x_doc", "search", json!([[]]), "You are not allowed to access").await;
        let manager = group(&mut admin, "group_partner_manager").await;
        may_not(&mut uma, PARTNER, "create", json!([{"name": "x"}]), "You are not allowed to create").await;
        admin.kw("res.users", "write", json!([[uid], {"group_ids": [[4, manager]]}]), json!({})).await;
        uma.create(PARTNER, json!({"name": "x"})).await;
        // By a group that comes to imply another.
        let system = group(&mut admin, "group_system").await;
        may_not(&mut uma, "ir.config_parameter", "search", json!([[]]), "You are not allowed to access").await;
        admin.kw("res.groups", "write", json!([[manager], {"implied_ids": [[4, system]]}]), json!({})).await;
        assert!(!uma.search("ir.config_parameter", json!([])).await.is_empty(), "{}", store.name);
        admin.kw("res.groups", "write", json!([[manager], {"implied_ids": [[3, system]]}]), json!({})).await;
        may_not(&mut uma, "ir.config_parameter", "search", json!([[]]), "You are not allowed to access").await;
        other.shutdown().await;
        store.finish(one).await;
    }
    assert!(stores().len() >= 2);
}
