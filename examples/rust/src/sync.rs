//! What goes from the shop to Odoo, and back.

use serde_json::{Value, json};

use crate::odoo::{Odoo, OdooError};
use crate::shop::{Customer, Shop};

/// How often a step is tried whose answer is lost.
const TRIES: u32 = 3;

/// Keeps a shop and an Odoo in step. Whatever it does can be done again without harm.
pub struct Sync<'s> {
    odoo: &'s Odoo,
    shop: &'s mut Shop,
    batch: usize,
}

impl<'s> Sync<'s> {
    pub fn new(odoo: &'s Odoo, shop: &'s mut Shop) -> Self {
        Self { odoo, shop, batch: 100 }
    }

    /// The same with so many records in a call.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Everything.
    ///
    /// # Errors
    /// See [`OdooError`]; what was done until then stays.
    pub async fn run(&mut self) -> Result<(), OdooError> {
        self.push_customers().await?;
        self.push_orders().await?;
        self.pull_partners().await.map(|_| ())
    }

    /// Sends the customers that have changed. They have external ids, so none is made twice. Answers with how many.
    ///
    /// # Errors
    /// See [`OdooError`].
    pub async fn push_customers(&mut self) -> Result<usize, OdooError> {
        let changed: Vec<u32> = self.shop.customers.iter().filter(|(_, who)| !who.sent).map(|(id, _)| *id).collect();
        if changed.is_empty() {
            return Ok(0);
        }
        let mobile = self.mobile_field().await?;
        let columns = json!(["id", "name", "email", "country_id/id", mobile]);
        for batch in changed.chunks(self.batch) {
            let rows: Vec<Value> = batch.iter().map(|id| row(*id, &self.shop.customers[id])).collect();
            let mut attempt = 1;
            let answer = loop {
                match self.odoo.call("res.partner", "load", json!([columns, rows]), json!({})).await {
                    Err(OdooError::Lost(_)) if attempt < TRIES => self.odoo.pause(attempt).await,
                    answer => break answer?,
                }
                attempt += 1;
            };
            let Some(partners) = answer["ids"].as_array() else {
                let message = answer["messages"][0]["message"].as_str().unwrap_or_default().to_owned();
                return Err(OdooError::Refused { name: "load".to_owned(), message });
            };
            for (id, partner) in batch.iter().zip(partners) {
                if let Some(customer) = self.shop.customers.get_mut(id) {
                    customer.partner = partner.as_i64();
                    customer.sent = true;
                }
            }
        }
        Ok(changed.len())
    }

    /// Where mobile numbers are: 19.0 has no field `mobile` any more.
    async fn mobile_field(&self) -> Result<&'static str, OdooError> {
        let args = json!([["mobile", "phone"], ["type"]]);
        let fields = self.odoo.call("res.partner", "fields_get", args, json!({})).await?;
        Ok(if fields.get("mobile").is_some() { "mobile" } else { "phone" })
    }

    /// Sends the orders that Odoo does not have.
    ///
    /// # Errors
    /// See [`OdooError`].
    pub async fn push_orders(&mut self) -> Result<(), OdooError> {
        for (number, order) in &mut self.shop.orders {
            let Some(partner) = self.shop.customers.get(&order.customer).and_then(|customer| customer.partner) else {
                continue;
            };
            let values = json!({"client_order_ref": number, "partner_id": partner, "amount_total": order.total});
            let mut attempt = 1;
            while order.odoo.is_none() {
                // If the answer of `create` was lost, this finds what it has made.
                order.odoo = find_order(self.odoo, number).await?;
                if order.odoo.is_some() {
                    break;
                }
                match self.odoo.call("sale.order", "create", json!([[values]]), json!({})).await {
                    Err(OdooError::Lost(_)) if attempt < TRIES => self.odoo.pause(attempt).await,
                    made => order.odoo = made?[0].as_i64(),
                }
                attempt += 1;
            }
        }
        Ok(())
    }

    /// Takes what has changed in Odoo since the last time; answers with how many customers that were.
    ///
    /// # Errors
    /// See [`OdooError`].
    pub async fn pull_partners(&mut self) -> Result<usize, OdooError> {
        let since = self.shop.pulled_until.clone().unwrap_or_else(|| "1970-01-01 00:00:00".to_owned());
        let (mut newest, mut last, mut taken) = (since.clone(), 0, 0);
        loop {
            // By the last id and not by an offset: what comes and goes meanwhile moves no page.
            let domain = json!([["write_date", ">=", since], ["id", ">", last]]);
            let args = json!([domain, ["name", "email", "write_date"]]);
            let page = json!({"order": "id", "limit": self.batch});
            let page = self.odoo.call("res.partner", "search_read", args, page).await?;
            let page = page.as_array().cloned().unwrap_or_default();
            for partner in &page {
                last = partner["id"].as_i64().unwrap_or(last);
                newest = newest.max(partner["write_date"].as_str().unwrap_or_default().to_owned());
                taken += usize::from(self.take(last, partner));
            }
            if page.len() < self.batch {
                break;
            }
        }
        self.shop.pulled_until = Some(newest);
        Ok(taken)
    }

    fn take(&mut self, id: i64, partner: &Value) -> bool {
        let Some(customer) = self.shop.customer_of(id) else { return false };
        let text = |field: &str| partner[field].as_str().map(str::to_owned);
        let (name, email) = (text("name").unwrap_or_default(), text("email"));
        if (&customer.name, &customer.email) == (&name, &email) {
            return false;
        }
        (customer.name, customer.email) = (name, email);
        true
    }
}

/// A customer as `load` takes it.
fn row(id: u32, who: &Customer) -> Value {
    let country = who.country.as_ref().map(|code| format!("base.{}", code.to_lowercase()));
    let or_nothing = |text: &Option<String>| text.clone().unwrap_or_default();
    json!([
        format!("shop.customer_{id}"),
        who.name,
        or_nothing(&who.email),
        or_nothing(&country),
        or_nothing(&who.mobile)
    ])
}

async fn find_order(odoo: &Odoo, number: &str) -> Result<Option<i64>, OdooError> {
    let domain = json!([["client_order_ref", "=", number]]);
    let found = odoo.call("sale.order", "search", json!([domain]), json!({"limit": 1})).await?;
    Ok(found[0].as_i64())
}
