//! The shop: customers and orders. A real one would have a database.

use std::collections::BTreeMap;

/// Somebody who buys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Customer {
    pub name: String,
    pub email: Option<String>,
    pub mobile: Option<String>,
    /// Two letters.
    pub country: Option<String>,
    /// The id of the partner in Odoo, once there is one.
    pub partner: Option<i64>,
    /// Whether Odoo has the customer as it is.
    pub sent: bool,
}

/// What somebody has bought.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// The customer's number.
    pub customer: u32,
    pub total: f64,
    /// The id of the order in Odoo, once there is one.
    pub odoo: Option<i64>,
}

/// Customers and orders, by their numbers.
#[derive(Debug, Default)]
pub struct Shop {
    pub customers: BTreeMap<u32, Customer>,
    pub orders: BTreeMap<String, Order>,
    /// Until when changes in Odoo are known here.
    pub pulled_until: Option<String>,
}

impl Shop {
    /// The customer of a partner.
    pub fn customer_of(&mut self, partner: i64) -> Option<&mut Customer> {
        self.customers.values_mut().find(|customer| customer.partner == Some(partner))
    }
}
