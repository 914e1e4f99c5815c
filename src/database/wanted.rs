//! What the person who has a database made decides of it: the administrator and the main company.

use chrono::NaiveDateTime;
use entity::{res_company, res_country, res_currency, res_lang, res_partner, res_users};
use sea_orm::sea_query::Expr;
use sea_orm::{ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};

use super::DEFAULT_LANG;
use crate::error::Result;

/// The administrator, as whom people log in first.
const ADMINISTRATOR: i32 = 2;
const MAIN_COMPANY: i32 = 1;

/// What the person who has a database made decides.
#[derive(Clone, Debug)]
pub struct NewDatabase {
    /// The administrator's login.
    pub login: String,
    /// The hash of the administrator's password.
    pub password_hash: String,
    /// The administrator's language, a code such as `fr_BE`; it is activated.
    pub lang: String,
    /// The main company's country, a code of two letters in either case. Where it has one time zone, the administrator
    /// gets that.
    pub country_code: Option<String>,
    /// The main company's phone number.
    pub phone: Option<String>,
}

/// Writes what was decided of the administrator.
///
/// # Errors
/// A failure of the database.
pub async fn administrator(db: &impl ConnectionTrait, now: NaiveDateTime, new: &NewDatabase) -> Result<()> {
    let user = res_users::ActiveModel {
        id: Set(ADMINISTRATOR),
        login: Set(new.login.clone()),
        password: Set(Some(new.password_hash.clone())),
        write_date: Set(Some(now)),
        ..Default::default()
    };
    let mut partner = res_partner::ActiveModel { id: Set(user.update(db).await?.partner_id), ..Default::default() };
    if new.lang != DEFAULT_LANG {
        let activated = res_lang::Entity::update_many()
            .col_expr(res_lang::Column::Active, Expr::value(true))
            .filter(res_lang::Column::Code.eq(&new.lang))
            .exec(db)
            .await?;
        if activated.rows_affected > 0 {
            partner.lang = Set(Some(new.lang.clone()));
        }
    }
    if is_address(&new.login) {
        partner.email = Set(Some(new.login.clone()));
    }
    if let Some(zone) = new.country_code.as_deref().and_then(only_zone) {
        partner.tz = Set(Some(zone.to_owned()));
    }
    if partner.is_changed() {
        partner.update(db).await?;
    }
    Ok(())
}

/// Whether a login is an address for mail, which the administrator's contact has then.
fn is_address(login: &str) -> bool {
    let parts = login.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && host.contains('.') && !host.contains('@'))
        && !login.contains(char::is_whitespace)
}

/// The time zone of a country (a code in either case) that has no other, as the tz database tells it.
fn only_zone(country: &str) -> Option<&'static str> {
    let zones = include_str!("zones.txt").lines().filter_map(|line| line.split_once(' '));
    zones.into_iter().find(|(code, _)| code.eq_ignore_ascii_case(country)).map(|(_, zone)| zone)
}

/// Writes what was decided of the main company. The country decides its currency, which is activated, as in Odoo.
///
/// # Errors
/// A failure of the database.
pub async fn main_company(db: &impl ConnectionTrait, new: &NewDatabase) -> Result<()> {
    let mut company = res_company::ActiveModel { id: Set(MAIN_COMPANY), ..Default::default() };
    let mut partner = <res_partner::ActiveModel as Default>::default();
    if let Some(code) = &new.country_code {
        let country =
            res_country::Entity::find().filter(res_country::Column::Code.eq(code.to_uppercase())).one(db).await?;
        if let Some(country) = country {
            partner.country_id = Set(Some(country.id));
            if let Some(currency) = country.currency_id {
                company.currency_id = Set(currency);
                let used = res_currency::ActiveModel { id: Set(currency), active: Set(true), ..Default::default() };
                used.update(db).await?;
            }
        }
    }
    if let Some(phone) = &new.phone {
        partner.phone = Set(Some(phone.clone()));
    }
    if partner.is_changed() {
        let main = res_company::Entity::find_by_id(MAIN_COMPANY).one(db).await?;
        partner.id = Set(main.map_or(MAIN_COMPANY, |company| company.partner_id));
        partner.update(db).await?;
    }
    if company.is_changed() {
        company.update(db).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_of_countries_with_one() {
        assert_eq!((only_zone("be"), only_zone("FR")), (Some("Europe/Brussels"), Some("Europe/Paris")));
        assert_eq!((only_zone("us"), only_zone("xx"), only_zone("")), (None, None, None));
        for (_, zone) in include_str!("zones.txt").lines().filter_map(|line| line.split_once(' ')) {
            assert!(zone.parse::<chrono_tz::Tz>().is_ok(), "{zone}");
        }
    }

    #[test]
    fn addresses() {
        assert!(is_address("boss@example.com"));
        for login in ["boss", "@x.y", "a@b", "a@b@c.d", "a b@c.d"] {
            assert!(!is_address(login), "{login}");
        }
    }
}
