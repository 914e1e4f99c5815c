//! What partners are like: their names, addresses and relations, as `create` takes them.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization as _;

use super::chance::Chance;
use super::words;
use crate::orm::write::Values;

/// What kind of partner one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A company, with an address and a tax number.
    Company,
    /// Somebody at a company, whose address is the company's.
    Contact,
    /// An address of a company for deliveries, which is its own.
    Delivery,
    /// Somebody on their own.
    Person,
}

impl Kind {
    /// The kind of partner `number`. The first four are one of each, so that there is one to look at.
    pub fn of(number: u64, chance: &mut Chance) -> Self {
        match (number, chance.below(100)) {
            (0, _) | (4.., 0..18) => Self::Company,
            (1, _) | (4.., 18..45) => Self::Contact,
            (2, _) | (4.., 45..48) => Self::Delivery,
            (3.., _) => Self::Person,
        }
    }

    /// Whether such a partner belongs to a company.
    pub fn has_parent(self) -> bool {
        matches!(self, Self::Contact | Self::Delivery)
    }
}

/// A country in which partners are.
#[derive(Clone, Debug)]
pub struct Country {
    pub id: i32,
    pub code: String,
    pub phone: i32,
}

/// What partners refer to.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Countries by their codes.
    pub countries: Vec<Country>,
    /// Tags.
    pub tags: Vec<i32>,
}

/// A partner that is to be made: its values, without the company and the tags.
#[derive(Clone, Debug)]
pub struct Draft {
    pub kind: Kind,
    pub values: Values,
    pub tags: Vec<i32>,
    /// Which of the last companies it belongs to, if it does.
    pub company: usize,
}

/// Partner `number` under a seed. Each kind has the same fields in each of its partners, also those without a value.
pub fn draft(seed: u64, number: u64, around: &Surroundings) -> Draft {
    let mut chance = Chance::of(seed, number);
    let kind = Kind::of(number, &mut chance);
    let mut values = Map::new();
    let mut put = |name: &str, value: Value| {
        values.insert(name.to_owned(), value);
    };
    let last = *chance.one(&words::LAST);
    let (name, mailbox) = if kind == Kind::Company {
        let (trade, form) = (chance.one(&words::TRADES), chance.one(&words::FORMS));
        let name = match chance.below(3) {
            0 => format!("{last} {trade} {form}"),
            1 => format!("{last} & {} {trade} {form}", chance.one(&words::LAST)),
            _ => format!("{last} {trade} {} {form}", number % 100),
        };
        (name, "info".to_owned())
    } else {
        let first = *chance.one(&words::FIRST);
        let initial = if chance.percent(40) {
            ["A", "B", "C", "E", "J", "L", "M", "P", "R", "T"][chance.below(10)].to_owned() + ". "
        } else {
            String::new()
        };
        (format!("{first} {initial}{last}"), ascii(first))
    };
    put("name", name.into());
    put("type", if kind == Kind::Delivery { "delivery" } else { "contact" }.into());
    put("is_company", (kind == Kind::Company).into());
    let country = country(&mut chance, around);
    if kind != Kind::Contact {
        let places = words::PLACES.iter().find(|(code, ..)| country.is_some_and(|country| country.code == *code));
        put("street", format!("{} {}", chance.one(&words::STREETS), 1 + chance.low(200)).into());
        put("city", (*chance.one(places.map_or(&words::CITIES, |(_, _, cities)| cities))).into());
        put("zip", format!("{:05}", chance.below(100_000)).into());
        put("country_id", country.map_or(Value::Bool(false), |country| country.id.into()));
    }
    let code = country.map_or("XX", |country| country.code.as_str());
    if kind == Kind::Company {
        put("vat", format!("{code}{:010}", chance.below(10_000_000_000)).into());
        put("website", format!("https://{}{number}.example.com", ascii(last)).into());
    }
    let has_mail = chance.percent(90);
    let address = || format!("{mailbox}.{}.{number}@example.com", ascii(last));
    put("email", if has_mail { address().into() } else { Value::Bool(false) });
    let has_phone = chance.percent(70);
    let digits = chance.below(1_000_000_000);
    let number_of =
        |country: &Country| format!("+{} {:03} {:06}", country.phone, digits / 1_000_000, digits % 1_000_000);
    put("phone", country.filter(|_| has_phone).map_or(Value::Bool(false), |country| number_of(country).into()));
    if kind == Kind::Contact {
        put("function", (*chance.one(&words::JOBS)).into());
    }
    put("ref", if chance.percent(20) { format!("P{number:07}").into() } else { Value::Bool(false) });
    let tags = tags(&mut chance, kind, around);
    // Few companies have many contacts, and many have none.
    let company = chance.low(256);
    Draft { kind, values, tags, company }
}

fn country<'s>(chance: &mut Chance, around: &'s Surroundings) -> Option<&'s Country> {
    let mut drawn = chance.below(100);
    for (code, part, _) in &words::PLACES {
        match drawn.checked_sub(*part) {
            Some(rest) => drawn = rest,
            None => return around.countries.iter().find(|country| country.code == *code),
        }
    }
    // One in twenty of those that are left has none.
    if around.countries.is_empty() || chance.percent(5) {
        return None;
    }
    around.countries.get(chance.low(around.countries.len()))
}

fn tags(chance: &mut Chance, kind: Kind, around: &Surroundings) -> Vec<i32> {
    let count = match (kind, chance.below(10)) {
        (Kind::Delivery, _) | (_, 0..5) => 0,
        (_, 5..8) => 1,
        (_, 8) => 2,
        _ => 3,
    };
    let mut tags: Vec<i32> = Vec::new();
    for _ in 0..count {
        let tag = around.tags.get(chance.low(around.tags.len()));
        tags.extend(tag.filter(|tag| !tags.contains(tag)).copied());
    }
    tags
}

/// A name as it is in addresses: small letters of ASCII.
fn ascii(name: &str) -> String {
    let plain = |letter: char| match letter {
        'Ł' | 'ł' => 'l',
        'Ø' | 'ø' => 'o',
        'ı' => 'i',
        letter => letter.to_ascii_lowercase(),
    };
    // A letter with an accent comes apart into the letter and the accent.
    name.nfd().map(plain).filter(char::is_ascii_alphabetic).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around() -> Surroundings {
        let country = |id, code: &str| Country { id, code: code.to_owned(), phone: 32 };
        Surroundings { countries: vec![country(7, "BE"), country(8, "US"), country(9, "ZZ")], tags: (1..=20).collect() }
    }

    #[test]
    fn a_partner_depends_on_seed_and_number_only() {
        let (one, same) = (draft(1, 77, &around()), draft(1, 77, &around()));
        assert_eq!((one.values, one.tags), (same.values, same.tags));
        assert_ne!(draft(1, 77, &around()).values, draft(2, 77, &around()).values);
    }

    #[test]
    fn partners_of_a_kind_have_the_same_fields_and_are_spread_unevenly() {
        let drafts: Vec<Draft> = (0..4_000).map(|number| draft(1, number, &around())).collect();
        for kind in [Kind::Company, Kind::Contact, Kind::Delivery, Kind::Person] {
            let mut alike = drafts.iter().filter(|draft| draft.kind == kind);
            let first: Vec<&String> = alike.next().unwrap().values.keys().collect();
            assert!(alike.all(|draft| draft.values.keys().collect::<Vec<_>>() == first));
        }
        let with_parent = drafts.iter().filter(|draft| draft.kind.has_parent()).count();
        assert!((1_000..1_400).contains(&with_parent), "{with_parent}");
        let in_country =
            |id: i32| drafts.iter().filter(|draft| draft.values.get("country_id") == Some(&id.into())).count();
        assert!(in_country(8) > in_country(7) && in_country(7) > 100);
    }

    #[test]
    fn addresses_are_ascii() {
        assert_eq!(ascii("Łukasz"), "lukasz");
        assert_eq!(ascii("Søren O'Connor"), "sorenoconnor");
        assert_eq!(ascii("Müller"), "muller");
    }
}
