//! Who may do what: rights of models, record rules, groups of fields.

mod common;

use serde_json::{Value, json};
use wiredoo::{Series, Wiredoo};

use common::{Client, durable_stores, make_user, odoo, stores};

const NOTES: &str = "x_note";

async fn log_in<'a>(server: &'a Wiredoo, login: &str) -> Client<'a> {
    let mut client = Client::new(server);
    client.authenticate(login, "secret").await.result();
    client
}

async fn group_id(client: &mut Client<'_>, name: &str) -> i64 {
    let found = client
        .kw(
            "ir.model.data",
            "search_read",
            json!([[["module", "=", "base"], ["name", "=", name]], ["res_id"]]),
            json!({}),
        )
        .await;
    found[0]["res_id"].as_i64().unwrap()
}

#[tokio::test]
async fn rights_of_models() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        make_user(&server, "uma", "secret", &["base.group_user"]).await;
        let mut uma = log_in(&server, "uma").await;
        let mut admin = Client::administrator(&server).await;
        let ids = admin.search("res.country", json!([["code", "=", "BE"]])).await;
        let message = |verb: &str, model: &str, description: &str, groups: &str| {
            format!(
                "You are not allowed to {verb} '{description}' ({model}) records.\n\n{groups}\n\nContact your \
                 administrator to request access if necessary."
            )
        };
        let managers = "This operation is allowed for the following groups:\n\t- ";
        for (method, args, verb) in [
            ("write", json!([ids, {"name": "Belgica"}]), "modify"),
            ("create", json!([{"name": "Utopia", "code": "UU"}]), "create"),
            ("unlink", json!([ids]), "delete"),
        ] {
            let (name, text) = uma.fault("res.country", method, args, json!({})).await;
            assert_eq!(name, "AccessError");
            let start = message(verb, "res.country", "Country", managers);
            let (start, _) = start.split_at(start.find("\t- ").unwrap());
            assert!(text.starts_with(start), "{series} {text}");
        }
        for (method, args) in [("read", json!([[1], ["key"]])), ("search", json!([[]])), ("search_count", json!([[]]))]
        {
            let (name, text) = uma.fault("ir.config_parameter", method, args, json!({})).await;
            assert_eq!(name, "AccessError", "{method}");
            assert!(
                text.starts_with("You are not allowed to access 'System Parameter' (ir.config_parameter)"),
                "{text}"
            );
        }
        assert_eq!(uma.values("res.country", ids[0], json!(["code"])).await, json!({"code": "BE"}));
        for (client, may) in [(&mut uma, false), (&mut admin, true)] {
            let has = client.kw("res.country", "check_access_rights", json!(["write", false]), json!({})).await;
            assert_eq!(has, may, "{series}");
        }
        // Nobody has a right to a model that was just made.
        let model = json!({"name": "Bare", "model": "x_bare"});
        admin.create("ir.model", model).await;
        let (name, text) = admin.fault("x_bare", "search", json!([[]]), json!({})).await;
        assert_eq!(name, "AccessError");
        assert_eq!(text, message("access", "x_bare", "Bare", "No group currently allows this operation."));
        let (name, text) = admin.fault("res.partner", "_write", json!([[1], {}]), json!({})).await;
        let method = if series == Series::V19 { "'res.partner._write'" } else { "_write" };
        let private = format!("Private methods (such as {method}) cannot be called remotely.");
        assert_eq!((name.as_str(), text), ("AccessError", private));
    }
}

#[tokio::test]
async fn record_rules() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        let id = make_user(&server, "uma", "secret", &["base.group_user"]).await;
        let mut uma = log_in(&server, "uma").await;
        let mut admin = Client::administrator(&server).await;
        let fields = json!([{"name": "x_user_id", "ttype": "many2one", "relation": "res.users"}]);
        let model = admin.manual_model(NOTES, fields).await;
        let hers = admin.create(NOTES, json!({"x_name": "hers", "x_user_id": id})).await;
        let other = admin.create(NOTES, json!({"x_name": "other", "x_user_id": 2})).await;
        assert_eq!(uma.search(NOTES, json!([])).await, [hers, other]);
        let rule = json!({"name": "own", "model_id": model, "domain_force": "[('x_user_id', '=', user.id)]"});
        let rule = admin.create("ir.rule", rule).await;
        assert_eq!(admin.values("ir.rule", rule, json!(["global"])).await, json!({"global": true}));
        assert_eq!(
            (uma.search(NOTES, json!([])).await, admin.search(NOTES, json!([])).await),
            (vec![hers], vec![other])
        );
        let count = uma.kw(NOTES, "search_count", json!([[]]), json!({})).await;
        let grouped = uma.kw(NOTES, "read_group", json!([[], ["id:count"], ["x_user_id"]]), json!({})).await;
        assert_eq!((count, grouped.as_array().unwrap().len()), (json!(1), 1));
        for (method, args, operation) in [
            ("read", json!([[hers, other], ["x_name"]]), "read"),
            ("write", json!([[other], {"x_name": "mine"}]), "write"),
            ("write", json!([[hers], {"x_user_id": 2}]), "write"),
            ("unlink", json!([[other]]), "unlink"),
            ("create", json!([{"x_name": "new", "x_user_id": 2}]), "create"),
        ] {
            let (name, text) = uma.fault(NOTES, method, args, json!({})).await;
            assert_eq!(name, "AccessError");
            let words = format!("Sorry, UMA (id={id}) doesn't have '{operation}' access to:\n- {NOTES} ({NOTES})");
            assert!(text.contains(&words), "{}: {text}", store.name);
        }
        let kept = uma.values(NOTES, hers, json!(["x_name", "x_user_id"])).await;
        assert_eq!(kept, json!({"x_name": "hers", "x_user_id": [id, "UMA"]}), "nothing was written");
        uma.kw(NOTES, "write", json!([[hers], {"x_name": "changed"}]), json!({})).await;
        let made = uma.create(NOTES, json!({"x_name": "new", "x_user_id": id})).await;
        assert_eq!(uma.search(NOTES, json!([])).await, [hers, made]);
        // Rules of groups add up, those for all restrict; a rule for writing says nothing of reading.
        let user = group_id(&mut admin, "group_user").await;
        let more = json!({"name": "more", "model_id": model, "groups": [[6, 0, [user]]], "perm_read": true,
            "perm_write": false, "perm_create": false, "perm_unlink": false,
            "domain_force": "[('x_name', '!=', 'new')]"});
        let more = admin.create("ir.rule", more).await;
        assert_eq!(uma.search(NOTES, json!([])).await, [hers]);
        uma.kw(NOTES, "write", json!([[made], {"x_name": "new"}]), json!({})).await;
        let second =
            json!({"name": "second", "model_id": model, "groups": [[6, 0, [user]]], "domain_force": "[(1, '=', 1)]"});
        admin.create("ir.rule", second).await;
        assert_eq!(uma.search(NOTES, json!([])).await, [hers, made], "what one rule of a group allows");
        for bad in ["[('x_user_id', '=', user.id", "[('x_nope', '=', 1)]", "open('x')", "[('x_user_id', '~', 1)]"] {
            let (name, text) = admin.fault("ir.rule", "write", json!([[rule], {"domain_force": bad}]), json!({})).await;
            assert_eq!(name, "ValidationError", "{bad} {text}");
            assert!(text.starts_with("Invalid domain: "), "{text}");
            let rule = json!({"name": "bad", "model_id": model, "domain_force": bad});
            assert_eq!(admin.fault("ir.rule", "create", json!([rule]), json!({})).await.0, "ValidationError", "{bad}");
        }
        let domain = admin.values("ir.rule", rule, json!(["domain_force"])).await;
        assert_eq!(domain["domain_force"], "[('x_user_id', '=', user.id)]");
        admin.kw("ir.rule", "write", json!([[rule, more], {"active": false}]), json!({})).await;
        assert_eq!(uma.search(NOTES, json!([])).await, [hers, other, made]);
        store.finish(server).await;
    }
}

#[tokio::test]
async fn fields_of_groups() {
    for store in stores() {
        let server = store.builder(Series::V19).start().await.unwrap();
        make_user(&server, "uma", "secret", &["base.group_user", "base.group_allow_export"]).await;
        let mut uma = log_in(&server, "uma").await;
        let mut admin = Client::administrator(&server).await;
        let model = admin.manual_model(NOTES, json!([])).await;
        let system = group_id(&mut admin, "group_system").await;
        let secret = json!({"name": "x_secret", "ttype": "char", "groups": [[6, 0, [system]]]});
        let field = admin.manual_field(model, secret).await;
        let note = admin.create(NOTES, json!({"x_name": "a", "x_secret": "s"})).await;
        let described = |fields: Value| fields.get("x_secret").is_some();
        assert!(described(admin.kw(NOTES, "fields_get", json!([]), json!({})).await));
        assert!(!described(uma.kw(NOTES, "fields_get", json!([]), json!({})).await));
        assert!(!described(uma.values(NOTES, note, json!([])).await));
        assert!(described(admin.values(NOTES, note, json!([])).await));
        for (method, args) in [
            ("read", json!([[note], ["x_secret"]])),
            ("search", json!([[["x_secret", "=", "s"]]])),
            ("search_read", json!([[], ["x_secret"]])),
            ("search_count", json!([[["x_secret", "ilike", "s"]]])),
            ("write", json!([[note], {"x_secret": "t"}])),
            ("create", json!([{"x_name": "b", "x_secret": "t"}])),
            ("read_group", json!([[], ["id:count"], ["x_secret"]])),
            ("export_data", json!([[note], ["x_secret"]])),
            ("web_read", json!([[note], {"x_secret": {}}])),
        ] {
            let (name, text) = uma.fault(NOTES, method, args, json!({})).await;
            assert_eq!(name, "AccessError", "{method}");
            assert!(text.contains("You do not have enough rights to access the field"), "{method} {text}");
        }
        let ordered = uma.call_kw(NOTES, "search", json!([[]]), json!({"order": "x_secret"})).await;
        assert_eq!(ordered.exception().0, "odoo.exceptions.AccessError", "an order tells as well");
        assert_eq!(admin.values(NOTES, note, json!(["x_secret"])).await, json!({"x_secret": "s"}));
        assert_eq!(uma.search(NOTES, json!([])).await, [note]);
        admin.kw("ir.model.fields", "write", json!([[field], {"groups": [[5]]}]), json!({})).await;
        assert_eq!(uma.values(NOTES, note, json!(["x_secret"])).await, json!({"x_secret": "s"}), "at once");
        store.finish(server).await;
    }
}

#[tokio::test]
async fn portal_users_see_what_is_theirs() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        make_user(&server, "pia", "secret", &["base.group_portal"]).await;
        let mut admin = Client::administrator(&server).await;
        let mut pia = log_in(&server, "pia").await;
        let own = admin.search("res.partner", json!([["name", "=", "PIA"]])).await;
        let child = admin.create("res.partner", json!({"name": "Child", "parent_id": own[0]})).await;
        let stranger = admin.create("res.partner", json!({"name": "Stranger"})).await;
        assert_eq!(pia.search("res.partner", json!([])).await, [own[0], child], "{series}");
        assert_eq!(pia.values("res.partner", own[0], json!(["name"])).await, json!({"name": "PIA"}));
        let (name, _) = pia.fault("res.partner", "read", json!([[stranger], ["name"]]), json!({})).await;
        assert_eq!(name, "AccessError");
        for (method, args) in
            [("write", json!([own, {"name": "X"}])), ("create", json!([{"name": "X"}])), ("unlink", json!([[child]]))]
        {
            assert_eq!(pia.fault("res.partner", method, args, json!({})).await.0, "AccessError", "{method}");
        }
        let companies = pia.kw("res.company", "search_count", json!([[]]), json!({})).await;
        assert_eq!(companies, 1);
    }
}

#[tokio::test]
async fn companies() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let uma_id = make_user(&server, "uma", "secret", &["base.group_user", "base.group_partner_manager"]).await;
        let mut admin = Client::administrator(&server).await;
        let mut uma = log_in(&server, "uma").await;
        let second = admin.create("res.company", json!({"name": "Second"})).await;
        let mut partners = Vec::new();
        for company in [json!(false), json!(1), json!(second)] {
            partners.push(admin.create("res.partner", json!({"name": "Multi", "company_id": company})).await);
        }
        let domain = json!([["name", "=", "Multi"]]);
        assert_eq!(uma.search("res.partner", domain.clone()).await, partners[..2]);
        let search = |companies: &[i64]| json!({"order": "id", "context": {"allowed_company_ids": companies}});
        let args = json!([domain]);
        let (name, _) = uma.fault("res.partner", "search", args.clone(), search(&[1, second])).await;
        assert_eq!(name, "AccessError", "a company that is not the user's");
        admin.kw("res.users", "write", json!([[uma_id], {"company_ids": [[4, second]]}]), json!({})).await;
        for (allowed, seen) in [
            (vec![1], vec![partners[0], partners[1]]),
            (vec![second], vec![partners[0], partners[2]]),
            (vec![second, 1], partners.clone()),
        ] {
            let found = uma.kw("res.partner", "search", args.clone(), search(&allowed)).await;
            assert_eq!(found, json!(seen), "{series} {allowed:?}");
        }
        let params = json!([[partners[2]], ["name"]]);
        let answer = uma.call_kw("res.partner", "read", params, json!({"context": {"allowed_company_ids": [1]}})).await;
        assert_eq!(answer.exception().0, "odoo.exceptions.AccessError");
        let suggested = &answer.json()["error"]["data"]["context"];
        let expected = json!({"suggested_company": {"id": second, "display_name": "Second"}});
        assert_eq!(*suggested == expected, series == Series::V19, "{suggested}");
    }
}

#[tokio::test]
async fn rights_that_are_granted_hold_at_once() {
    async fn both_see(clients: &mut [Client<'_>], may: bool) {
        for client in clients {
            let answer = client.call_kw("res.partner.bank", "search_count", json!([[]]), json!({})).await;
            let refused = answer.json()["error"]["data"]["name"] == "odoo.exceptions.AccessError";
            assert_eq!(refused, !may, "{}", answer.text());
        }
    }
    for store in durable_stores() {
        let (one, other) =
            (store.builder(Series::V19).start().await.unwrap(), store.builder(Series::V19).start().await.unwrap());
        let uma = make_user(&one, "uma", "secret", &["base.group_user"]).await;
        let mut admin = Client::administrator(&one).await;
        let model = admin.manual_model(NOTES, json!([])).await;
        let all = admin.search("ir.model.access", json!([["model_id", "=", model]])).await;
        admin.kw("ir.model.access", "unlink", json!([all]), json!({})).await;
        let mut clients = [log_in(&one, "uma").await, log_in(&other, "uma").await];
        let group = group_id(&mut admin, "group_user").await;
        let may = |may: bool| json!({"name": "x", "model_id": model, "group_id": group, "perm_read": may});
        let access = admin.create("ir.model.access", may(true)).await;
        for client in &mut clients {
            assert_eq!(client.search(NOTES, json!([])).await, [] as [i64; 0], "{}", store.name);
            assert_eq!(client.fault(NOTES, "create", json!([{}]), json!({})).await.0, "AccessError");
        }
        admin.kw("ir.model.access", "write", json!([[access], {"perm_read": false}]), json!({})).await;
        for client in &mut clients {
            assert_eq!(client.fault(NOTES, "search", json!([[]]), json!({})).await.0, "AccessError", "{}", store.name);
        }
        // Groups of a user, too.
        let rights = json!([["model_id.model", "=", "res.partner.bank"]]);
        let rights = admin.search("ir.model.access", rights).await;
        let manager = group_id(&mut admin, "group_erp_manager").await;
        admin.kw("ir.model.access", "write", json!([rights, {"group_id": manager}]), json!({})).await;
        both_see(&mut clients, false).await;
        let member = |command: i32| json!([[uma], {"group_ids": [[command, manager]]}]);
        admin.kw("res.users", "write", member(4), json!({})).await;
        both_see(&mut clients, true).await;
        admin.kw("res.users", "write", member(3), json!({})).await;
        both_see(&mut clients, false).await;
        drop(clients);
        other.shutdown().await;
        store.finish(one).await;
    }
}

#[tokio::test]
async fn people_change_what_is_their_own() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let id = make_user(&server, "uma", "secret", &["base.group_user"]).await;
        make_user(&server, "val", "secret", &["base.group_user"]).await;
        let mut uma = log_in(&server, "uma").await;
        for values in
            [json!({"name": "Uma"}), json!({"lang": "en_US", "tz": "Europe/Brussels"}), json!({"email": "u@x.y"})]
        {
            uma.kw("res.users", "write", json!([[id], values]), json!({})).await;
        }
        let now = uma.values("res.users", id.into(), json!(["name", "tz", "email"])).await;
        assert_eq!(now, json!({"name": "Uma", "tz": "Europe/Brussels", "email": "u@x.y"}), "{series}");
        let groups = if series == Series::V19 { "group_ids" } else { "groups_id" };
        for values in [
            json!({"login": "queen"}),
            json!({"name": "X", "login": "queen"}),
            json!({"active": false}),
            json!({groups: [[4, 2]]}),
            json!({"company_ids": [[4, 1]]}),
            json!({"share": true}),
            json!({"password": "new"}),
        ] {
            let call = json!([[id], values]);
            assert_eq!(uma.fault("res.users", "write", call, json!({})).await.0, "AccessError", "{series} {values}");
        }
        let others = json!([[id + 1], {"name": "X"}]);
        assert_eq!(uma.fault("res.users", "write", others, json!({})).await.0, "AccessError");
        let both = json!([[id, id + 1], {"name": "X"}]);
        assert_eq!(uma.fault("res.users", "write", both, json!({})).await.0, "AccessError");
        assert_eq!(
            uma.values("res.users", id.into(), json!(["name", "login"])).await,
            json!({"name": "Uma", "login": "uma"})
        );
    }
}
