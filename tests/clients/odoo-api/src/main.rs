//! odoo-api 0.2.5: `/jsonrpc` with a type for every answer, awaited and blocking.
//!
//! Left out, since no Odoo from 17.0 on can answer as the types want it: `web_get_session_info` (a member `company_id` of the
//! session info), `check_access_rules` (an object where there is nothing), from 18.0 on `copy` (a number where there is a
//! list) and `name_get` (which is gone), and from 19.0 on `exists` (which is not public). Optional arguments are given,
//! since the library sends a null for what is not.

use std::error::Error;
use std::fmt::Debug;
use std::future::Future;

use odoo_api::client::error::ReqwestError;
use odoo_api::client::{Authed, OdooClient, ReqwestAsync};
use odoo_api::jsonrpc::response::JsonRpcError;
use odoo_api::service::orm::{AccessOperation, CreateResponseItem};
use odoo_api::{jmap, jvec, svec, OdooId};
use serde_json::{json, Value};

type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;
type Client = OdooClient<Authed, ReqwestAsync>;

/// The server that the library is driven against; the members are those of `Target` in steps.py.
struct Target {
    url: String,
    db: String,
    login: String,
    password: String,
    series: String,
    major: u32,
    api_key: String,
    unique: String,
    language: String,
    library: String,
}

impl Target {
    fn new() -> Result<Self> {
        let variable = |name: &str| std::env::var(format!("ODOO_{name}"));
        let series = variable("SERIES")?;
        Ok(Self {
            url: variable("URL")?,
            db: variable("DB")?,
            login: variable("LOGIN")?,
            password: variable("PASSWORD")?,
            major: series.split('.').next().unwrap_or_default().parse()?,
            series,
            api_key: variable("API_KEY")?,
            unique: variable("UNIQUE")?,
            language: variable("LANGUAGE")?,
            library: variable("LIBRARY")?,
        })
    }

    fn name(&self, name: &str) -> String {
        format!("{} {name}", self.unique)
    }

    /// Runs a step and writes its line; a failure does not stop the others.
    async fn step(&self, name: &str, step: impl Future<Output = Result>) {
        match step.await {
            Ok(()) => println!("ok {}: {name}", self.library),
            Err(error) => {
                let why = format!("{error} {error:?}").split_whitespace().collect::<Vec<_>>().join(" ");
                println!("FAILED {}: {name}: {}", self.library, why.chars().take(400).collect::<String>());
            }
        }
    }

    async fn log_in(&self, password: &str) -> Result<Client> {
        Ok(OdooClient::new_reqwest_async(&self.url)?.authenticate(&self.db, &self.login, password).await?)
    }
}

/// Fails, telling both, where they differ.
fn same<T: PartialEq + Debug>(actual: T, expected: T) -> Result {
    if actual == expected {
        Ok(())
    } else {
        Err(format!("{actual:?} is not {expected:?}").into())
    }
}

/// The error that the server answered with.
fn refused<T: Debug>(answer: std::result::Result<T, ReqwestError>) -> Result<JsonRpcError> {
    match answer {
        Err(ReqwestError::JsonRpcError(error)) => Ok(error),
        other => Err(format!("not refused: {other:?}").into()),
    }
}

/// Some members of the rows, in order.
fn picked(rows: &[serde_json::Map<String, Value>], members: &[&str]) -> Value {
    rows.iter().map(|row| members.iter().map(|member| row[*member].clone()).collect::<Value>()).collect()
}

async fn log_in(target: &Target) -> Result<Client> {
    let mut anonymous = OdooClient::new_reqwest_async(&target.url)?;
    target
        .step("version", async {
            let version = anonymous.common_version().send().await?;
            same((version.server_serie, version.server_version_info.major), (target.series.clone(), target.major))?;
            let version = anonymous.db_server_version().send().await?.version;
            same(version.starts_with(&target.series), true)
        })
        .await;
    target
        .step("databases", async {
            same(anonymous.db_list(false).send().await?.databases.contains(&target.db), true)?;
            same(anonymous.web_database_list().send().await?.databases.contains(&target.db), true)?;
            same(anonymous.db_exist(&target.db).send().await?.exists, true)
        })
        .await;
    target
        .step("languages", async {
            let languages = anonymous.db_list_lang().send().await?.languages;
            same(languages.iter().any(|language| language.code == target.language), true)
        })
        .await;
    target
        .step("wrong password", async {
            match target.log_in("wrong").await {
                Ok(_) => Err("was taken".into()),
                Err(error) => same(error.to_string(), "JSON-RPC Error".to_owned()),
            }
        })
        .await;
    let mut client = target.log_in(&target.password).await?;
    target
        .step("login", async {
            let uid = client.common_login().send().await?.uid;
            same(client.common_authenticate(jmap! {}).send().await?.uid, uid)?;
            let users = client.read("res.users", uid, svec!["login"]).send().await?.data;
            same(picked(&users, &["id", "login"]), json!([[uid, target.login]]))
        })
        .await;
    target
        .step("wrong password of a known user", async {
            let uid = client.common_login().send().await?.uid;
            let wrong = OdooClient::new_reqwest_async(&target.url)?;
            let mut wrong = wrong.authenticate_manual(&target.db, &target.login, uid, "wrong", None);
            let error = refused(wrong.execute("res.users", "search", jvec![[]]).send().await)?;
            same(error.data.name.as_str(), "odoo.exceptions.AccessDenied")
        })
        .await;
    if !target.api_key.is_empty() {
        target
            .step("API key as the password", async {
                let uid = client.common_login().send().await?.uid;
                let by_key = OdooClient::new_reqwest_async(&target.url)?;
                let mut by_key = by_key.authenticate_manual(&target.db, &target.login, uid, &target.api_key, None);
                let domain = jvec![["id", "=", uid]];
                same(by_key.search_count("res.users", domain, Some(5)).send().await?.count, 1)
            })
            .await;
    }
    Ok(client)
}

async fn create(target: &Target, client: &mut Client) -> Result<[OdooId; 3]> {
    let people = jvec![
        {"name": (target.name("Ann")), "city": "Ath", "color": 1},
        {"name": (target.name("Bob")), "city": "Ath", "color": 2},
        {"name": (target.name("Cid")), "city": "Gent", "color": 7}
    ];
    let CreateResponseItem::Multi(ids) = client.create("res.partner", people).send().await?.ids else {
        return Err("one id for three records".into());
    };
    target
        .step("create", async {
            same(ids.is_sorted(), true)?;
            let tag = jmap! {"name": (target.name("tag"))};
            match client.create("res.partner.category", tag).send().await?.ids {
                CreateResponseItem::One(id) => same(id > 0, true),
                CreateResponseItem::Multi(ids) => Err(format!("ids for one record: {ids:?}").into()),
            }
        })
        .await;
    Ok(ids.try_into().map_err(|ids| format!("{ids:?}"))?)
}

async fn read(target: &Target, client: &mut Client, [ann, bob, cid]: [OdooId; 3]) {
    let mine = || jvec![["id", "in", [ann, bob, cid]]];
    target
        .step("search with operators, order, limit and offset", async {
            let found =
                client.search("res.partner", mine(), Some(0), Some(80), Some("name desc".into())).send().await?;
            same(found.records, vec![cid, bob, ann])?;
            let found = client.search("res.partner", mine(), Some(1), Some(1), Some("name".into())).send().await?;
            same(found.records, vec![bob])?;
            let domain = jvec!["|", ["id", "=", cid], ["name", "=ilike", (target.name("ANN"))]];
            let found = client.search("res.partner", domain, Some(0), Some(80), Some("id".into())).send().await?;
            same(found.records, vec![ann, cid])?;
            same(client.search_count("res.partner", mine(), Some(2)).send().await?.count, 2)
        })
        .await;
    target
        .step("read and search_read", async {
            let rows = client.read("res.partner", vec![cid, ann], svec!["city", "email"]).send().await?.data;
            same(picked(&rows, &["id", "city", "email"]), json!([[cid, "Gent", false], [ann, "Ath", false]]))?;
            let order = Some("color desc".to_owned());
            let found =
                client.search_read("res.partner", mine(), svec!["color"], Some(0), Some(2), order).send().await?;
            same(picked(&found.data, &["id", "color"]), json!([[cid, 7], [bob, 2]]))
        })
        .await;
    target
        .step("execute and execute_kw", async {
            let found = client.execute("res.partner", "search", jvec![[["id", "=", ann]]]).send().await?.data;
            same(found, json!([ann]))?;
            let order = jmap! {"order": "id desc", "limit": 2};
            let found = client.execute_kw("res.partner", "search", jvec![(mine())], order).send().await?.data;
            same(found, json!([cid, bob]))
        })
        .await;
    target
        .step("grouping", async {
            let groups = client.read_group(
                "res.partner",
                mine(),
                svec!["color:sum"],
                svec!["city"],
                Some(0),
                Some(80),
                Some("city".into()),
                true,
            );
            let groups = groups.send().await?.result;
            same(picked(&groups, &["city", "city_count", "color"]), json!([["Ath", 2, 3], ["Gent", 1, 7]]))
        })
        .await;
    target
        .step("names", async {
            let found =
                client.name_search("res.partner", &target.name("Cid"), Some(mine()), Some("ilike".into()), Some(5));
            let found = found.send().await;
            if target.major < 19 {
                let names: Vec<_> = found?.records.into_iter().map(|record| (record.id, record.name)).collect();
                same(names, vec![(cid, target.name("Cid"))])?;
            } else {
                // 19.0 has another name for the argument `args`.
                same(refused(found)?.data.name.as_str(), "builtins.TypeError")?;
            }
            if target.major <= 17 {
                let names = client.name_get("res.partner", ann).send().await?.display_names;
                same((names[0].id, names[0].name.clone()), (ann, target.name("Ann")))?;
            }
            let made = client.name_create("res.partner", &target.name("Dan")).send().await?;
            same(made.name, target.name("Dan"))
        })
        .await;
    target
        .step("metadata and external ids", async {
            let metadata = client.get_metadata("res.partner", ann).send().await?.metadata;
            same((&metadata[0]["id"], &metadata[0]["xmlid"]), (&json!(ann), &json!(false)))?;
            let ids = client.get_external_id("res.company", 1).send().await?.external_ids;
            same(ids[&1].as_str(), "base.main_company")
        })
        .await;
    target
        .step("access rights", async {
            let asked = client.check_access_rights("res.partner", AccessOperation::Write, false);
            same(asked.send().await?.ok, true)
        })
        .await;
    target
        .step("fields_get", async {
            let named = jmap! {"attributes": ["type", "relation"]};
            let fields =
                client.execute_kw("res.partner", "fields_get", jvec![["country_id"]], named).send().await?.data;
            same(fields, json!({"country_id": {"type": "many2one", "relation": "res.country"}}))
        })
        .await;
}

async fn write(target: &Target, client: &mut Client, [ann, bob, cid]: [OdooId; 3]) {
    target
        .step("write", async {
            same(client.write("res.partner", vec![ann, bob], jmap! {"city": "Mons é"}).send().await?.ok, true)?;
            let rows = client.read("res.partner", bob, svec!["city"]).send().await?.data;
            same(picked(&rows, &["city"]), json!([["Mons é"]]))
        })
        .await;
    target
        .step("many2one and x2many commands", async {
            let domain = jvec![["code", "=", "BE"]];
            let found = client.search("res.country", domain, Some(0), Some(1), Some("id".into())).send().await?;
            let belgium = found.records[0];
            let values = jmap! {
                "country_id": belgium,
                "category_id": [[0, 0, {"name": (target.name("gold"))}]],
                "child_ids": [[4, bob, 0]]
            };
            client.write("res.partner", ann, values).send().await?;
            let fields = svec!["country_id", "category_id", "child_ids"];
            let rows = client.read("res.partner", ann, fields).send().await?.data;
            same(picked(&rows, &["country_id", "child_ids"]), json!([[[belgium, "Belgium"], [bob]]]))?;
            same(rows[0]["category_id"].as_array().map(Vec::len), Some(1))?;
            let values = jmap! {"country_id": false, "category_id": [[5, 0, 0]], "child_ids": [[3, bob, 0]]};
            client.write("res.partner", ann, values).send().await?;
            let rows =
                client.read("res.partner", ann, svec!["country_id", "category_id", "child_ids"]).send().await?.data;
            same(picked(&rows, &["country_id", "category_id", "child_ids"]), json!([[false, [], []]]))
        })
        .await;
    if target.major <= 17 {
        target
            .step("copy and exists", async {
                let default = jmap! {"name": (target.name("Eva"))};
                let copy = client.copy("res.partner", cid, Some(default)).send().await?.id;
                let rows = client.read("res.partner", copy, svec!["name", "city"]).send().await?.data;
                same(picked(&rows, &["name", "city"]), json!([[target.name("Eva"), "Gent"]]))?;
                let existing = client.exists("res.partner", vec![ann, OdooId::MAX]).send().await?;
                same(json!(existing.existing_records), json!([ann]))
            })
            .await;
    }
    target
        .step("contexts", async {
            client.write("res.partner", cid, jmap! {"active": false}).send().await?;
            let domain = jvec![[["id", "=", cid]]];
            same(client.execute("res.partner", "search", domain.clone()).send().await?.data, json!([]))?;
            let context = jmap! {"context": {"active_test": false}};
            same(client.execute_kw("res.partner", "search", domain, context).send().await?.data, json!([cid]))
        })
        .await;
    target
        .step("context: language", async {
            let tags = "res.partner.category";
            let made = client.create(tags, jmap! {"name": (target.name("iron"))}).send().await?.ids;
            let CreateResponseItem::One(tag) = made else { return Err(format!("{made:?} for one record").into()) };
            let french = jmap! {"context": {"lang": (&target.language)}};
            let values = jvec![[tag], {"name": (target.name("fer"))}];
            client.execute_kw(tags, "write", values, french.clone()).send().await?;
            for (context, name) in [(french, "fer"), (jmap! {"context": {"lang": "en_US"}}, "iron")] {
                let rows = client.execute_kw(tags, "read", jvec![[tag], ["name"]], context).send().await?.data;
                same(rows, json!([{"id": tag, "name": (target.name(name))}]))?;
            }
            Ok(())
        })
        .await;
    target
        .step("attachment", async {
            let values = jmap! {
                "name": (target.name("file.txt")), "datas": "aGVsbG8gd29ybGQ=", "res_model": "res.partner", "res_id": ann
            };
            let made = client.create("ir.attachment", values).send().await?.ids;
            let CreateResponseItem::One(file) = made else { return Err(format!("{made:?} for one record").into()) };
            let rows = client.read("ir.attachment", file, svec!["datas", "mimetype"]).send().await?.data;
            same(picked(&rows, &["datas", "mimetype"]), json!([["aGVsbG8gd29ybGQ=", "text/plain"]]))?;
            same(client.unlink("ir.attachment", file).send().await?.ok, true)
        })
        .await;
    target
        .step("a method of records", async {
            let addresses = client.execute("res.partner", "address_get", jvec![[ann], ["invoice"]]).send().await?.data;
            same(addresses, json!({"contact": ann, "invoice": ann}))
        })
        .await;
    target
        .step("errors", async {
            let error = refused(client.write("res.partner", ann, jmap! {"parent_id": ann}).send().await)?;
            same(error.data.name.as_str(), "odoo.exceptions.ValidationError")?;
            same(error.data.message.as_str(), "You cannot create recursive Partner hierarchies.")?;
            same(error.code, if target.major < 19 { 200 } else { 0 })?;
            let error = refused(client.execute("res.partner", "nope", jvec![[ann]]).send().await)?;
            same(error.data.name.as_str(), "builtins.AttributeError")?;
            let error = refused(client.write("res.partner", OdooId::MAX, jmap! {"name": "x"}).send().await)?;
            same(error.data.name.as_str(), "odoo.exceptions.MissingError")
        })
        .await;
    target
        .step("unlink", async {
            same(client.unlink("res.partner", vec![ann, bob, cid]).send().await?.ok, true)?;
            let rows = client.read("res.partner", ann, svec!["name"]).send().await?.data;
            same(rows.len(), 0)
        })
        .await;
}

async fn awaited(target: &Target) -> Result {
    let mut client = log_in(target).await?;
    let people = create(target, &mut client).await?;
    read(target, &mut client, people).await;
    write(target, &mut client, people).await;
    Ok(())
}

fn blocking(target: &Target) -> Result {
    let mut client =
        OdooClient::new_reqwest_blocking(&target.url)?.authenticate(&target.db, &target.login, &target.password)?;
    let uid = client.common_login().send()?.uid;
    let users = client.read("res.users", uid, svec!["login"]).send()?.data;
    same(picked(&users, &["login"]), json!([[target.login]]))
}

fn main() -> Result {
    let target = Target::new()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(awaited(&target))?;
    // Outside of the runtime, which the blocking client has one of its own of.
    let blocked = blocking(&target);
    runtime.block_on(target.step("without awaiting", async { blocked }));
    Ok(())
}
