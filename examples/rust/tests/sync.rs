//! What integrations meet in production, against an Odoo of each test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use shopsync::odoo::{Odoo, OdooError};
use shopsync::shop::{Customer, Order, Shop};
use shopsync::sync::Sync;
use wiredoo::Series;
use wiredoo::double::faults::{Connection, ErrorKind, Fault};
use wiredoo::double::fixtures::Source;
use wiredoo::double::stubs::{Answer, Stub};
use wiredoo::double::testing::{self, TestDatabase};

/// An Odoo with the shop's user and with `sale.order`, which wiredoo does not have by itself.
async fn odoo(series: Series) -> TestDatabase {
    testing::with_fixtures(series, &[Source::new("odoo.yaml", include_str!("odoo.yaml"))]).await.unwrap()
}

fn client(odoo: &TestDatabase) -> Odoo {
    Odoo::new(odoo.url(), odoo.name(), "shop", "secret").unwrap().pausing(Duration::ZERO)
}

fn customer(name: &str) -> Customer {
    Customer { name: name.to_owned(), ..Customer::default() }
}

fn shop() -> Shop {
    let some = |text: &str| Some(text.to_owned());
    let ann = Customer { email: some("ann@example.com"), country: some("BE"), ..customer("Ann") };
    let cid = Customer { mobile: some("+32 470 00 00 03"), ..customer("Cid") };
    let order = |customer, total| Order { customer, total, odoo: None };
    Shop {
        customers: [(1, ann), (2, customer("Bob")), (3, cid)].into(),
        orders: [("W-1".to_owned(), order(1, 99.5)), ("W-2".to_owned(), order(3, 12.0))].into(),
        pulled_until: None,
    }
}

async fn count(odoo: &TestDatabase, model: &str) -> Value {
    odoo.execute(model, "search_count", json!([[]])).await.unwrap()
}

#[tokio::test]
async fn customers_and_orders_are_there() {
    for (series, mobile) in [(Series::V17, "mobile"), (Series::V19, "phone")] {
        let (odoo, mut shop) = (odoo(series).await, shop());
        let client = client(&odoo);
        Sync::new(&client, &mut shop).run().await.unwrap();
        let ann = odoo.id("shop.customer_1").await.unwrap();
        assert_eq!(shop.customers[&1].partner, Some(ann));
        let ann = odoo.execute("res.partner", "read", json!([[ann], ["name", "country_id"]])).await.unwrap();
        assert_eq!((&ann[0]["name"], &ann[0]["country_id"][1]), (&json!("Ann"), &json!("Belgium")));
        let cid = odoo.execute("res.partner", "read", json!([[shop.customers[&3].partner], [mobile]])).await.unwrap();
        assert_eq!(cid[0][mobile], "+32 470 00 00 03", "{series}");
        assert_eq!(Sync::new(&client, &mut shop).push_customers().await.unwrap(), 0);
        odoo.assert_called("res.partner", "load", 1);
        odoo.assert_called("sale.order", "create", 2);
    }
}

#[tokio::test]
async fn an_order_whose_answer_is_lost_is_made_once() {
    for lost in [Connection::CutAfter, Connection::Truncated, Connection::Malformed] {
        let (odoo, mut shop) = (odoo(Series::V19).await, shop());
        odoo.add_fault(Fault::on("sale.order", "create").connection(lost).times(1)).unwrap();
        Sync::new(&client(&odoo), &mut shop).run().await.unwrap();
        assert_eq!(count(&odoo, "sale.order").await, 2, "{lost:?}");
        odoo.assert_called("sale.order", "create", 2);
    }
}

#[tokio::test]
async fn customers_whose_answer_is_lost_are_made_once() {
    let (odoo, mut shop) = (odoo(Series::V19).await, shop());
    let before = count(&odoo, "res.partner").await.as_i64().unwrap();
    odoo.add_fault(Fault::on("res.partner", "load").connection(Connection::CutAfter).times(1)).unwrap();
    Sync::new(&client(&odoo), &mut shop).push_customers().await.unwrap();
    assert_eq!(count(&odoo, "res.partner").await, before + 3);
    odoo.assert_called("res.partner", "load", 2);
}

#[tokio::test]
async fn a_session_that_ends_is_begun_again() {
    let (odoo, mut shop) = (odoo(Series::V19).await, shop());
    let client = client(&odoo);
    Sync::new(&client, &mut shop).push_customers().await.unwrap();
    odoo.clock().advance(Duration::from_hours(8 * 24));
    odoo.add_fault(Fault::on("sale.order", "create").error(ErrorKind::SessionExpired, "").nth(2)).unwrap();
    Sync::new(&client, &mut shop).push_orders().await.unwrap();
    assert_eq!(count(&odoo, "sale.order").await, 2);
    assert_eq!(odoo.calls().iter().filter(|call| call.seen.path == "/web/session/authenticate").count(), 3);
}

#[tokio::test]
async fn a_changed_password_is_told_and_not_tried_again() {
    let (odoo, mut shop) = (odoo(Series::V19).await, shop());
    let client = client(&odoo);
    Sync::new(&client, &mut shop).push_customers().await.unwrap();
    let user = odoo.execute("res.users", "search", json!([[["login", "=", "shop"]]])).await.unwrap();
    odoo.execute("res.users", "write", json!([user, {"password": "another"}])).await.unwrap();
    let refused = Sync::new(&client, &mut shop).push_orders().await.unwrap_err();
    assert!(matches!(refused, OdooError::Credentials(_)), "{refused}");
}

#[tokio::test]
async fn a_busy_server_is_waited_for() {
    let (odoo, mut shop) = (odoo(Series::V19).await, shop());
    odoo.add_fault(Fault::on("res.partner", "load").http(429).retry_after(0).times(2)).unwrap();
    odoo.add_fault(Fault::on("sale.order", "search").http(503).times(2)).unwrap();
    odoo.add_fault(Fault::on("sale.order", "create").retried(3)).unwrap();
    Sync::new(&client(&odoo), &mut shop).run().await.unwrap();
    odoo.assert_called("res.partner", "load", 3);
    assert_eq!(count(&odoo, "sale.order").await, 2);
}

#[tokio::test]
async fn a_record_that_goes_meanwhile_hides_no_other() {
    let (odoo, mut shop) = (odoo(Series::V19).await, Shop::default());
    shop.customers.extend((10..30).map(|number| (number, customer(&format!("Customer {number}")))));
    let client = client(&odoo);
    Sync::new(&client, &mut shop).push_customers().await.unwrap();
    let partners: Vec<i64> = shop.customers.values().filter_map(|customer| customer.partner).collect();
    let gone = partners[..3].to_vec();
    odoo.execute("res.partner", "write", json!([partners, {"email": "changed@example.com"}])).await.unwrap();
    let (colleague, pages, go) = (odoo.administrator().clone(), Arc::new(AtomicUsize::new(0)), gone.clone());
    let stub = Stub::on("res.partner", "search_read").asks(move |_| {
        let (colleague, go, page) = (colleague.clone(), go.clone(), pages.fetch_add(1, Ordering::Relaxed));
        async move {
            if page == 1 {
                colleague.execute("res.partner", "unlink", json!([go])).await.unwrap();
            }
            Answer::Pass
        }
    });
    odoo.add_stub(stub).unwrap();
    Sync::new(&client, &mut shop).batch(5).pull_partners().await.unwrap();
    let changed = shop.customers.values().filter(|customer| customer.email.is_some());
    assert_eq!(changed.filter(|customer| !gone.contains(&customer.partner.unwrap())).count(), 17);
}

#[tokio::test]
async fn what_odoo_refuses_is_told() {
    let (odoo, mut shop) = (odoo(Series::V19).await, shop());
    shop.customers.get_mut(&2).unwrap().country = Some("Nowhere".to_owned());
    let refused = Sync::new(&client(&odoo), &mut shop).push_customers().await.unwrap_err();
    assert!(refused.to_string().contains("nowhere"), "{refused}");
    assert!(shop.customers.values().all(|customer| customer.partner.is_none()));
}
