//! What of Odoo's base models is behaviour and not data; one file a model.

pub mod avatars;
pub mod groups;
pub mod ir_attachment;
pub mod ir_binary;
pub mod ir_config_parameter;
pub mod ir_default;
pub mod ir_http;
pub mod ir_model;
pub mod ir_model_access;
pub mod ir_model_data;
pub mod ir_module_module;
pub mod ir_rule;
pub mod ir_sequence;
pub mod ir_ui_view;
pub mod memberships;
pub mod onchange;
pub mod res_bank;
pub mod res_company;
pub mod res_country;
pub mod res_currency;
pub mod res_groups;
pub mod res_lang;
pub mod res_partner;
pub mod res_partner_category;
pub mod res_users;
pub mod res_users_apikeys;
pub mod res_users_identitycheck;
pub mod web_client;

use std::collections::HashMap;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::error::Result;
use crate::orm::access::Operation;
use crate::orm::call::Bound;
use crate::orm::domain::{Domain, Leaf, Operator};
use crate::orm::env::Env;
use crate::orm::field::Field;
use crate::orm::registry::Model;
use crate::orm::write;
use crate::series::Series;

/// The values of a record that is being made or written.
pub type Values = Map<String, Value>;

/// What a model does that its definition does not say. Each method does nothing unless a model has its own.
///
/// Errors are those that Odoo raises, and failures of the database.
#[async_trait]
pub trait Behaviour: Send + Sync {
    /// Whether the model's own code looks at values that are written before the fields do (19.0 then has a `KeyError`
    /// for an unknown field).
    fn overrides_write(&self) -> bool {
        false
    }

    /// The fields by which records are found by name, where it is not just the one that names them.
    fn names_searched(&self, _series: Series) -> &'static [&'static str] {
        &[]
    }

    /// The domain of records that are called so, where it is not a matter of fields.
    async fn search_by_name(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        _operator: Operator,
        _value: &Value,
    ) -> Result<Option<Domain>> {
        Ok(None)
    }

    /// The names of records, where it is not the field that names them.
    async fn display_names(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        _ids: &[i32],
    ) -> Result<Option<HashMap<i32, String>>> {
        Ok(None)
    }

    /// The values of a field that is not stored.
    async fn compute(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        _field: &Field,
        _ids: &[i32],
    ) -> Result<Option<HashMap<i32, Value>>> {
        Ok(None)
    }

    /// The domain that a condition on a field that is not stored means.
    async fn search(&self, _env: &Env<'_>, _model: &Model, _field: &Field, _leaf: &Leaf) -> Result<Option<Domain>> {
        Ok(None)
    }

    /// Does what writing to a field that is not stored means; answers whether it means something.
    async fn inverse(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        _ids: &[i32],
        _field: &Field,
        _value: &Value,
    ) -> Result<bool> {
        Ok(false)
    }

    /// A default that depends on who asks and when.
    async fn default(&self, _env: &Env<'_>, _field: &Field) -> Result<Option<Value>> {
        Ok(None)
    }

    /// The values of a selection that is computed, with their labels.
    async fn selection(&self, _env: &Env<'_>, _field: &Field) -> Result<Option<Value>> {
        Ok(None)
    }

    /// Before anything is done with values that are to be made or written: those that stand for other fields' become these.
    async fn translate(&self, _env: &Env<'_>, _model: &Model, _values: &mut Values) -> Result<()> {
        Ok(())
    }

    /// Fields that `fields_get` tells of beside those of the registry, with all that it tells of them.
    async fn described_fields(&self, _env: &Env<'_>) -> Result<Values> {
        Ok(Values::new())
    }

    /// Before records are made: the values, with defaults, can be changed or refused.
    async fn prepare_create(&self, _env: &Env<'_>, _model: &Model, _values: &mut Vec<Values>) -> Result<()> {
        Ok(())
    }

    /// Before records are made of these values, whose columns will be these: what is computed of them and stored with them.
    /// Nothing where that can be known only when they are there.
    async fn computed_of_new(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        _values: &[Values],
        _columns: &[&write::Columns],
    ) -> Result<Option<Vec<write::Computed>>> {
        Ok(None)
    }

    /// After records were made of these values: what is computed and stored, and what must hold.
    async fn created(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32], _values: &[Values]) -> Result<()> {
        Ok(())
    }

    /// The records that a search for `domain` is for, of those that it finds.
    fn searched(&self, _env: &Env<'_>, _domain: &Domain) -> Domain {
        Domain::True
    }

    /// The records that the caller may do that with, where it is not rules that say so.
    async fn accessible(&self, _env: &Env<'_>, _operation: Operation) -> Result<Domain> {
        Ok(Domain::True)
    }

    /// Whether a search needs no rights to the model.
    fn searches_without_rights(&self, _series: Series) -> bool {
        false
    }

    /// In which environment records are written: with more rights where somebody writes what is their own.
    async fn writer<'a>(&self, env: &Env<'a>, _model: &Model, _ids: &[i32], _values: &Values) -> Result<Env<'a>> {
        Ok(env.clone())
    }

    /// Before records are written: the values can be changed or refused.
    async fn prepare_write(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32], _values: &mut Values) -> Result<()> {
        Ok(())
    }

    /// After these values were written to records: what is computed and stored, and what must hold.
    async fn written(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32], _values: &Values) -> Result<()> {
        Ok(())
    }

    /// Before records are deleted.
    async fn prepare_unlink(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32]) -> Result<()> {
        Ok(())
    }

    /// After records were deleted.
    async fn unlinked(&self, _env: &Env<'_>, _model: &Model, _ids: &[i32]) -> Result<()> {
        Ok(())
    }

    /// Before a record is copied: the values of the copy can be changed. `default` are those that the caller gave.
    async fn prepare_copy(
        &self,
        _env: &Env<'_>,
        _model: &Model,
        _id: i32,
        _default: &Values,
        _values: &mut Values,
    ) -> Result<()> {
        Ok(())
    }

    /// Runs a method of this model, or its own version of a method of all models; nothing where it has none of that name.
    async fn call(&self, _env: &Env<'_>, _model: &Model, _call: &Bound) -> Result<Option<Value>> {
        Ok(None)
    }
}

/// A model that does what its definition says.
struct Plain;

impl Behaviour for Plain {}

/// What the model of that name does.
#[must_use]
pub fn behaviour(model: &str) -> &'static dyn Behaviour {
    match model {
        "ir.attachment" => &ir_attachment::IrAttachment,
        "ir.config_parameter" => &ir_config_parameter::IrConfigParameter,
        "ir.default" => &ir_default::IrDefault,
        "ir.model" => &ir_model::IrModel,
        "ir.model.access" => &ir_model_access::IrModelAccess,
        "ir.model.fields" => &ir_model::IrModelFields,
        "ir.model.fields.selection" => &ir_model::IrModelFieldsSelection,
        "ir.model.data" => &ir_model_data::IrModelData,
        "ir.module.module" => &ir_module_module::IrModuleModule,
        "ir.rule" => &ir_rule::IrRule,
        "ir.sequence.date_range" => &ir_sequence::IrSequenceDateRange,
        "res.currency.rate" => &res_currency::ResCurrencyRate,
        "ir.sequence" => &ir_sequence::IrSequence,
        "ir.ui.view" => &ir_ui_view::IrUiView,
        "res.bank" => &res_bank::ResBank,
        "res.partner.bank" => &res_bank::ResPartnerBank,
        "res.company" => &res_company::ResCompany,
        "res.country" => &res_country::ResCountry,
        "res.country.state" => &res_country::ResCountryState,
        "res.currency" => &res_currency::ResCurrency,
        "res.groups" => &res_groups::ResGroups,
        "res.lang" => &res_lang::ResLang,
        "res.partner" => &res_partner::ResPartner,
        "res.partner.category" => &res_partner_category::ResPartnerCategory,
        "res.users" => &res_users::ResUsers,
        "res.users.apikeys" => &res_users_apikeys::ResUsersApikeys,
        "res.users.apikeys.description" => &res_users_apikeys::ResUsersApikeysDescription,
        "res.users.identitycheck" => &res_users_identitycheck::ResUsersIdentitycheck,
        _ => &Plain,
    }
}
