//! Records: made, read, changed, copied and deleted over the wire, on every store.

use serde_json::{Value, json};
use wiredoo::{Series, Wiredoo};

use crate::common::{Client, odoo, on_every_store, options};

const PARTNER: &str = "res.partner";
const TAG: &str = "res.partner.category";
const THING: &str = "x_thing";

fn error(name: &str, message: &str) -> (String, String) {
    (name.to_owned(), message.to_owned())
}

fn ids(value: &Value) -> Vec<i64> {
    value.as_array().unwrap_or_else(|| panic!("no list: {value}")).iter().map(|id| id.as_i64().unwrap()).collect()
}

/// A manual model with a field of each kind.
async fn thing(client: &mut Client<'_>) -> i64 {
    let fields = json!([
        {"name": "x_int", "ttype": "integer"},
        {"name": "x_float", "ttype": "float"},
        {"name": "x_char", "ttype": "char", "size": 8},
        {"name": "x_text", "ttype": "text"},
        {"name": "x_bool", "ttype": "boolean"},
        {"name": "x_day", "ttype": "date"},
        {"name": "x_at", "ttype": "datetime"},
        {"name": "x_sel", "ttype": "selection", "selection_ids": options(&["a", "b"])},
        {"name": "x_html", "ttype": "html"},
        {"name": "x_bin", "ttype": "binary"},
        {"name": "x_partner_id", "ttype": "many2one", "relation": PARTNER},
        {"name": "x_tag_ids", "ttype": "many2many", "relation": TAG},
    ]);
    client.manual_model(THING, fields).await
}

#[tokio::test]
async fn records_are_made_read_changed_and_deleted() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let one = client.create(PARTNER, json!({"name": "Ann", "email": "ann@example.com"})).await;
        let two =
            client.kw(PARTNER, "create", json!([[{"name": "Bob"}, {"name": "Cid", "color": 4}]]), json!({})).await;
        let two = ids(&two);
        assert_eq!(two, [one + 1, one + 2], "{context}");
        assert_eq!(client.kw(PARTNER, "create", json!([[]]), json!({})).await, json!([]));
        let fields = json!(["name", "email", "color", "active", "type", "parent_id", "child_ids", "is_company"]);
        let ann = json!({"name": "Ann", "email": "ann@example.com", "color": 0, "active": true, "type": "contact",
            "parent_id": false, "child_ids": [], "is_company": false});
        assert_eq!(client.values(PARTNER, one, fields).await, ann, "{context}");
        // In the order of the ids, which may be one.
        let rows = client.kw(PARTNER, "read", json!([[two[1], one], ["name"]]), json!({})).await;
        assert_eq!(rows, json!([{"id": two[1], "name": "Cid"}, {"id": one, "name": "Ann"}]), "{context}");
        let rows = client.kw(PARTNER, "read", json!([one, ["name"]]), json!({})).await;
        assert_eq!(rows, json!([{"id": one, "name": "Ann"}]), "{context}");
        assert_eq!(client.kw(PARTNER, "write", json!([[one, two[0]], {"city": "Gent"}]), json!({})).await, true);
        assert_eq!(client.search(PARTNER, json!([["city", "=", "Gent"]])).await, [one, two[0]], "{context}");
        for (args, kwargs, expected) in [
            (
                json!([[["id", "in", [one, two[0], two[1]]]]]),
                json!({"order": "name desc", "limit": 2}),
                vec![two[1], two[0]],
            ),
            (
                json!([[["id", "in", [one, two[0], two[1]]]]]),
                json!({"order": "name desc", "offset": 1}),
                vec![two[0], one],
            ),
            (json!([[["id", "in", [one, two[0], two[1]]]], 1, 1, "color desc, id"]), json!({}), vec![one]),
        ] {
            assert_eq!(ids(&client.kw(PARTNER, "search", args, kwargs).await), expected, "{context}");
        }
        assert_eq!(client.kw(PARTNER, "search_count", json!([[["city", "=", "Gent"]]]), json!({"limit": 1})).await, 1);
        assert_eq!(client.kw(PARTNER, "unlink", json!([two]), json!({})).await, true, "{context}");
        assert_eq!(client.kw(PARTNER, "unlink", json!([[]]), json!({})).await, true, "{context}");
        assert_eq!(client.kw(PARTNER, "write", json!([[], {"city": "x"}]), json!({})).await, true, "{context}");
        let gone = client.kw(PARTNER, "read", json!([two, ["name"]]), json!({})).await;
        assert_eq!(gone, json!([]), "{context}");
        for (method, args) in [("write", json!([[one, two[0]], {"name": "x"}])), ("unlink", json!([[one, two[0]]]))] {
            let (name, message) = client.fault(PARTNER, method, args, json!({})).await;
            let said =
                format!("Record does not exist or has been deleted.\n(Record: res.partner({},), User: 2)", two[0]);
            assert_eq!((name.as_str(), message), ("MissingError", said), "{context}");
        }
        assert_eq!(client.values(PARTNER, one, json!(["name"])).await, json!({"name": "Ann"}), "nothing was written");
    })
    .await;
}

#[tokio::test]
async fn values_become_what_the_field_holds_or_are_refused() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        thing(client).await;
        let id = client.create(THING, json!({})).await;
        let empty = json!({"x_int": 0, "x_float": 0.0, "x_char": false, "x_text": false, "x_bool": false, "x_day": false,
            "x_at": false, "x_sel": false, "x_html": false, "x_bin": false, "x_partner_id": false, "x_tag_ids": []});
        let names: Vec<&String> = empty.as_object().unwrap().keys().collect();
        assert_eq!(client.values(THING, id, json!(names)).await, empty, "{context}");
        let html = if series == Series::V17 { "<p>plain</p>" } else { "<span>plain</span>" };
        for (field, written, read) in [
            ("x_int", json!("12"), json!(12)),
            ("x_int", json!(3.9), json!(3)),
            ("x_int", json!(true), json!(1)),
            ("x_int", json!(-2_147_483_648_i64), json!(-2_147_483_648_i64)),
            ("x_int", json!(null), json!(0)),
            ("x_float", json!("2.50"), json!(2.5)),
            ("x_float", json!(7), json!(7.0)),
            ("x_float", json!(0.1), json!(0.1)),
            ("x_float", json!(1e-7), json!(1e-7)),
            ("x_float", json!(123_456_789.123_456_7), json!(123_456_789.123_456_7)),
            ("x_char", json!(12), json!("12")),
            ("x_char", json!("123456789"), json!("12345678")),
            ("x_char", json!(""), json!("")),
            ("x_char", json!(true), json!("True")),
            ("x_char", json!("é€😀\u{301}"), json!("é€😀\u{301}")),
            ("x_char", json!(false), json!(false)),
            ("x_text", json!("a\nb\r\nc"), json!("a\nb\r\nc")),
            ("x_text", json!([1, "two"]), json!("[1, 'two']")),
            ("x_bool", json!("false"), json!(true)),
            ("x_bool", json!(null), json!(false)),
            ("x_day", json!("2024-02-29"), json!("2024-02-29")),
            ("x_day", json!("2024-05-06 23:59:59"), json!("2024-05-06")),
            ("x_day", json!(""), json!(false)),
            ("x_at", json!("2024-05-06"), json!("2024-05-06 00:00:00")),
            ("x_at", json!("2024-05-06 10:20"), json!("2024-05-06 10:20:00")),
            ("x_sel", json!("b"), json!("b")),
            ("x_sel", json!(false), json!(false)),
            ("x_partner_id", json!(3), json!([3, "Administrator"])),
            ("x_partner_id", json!(0), json!(false)),
            ("x_html", json!("plain"), json!(html)),
            ("x_html", json!(""), json!("")),
            ("x_bin", json!("aGVsbG8="), json!("aGVsbG8=")),
        ] {
            client.kw(THING, "write", json!([[id], {field: written}]), json!({})).await;
            assert_eq!(client.values(THING, id, json!([field])).await[field], read, "{context}: {field} {written}");
            let made = client.create(THING, json!({field: written})).await;
            assert_eq!(client.values(THING, made, json!([field])).await[field], read, "{context}: {field} {written}");
        }
        for (field, written, name, message) in [
            ("x_int", json!("abc"), "ValueError", "invalid literal for int() with base 10: 'abc'"),
            ("x_int", json!(4_294_967_296_i64), "psycopg2.errors.NumericValueOutOfRange", "integer out of range\n"),
            ("x_float", json!("x"), "ValueError", "could not convert string to float: 'x'"),
            ("x_day", json!("2024-13-45"), "ValueError", "time data '2024-13-45' does not match format '%Y-%m-%d'"),
            ("x_day", json!(20_240_506), "TypeError", "'int' object is not subscriptable"),
            ("x_at", json!("noon"), "ValueError", "time data 'noon' does not match format '%Y'"),
            ("x_sel", json!("zz"), "ValueError", "Wrong value for x_thing.x_sel: 'zz'"),
            ("x_sel", json!(1), "ValueError", "Wrong value for x_thing.x_sel: 1"),
            ("x_tag_ids", json!("x"), "ValueError", "Wrong value for x_thing.x_tag_ids: x"),
            ("x_text", json!("a\0b"), "ValueError", "A string literal cannot contain NUL (0x00) characters."),
        ] {
            for (method, args) in [("write", json!([[id], {field: written}])), ("create", json!([{field: written}]))] {
                let fault = client.fault(THING, method, args, json!({})).await;
                assert_eq!(fault, error(name, message), "{context}: {method} {field} {written}");
            }
        }
        let on = if series == Series::V17 { "on model" } else { "in" };
        let fault = client.fault(THING, "create", json!([{"x_nope": 1}]), json!({})).await;
        assert_eq!(fault, error("ValueError", &format!("Invalid field 'x_nope' {on} 'x_thing'")), "{context}");
        let fault = client.fault(THING, "write", json!([[id], {"x_nope": 1}]), json!({})).await;
        assert_eq!(fault, error("ValueError", &format!("Invalid field 'x_nope' {on} 'x_thing'")), "{context}");
        // What is kept by itself is not written.
        let kept = json!([[id], {"id": 77, "create_date": "2000-01-01 00:00:00", "create_uid": 1, "x_int": 5}]);
        client.kw(THING, "write", kept, json!({})).await;
        let row = client.values(THING, id, json!(["create_uid", "x_int", "create_date"])).await;
        assert_eq!((&row["create_uid"][0], &row["x_int"]), (&json!(2), &json!(5)), "{context}");
        assert_ne!(row["create_date"], "2000-01-01 00:00:00", "{context}");
    })
    .await;
}

#[tokio::test]
async fn defaults_come_from_the_context_the_database_and_the_model() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let fields = json!(["type", "active", "color", "is_company", "lang", "city"]);
        let defaults = client.kw(PARTNER, "default_get", json!([fields]), json!({})).await;
        assert_eq!(defaults["type"], "contact", "{context}");
        assert_eq!(defaults.get("city"), None, "{context}");
        client.kw("ir.default", "set", json!([PARTNER, "city", "Namur"]), json!({})).await;
        let defaults = client.kw(PARTNER, "default_get", json!([["city"]]), json!({})).await;
        assert_eq!(defaults, json!({"city": "Namur"}), "{context}");
        let named = json!({"context": {"default_city": "Mons", "default_color": 4}});
        let defaults = client.kw(PARTNER, "default_get", json!([["city", "color"]]), named.clone()).await;
        assert_eq!(defaults, json!({"city": "Mons", "color": 4}), "{context}");
        let id = client
            .kw(PARTNER, "create", json!([{"name": "x", "color": 5, "child_ids": [[0, 0, {"name": "y"}]]}]), named)
            .await;
        let row = client.values(PARTNER, id.as_i64().unwrap(), json!(["city", "color", "child_ids"])).await;
        assert_eq!((&row["city"], &row["color"]), (&json!("Mons"), &json!(5)), "{context}");
        let child = client.values(PARTNER, ids(&row["child_ids"])[0], json!(["color"])).await;
        assert_eq!(child["color"], 0, "defaults of the context are for the record itself: {context}");
        let (name, _) =
            client.fault(PARTNER, "create", json!([{"name": "x"}]), json!({"context": {"default_color": "red"}})).await;
        assert_eq!(name, "ValueError", "{context}");
    })
    .await;
}

#[tokio::test]
async fn rules_of_tables_are_told_in_the_words_of_the_series_and_leave_nothing() {
    on_every_store(&[Series::V17, Series::V18, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        let cannot = "The operation cannot be completed: ";
        let newest = series == Series::V19;
        let before = client.kw(PARTNER, "search_count", json!([[]]), json!({"context": {"active_test": false}})).await;
        let missing = if newest {
            "Missing required value for the field 'Login' (login).\nModel: 'User' (res.users)"
        } else {
            "\n- Create/update: a mandatory field is not set.\n- Delete: another model requires the record being deleted. \
             If possible, archive it instead.\n\nModel: User (res.users)\nField: Login (login)\n"
        };
        let missing = if newest { format!("{cannot}{missing}") } else { format!("{}{missing}", cannot.trim_end()) };
        for (model, values, said) in [
            ("res.users", json!({"name": "Nobody"}), missing.as_str()),
            (PARTNER, json!({"email": "x@example.com"}), "Contacts require a name"),
            ("res.users", json!({"name": "x", "login": "admin"}), "You can not have two users with the same login!"),
        ] {
            let said = if said.starts_with("The") { said.to_owned() } else { format!("{cannot}{said}") };
            let fault = client.fault(model, "create", json!([values]), json!({})).await;
            assert_eq!(fault, ("ValidationError".to_owned(), said), "{context}: {values}");
            // A good record with a bad one is not made either.
            let both = if model == PARTNER { json!([{"name": "Good"}, values]) } else { json!([{"name": "Good", "login": "good"}, values]) };
            client.fault(model, "create", json!([both]), json!({})).await;
        }
        let after = client.kw(PARTNER, "search_count", json!([[]]), json!({"context": {"active_test": false}})).await;
        assert_eq!(after, before, "nothing is left after an error: {context}");
        // But the ids are gone, as those of a sequence are: of two contacts, as PostgreSQL has it.
        let first = client.create(PARTNER, json!({"name": "First"})).await;
        client.fault(PARTNER, "create", json!([[{"name": "Good"}, {"email": "bad"}]]), json!({})).await;
        assert_eq!(client.create(PARTNER, json!({"name": "Next"})).await, first + 3, "{context}");
        client.fault(PARTNER, "write", json!([[first], {"name": false}]), json!({})).await;
        let company = client.fault("res.company", "create", json!([{"name": "My Company"}]), json!({})).await;
        let said = format!("{cannot}The company name must be unique!");
        assert_eq!(company, ("ValidationError".to_owned(), said), "{context}");
        let (name, message) = client.fault(PARTNER, "create", json!([{"name": "x", "country_id": 99_999_999}]), json!({})).await;
        let said = if newest { "Another model is using" } else { "another model requires" };
        assert!(name == "ValidationError" && message.starts_with(&format!("{cannot}{said}")), "{context}: {message}");
    })
    .await;
}

#[tokio::test]
async fn commands_change_lists_of_records() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let tags = client.kw(TAG, "create", json!([[{"name": "A"}, {"name": "B"}, {"name": "C"}]]), json!({})).await;
        let tags = ids(&tags);
        let values = json!({"name": "Org", "is_company": true, "category_id": [[6, 0, [tags[0], tags[1]]]], "child_ids": [
            [0, 0, {"name": "K1", "category_id": [[0, 0, {"name": "N"}], [4, tags[2]]], "child_ids": [[0, 0, {"name": "KK"}]]}],
            [0, "virtual_3", {"name": "K2"}],
        ]});
        let org = client.create(PARTNER, values).await;
        let children = client.search(PARTNER, json!([["parent_id", "=", org]])).await;
        let [k1, k2] = children[..] else { panic!("{context}: {children:?}") };
        let below = client.kw(PARTNER, "search_read", json!([[["id", "child_of", org]], ["display_name"]]), json!({"order": "id"})).await;
        let names: Vec<&str> = below.as_array().unwrap().iter().map(|row| row["display_name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Org", "Org, K1", "Org, K2", "Org, KK"], "{context}");
        let found = client.search(TAG, json!([["name", "=", "N"]])).await;
        assert_eq!(client.values(PARTNER, k1, json!(["category_id"])).await["category_id"], json!([tags[2], found[0]]), "{context}");
        let other = client.create(PARTNER, json!({"name": "Other"})).await;
        // Each command, and the children and tags after it.
        for (field, commands, expected) in [
            ("child_ids", json!([[1, k1, {"color": 7}]]), vec![k1, k2]),
            ("child_ids", json!([[4, other]]), vec![k1, k2, other]),
            ("child_ids", json!([[3, other, 0], [4, k1]]), vec![k1, k2]),
            ("child_ids", json!([[6, 0, [k1, other]]]), vec![k1, other]),
            ("child_ids", json!([[2, other]]), vec![k1]),
            ("child_ids", json!([[5, 0, 0]]), vec![]),
            ("child_ids", json!([k1, k2]), vec![k1, k2]),
            ("child_ids", json!([]), vec![k1, k2]),
            ("child_ids", json!([[9, 0, 0]]), vec![k1, k2]),
            ("child_ids", json!(false), vec![]),
            ("category_id", json!([[3, tags[0]]]), vec![tags[1]]),
            ("category_id", json!([[4, tags[2]], [4, tags[2], 0]]), vec![tags[1], tags[2]]),
            ("category_id", json!([[5]]), vec![]),
            ("category_id", json!([[6, 0, [tags[2], tags[0]]]]), vec![tags[0], tags[2]]),
            ("category_id", json!([[1, tags[0], {"name": "Z"}]]), vec![tags[2], tags[0]]),
            ("category_id", json!([[2, tags[0]]]), vec![tags[2]]),
            ("category_id", json!([tags[1]]), vec![tags[1]]),
        ] {
            client.kw(PARTNER, "write", json!([[org], {field: commands}]), json!({})).await;
            let found = client.values(PARTNER, org, json!([field])).await;
            assert_eq!(ids(&found[field]), expected, "{context}: {commands}");
        }
        assert_eq!(client.values(PARTNER, k1, json!(["color", "parent_id"])).await, json!({"color": 7, "parent_id": false}));
        assert_eq!(client.search(PARTNER, json!([["id", "=", other]])).await, [0; 0], "2 deletes: {context}");
        for (commands, name) in [
            (json!([[]]), "IndexError"),
            (json!([[1, 99_999_999, {"name": "x"}]]), "MissingError"),
            (json!([[2, 99_999_999]]), "MissingError"),
            (json!([[4, 99_999_999]]), "MissingError"),
            (json!([[0, 0, {"nope": 1}]]), "ValueError"),
            (json!([[0, 0, {"name": "Good"}], [0, 0, {"color": "red"}]]), "ValueError"),
        ] {
            let fault = client.fault(PARTNER, "write", json!([[org], {"name": "Changed", "child_ids": commands}]), json!({})).await;
            assert_eq!(fault.0, name, "{context}: {commands}");
        }
        assert_eq!(client.values(PARTNER, org, json!(["name", "child_ids"])).await, json!({"name": "Org", "child_ids": []}));
        // A tag that is made for two contacts is one.
        client.kw(PARTNER, "write", json!([[k1, k2], {"category_id": [[0, 0, {"name": "Both"}]]}]), json!({})).await;
        let both = client.search(TAG, json!([["name", "=", "Both"]])).await;
        assert_eq!((both.len(), client.search(PARTNER, json!([["category_id", "in", both]])).await), (1, vec![k1, k2]));
        // Commands of several new records.
        let several = json!([[{"name": "S1", "category_id": [[4, tags[1]], [5], [6, 0, [tags[2]]], [0, 0, {"name": "New"}]]},
            {"name": "S2", "category_id": [[4, tags[1]], [3, tags[1]]], "child_ids": [[4, k1], [0, 0, {"name": "S3"}]]}]]);
        let several = ids(&client.kw(PARTNER, "create", several, json!({})).await);
        let new = client.search(TAG, json!([["name", "=", "New"]])).await;
        assert_eq!(client.values(PARTNER, several[0], json!(["category_id"])).await["category_id"], json!([tags[2], new[0]]));
        let row = client.values(PARTNER, several[1], json!(["category_id", "child_ids"])).await;
        assert_eq!((&row["category_id"], ids(&row["child_ids"]).len(), ids(&row["child_ids"])[0]), (&json!([]), 2, k1), "{context}");
    })
    .await;
}

#[tokio::test]
async fn what_refers_to_a_deleted_record_goes_forgets_it_or_keeps_it() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        client.manual_model("x_target", json!([])).await;
        let field = |name: &str, on_delete: &str| {
            json!({"name": name, "ttype": "many2one", "relation": "x_target", "on_delete": on_delete})
        };
        client.manual_model("x_source", json!([field("x_null_id", "set null"), field("x_cascade_id", "cascade"),
            field("x_restrict_id", "restrict")])).await;
        let target = client.kw("x_target", "create", json!([[{"x_name": "1"}, {"x_name": "2"}, {"x_name": "3"}]]), json!({})).await;
        let target = ids(&target);
        let source = json!([[{"x_null_id": target[0]}, {"x_cascade_id": target[1]}, {"x_restrict_id": target[2]}]]);
        let source = ids(&client.kw("x_source", "create", source, json!({})).await);
        client.kw("x_target", "unlink", json!([[target[0]]]), json!({})).await;
        assert_eq!(client.values("x_source", source[0], json!(["x_null_id"])).await, json!({"x_null_id": false}), "{context}");
        client.kw("x_target", "unlink", json!([[target[1]]]), json!({})).await;
        assert_eq!(client.search("x_source", json!([])).await, [source[0], source[2]], "{context}");
        let (name, message) = client.fault("x_target", "unlink", json!([[target[2]]]), json!({})).await;
        let said = if series == Series::V19 { "Another model is using" } else { "another model requires" };
        assert!(name == "ValidationError" && message.contains(said), "{context}: {message}");
        assert_eq!(client.search("x_target", json!([])).await, [target[2]], "{context}");
        // Tags go with those above them, contacts lose those that they had.
        let above = client.create(TAG, json!({"name": "Above", "child_ids": [[0, 0, {"name": "Below"}]]})).await;
        let tagged = client.create(PARTNER, json!({"name": "x", "category_id": [[6, 0, [above]]]})).await;
        client.kw(TAG, "unlink", json!([[above]]), json!({})).await;
        assert_eq!(client.search(TAG, json!([["name", "=", "Below"]])).await, [0; 0], "{context}");
        assert_eq!(client.values(PARTNER, tagged, json!(["category_id"])).await, json!({"category_id": []}), "{context}");
    })
    .await;
}

#[tokio::test]
async fn archived_records_are_found_only_when_asked_for() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let above = client.create(TAG, json!({"name": "Above", "child_ids": [[0, 0, {"name": "Arch"}]]})).await;
        let id = client.search(TAG, json!([["name", "=", "Arch"]])).await[0];
        client.kw(TAG, "action_archive", json!([[id]]), json!({})).await;
        let named = json!([["name", "=", "Arch"]]);
        let all = json!({"context": {"active_test": false}});
        assert_eq!(client.search(TAG, named.clone()).await, [0; 0], "{context}");
        assert_eq!(client.kw(TAG, "search", json!([named]), all.clone()).await, json!([id]), "{context}");
        for domain in [
            json!([["name", "=", "Arch"], ["active", "=", false]]),
            json!([["name", "=", "Arch"], ["active", "in", [true, false]]]),
        ] {
            assert_eq!(client.search(TAG, domain).await, [id], "{context}");
        }
        assert_eq!(client.values(TAG, above, json!(["child_ids"])).await, json!({"child_ids": []}), "{context}");
        let row = client.kw(TAG, "read", json!([[above], ["child_ids"]]), all.clone()).await;
        assert_eq!(row[0]["child_ids"], json!([id]), "{context}");
        assert_eq!(client.values(TAG, id, json!(["name"])).await, json!({"name": "Arch"}), "read finds all: {context}");
        assert_eq!(client.kw(TAG, "name_search", json!(["Arch"]), json!({})).await, json!([]), "{context}");
        client.kw(TAG, "action_unarchive", json!([[id]]), json!({})).await;
        assert_eq!(client.search(TAG, named).await, [id], "{context}");
        // Contacts show those that are not archived, whatever the context says.
        let org = client
            .create(PARTNER, json!({"name": "Org", "child_ids": [[0, 0, {"name": "Kid", "active": false}]]}))
            .await;
        let row = client.kw(PARTNER, "read", json!([[org], ["child_ids"]]), all.clone()).await;
        assert_eq!(row[0]["child_ids"], json!([]), "{context}");
        let kid = client.kw(PARTNER, "search", json!([[["parent_id", "=", org]]]), all).await;
        client.kw(PARTNER, "toggle_active", json!([kid]), json!({})).await;
        assert_eq!(client.values(PARTNER, org, json!(["child_ids"])).await, json!({"child_ids": kid}), "{context}");
    })
    .await;
}

#[tokio::test]
async fn users_have_the_fields_of_their_contacts() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let values =
            json!({"name": "Ula", "login": "ula", "email": "ula@example.com", "city": "Gent", "password": "secret"});
        let user = client.create("res.users", values).await;
        let row = client.values("res.users", user, json!(["name", "city", "partner_id", "password"])).await;
        let partner = row["partner_id"][0].as_i64().unwrap();
        assert_eq!(
            row,
            json!({"name": "Ula", "city": "Gent", "partner_id": [partner, "Ula"], "password": ""}),
            "{context}"
        );
        assert_eq!(
            client.values(PARTNER, partner, json!(["name", "user_ids"])).await,
            json!({"name": "Ula", "user_ids": [user]})
        );
        client.kw("res.users", "write", json!([[user], {"name": "Ulla", "login": "ulla"}]), json!({})).await;
        client.kw(PARTNER, "write", json!([[partner], {"email": "new@example.com"}]), json!({})).await;
        assert_eq!(client.values(PARTNER, partner, json!(["name"])).await, json!({"name": "Ulla"}), "{context}");
        let row = client.values("res.users", user, json!(["login", "email"])).await;
        assert_eq!(row, json!({"login": "ulla", "email": "new@example.com"}), "{context}");
        assert_eq!(client.search("res.users", json!([["city", "=", "Gent"]])).await, [user], "{context}");
        let ordered =
            client.kw("res.users", "search", json!([[["id", "in", [2, user]]]]), json!({"order": "name desc"})).await;
        assert_eq!(ordered, json!([user, 2]), "{context}");
        // A user of a contact that there is.
        let given = client.create(PARTNER, json!({"name": "Given", "city": "Mons"})).await;
        let second = client.create("res.users", json!({"login": "given", "partner_id": given})).await;
        let row = client.values("res.users", second, json!(["name", "city"])).await;
        assert_eq!(row, json!({"name": "Given", "city": "Mons"}), "{context}");
        let refused = client.fault(PARTNER, "unlink", json!([[given]]), json!({})).await;
        assert_eq!(refused.0, "RedirectWarning", "{context}");
        client.kw("res.users", "unlink", json!([[second]]), json!({})).await;
        client.kw(PARTNER, "unlink", json!([[given]]), json!({})).await;
        // Nothing is left of a user whose contact cannot be made, nor of a contact whose user cannot.
        client.fault("res.users", "create", json!([{"name": "Left", "login": "admin"}]), json!({})).await;
        assert_eq!(client.search(PARTNER, json!([["name", "=", "Left"]])).await, [0; 0], "{context}");
    })
    .await;
}

#[tokio::test]
async fn names_of_tags_are_translated() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        let french = client
            .kw("res.lang", "search", json!([[["code", "=", "fr_FR"]]]), json!({"context": {"active_test": false}}))
            .await;
        client.kw("res.lang", "write", json!([french, {"active": true}]), json!({})).await;
        let lang = |lang: &str| json!({"context": {"lang": lang}});
        let tag = client.create(TAG, json!({"name": "Gold"})).await;
        client.kw(TAG, "write", json!([[tag], {"name": "Or"}]), lang("fr_FR")).await;
        client.kw(TAG, "write", json!([[tag], {"name": "Golden"}]), lang("en_US")).await;
        for (code, name) in [("en_US", "Golden"), ("fr_FR", "Or")] {
            let row = client.kw(TAG, "read", json!([[tag], ["name", "display_name"]]), lang(code)).await;
            assert_eq!(row, json!([{"id": tag, "name": name, "display_name": name}]), "{context}");
            let count = |name: &str| json!([[["name", "=", name]]]);
            assert_eq!(client.kw(TAG, "search_count", count(name), lang(code)).await, 1, "{context}");
            let found = client.kw(TAG, "name_search", json!([name]), lang(code)).await;
            assert_eq!(found, json!([[tag, name]]), "{context}");
        }
        assert_eq!(client.kw(TAG, "search_count", json!([[["name", "=", "Or"]]]), lang("en_US")).await, 0, "{context}");
        let silver = client.kw(TAG, "create", json!([{"name": "Argent"}]), lang("fr_FR")).await;
        let row = client.kw(TAG, "read", json!([[silver], ["name"]]), lang("en_US")).await;
        assert_eq!(row[0]["name"], "Argent", "{context}");
        let ordered = client
            .kw(
                TAG,
                "search",
                json!([[["id", "in", [tag, silver]]]]),
                json!({"order": "name", "context": {"lang": "fr_FR"}}),
            )
            .await;
        assert_eq!(ordered, json!([silver, tag]), "{context}");
        client.kw(TAG, "update_field_translations", json!([[tag], "name", {"fr_FR": false}]), json!({})).await;
        let row = client.kw(TAG, "read", json!([[tag], ["name"]]), lang("fr_FR")).await;
        assert_eq!(row[0]["name"], "Golden", "without a translation it is that of all: {context}");
        let unknown = client.call_kw(TAG, "read", json!([[tag], ["name"]]), lang("de_DE")).await.json();
        if series == Series::V17 {
            assert_eq!(unknown["result"][0]["name"], "Golden");
        } else {
            assert_eq!(unknown["error"]["data"]["message"], "Invalid language code: de_DE");
        }
    })
    .await;
}

#[tokio::test]
async fn binary_fields_show_their_content_or_its_size() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let png =
            "iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGP4z8CAB+GTG8HSALfKY52fTcuYAAAAAElFTkSuQmCC";
        let id = client.create(PARTNER, json!({"name": "Img", "image_1920": png})).await;
        assert_eq!(client.values(PARTNER, id, json!(["image_1920"])).await, json!({"image_1920": png}), "{context}");
        let size = json!({"context": {"bin_size": true}});
        let row = client.kw(PARTNER, "read", json!([[id], ["image_1920"]]), size.clone()).await;
        assert_eq!(row[0]["image_1920"], "75.00 bytes", "{context}");
        assert_eq!(
            client.search(PARTNER, json!([["id", "=", id], ["image_1920", "!=", false]])).await,
            [id],
            "{context}"
        );
        client.kw(PARTNER, "write", json!([[id], {"image_1920": false}]), json!({})).await;
        assert_eq!(client.values(PARTNER, id, json!(["image_1920"])).await, json!({"image_1920": false}), "{context}");
        let of_partner = json!([["res_model", "=", PARTNER], ["res_id", "=", id]]);
        assert_eq!(client.search("ir.attachment", of_partner).await, [0; 0], "{context}");
        let file = client.create("ir.attachment", json!({"name": "a.txt", "datas": "aGVsbG8gd29ybGQ="})).await;
        let row = client.values("ir.attachment", file, json!(["raw", "mimetype", "file_size", "checksum"])).await;
        assert_eq!(
            row,
            json!({"raw": "hello world", "mimetype": "text/plain", "file_size": 11,
            "checksum": "2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"}),
            "{context}"
        );
        let row = client.kw("ir.attachment", "read", json!([[file], ["datas"]]), size).await;
        assert_eq!(row[0]["datas"], "11.00 bytes", "{context}");
        let fault = client.fault("ir.attachment", "create", json!([{"name": "b", "datas": "abc"}]), json!({})).await;
        assert_eq!(fault.0, "binascii.Error", "{context}");
    })
    .await;
}

#[tokio::test]
async fn html_is_made_harmless() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut client = Client::administrator(&server).await;
        let id = client.create(PARTNER, json!({"name": "x"})).await;
        for (written, read) in [
            ("<p onclick='x()'>Hi <b>you</b><script>alert(1)</script></p>", "<p>Hi <b>you</b></p>"),
            ("<a href=\"javascript:alert(1)\">x</a>", "<a href=\"\">x</a>"),
            ("<p>a<iframe src='http://evil.example'></iframe>b</p>", "<p>ab</p>"),
            ("<p>1 &lt; 2 &amp; é</p>", "<p>1 &lt; 2 &amp; é</p>"),
        ] {
            client.kw(PARTNER, "write", json!([[id], {"comment": written}]), json!({})).await;
            let kept = client.values(PARTNER, id, json!(["comment"])).await;
            let text = kept["comment"].as_str().unwrap();
            let harmful = ["script", "onclick", "iframe"].iter().any(|word| text.contains(word));
            assert!(!harmful, "{series}: {text}");
            assert_eq!(text, read, "{series}");
        }
    }
}

#[tokio::test]
async fn hierarchies_follow_moves() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let tree = json!({"name": "A", "child_ids": [[0, 0, {"name": "B", "child_ids": [[0, 0, {"name": "C"}]]}]]});
        let a = client.create(TAG, tree).await;
        let b = client.search(TAG, json!([["name", "=", "B"]])).await[0];
        let c = client.search(TAG, json!([["name", "=", "C"]])).await[0];
        let d = client.create(TAG, json!({"name": "D"})).await;
        let path = async |client: &mut Client<'_>, id| {
            client.values(TAG, id, json!(["parent_path"])).await["parent_path"].clone()
        };
        assert_eq!(path(client, c).await, format!("{a}/{b}/{c}/"), "{context}");
        assert_eq!(client.values(TAG, c, json!(["display_name"])).await["display_name"], "A / B / C", "{context}");
        client.kw(TAG, "write", json!([[b], {"parent_id": d}]), json!({})).await;
        assert_eq!(path(client, c).await, format!("{d}/{b}/{c}/"), "{context}");
        assert_eq!(client.search(TAG, json!([["id", "child_of", a]])).await, [a], "{context}");
        assert_eq!(client.search(TAG, json!([["id", "child_of", [d]]])).await, [b, c, d], "{context}");
        assert_eq!(client.search(TAG, json!([["id", "parent_of", c]])).await, [b, c, d], "{context}");
        assert_eq!(client.search(TAG, json!([["parent_id", "child_of", d]])).await, [b, c, d], "{context}");
        let (name, message) = client.fault(TAG, "write", json!([[d], {"parent_id": c}]), json!({})).await;
        assert!(["ValidationError", "UserError"].contains(&name.as_str()), "{context}: {name}");
        assert!(message.to_lowercase().contains("recursi"), "{context}: {message}");
        assert_eq!(path(client, d).await, format!("{d}/"), "{context}");
        client.kw(TAG, "write", json!([[b, c], {"parent_id": false}]), json!({})).await;
        assert_eq!(
            (path(client, b).await, path(client, c).await),
            (json!(format!("{b}/")), json!(format!("{c}/"))),
            "{context}"
        );
        let fault = client.fault(PARTNER, "write", json!([[3], {"parent_id": 3}]), json!({})).await;
        assert_eq!(fault, error("ValidationError", "You cannot create recursive Partner hierarchies."), "{context}");
    })
    .await;
}

#[tokio::test]
async fn contacts_follow_their_company() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        let org = client
            .create(
                PARTNER,
                json!({"name": "Org", "is_company": true, "vat": "BE1", "child_ids": [
            [0, 0, {"name": "Kid", "child_ids": [[0, 0, {"name": "Grandkid"}]]}]]}),
            )
            .await;
        let kid = client.search(PARTNER, json!([["name", "=", "Kid"]])).await[0];
        let grandkid = client.search(PARTNER, json!([["name", "=", "Grandkid"]])).await[0];
        let fields = json!(["display_name", "vat", "commercial_partner_id"]);
        for id in [kid, grandkid] {
            let name = if id == kid { "Org, Kid" } else { "Org, Grandkid" };
            assert_eq!(
                client.values(PARTNER, id, fields.clone()).await,
                json!({"display_name": name, "vat": "BE1", "commercial_partner_id": [org, "Org"]}),
                "{context}"
            );
        }
        client.kw(PARTNER, "write", json!([[org], {"name": "New", "vat": "BE2", "city": "Mons"}]), json!({})).await;
        let row = client.values(PARTNER, grandkid, json!(["display_name", "vat"])).await;
        assert_eq!(row, json!({"display_name": "New, Grandkid", "vat": "BE2"}), "{context}");
        assert_eq!(client.values(PARTNER, kid, json!(["city"])).await, json!({"city": "Mons"}), "{context}");
        // Renamed together, the one below is called after the one above.
        client.kw(PARTNER, "write", json!([[kid, org], {"name": "Same"}]), json!({})).await;
        assert_eq!(
            client.values(PARTNER, kid, json!(["display_name"])).await["display_name"],
            "Same, Same",
            "{context}"
        );
        assert_eq!(client.values(PARTNER, grandkid, json!(["display_name"])).await["display_name"], "Same, Grandkid");
        // Several contacts join at once.
        let company = client.create(PARTNER, json!({"name": "Firm", "is_company": true, "vat": "FR1"})).await;
        let new =
            json!([[{"name": "X", "city": "Paris"}, {"name": "Y"}, {"name": "Z", "type": "delivery", "city": "Lyon"}]]);
        let new = ids(&client.kw(PARTNER, "create", new, json!({})).await);
        client.kw(PARTNER, "write", json!([new, {"parent_id": company}]), json!({})).await;
        let shared = series == Series::V19;
        let row = client.values(PARTNER, company, json!(["city"])).await;
        assert_eq!(row["city"], if shared { json!("Paris") } else { json!(false) }, "{context}");
        for (id, city) in [(new[0], json!("Paris")), (new[1], row["city"].clone()), (new[2], json!("Lyon"))] {
            assert_eq!(
                client.values(PARTNER, id, json!(["city", "vat"])).await,
                json!({"city": city, "vat": "FR1"}),
                "{context}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn records_are_found_and_made_by_name() {
    for series in [Series::V17, Series::V19] {
        let server = odoo(series).await;
        let mut client = Client::administrator(&server).await;
        let made = client.kw(PARTNER, "name_create", json!(["Dee <dee@example.com>"]), json!({})).await;
        let id = made[0].as_i64().unwrap();
        assert_eq!(
            client.values(PARTNER, id, json!(["name", "email"])).await,
            json!({"name": "Dee", "email": "dee@example.com"})
        );
        assert_eq!(
            client.kw(PARTNER, "name_search", json!(["dee"]), json!({})).await,
            json!([[id, "Dee"]]),
            "{series}"
        );
        let exactly = json!({"operator": "=", "limit": 1});
        assert_eq!(client.kw(PARTNER, "name_search", json!(["dee"]), exactly).await, json!([]), "{series}");
        let many: Vec<Value> = (0..120).map(|n| json!({"name": format!("Dee {n}")})).collect();
        client.kw(PARTNER, "create", json!([many]), json!({})).await;
        assert_eq!(client.kw(PARTNER, "name_search", json!(["Dee"]), json!({})).await.as_array().unwrap().len(), 100);
        let limited = client.kw(PARTNER, "name_search", json!(["Dee"]), json!({"limit": 3})).await;
        assert_eq!(limited.as_array().unwrap().len(), 3);
        let tag = client.kw(TAG, "name_create", json!(["Tag"]), json!({})).await;
        assert_eq!(tag[1], "Tag", "{series}");
    }
}

#[tokio::test]
async fn copies_have_what_is_copied() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, series: Series, context: &str| {
        let tag = client.create(TAG, json!({"name": "T"})).await;
        let values = json!({"name": "Org", "city": "Gent", "ref": "R1", "category_id": [[6, 0, [tag]]], "child_ids": [[0, 0, {"name": "Kid"}]]});
        let id = client.create(PARTNER, values).await;
        let copy = client.kw(PARTNER, "copy", json!([[id]]), json!({})).await;
        let copy = if series == Series::V17 { copy.as_i64().unwrap() } else { copy[0].as_i64().unwrap() };
        let row = client.values(PARTNER, copy, json!(["name", "city", "ref", "category_id", "child_ids"])).await;
        assert_eq!(row, json!({"name": "Org (copy)", "city": "Gent", "ref": "R1", "category_id": [tag], "child_ids": []}), "{context}");
        let copy = client.kw(PARTNER, "copy", json!([[id], {"name": "Named", "city": false}]), json!({})).await;
        let copy = if series == Series::V17 { copy.as_i64().unwrap() } else { copy[0].as_i64().unwrap() };
        assert_eq!(client.values(PARTNER, copy, json!(["name", "city"])).await, json!({"name": "Named", "city": false}), "{context}");
        let missing = client.fault(PARTNER, "copy", json!([[99_999_999]]), json!({})).await;
        assert_eq!(missing.0, "MissingError", "{context}");
    })
    .await;
}

#[tokio::test]
async fn rows_are_loaded_and_exported() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let rows = json!([
            ["test.one", "One", "one@example.com", "Belgium", "Tag 1,Tag 2"],
            ["test.two", "Two", "", "FR", ""]
        ]);
        client.kw(TAG, "create", json!([[{"name": "Tag 1"}, {"name": "Tag 2"}]]), json!({})).await;
        let loaded = client
            .kw(PARTNER, "load", json!([["id", "name", "email", "country_id", "category_id"], rows]), json!({}))
            .await;
        assert_eq!(loaded["messages"], json!([]), "{context}");
        let made = ids(&loaded["ids"]);
        let row = client.values(PARTNER, made[0], json!(["name", "country_id", "category_id"])).await;
        assert_eq!(
            (&row["name"], &row["country_id"][1], ids(&row["category_id"]).len()),
            (&json!("One"), &json!("Belgium"), 2)
        );
        // The same external id is the same record.
        let again = client.kw(PARTNER, "load", json!([["id", "name"], [["test.one", "Uno"]]]), json!({})).await;
        assert_eq!(ids(&again["ids"]), [made[0]], "{context}");
        let exported = json!([made, ["id", "name", "email", "country_id/code", ".id"]]);
        let exported = client.kw(PARTNER, "export_data", exported, json!({})).await;
        assert_eq!(
            exported["datas"],
            json!([
                ["test.one", "Uno", "one@example.com", "BE", made[0].to_string()],
                ["test.two", "Two", "", "FR", made[1].to_string()]
            ]),
            "{context}"
        );
        // Of rows of which one is wrong, none is loaded.
        let wrong =
            json!([["id", "name", "country_id"], [["test.three", "Three", ""], ["test.four", "Four", "Atlantis"]]]);
        let refused = client.kw(PARTNER, "load", wrong, json!({})).await;
        assert_eq!((&refused["ids"], &refused["messages"][0]["record"]), (&json!(false), &json!(1)), "{context}");
        assert_eq!(
            refused["messages"][0]["message"],
            "No matching record found for name 'Atlantis' in field 'Country'"
        );
        assert_eq!(client.search(PARTNER, json!([["name", "=", "Three"]])).await, [0; 0], "{context}");
        let with_lines = json!([["name", "child_ids/name", "child_ids/city"], [["Org", "A", "X"], ["", "B", "Y"]]]);
        let org = ids(&client.kw(PARTNER, "load", with_lines, json!({})).await["ids"]);
        let children = client.values(PARTNER, org[0], json!(["child_ids"])).await;
        assert_eq!(ids(&children["child_ids"]).len(), 2, "{context}");
        let metadata = client.kw(PARTNER, "get_metadata", json!([[made[0]]]), json!({})).await;
        let described = (&metadata[0]["xmlid"], &metadata[0]["noupdate"], &metadata[0]["create_uid"][0]);
        assert_eq!(described, (&json!("test.one"), &json!(false), &json!(2)), "{context}");
        client.kw(PARTNER, "unlink", json!([[made[0]]]), json!({})).await;
        assert_eq!(
            client.search("ir.model.data", json!([["module", "=", "test"], ["name", "=", "one"]])).await,
            [0; 0]
        );
    })
    .await;
}

#[tokio::test]
async fn specifications_say_what_the_web_client_reads() {
    on_every_store(&[Series::V17, Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let org = client.create(PARTNER, json!({"name": "W1", "country_id": 20, "child_ids": [[0, 0, {"name": "Ka", "color": 2}],
            [0, 0, {"name": "Kb", "color": 1}], [0, 0, {"name": "Kc", "color": 3}]], "category_id": [[0, 0, {"name": "Tag"}]]})).await;
        let kids = client.search(PARTNER, json!([["parent_id", "=", org]])).await;
        let [ka, kb, kc] = kids[..] else { panic!("{kids:?}") };
        let tag = client.search(TAG, json!([["name", "=", "Tag"]])).await[0];
        for (id, specification, read) in [
            (org, json!({}), json!({})),
            (org, json!({"child_ids": {}, "category_id": {"fields": {}}}), json!({"child_ids": [ka, kb, kc], "category_id": [{"id": tag}]})),
            (org, json!({"child_ids": {"fields": {"name": {}}, "order": "color desc", "limit": 2}}),
                json!({"child_ids": [{"id": kc, "name": "Kc"}, {"id": ka, "name": "Ka"}, {"id": kb}]})),
            (org, json!({"country_id": {"fields": {}}, "parent_id": {"fields": {}}}), json!({"country_id": {"id": 20}, "parent_id": false})),
            (ka, json!({"parent_id": {"fields": {"name": {}, "country_id": {"fields": {"code": {}}}, "category_id": {"fields": {"display_name": {}}}}}}),
                json!({"parent_id": {"id": org, "name": "W1", "country_id": {"id": 20, "code": "BE"}, "category_id": [{"id": tag, "display_name": "Tag"}]}})),
        ] {
            let mut row = client.kw(PARTNER, "web_read", json!([[id]]), json!({"specification": specification})).await[0].take();
            row.as_object_mut().unwrap().shift_remove("id");
            assert_eq!(row, read, "{context}: {specification}");
        }
        let page = json!({"specification": {"name": {}}, "order": "name desc", "limit": 1});
        let found = client.kw(PARTNER, "web_search_read", json!([[["parent_id", "=", org]]]), page).await;
        assert_eq!(found, json!({"length": 3, "records": [{"id": kc, "name": "Kc"}]}), "{context}");
        let (name, _) = client.fault(PARTNER, "web_read", json!([[org]]), json!({"specification": {"nope": {}}})).await;
        assert_eq!(name, "ValueError", "{context}");
        let saved = json!([[org], {"name": "W2", "child_ids": [[1, ka, {"name": "Ka2"}], [2, kc]]}]);
        let specification = json!({"specification": {"name": {}, "child_ids": {"fields": {"name": {}}, "order": "name"}}});
        let saved = client.kw(PARTNER, "web_save", saved, specification).await;
        assert_eq!(saved, json!([{"id": org, "name": "W2", "child_ids": [{"id": ka, "name": "Ka2"}, {"id": kb, "name": "Kb"}]}]), "{context}");
        let made = client.kw(PARTNER, "web_save", json!([[], {"name": "New"}]), json!({"specification": {"name": {}}})).await;
        assert_eq!(made[0]["name"], "New", "{context}");
        let form = client.kw(PARTNER, "onchange", json!([[], {}, [], {"name": {}, "type": {}, "company_type": {}}]), json!({})).await;
        assert_eq!(form, json!({"value": {"name": false, "type": "contact", "company_type": "person"}}), "{context}");
        let changed = json!([[ka], {"company_type": "company"}, ["company_type"], {"company_type": {}, "is_company": {}}]);
        let changed = client.kw(PARTNER, "onchange", changed, json!({})).await;
        assert_eq!(changed, json!({"value": {"is_company": true}}), "{context}");
        assert_eq!(client.values(PARTNER, ka, json!(["is_company"])).await, json!({"is_company": false}), "nothing is saved: {context}");
    })
    .await;
}

#[tokio::test]
async fn very_many_records_are_made_at_once() {
    on_every_store(&[Series::V19], async |client: &mut Client<'_>, _: Series, context: &str| {
        let tags: Vec<Value> = (0..30).map(|n| json!({"name": format!("T{n}")})).collect();
        let tags = client.kw(TAG, "create", json!([tags]), json!({})).await;
        let many: Vec<Value> =
            (0..1500).map(|n| json!({"name": format!("P{n}"), "category_id": [[6, 0, tags]]})).collect();
        let made = ids(&client.kw(PARTNER, "create", json!([many]), json!({})).await);
        assert_eq!(made.len(), 1500, "{context}");
        assert!(made.is_sorted(), "{context}");
        let named = client
            .kw(PARTNER, "read", json!([[made[0], made[1499]], ["name", "display_name", "category_id"]]), json!({}))
            .await;
        for (row, name) in named.as_array().unwrap().iter().zip(["P0", "P1499"]) {
            assert_eq!(
                (&row["name"], &row["display_name"], ids(&row["category_id"]).len()),
                (&json!(name), &json!(name), 30),
                "{context}"
            );
        }
        client.kw(PARTNER, "write", json!([made, {"city": "Gent"}]), json!({})).await;
        assert_eq!(
            client.kw(PARTNER, "search_count", json!([[["city", "=", "Gent"]]]), json!({})).await,
            1500,
            "{context}"
        );
        let read = client.kw(PARTNER, "read", json!([made, ["city"]]), json!({})).await;
        assert_eq!(read.as_array().unwrap().len(), 1500, "{context}");
        client.kw(PARTNER, "unlink", json!([made]), json!({})).await;
    })
    .await;
}

/// The server is for as long as the test; it is here that the type is named.
#[tokio::test]
async fn a_failed_call_leaves_the_session_usable() {
    let server: Wiredoo = odoo(Series::V19).await;
    let mut client = Client::administrator(&server).await;
    for _ in 0..3 {
        client.fault(PARTNER, "create", json!([{"email": "x"}]), json!({})).await;
        assert_eq!(client.uid().await, Some(2));
    }
    let id = client.create(PARTNER, json!({"name": "After"})).await;
    assert_eq!(client.values(PARTNER, id, json!(["name"])).await, json!({"name": "After"}));
}
