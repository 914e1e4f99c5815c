//! Odoo's series, and everything in which they differ. No other file compares series: what differs is a method here.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::error::Error;
use crate::images::Unusable;
use crate::orm::field::Field;
use crate::orm::html::Wrapper;
use crate::orm::methods;
use crate::orm::registry::Model;
use crate::orm::temporal::{Reader, Weeks};
use crate::python;

/// A series of Odoo.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Series {
    /// 15.0
    V15,
    /// 16.0
    V16,
    /// 17.0
    V17,
    /// 18.0
    V18,
    /// 19.0
    V19,
}

/// What is made of a series' data once in a process, when it is first asked for.
#[derive(Debug)]
pub struct PerSeries<T> {
    made: [OnceLock<T>; 5],
    make: fn(Series) -> T,
}

impl<T> PerSeries<T> {
    /// What `make` makes.
    #[must_use]
    pub const fn new(make: fn(Series) -> T) -> Self {
        Self { made: [const { OnceLock::new() }; 5], make }
    }

    /// That of a series.
    pub fn of(&self, series: Series) -> &T {
        self.made[series as usize].get_or_init(|| (self.make)(series))
    }
}

impl Series {
    /// All series, the oldest first.
    pub const ALL: [Self; 5] = [Self::V15, Self::V16, Self::V17, Self::V18, Self::V19];
    /// The series that is served where none is asked for.
    pub const DEFAULT: Self = Self::V19;

    /// The major version, `15` to `19`.
    #[must_use]
    pub fn major(self) -> u32 {
        match self {
            Self::V15 => 15,
            Self::V16 => 16,
            Self::V17 => 17,
            Self::V18 => 18,
            Self::V19 => 19,
        }
    }

    /// The name, `"17.0"`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V15 => "15.0",
            Self::V16 => "16.0",
            Self::V17 => "17.0",
            Self::V18 => "18.0",
            Self::V19 => "19.0",
        }
    }

    /// The series whose data files serve this one: 15.0 has none of its own.
    #[must_use]
    pub fn data(self) -> Self {
        self.max(Self::V16)
    }

    /// `server_version_info`: `[17, 0, 0, "final", 0, ""]`.
    #[must_use]
    pub fn version_info(self) -> Value {
        json!([self.major(), 0, 0, "final", 0, ""])
    }

    /// What `common.version` and `/web/webclient/version_info` answer.
    #[must_use]
    pub fn version(self) -> Value {
        json!({
            "server_version": self.name(),
            "server_version_info": self.version_info(),
            "server_serie": self.name(),
            "protocol_version": 1,
        })
    }

    /// `latest_version` of the module `base`, by which a database tells of which series it is.
    #[must_use]
    pub fn base_version(self) -> String {
        format!("{}.1.3", self.name())
    }

    /// The version of a module that names none of its own.
    #[must_use]
    pub fn module_version(self) -> String {
        format!("{}.1.0", self.name())
    }

    /// The series of which a module version (`"17.0.1.3"`) is.
    #[must_use]
    pub fn of_module_version(version: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|series| version.strip_prefix(series.name()).is_some_and(|rest| rest.starts_with('.')))
    }

    // --- JSON-RPC ---------------------------------------------------------------------------------

    /// `error.code` of whatever is not an expired session: 200 up to 18.0, 0 in 19.0.
    #[must_use]
    pub fn error_code(self) -> i32 {
        if self >= Self::V19 { 0 } else { 200 }
    }

    /// Whether `error.data` ends with `debug` (19.0) or has it second.
    #[must_use]
    pub fn debug_comes_last(self) -> bool {
        self >= Self::V19
    }

    /// The status for a body that is not declared as JSON on a JSON route: 400 up to 18.0, 415 in 19.0.
    #[must_use]
    pub fn wrong_content_type_status(self) -> u16 {
        if self >= Self::V19 { 415 } else { 400 }
    }

    /// 15.0 reads the body before it looks at the session, so an expired session echoes the id; later
    /// series answer `"id": null`.
    #[must_use]
    pub fn echoes_id_of_unread_envelope(self) -> bool {
        self == Self::V15
    }

    /// 15.0 answers a JSON-RPC request for an unknown path with a JSON-RPC error (and status 404), later
    /// series with an HTML page.
    #[must_use]
    pub fn answers_unknown_path_with_json(self) -> bool {
        self == Self::V15
    }

    /// How Python names a route's function in a `TypeError`: `Session.authenticate` from 16.0 on (Python
    /// 3.10), `authenticate` in 15.0.
    #[must_use]
    pub fn route_function(self, class: &str, function: &str) -> String {
        if self == Self::V15 { function.to_owned() } else { format!("{class}.{function}") }
    }

    /// The class of the `/jsonrpc` route.
    #[must_use]
    pub fn jsonrpc_class(self) -> &'static str {
        if self >= Self::V19 { "JSONRPC" } else { "RPC" }
    }

    // --- sessions ---------------------------------------------------------------------------------

    /// How long a session lives without being used, in seconds, and the cookie's `Max-Age`: 90 days in 15.0,
    /// 7 days from 16.0 on.
    #[must_use]
    pub fn session_lifetime(self) -> i64 {
        if self == Self::V15 { 90 * 86_400 } else { 7 * 86_400 }
    }

    /// From 18.0 on a sid is 84 characters of base64url, before 40 hex digits.
    #[must_use]
    pub fn has_long_sids(self) -> bool {
        self >= Self::V18
    }

    /// 15.0 sends the session cookie with every answer of a handler, later series only when the session changed.
    #[must_use]
    pub fn always_sends_cookie(self) -> bool {
        self == Self::V15
    }

    /// From 18.0 on a session notes the devices that use it, so the first request of each changes the session.
    #[must_use]
    pub fn traces_devices(self) -> bool {
        self >= Self::V18
    }

    /// Where the browser is sent after logout: `/web`, from 18.0 on `/odoo`.
    #[must_use]
    pub fn web_home(self) -> &'static str {
        if self >= Self::V18 { "/odoo" } else { "/web" }
    }

    /// An unknown database at `/web/session/authenticate`: 15.0 shows the database driver's error, later series an
    /// `AccessError`.
    #[must_use]
    pub fn authenticate_hides_missing_database(self) -> bool {
        self >= Self::V16
    }

    /// Only 15.0 has `/web/session/change_password`.
    #[must_use]
    pub fn has_change_password_route(self) -> bool {
        self == Self::V15
    }

    /// What the database manager says of a name that it does not make.
    #[must_use]
    pub fn invalid_database_name(self) -> &'static str {
        if self >= Self::V17 {
            "Houston, we have a database naming issue! Make sure you only use letters, numbers, underscores, hyphens, or dots in the database name, and you'll be golden."
        } else {
            "Invalid database name. Only alphanumerical characters, underscore, hyphen and dot are allowed."
        }
    }

    /// Whether the paths of translations and menus end in a hash of them (up to 18.0).
    #[must_use]
    pub fn has_hashes_in_paths(self) -> bool {
        self <= Self::V18
    }

    /// 16.0 has live updates over `/websocket`, 15.0 over `/longpolling/poll`.
    #[must_use]
    pub fn has_websocket(self) -> bool {
        self >= Self::V16
    }

    /// Whether how a language is written is told with the id of the language (up to 17.0).
    #[must_use]
    pub fn tells_id_of_language(self) -> bool {
        self <= Self::V17
    }

    /// The field with the groups that see a menu.
    #[must_use]
    pub fn groups_field_of_menus(self) -> &'static str {
        if self >= Self::V19 { "group_ids" } else { "groups_id" }
    }

    /// What is told of a menu beside what all series tell: the type of its picture from 17.0 on, the path of its action from
    /// 18.0 on.
    #[must_use]
    pub fn further_members_of_menus(self) -> &'static [&'static str] {
        match self {
            Self::V15 | Self::V16 => &[],
            Self::V17 => &["webIconDataMimetype"],
            Self::V18 | Self::V19 => &["webIconDataMimetype", "actionPath"],
        }
    }

    /// Whether `/web/dataset` has `search_read`, `load` and `call` (15.0 and 16.0).
    #[must_use]
    pub fn has_old_dataset_routes(self) -> bool {
        self <= Self::V16
    }

    /// 19.0 has `/web/version` and `/json/version`.
    #[must_use]
    pub fn has_version_pages(self) -> bool {
        self >= Self::V19
    }

    /// 19.0 has JSON-2 at `/json/2`, and what documents it for machines.
    #[must_use]
    pub fn has_json2(self) -> bool {
        self >= Self::V19
    }

    /// An unknown service at `/jsonrpc`: a `KeyError` with its name, in 15.0 an `UnboundLocalError`.
    #[must_use]
    pub fn unknown_service_is_unbound(self) -> bool {
        self == Self::V15
    }

    // --- files ------------------------------------------------------------------------------------

    /// What is no image is served by `/web/image` as a file of an unknown type (from 18.0 on), or as what it is.
    #[must_use]
    pub fn serves_images_only_as_such(self) -> bool {
        self >= Self::V18
    }

    /// Files that are only shown have a name, too (from 16.0 on); in 15.0 only those that are downloaded.
    #[must_use]
    pub fn names_shown_files(self) -> bool {
        self >= Self::V16
    }

    /// Parts of files can be asked for (from 16.0 on).
    #[must_use]
    pub fn serves_parts_of_files(self) -> bool {
        self >= Self::V16
    }

    /// What is said of a file that is to be an image and cannot be used.
    #[must_use]
    pub fn unusable_image(self, why: Unusable) -> Error {
        match (why, self) {
            (Unusable::NotAnImage, Self::V15) => Error::UserError(
                "This file could not be decoded as an image file. Please try with a different file.".to_owned(),
            ),
            (Unusable::NotAnImage, _) => {
                Error::UserError("This file could not be decoded as an image file.".to_owned())
            }
            (Unusable::TooLarge, Self::V15) => Error::value_error(
                "Image size excessive, uploaded images must be smaller than 50.0 million pixels.".to_owned(),
            ),
            (Unusable::TooLarge, _) => {
                Error::UserError("Too large image (above 50.0Mpx), reduce the image size.".to_owned())
            }
        }
    }

    /// What is said of an image that is no base64.
    #[must_use]
    pub fn image_is_no_base64(self) -> Error {
        match self {
            Self::V15 => self.unusable_image(Unusable::NotAnImage),
            _ => Error::UserError("Image is not encoded in base64.".to_owned()),
        }
    }

    // --- calls of models --------------------------------------------------------------------------

    /// What is said of a method that does not exist.
    #[must_use]
    pub fn unknown_method(self, model: &str, method: &str) -> String {
        match self {
            Self::V16 | Self::V19 => format!("The method '{model}.{method}' does not exist"),
            _ => format!("The method '{method}' does not exist on the model '{model}'"),
        }
    }

    /// Whether a method with `_` in front that there is not is told as unknown (16.0), or as private too.
    #[must_use]
    pub fn looks_for_private_methods(self) -> bool {
        self == Self::V16
    }

    /// What is said of a method that only the server itself may call.
    #[must_use]
    pub fn private_method(self, model: &str, method: &str) -> String {
        let method = match self {
            Self::V16 | Self::V19 => format!("'{model}.{method}'"),
            _ => method.to_owned(),
        };
        format!("Private methods (such as {method}) cannot be called remotely.")
    }

    /// An unknown model at `call_kw`: from 18.0 on there is nothing at its path, before it is a `KeyError`.
    #[must_use]
    pub fn finds_no_path_for_unknown_model(self) -> bool {
        self >= Self::V18
    }

    /// Too few arguments for `object`: an `IndexError`, in 19.0 a `ValueError`.
    #[must_use]
    pub fn unpacks_object_arguments(self) -> bool {
        self >= Self::V19
    }

    // --- records ----------------------------------------------------------------------------------

    /// Whether domains have `==`, `not =like` and `not =ilike` (19.0).
    #[must_use]
    pub fn has_negated_equal_like(self) -> bool {
        self >= Self::V19
    }

    /// Whether an id is compared with the text of a value (up to 18.0), which 3.0 has another one of than 3.
    #[must_use]
    pub fn compares_ids_as_texts(self) -> bool {
        self <= Self::V18
    }

    /// Whether domains take zero for no number, and the empty text for none (19.0).
    #[must_use]
    pub fn takes_empty_for_nothing(self) -> bool {
        self >= Self::V19
    }

    /// Whether `!` turns the operator of a condition into its opposite where it has one (up to 18.0), or else finds what the
    /// condition does not find.
    #[must_use]
    pub fn negates_operators(self) -> bool {
        self <= Self::V18
    }

    /// What is said of a path of a manual field that leads nowhere; `what` is wrong with the field `name` in it.
    #[must_use]
    pub fn broken_related_field(self, what: &str, name: &str, path: &str) -> String {
        format!("{what} field name {} in related field {}", self.quoted(name), self.quoted(path))
    }

    /// A name in what is said of manual fields: as Python shows it, or in quotes (18.0 on).
    #[must_use]
    pub fn quoted(self, name: &str) -> String {
        if self >= Self::V18 { format!("\"{name}\"") } else { python::repr(&name.into()) }
    }

    /// Whether domains have `any` and `not any` (17.0 on).
    #[must_use]
    pub fn has_any(self) -> bool {
        self >= Self::V17
    }

    /// Whether domains and groups have parts of dates, such as `date.month_number` (18.0 on).
    #[must_use]
    pub fn has_date_parts(self) -> bool {
        self >= Self::V18
    }

    /// What is said of a domain that is no list; `repr` is how Python shows it.
    #[must_use]
    pub fn domain_of_wrong_type(self, repr: &str) -> Error {
        if self >= Self::V19 {
            return Error::type_error(format!("Domain() invalid argument type for domain: {repr}"));
        }
        let message = "Domains to normalize must have a 'domain' form: a list or tuple of domain components";
        Error::Python { name: "builtins.AssertionError", message: message.to_owned() }
    }

    /// What is said of a domain whose operators lack operands.
    #[must_use]
    pub fn malformed_domain(self, repr: &str) -> Error {
        Error::value_error(if self >= Self::V19 {
            format!("Domain() malformed domain {repr}")
        } else {
            format!("Domain {repr} is syntactically not correct.")
        })
    }

    /// What is said of an item that is no operator and no condition; `length` where it is a list.
    #[must_use]
    pub fn invalid_domain_item(self, repr: &str, length: Option<usize>, domain: &str) -> Error {
        if self >= Self::V19 {
            return Error::value_error(format!("Domain() invalid item in domain: {repr}"));
        }
        match length {
            Some(length) if length < 3 => {
                Error::value_error(format!("not enough values to unpack (expected 3, got {length})"))
            }
            Some(_) => Error::value_error("too many values to unpack (expected 3)".to_owned()),
            None => self.malformed_domain(domain),
        }
    }

    /// What is said of a condition with an unknown operator, shown as a tuple.
    #[must_use]
    pub fn invalid_leaf(self, tuple: &str) -> Error {
        Error::value_error(if self >= Self::V19 {
            format!("Invalid operator in condition {tuple}")
        } else {
            format!("Invalid leaf {tuple}")
        })
    }

    /// What is said of a condition on a field that there is not.
    #[must_use]
    pub fn invalid_field_in_domain(self, model: &str, field: &str, tuple: &str) -> Error {
        let condition = if self >= Self::V19 { "condition" } else { "leaf" };
        Error::value_error(format!("Invalid field {model}.{field} in {condition} {tuple}"))
    }

    /// What is said of a field that is to be read and is not there.
    #[must_use]
    pub fn invalid_field_to_read(self, model: &str, field: &str) -> Error {
        let on = if self >= Self::V19 { "on" } else { "on model" };
        Error::value_error(format!("Invalid field '{field}' {on} '{model}'"))
    }

    /// What is said of a field that is to be given a value at creation and is not there.
    #[must_use]
    pub fn invalid_field_to_create(self, model: &str, field: &str) -> Error {
        let on = if self >= Self::V19 { "in" } else { "on model" };
        Error::value_error(format!("Invalid field '{field}' {on} '{model}'"))
    }

    /// What is said of a field that is to be written and is not there; 19.0 stumbles over it for a model whose own
    /// code looks at the values first (`overridden`).
    #[must_use]
    pub fn invalid_field_to_write(self, model: &str, field: &str, overridden: bool) -> Error {
        if self >= Self::V19 && overridden {
            return Error::key_error(field);
        }
        self.invalid_field_to_create(model, field)
    }

    /// Whether a new user has the groups of the user `base.default_user` (up to 18.0).
    #[must_use]
    pub fn copies_groups_of_template(self) -> bool {
        self <= Self::V18
    }

    /// Whether membership of implied groups is stored with the user, who stays in them (up to 18.0).
    #[must_use]
    pub fn stores_implied_groups(self) -> bool {
        self <= Self::V18
    }

    /// Whether a contact's address is its company's, wherever it is changed (19.0).
    #[must_use]
    pub fn contacts_share_addresses(self) -> bool {
        self >= Self::V19
    }

    /// What is said to who would delete the administrator.
    #[must_use]
    pub fn administrator_stays(self) -> Error {
        if self >= Self::V18 {
            return Error::UserError(
                "You cannot delete the admin user because it is utilized in various places (such as security \
                 configurations,...). Instead, archive it."
                    .to_owned(),
            );
        }
        self.foreign_key_violated("res.users")
    }

    /// What is said of a key in a sequence's prefix or suffix that there is not: 19.0 tells a person.
    #[must_use]
    pub fn unknown_sequence_key(self, key: &str, sequence: &str) -> Error {
        if self >= Self::V19 {
            return Error::UserError(self.invalid_sequence(sequence));
        }
        Error::key_error(key)
    }

    /// What is said of a sequence whose prefix or suffix cannot be filled in.
    #[must_use]
    pub fn invalid_sequence(self, sequence: &str) -> String {
        if self >= Self::V17 {
            return format!("Invalid prefix or suffix for sequence “{sequence}”");
        }
        format!("Invalid prefix or suffix for sequence '{sequence}'")
    }

    /// What is said of an external id whose record the caller may not see.
    #[must_use]
    pub fn external_id_out_of_reach(self, xmlid: &str) -> String {
        format!("Not enough access rights on the external ID \"{xmlid}\"")
    }

    /// Whether a search for a tag by name finds the tags below it too (18.0 on).
    #[must_use]
    pub fn finds_tags_below_named_ones(self) -> bool {
        self >= Self::V18
    }

    /// Whether a currency has its first rate before that began (17.0 on), or else 1.
    #[must_use]
    pub fn falls_back_to_first_rate(self) -> bool {
        self >= Self::V17
    }

    /// The fields by which languages are found.
    #[must_use]
    pub fn names_of_languages(self) -> &'static [&'static str] {
        if self >= Self::V17 { &["name", "code", "iso_code"] } else { &["name"] }
    }

    /// Whether `get_views` puts the fields of a model under `fields` (18.0 on), or has them directly.
    #[must_use]
    pub fn nests_fields_of_views(self) -> bool {
        self >= Self::V18
    }

    /// Methods of all models that a series has beside those of its [`data`](Self::data), with their signatures.
    #[must_use]
    pub fn further_methods(self) -> &'static [(&'static str, &'static str)] {
        if self > Self::V15 {
            return &[];
        }
        &[
            ("load_views", "(views, options=None) @model"),
            ("fields_view_get", "(view_id=None, view_type='form', toolbar=False, submenu=False) @model"),
        ]
    }

    /// What a view with a list of records is called.
    #[must_use]
    pub fn list_view(self) -> &'static str {
        if self >= Self::V18 { "list" } else { "tree" }
    }

    /// The field that views load to see whether a record has changed.
    #[must_use]
    pub fn change_field(self) -> &'static str {
        if self >= Self::V17 { "write_date" } else { "__last_update" }
    }

    /// The template of a card in a kanban view.
    #[must_use]
    pub fn kanban_template(self) -> &'static str {
        if self >= Self::V18 { "card" } else { "kanban-box" }
    }

    /// Whether `load` tells of broken rules of tables in the words in which other methods do (19.0).
    #[must_use]
    pub fn loads_in_common_words(self) -> bool {
        self >= Self::V19
    }

    /// Whether files are searched for without rights to the model, only with those to their records (19.0).
    #[must_use]
    pub fn searches_files_without_rights(self) -> bool {
        self >= Self::V19
    }

    /// Whether `/web/dataset/resequence` is there (up to 18.0).
    #[must_use]
    pub fn has_resequence_route(self) -> bool {
        self <= Self::V18
    }

    /// Whether keyword arguments must be an object (up to 17.0), or whatever makes a dictionary.
    #[must_use]
    pub fn wants_mapping_of_arguments(self) -> bool {
        self <= Self::V17
    }

    /// The newest series.
    #[must_use]
    pub fn newest() -> Self {
        Self::V19
    }

    /// What is said of a path through a field that is no relation.
    #[must_use]
    pub fn invalid_path_in_domain(self, model: &str, field: &str, path: &str, tuple: &str) -> Error {
        if self >= Self::V18 {
            return self.invalid_field_in_domain(model, field, tuple);
        }
        Error::Python {
            name: "builtins.AssertionError",
            message: format!("Invalid field '{path}' in domain term {tuple}"),
        }
    }

    /// What is said of a field that is to be sorted by and is not there.
    #[must_use]
    pub fn invalid_field_in_order(self, model: &str, field: &str) -> Error {
        Error::value_error(format!("Invalid field '{field}' on model '{model}'"))
    }

    /// What is said of a path that is to be sorted by.
    #[must_use]
    pub fn invalid_path_in_order(self, model: &str, field: &str, rest: &str) -> Error {
        Error::value_error(match self {
            Self::V19 => format!("Invalid field property '{rest}' on {model}.{field}"),
            Self::V18 => format!("Invalid field '{field}.{rest}' on model '{model}'"),
            _ => format!("Order a property ('{rest}') on a non-properties field ('{field}')"),
        })
    }

    /// What is said of a field that is not stored and to be sorted by; up to 17.0 it is passed over.
    #[must_use]
    pub fn unsortable_field(self, model: &str, field: &str) -> Option<Error> {
        (self >= Self::V18).then(|| not_stored(model, field))
    }

    /// What is said of a field that is not stored and cannot be searched; up to 18.0 the condition is passed over.
    #[must_use]
    pub fn unsearchable_field(self, model: &str, field: &str) -> Option<Error> {
        (self >= Self::V19).then(|| not_stored(model, field))
    }

    /// Whether a language in the context that is not active is an error (18.0 on), or else the default one is meant.
    #[must_use]
    pub fn refuses_inactive_languages(self) -> bool {
        self >= Self::V18
    }

    /// Whether `lang` of a partner must be an active language (up to 17.0).
    #[must_use]
    pub fn refuses_unknown_lang(self) -> bool {
        self <= Self::V17
    }

    /// Whether values of inherited fields are checked by the model that inherits (up to 17.0), whose name an error has then.
    #[must_use]
    pub fn checks_inherited_values_first(self) -> bool {
        self <= Self::V17
    }

    /// What plain text in a html field is put into.
    #[must_use]
    pub fn html_wrapper(self) -> Wrapper {
        if self >= Self::V18 { Wrapper::Span } else { Wrapper::Paragraph }
    }

    /// Who reads dates in domains: PostgreSQL, or the server (19.0).
    #[must_use]
    pub fn reader_of_dates(self) -> Reader {
        if self >= Self::V19 { Reader::Server } else { Reader::Database }
    }

    /// Whether the refusal of a record suggests a company to switch to (18.0 on).
    #[must_use]
    pub fn suggests_company(self) -> bool {
        self >= Self::V18
    }

    /// What is said of a field that the caller may not see; `details` is who calls and whom the field is for, told to
    /// users with technical features.
    #[must_use]
    pub fn forbidden_field(self, model: &Model, field: &str, operation: &str, details: Option<(i32, &str)>) -> String {
        let many = if self >= Self::V19 { "" } else { "s" };
        let (description, model) = (&model.description, &model.name);
        let message = format!(
            "You do not have enough rights to access the field{many} \"{field}\" on {description} ({model}). Please contact \
             your system administrator.\n\nOperation: {operation}"
        );
        match details {
            None => message,
            Some((uid, groups)) if self >= Self::V19 => format!("{message}\nUser: {uid}\nGroups: {groups}"),
            Some((uid, groups)) => format!("{message}\nUser: {uid}\nFields:\n- {field} ({groups})"),
        }
    }

    /// What is said of a record that refers to what is not there, or is needed by another.
    #[must_use]
    pub fn foreign_key_violated(self, model: &str) -> Error {
        let why = if self >= Self::V19 {
            "Another model is using the record you are trying to delete."
        } else {
            "another model requires the record being deleted. If possible, archive it instead."
        };
        Error::ValidationError(format!("The operation cannot be completed: {why}\n\nModel: {model}"))
    }

    /// What is said of a record without a value in a field that must have one.
    #[must_use]
    pub fn missing_required(self, model: &Model, field: &Field) -> Error {
        let (description, name) = (&model.description, &model.name);
        Error::ValidationError(if self >= Self::V19 {
            format!(
                "The operation cannot be completed: Missing required value for the field '{}' ({}).\nModel: \
                 '{description}' ({name})",
                field.string, field.name
            )
        } else {
            format!(
                "The operation cannot be completed:\n- Create/update: a mandatory field is not set.\n- Delete: another \
                 model requires the record being deleted. If possible, archive it instead.\n\nModel: {description} \
                 ({name})\nField: {} ({})\n",
                field.string, field.name
            )
        })
    }

    /// What is said of values of a record that are no dictionary.
    #[must_use]
    pub fn values_of_wrong_type(self, model: &str, value: &Value) -> Error {
        match value {
            Value::Array(items) if self >= Self::V19 => match items.first() {
                Some(first) => Error::value_error(format!("Invalid field {} in '{model}'", python::repr(first))),
                None => Error::type_error("list indices must be integers or slices, not str"),
            },
            other => Error::Python {
                name: "builtins.AttributeError",
                message: format!("'{}' object has no attribute 'keys'", python::type_name(other)),
            },
        }
    }

    /// Whether `copy` answers with a list of ids (18.0 on), or with one.
    #[must_use]
    pub fn copies_to_list(self) -> bool {
        self >= Self::V18
    }

    /// Whether a record that a method returns is answered as a list of its id (19.0), or as the id.
    #[must_use]
    pub fn lists_returned_records(self) -> bool {
        self >= Self::V19
    }

    /// Whether `check_access_rights` says nothing where it would raise (18.0 on), instead of true.
    #[must_use]
    pub fn access_check_says_nothing(self) -> bool {
        self >= Self::V18
    }

    /// Whether `fields_get` tells by what can be grouped (18.0 on).
    #[must_use]
    pub fn has_groupable(self) -> bool {
        self >= Self::V18
    }

    /// What `fields_get` calls the function by which groups are aggregated.
    #[must_use]
    pub fn aggregator_attribute(self) -> &'static str {
        if self >= Self::V18 { "aggregator" } else { "group_operator" }
    }

    /// Whether `fields_get` tells of `child_of` and `parent_of` (19.0).
    #[must_use]
    pub fn tells_hierarchy_operators(self) -> bool {
        self >= Self::V19
    }

    /// Whether a field without translations is told to have its text in all languages (up to 17.0).
    #[must_use]
    pub fn translates_all_fields(self) -> bool {
        self <= Self::V17
    }

    /// Whether a method that could be called before is private in this series: 19.0 made many so.
    #[must_use]
    pub fn hides_method(self, method: &str) -> bool {
        self >= Self::V19 && methods::is_shared(Self::V18, method)
    }

    /// The class of a model as a `TypeError` names it: 19.0 names them by their models, before by their kind.
    #[must_use]
    pub fn model_class(self, model: &str) -> String {
        let words = |text: &str| -> String {
            text.split(['.', '_'])
                .map(|word| {
                    let mut chars = word.chars();
                    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
                })
                .collect()
        };
        match model.strip_prefix("res.").filter(|_| self < Self::V19) {
            Some(rest) => words(rest),
            None => words(model),
        }
    }

    /// The class of `res.users` as a `TypeError` names it.
    #[must_use]
    pub fn users_class(self) -> &'static str {
        if self >= Self::V19 { "ResUsers" } else { "Users" }
    }

    // --- groups of records ------------------------------------------------------------------------

    /// Whether groups have `array_agg_distinct` (18.0 on).
    #[must_use]
    pub fn has_distinct_arrays(self) -> bool {
        self >= Self::V18
    }

    /// Whether records can be grouped by fields of the records that they refer to: `country_id.code` (19.0).
    #[must_use]
    pub fn groups_along_paths(self) -> bool {
        self >= Self::V19
    }

    /// What is said of a path that records cannot be grouped by; `rest` is the path without its first field.
    #[must_use]
    pub fn invalid_group_path(self, spec: &str, rest: &str) -> Error {
        Error::value_error(if self >= Self::V19 {
            format!("Only many2one path is accepted for the {} groupby spec", python::repr(&spec.into()))
        } else {
            format!("Property name {} has to be used on a property field.", python::repr(&rest.into()))
        })
    }

    /// What is said of a field that is not stored and to be grouped by, or aggregated.
    #[must_use]
    pub fn ungroupable_field(self, model: &str, field: &str) -> Error {
        if self >= Self::V18 {
            return not_stored(model, field);
        }
        Error::value_error(format!("Cannot convert field {model}.{field} to SQL"))
    }

    /// Whether the numbers in dates that records are grouped by are floats (19.0).
    #[must_use]
    pub fn has_floating_date_parts(self) -> bool {
        self >= Self::V19
    }

    /// How weeks are numbered in the labels of groups.
    #[must_use]
    pub fn weeks_of_groups(self) -> Weeks {
        if self >= Self::V18 { Weeks::Calendar } else { Weeks::Formatted }
    }

    /// Whether it is an error to sort groups by something else than what they are and have (17.0 on), or else passed over.
    #[must_use]
    pub fn refuses_unknown_group_order(self) -> bool {
        self >= Self::V17
    }

    /// Whether the one row of `read_group` without groups looks as others do (17.0 on), or else as the database answers it:
    /// with the least id, with nulls and without a domain.
    #[must_use]
    pub fn formats_ungrouped_rows(self) -> bool {
        self >= Self::V17
    }

    /// Whether the domain of a group is one list of conditions (19.0), or else those of the records and of the group.
    #[must_use]
    pub fn flattens_group_domains(self) -> bool {
        self >= Self::V19
    }

    /// Whether the web client is answered as by `formatted_read_group` (19.0), or else as by `read_group`.
    #[must_use]
    pub fn formats_groups(self) -> bool {
        self >= Self::V19
    }

    /// Whether the groups of a progress bar go by their labels (up to 17.0), or else by their values.
    #[must_use]
    pub fn labels_progress_bars(self) -> bool {
        self <= Self::V17
    }

    // --- session info -----------------------------------------------------------------------------

    /// Which members the session info of this series has.
    #[must_use]
    pub fn session_info(self) -> SessionInfoShape {
        SessionInfoShape {
            is_public: self >= Self::V18,
            is_internal_user: self >= Self::V17,
            registry_hash: self >= Self::V19,
            user_settings: self >= Self::V17,
            quick_login: self >= Self::V19,
            partner_write_date: self >= Self::V18,
            company_id: self <= Self::V16,
            cache_hashes: self <= Self::V18,
            bundle_params: self >= Self::V16,
            test_mode_and_view_info: self >= Self::V18,
            groups: self >= Self::V19,
            company_tree: self >= Self::V17,
            company_currency: self >= Self::V19,
            display_switch_company_menu: self <= Self::V18,
            user_id: self <= Self::V17,
            web_tours: self <= Self::V17,
            websocket_worker_version: self >= Self::V18,
            tour_enabled: self >= Self::V18,
            currency_names: self >= Self::V18,
        }
    }
}

/// What 18.0 and 19.0 say of a field that is not stored.
fn not_stored(model: &str, field: &str) -> Error {
    Error::value_error(format!("Cannot convert {model}.{field} to SQL because it is not stored"))
}

/// Which members a session info has; see [`Series::session_info`].
#[expect(clippy::struct_excessive_bools, reason = "a row of a table of differences, read by name")]
#[derive(Clone, Copy, Debug)]
pub struct SessionInfoShape {
    pub is_public: bool,
    pub is_internal_user: bool,
    pub registry_hash: bool,
    pub user_settings: bool,
    pub quick_login: bool,
    pub partner_write_date: bool,
    /// `company_id` of internal users.
    pub company_id: bool,
    pub cache_hashes: bool,
    pub bundle_params: bool,
    pub test_mode_and_view_info: bool,
    pub groups: bool,
    /// `child_ids` and `parent_id` of companies, and `disallowed_ancestor_companies`.
    pub company_tree: bool,
    /// `currency_id` of companies.
    pub company_currency: bool,
    pub display_switch_company_menu: bool,
    /// `user_id`, a list.
    pub user_id: bool,
    /// `web_tours` and `tour_disable`, for administrators only.
    pub web_tours: bool,
    pub websocket_worker_version: bool,
    /// `tour_enabled` and `current_tour`.
    pub tour_enabled: bool,
    /// `name` of currencies.
    pub currency_names: bool,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Said of a text that names no series.
#[derive(Debug, thiserror::Error)]
#[error("unknown series '{0}', choose one of 15.0, 16.0, 17.0, 18.0 and 19.0")]
pub struct UnknownSeries(String);

impl FromStr for Series {
    type Err = UnknownSeries;

    /// Reads `"17.0"` or `"17"`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|series| text == series.name() || text == series.major().to_string())
            .ok_or_else(|| UnknownSeries(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_its_names() {
        for series in Series::ALL {
            assert_eq!(series.name().parse::<Series>().unwrap(), series);
            assert_eq!(Series::of_module_version(&series.base_version()), Some(series));
        }
        assert_eq!("17".parse::<Series>().unwrap(), Series::V17);
        for text in ["", "14.0", "17.", "17.1", "saas-17.1"] {
            assert!(text.parse::<Series>().is_err(), "{text}");
        }
    }
}
