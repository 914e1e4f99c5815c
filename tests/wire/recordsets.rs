//! Methods that are meant for Odoo's own code, which up to 18.0 anybody may call: recordsets are answered as Python shows
//! them.

use serde_json::{Value, json};
use wiredoo::Series;

use crate::common::{Client, make_user, odoo};

const PARTNER: &str = "res.partner";
const OPEN: [Series; 4] = [Series::V15, Series::V16, Series::V17, Series::V18];

/// Two contacts of a company: `[company, Ann, Bob]`.
async fn people(client: &mut Client<'_>) -> [i64; 3] {
    let company = client.create(PARTNER, json!({"name": "Co", "is_company": true, "city": "Gent"})).await;
    let ann = client.create(PARTNER, json!({"name": "Ann", "color": 2, "parent_id": company})).await;
    let bob = client.create(PARTNER, json!({"name": "Bob", "color": 1, "active": false})).await;
    [company, ann, bob]
}

#[tokio::test]
async fn records_are_shown() {
    for series in OPEN {
        let server = odoo(series).await;
        let mut c = Client::administrator(&server).await;
        let [company, ann, bob] = people(&mut c).await;
        let (one, both) = (format!("res.partner({ann},)"), format!("res.partner({bob}, {ann})"));
        for (method, args, answer) in [
            // It is a method of records like the others: the first argument is whose it is.
            ("browse", json!([ann]), json!("res.partner()")),
            ("browse", json!([[], ann]), json!(one)),
            ("browse", json!([[], [bob, ann]]), json!(both)),
            ("sudo", json!([[bob, ann]]), json!(both)),
            ("with_context", json!([[ann], {"lang": "en_US"}]), json!(one)),
            ("with_user", json!([[ann], 2]), json!(one)),
            ("with_company", json!([[ann], 1]), json!(one)),
            ("ensure_one", json!([[ann]]), json!(one)),
            ("mapped", json!([[bob, ann], "name"]), json!(["Bob", "Ann"])),
            ("mapped", json!([[bob, ann], "parent_id"]), json!(format!("res.partner({company},)"))),
            ("mapped", json!([[bob, ann], "parent_id.city"]), json!(["Gent"])),
            ("mapped", json!([[], "name"]), json!([])),
            ("filtered", json!([[bob, ann], "active"]), json!(one)),
            ("filtered", json!([[bob, ann], "parent_id.city"]), json!(one)),
            ("filtered_domain", json!([[bob, ann], [["color", ">", 1]]]), json!(one)),
            ("filtered_domain", json!([[bob, ann], [["active", "in", [true, false]]]]), json!(both)),
            ("sorted", json!([[ann, bob], "color"]), json!(both)),
            ("sorted", json!([[bob, ann], "color", true]), json!(format!("res.partner({ann}, {bob})"))),
        ] {
            let found = c.kw(PARTNER, method, args.clone(), json!({})).await;
            assert_eq!(found, answer, "{series} {method} {args}");
        }
    }
}

#[tokio::test]
async fn what_does_not_fit() {
    for series in OPEN {
        let server = odoo(series).await;
        let mut c = Client::administrator(&server).await;
        let [_, ann, bob] = people(&mut c).await;
        for (method, args, name, message) in [
            ("ensure_one", json!([[bob, ann]]), "ValueError", format!("Expected singleton: res.partner({bob}, {ann})")),
            ("ensure_one", json!([[]]), "ValueError", "Expected singleton: res.partner()".to_owned()),
            ("mapped", json!([[ann], "nope"]), "KeyError", "nope".to_owned()),
            ("mapped", json!([[ann], 5]), "TypeError", "'int' object is not callable".to_owned()),
            ("filtered", json!([[ann], "nope"]), "KeyError", "nope".to_owned()),
            ("sorted", json!([[ann], "nope"]), "KeyError", "nope".to_owned()),
            ("browse", json!([]), "IndexError", "list index out of range".to_owned()),
            ("filtered_domain", json!([[ann], "x"]), "", String::new()),
            ("with_user", json!([[ann], {"a": 1}]), "", String::new()),
            (
                "mapped",
                json!([[ann]]),
                "TypeError",
                "BaseModel.mapped() missing 1 required positional argument: 'func'".to_owned(),
            ),
        ] {
            let answer = c.call_kw(PARTNER, method, args.clone(), json!({})).await;
            if name.is_empty() {
                // An answer or a fault, but nothing that is none of both.
                assert!(answer.json().get("result").is_some() || answer.json().get("error").is_some());
                continue;
            }
            let (found, why) = answer.exception();
            assert_eq!((found.rsplit('.').next(), why), (Some(name), message), "{series} {method} {args}");
        }
        let deep = (0..200).fold(json!([]), |deep: Value, _| json!(["&", deep]));
        let answer = c.call_kw(PARTNER, "filtered_domain", json!([[ann], deep]), json!({})).await;
        assert!(answer.json().get("error").is_some(), "{series}");
    }
}

#[tokio::test]
async fn rights_hold() {
    for series in OPEN {
        let server = odoo(series).await;
        make_user(&server, "uma", "uma", &[]).await;
        let mut c = Client::new(&server);
        c.authenticate("uma", "uma").await;
        for (model, method, args) in [
            ("ir.config_parameter", "mapped", json!([[1], "value"])),
            ("ir.config_parameter", "filtered", json!([[1], "value"])),
            ("ir.config_parameter", "filtered_domain", json!([[1], [["key", "!=", false]]])),
            ("ir.config_parameter", "sorted", json!([[1], "value"])),
            ("res.users", "mapped", json!([[2], "password"])),
            ("res.company", "update", json!([[1], {"name": "x"}])),
        ] {
            let answer = c.call_kw(model, method, args.clone(), json!({})).await.json();
            let secret = answer["result"] == json!([""]) || answer["result"] == json!(["********"]);
            assert!(answer.get("error").is_some() || secret, "{series} {model} {method} {args}: {answer}");
        }
    }
}

#[tokio::test]
async fn later_series_refuse_them() {
    let server = odoo(Series::V19).await;
    let mut c = Client::administrator(&server).await;
    for method in ["browse", "sudo", "with_context", "mapped", "filtered", "sorted", "ensure_one", "exists"] {
        let (name, message) = c.fault(PARTNER, method, json!([[3], "name"]), json!({})).await;
        let expected = format!("Private methods (such as 'res.partner.{method}') cannot be called remotely.");
        assert_eq!((name.as_str(), message), ("AccessError", expected));
    }
}
