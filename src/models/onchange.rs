//! What changes in a form of a base model when somebody changes a field in it.

use serde_json::{Map, Value, json};

use super::res_partner::ADDRESS;
use super::{Values, res_users_apikeys};
use crate::error::Result;
use crate::orm::domain::{Domain, Operator};
use crate::orm::env::Env;
use crate::orm::fields_get;
use crate::orm::read;
use crate::orm::registry::Model;
use crate::orm::search::{self, Page};
use crate::python;

/// A record as a form shows it, before it is saved.
#[derive(Clone, Debug, Default)]
pub struct Form {
    /// The record as it is saved; nothing for a new one.
    pub origin: Option<Values>,
    /// The values in the form, and of what is not in it, those of the saved record, or defaults. A many2one is an id
    /// or false.
    pub values: Values,
}

impl Form {
    /// The record in a many2one.
    #[must_use]
    pub fn link(&self, name: &str) -> Option<i32> {
        link(&self.values, name)
    }

    /// A text, empty where there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether a value is true.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(python::truth)
    }

    fn number(&self, name: &str) -> f64 {
        self.values.get(name).and_then(Value::as_f64).unwrap_or_default()
    }
}

/// What follows from a change.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// The values of other fields. They may be the same as before.
    pub values: Values,
    /// What a person is warned of: `title`, `message` and perhaps `type`.
    pub warning: Option<Value>,
}

impl Changes {
    fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    fn put_link(&mut self, name: &str, id: Option<i32>) {
        self.put(name, id.map_or(Value::Bool(false), Value::from));
    }
}

fn link(values: &Values, name: &str) -> Option<i32> {
    values.get(name).map(read::ids_in).and_then(|ids| ids.first().copied())
}

/// What follows from a change of the fields `changed`, by the rules of the model.
///
/// # Errors
/// A failure of the database.
pub async fn changes(env: &Env<'_>, model: &Model, form: &Form, changed: &[String]) -> Result<Changes> {
    let rules = Rules { env, model, form, changed };
    match model.name.as_str() {
        "res.partner" => rules.partner().await,
        "res.users" => Ok(rules.user()),
        "res.company" => rules.company().await,
        "res.bank" => rules.bank().await,
        "res.partner.bank" => rules.account().await,
        "res.currency.rate" => rules.rate().await,
        "res.lang" => Ok(rules.lang()),
        "decimal.precision" => Ok(rules.precision()),
        "res.users.apikeys.description" => Ok(rules.key()),
        _ => Ok(rules.plain()),
    }
}

struct Rules<'r, 'a> {
    env: &'r Env<'a>,
    model: &'r Model,
    form: &'r Form,
    changed: &'r [String],
}

impl Rules<'_, '_> {
    fn changes_any(&self, names: &[&str]) -> bool {
        self.changed.iter().any(|name| names.contains(&name.as_str()))
    }

    fn is_computed(&self, name: &str) -> bool {
        self.model.field(name).is_some_and(|field| field.computed)
    }

    /// Fields of a record of another model, whoever may see them.
    async fn of(&self, model: &str, id: i32, names: &[&str]) -> Result<Values> {
        let sudo = self.env.sudo();
        let model = sudo.model(model).await?;
        let fields: Vec<_> = names.iter().filter_map(|name| model.field(name).cloned()).collect();
        Ok(read::fetch(&sudo, &model, &[id], &fields).await?.shift_remove(&id).unwrap_or_default())
    }

    /// A record is called what the field says that names it.
    fn plain(&self) -> Changes {
        let mut changes = Changes::default();
        if let Some(name) = self.model.rec_name.as_deref().filter(|name| *name != "display_name")
            && self.changes_any(&[name])
            && self.model.field(name).is_some_and(|field| field.kind.is_text())
        {
            let name = self.form.values.get(name).filter(|name| python::truth(name)).cloned();
            changes.put("display_name", name.unwrap_or(Value::Bool(false)));
        }
        changes
    }

    /// The end of a key follows from how long it is to last (18.0 on).
    fn key(&self) -> Changes {
        let mut changes = self.plain();
        if self.changes_any(&["duration"])
            && let Some(end) =
                self.form.values.get("duration").and_then(|duration| res_users_apikeys::end(self.env, duration))
        {
            changes.put("expiration_date", end);
        }
        changes
    }

    /// The country follows from the state, and a state of another country does not stay.
    async fn country(&self, state: &str, country: &str, changes: &mut Changes) -> Result<()> {
        let of_state = match self.form.link(state) {
            Some(id) => link(&self.of("res.country.state", id, &["country_id"]).await?, "country_id"),
            None => None,
        };
        if self.changes_any(&[state]) && of_state.is_some() {
            changes.put_link(country, of_state);
        } else if self.changes_any(&[country])
            && self.form.link(country).is_some()
            && self.form.link(country) != of_state
        {
            changes.put(state, false);
        }
        Ok(())
    }

    async fn partner(&self) -> Result<Changes> {
        let mut changes = Changes::default();
        let form = self.form;
        if self.changes_any(&["company_type"]) && !form.text("company_type").is_empty() {
            changes.put("is_company", form.text("company_type") == "company");
        } else if self.changes_any(&["company_type", "is_company"]) {
            changes.put("company_type", if form.is("is_company") { "company" } else { "person" });
        }
        self.country("state_id", "country_id", &mut changes).await?;
        if self.changes_any(&["parent_id"]) {
            self.parent(&mut changes).await?;
        }
        if self.changes_any(&["name", "email"]) {
            let email = form.text("email");
            let name = if form.text("name").is_empty() { "False" } else { form.text("name") };
            let formatted = (!email.is_empty()).then(|| format!("\"{name}\" <{email}>"));
            changes.put("email_formatted", formatted.map_or(Value::Bool(false), Value::from));
        }
        if self.changes_any(&["name", "parent_id", "is_company", "company_name", "type"]) {
            let name = self.partner_name().await?;
            changes.put("complete_name", name.as_str());
            changes.put("display_name", name);
        }
        Ok(changes)
    }

    /// A contact has the address of its company, and more of what is its company's.
    async fn parent(&self, changes: &mut Changes) -> Result<()> {
        let form = self.form;
        let own_company = form.is("is_company");
        let Some(parent) = form.link("parent_id") else {
            changes.put("commercial_company_name", form.values.get("company_name").cloned().unwrap_or_default());
            return Ok(());
        };
        let origin = form.origin.as_ref();
        let before = origin.and_then(|origin| link(origin, "parent_id"));
        if before.is_some_and(|before| before != parent) {
            let message = "Changing the company of a contact should only be done if it was never correctly set. If an \
                           existing contact starts working for a new company then a new contact should be created \
                           under that new company. You can use the \"Discard\" button to abandon this change.";
            changes.warning = Some(json!({"title": "Warning", "message": message}));
        }
        let more = ["company_id", "user_id", "lang", "commercial_partner_id"];
        let names: Vec<&str> = ADDRESS.into_iter().chain(more).collect();
        let of_parent = self.of("res.partner", parent, &names).await?;
        let is_contact = |values: &Values| values.get("type").is_some_and(|kind| kind == "contact");
        let has_address = ADDRESS.iter().any(|name| of_parent.get(*name).is_some_and(python::truth));
        if has_address && (is_contact(&form.values) || origin.is_some_and(is_contact)) {
            for name in ADDRESS {
                changes.put(name, of_parent.get(name).cloned().unwrap_or(Value::Bool(false)));
            }
        }
        changes.put_link("company_id", link(&of_parent, "company_id"));
        if self.is_computed("user_id") && !own_company && form.link("user_id").is_none() {
            changes.put_link("user_id", link(&of_parent, "user_id"));
        }
        // 19.0 computes it; before it is the language that the form was opened in.
        if self.is_computed("lang") {
            changes.values.extend(
                of_parent.get("lang").filter(|lang| python::truth(lang)).map(|lang| ("lang".to_owned(), lang.clone())),
            );
        }
        let commercial = link(&of_parent, "commercial_partner_id").filter(|_| !own_company);
        if let Some(commercial) = commercial {
            changes.put("commercial_partner_id", commercial);
            let of_commercial = self.of("res.partner", commercial, &["name", "is_company"]).await?;
            let name = if of_commercial.get("is_company").is_some_and(python::truth) {
                of_commercial.get("name")
            } else {
                form.values.get("company_name")
            };
            changes.put("commercial_company_name", name.cloned().unwrap_or(Value::Bool(false)));
        }
        Ok(())
    }

    /// What a partner is called: a contact after its company.
    async fn partner_name(&self) -> Result<String> {
        let form = self.form;
        let mut name = form.text("name").to_owned();
        let parent = form.link("parent_id");
        if parent.is_none() && form.text("company_name").is_empty() {
            return Ok(name.trim().to_owned());
        }
        let kind = form.text("type");
        if name.is_empty()
            && ["invoice", "delivery", "other"].contains(&kind)
            && let Some(field) = self.model.field("type")
        {
            let options = fields_get::selection(self.env, self.model, field).await?;
            let label = options.as_array().into_iter().flatten().find(|option| option[0] == kind);
            name = label.map(|option| python::text(&option[1])).unwrap_or_default();
        }
        if !form.is("is_company") {
            let company = match parent {
                Some(parent) => {
                    let of_parent = self.of("res.partner", parent, &["commercial_company_name", "name"]).await?;
                    let text = |name: &str| of_parent.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
                    text("commercial_company_name").or_else(|| text("name")).unwrap_or_default().to_owned()
                }
                None => form.text("company_name").to_owned(),
            };
            name = format!("{company}, {name}");
        }
        Ok(name.trim().to_owned())
    }

    /// A login that is an address is the user's address.
    fn user(&self) -> Changes {
        let mut changes = self.plain();
        if self.changes_any(&["login"]) && is_address(self.form.text("login")) {
            changes.put("email", self.form.text("login"));
        }
        changes
    }

    async fn company(&self) -> Result<Changes> {
        let mut changes = self.plain();
        let state = self.form.link("state_id").filter(|_| self.changes_any(&["state_id"]));
        if let Some(state) = state
            && let Some(country) = link(&self.of("res.country.state", state, &["country_id"]).await?, "country_id")
        {
            changes.put("country_id", country);
        }
        if let Some(country) = self.form.link("country_id").filter(|_| self.changes_any(&["country_id"])) {
            changes.put_link(
                "currency_id",
                link(&self.of("res.country", country, &["currency_id"]).await?, "currency_id"),
            );
        }
        if let Some(parent) = self.form.link("parent_id").filter(|_| self.changes_any(&["parent_id"])) {
            // Branches have the currency of their company.
            changes
                .put_link("currency_id", link(&self.of("res.company", parent, &["currency_id"]).await?, "currency_id"));
        }
        Ok(changes)
    }

    async fn bank(&self) -> Result<Changes> {
        let mut changes = self.plain();
        self.country("state", "country", &mut changes).await?;
        Ok(changes)
    }

    async fn account(&self) -> Result<Changes> {
        let mut changes = self.plain();
        if self.changes_any(&["acc_number"]) {
            let sanitized: String =
                self.form.text("acc_number").chars().filter(|c| c.is_alphanumeric() || *c == '_').collect();
            let sanitized = sanitized.to_uppercase();
            changes
                .put("sanitized_acc_number", if sanitized.is_empty() { false.into() } else { Value::from(sanitized) });
        }
        if self.changes_any(&["partner_id"]) && self.is_computed("acc_holder_name") {
            let name = match self.form.link("partner_id") {
                Some(partner) => self.of("res.partner", partner, &["name"]).await?.shift_remove("name"),
                None => None,
            };
            changes.put("acc_holder_name", name.unwrap_or(Value::Bool(false)));
        }
        Ok(changes)
    }

    async fn rate(&self) -> Result<Changes> {
        let mut changes = Changes::default();
        let field = if self.changes_any(&["company_rate"]) { "company_rate" } else { "rate" };
        let rate = self.form.number(field);
        if !self.changes_any(&["company_rate", "rate"]) || rate == 0.0 {
            return Ok(changes);
        }
        changes.put("company_rate", rate);
        changes.put("inverse_company_rate", 1.0 / rate);
        if let (Some(currency), "company_rate") = (self.form.link("currency_id"), field) {
            let sudo = self.env.sudo();
            let before = Domain::and(vec![
                Domain::leaf("currency_id", Operator::Eq, currency),
                Domain::leaf("name", Operator::Lt, self.form.text("name")),
            ]);
            let before = if self.form.text("name").is_empty() { Domain::False } else { before };
            let page = Page { limit: Some(1), order: Some("name desc".to_owned()), ..Page::default() };
            if let Some(latest) = search::search(&sudo, self.model, &before, &page).await?.first() {
                let latest = self.of("res.currency.rate", *latest, &["rate"]).await?;
                let latest = latest.get("rate").and_then(Value::as_f64).unwrap_or_default();
                if latest != 0.0 && ((latest - rate) / latest).abs() > 0.2 {
                    let name =
                        self.of("res.currency", currency, &["name"]).await?.shift_remove("name").unwrap_or_default();
                    changes.warning = Some(json!({
                        "title": format!("Warning for {}", python::text(&name)),
                        "message": "The new rate is quite far from the previous rate.\nIncorrect currency rates may \
                                    cause critical problems, make sure the rate is correct!",
                    }));
                }
            }
        }
        Ok(changes)
    }

    /// A format with half days has no hours beyond twelve.
    fn lang(&self) -> Changes {
        let mut changes = self.plain();
        for name in ["date_format", "time_format"].into_iter().filter(|name| self.changes_any(&[name])) {
            let format = self.form.text(name);
            if format.contains("%H") && format.contains("%p") {
                changes.put(name, format.replace("%H", "%I"));
                changes.warning = Some(json!({
                    "title": "Using 24-hour clock format with AM/PM can cause issues.",
                    "message": "Changing to 12-hour clock format instead.",
                    "type": "notification",
                }));
            }
        }
        changes
    }

    fn precision(&self) -> Changes {
        let mut changes = self.plain();
        let digits = |values: &Map<String, Value>| values.get("digits").and_then(Value::as_i64).unwrap_or_default();
        let reduced = self.form.origin.as_ref().is_some_and(|origin| digits(&self.form.values) < digits(origin));
        if self.changes_any(&["digits"]) && reduced {
            let name = self.form.text("name");
            changes.warning = Some(json!({
                "title": format!("Warning for {name}"),
                "message": format!(
                    "The precision has been reduced for {name}.\nNote that existing data WON'T be updated by this \
                     change.\n\nAs decimal precisions impact the whole system, this may cause critical issues.\nE.g. \
                     reducing the precision could disturb your financial balance.\n\nTherefore, changing decimal \
                     precisions in a running database is not recommended."
                ),
            }));
        }
        changes
    }
}

/// Whether a text is one address of mail, and nothing else.
fn is_address(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        let plain = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || "@,;<>".contains(c));
        plain(name) && plain(host) && host.rsplit_once('.').is_some_and(|(name, end)| !name.is_empty() && end.len() > 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        for address in ["a@example.com", "first.last+x@mail.example.org"] {
            assert!(is_address(address), "{address}");
        }
        for other in ["", "admin", "a@b", "a@b@example.com", "a b@example.com", "<a@example.com>", "a@example.com,"] {
            assert!(!is_address(other), "{other}");
        }
    }
}
