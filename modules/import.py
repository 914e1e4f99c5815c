#!/usr/bin/env python3
"""Write modules/<module>/<series>/*.json from facts observed on fresh Odoo databases.

    modules/import.py FACTS_DIR RECORDINGS_DIR

FACTS_DIR/<series>/ has models.json, access.json, rules.json, methods.json, groups.json, ir.model.data.json and
records by model; RECORDINGS_DIR/<series>/ has recorded conversations, of which fields_get.json gives the order in
which fields are defined and base_data.json ids.

A record file (<model>.json) is a list of records of one model in the order in which they are created: `id`, `xmlid`
(the external id, where it has one), `noupdate`, and the values of stored fields. Relations are ids or external ids,
many2many ones lists of them; a translated field is an object of texts by language. One record stands on one line, so
that a change of a series is a readable diff.

models.json is an object of models by name, in the order of their ids in ir_model, methods.json one of methods by model.
"""
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
MODELS = ["res.lang", "res.currency", "res.country", "res.country.state", "res.partner", "res.company"]

# Observed on fresh databases: who is a member of what (groups that others imply are not repeated).
INTERNAL = ["base.group_user", "base.group_partner_manager", "base.group_allow_export"]
MEMBERS = {
    "base.user_root": ["base.group_system", *INTERNAL],
    "base.user_admin": ["base.group_system", *INTERNAL],
    "base.default_user": INTERNAL,
    "base.public_user": ["base.group_public"],
    "base.template_portal_user_id": ["base.group_portal"],
}
# The categories by which the form of a user shows groups, up to 18.0 (recorded as the fields `sel_groups_...`).
CATEGORIES = [("base.module_category_administration", "Administration", 50),
              ("base.module_category_user_type", "User types", 51),
              ("base.module_category_technical", "Technical", 60)]
CATEGORY_OF_GROUP = {
    "base.group_erp_manager": "base.module_category_administration",
    "base.group_system": "base.module_category_administration",
    "base.group_user": "base.module_category_user_type",
    "base.group_portal": "base.module_category_user_type",
    "base.group_public": "base.module_category_user_type",
    "base.group_allow_export": "base.module_category_technical",
}
# Observed values of configuration parameters that are the same on every fresh database; the others
# (database.uuid, database.secret, web.base.url, ...) are made when a database is created.
PARAMETERS = {
    "base.login_cooldown_after": "10",
    "base.login_cooldown_duration": "60",
    "base_setup.show_effect": "True",
    "base.default_max_email_size": "10",
    "base_setup.default_user_rights": "True",
    "mail.catchall.alias": "catchall",
    "mail.bounce.alias": "bounce",
    "mail.default.from": "notifications",
}

# The models of base in the order in which it defines them, which numbers ir_model; others follow by name.
# base.enable.profiling.wizard stands late: the fields that other modules add to the models before res.partner are
# numbered with them here, and its eight make up for those, so that the ids of res.partner's fields can be Odoo's.
ORDER = """
base _unknown ir.model ir.model.fields ir.model.inherit ir.model.fields.selection ir.model.constraint
ir.model.relation ir.model.access ir.model.data wizard.ir.model.menu.create ir.sequence ir.sequence.date_range
ir.ui.menu ir.ui.view.custom ir.ui.view reset.view.arch.wizard ir.asset
ir.actions.actions ir.actions.act_window ir.actions.act_window.view ir.actions.act_window_close ir.actions.act_url
ir.actions.server.history ir.actions.server ir.server.object.lines ir.actions.todo ir.actions.client
ir.embedded.actions ir.actions.report ir.attachment ir.binary ir.cron ir.cron.trigger ir.cron.progress ir.filters
ir.default ir.exports ir.exports.line ir.rule ir.config_parameter ir.autovacuum ir.mail_server ir.fields.converter
ir.qweb ir.qweb.field ir.qweb.field.integer ir.qweb.field.float ir.qweb.field.date ir.qweb.field.datetime
ir.qweb.field.text ir.qweb.field.selection ir.qweb.field.many2one ir.qweb.field.many2many ir.qweb.field.one2many
ir.qweb.field.html ir.qweb.field.image ir.qweb.field.image_url ir.qweb.field.monetary ir.qweb.field.float_time
ir.qweb.field.time ir.qweb.field.duration ir.qweb.field.relative ir.qweb.field.barcode ir.qweb.field.contact
ir.qweb.field.qweb ir.http ir.logging ir.property ir.module.category ir.module.module ir.module.module.dependency
ir.module.module.exclusion ir.demo ir.demo_failure ir.demo_failure.wizard report.layout report.paperformat ir.profile
image.mixin avatar.mixin properties.base.definition properties.base.definition.mixin
res.country res.country.group res.country.state res.lang format.address.mixin format.vat.label.mixin
res.partner.category res.partner.title res.partner res.partner.industry res.bank res.partner.bank
res.config res.config.installer res.config.settings res.currency res.currency.rate res.company
res.groups.privilege res.groups res.users.log res.users res.users.identitycheck change.password.wizard
change.password.user change.password.own res.users.apikeys res.users.apikeys.description res.users.apikeys.show
res.users.settings res.users.deletion res.device.log res.device decimal.precision report.base.report_irmodulereference
base.enable.profiling.wizard base.module.update base.language.install base.language.import base.module.upgrade
base.module.uninstall base.language.export base.partner.merge.line base.partner.merge.automatic.wizard
server.action.history.wizard
""".split()

# Observed ids: of models, of the first field of a model, of the module base (a real server lists all modules it
# could install), of the view to which the warning about a partner with a user leads.
OBSERVED_IDS = {
    "16.0": {"module": 31, "view": 162},  # nobody asked a 16.0: those of 17.0
    "17.0": {"models": {"res.country": 78, "res.partner": 85, "res.company": 94, "res.users": 97},
             "fields": {"res.partner": 858}, "module": 31, "view": 162},
    "18.0": {"models": {"res.country": 79, "res.partner": 87, "res.company": 95, "res.users": 98},
             "fields": {"res.partner": 891}, "module": 31, "view": 163},
    "19.0": {"models": {"res.country": 83, "res.partner": 90, "res.company": 98, "res.users": 102},
             "fields": {"res.partner": 994}, "module": 34, "view": 167},
}

MAGIC = ["create_uid", "create_date", "write_uid", "write_date", "__last_update"]
LANGUAGES = {"lang"}  # fields whose choices are the installed languages
# Defaults that were observed but depend on the database, the day or chance, and those that are long texts of Odoo.
NO_DEFAULT = {
    ("base.document.layout", "company_details"), ("iap.account", "account_token"), ("res.partner.category", "color"),
    ("ir.actions.server", "code"), ("ir.cron", "code"),
}
# Attributes by (model, field) that the facts lack: recorded ones, and ones known of Odoo's base models. What is not
# said is the obvious: no domain, no context, trimmed, sanitized, searchable where stored or where it leads to a
# searchable field. A pair of series bounds an entry: (first, last).
ALWAYS = ("16.0", "19.0")
OBSERVED = [
    ("res.partner", "name", {"default_export_compatible": True}, ALWAYS),
    # of defaults, the facts lack those that Python takes for false
    ("ir.sequence", "padding", {"default": 0}, ALWAYS),
    ("res.partner", "is_company", {"default": False}, ALWAYS),
    ("res.partner", "color", {"default": 0}, ALWAYS),
    ("res.partner", "zip", {"change_default": True}, ALWAYS),
    ("res.partner", "child_ids", {"domain": [["active", "=", True]], "depends": ["child_ids.active"]}, ALWAYS),
    ("res.partner", "child_ids", {"context": {"active_test": False}}, ("18.0", "19.0")),
    ("res.partner", "state_id", {"domain": "[('country_id', '=?', country_id)]"}, ALWAYS),
    ("res.partner", "barcode", {"company_dependent": True}, ALWAYS),
    ("res.partner", "barcode", {"searchable": True}, ("16.0", "17.0")),
    ("res.partner.bank", "partner_id", {"domain": ["|", ["is_company", "=", True], ["parent_id", "=", False]]}, ALWAYS),
    ("res.bank", "state", {"domain": "[('country_id', '=?', country)]"}, ALWAYS),
    ("res.country", "address_view_id", {"domain": [["model", "=", "res.partner"], ["type", "=", "form"]]}, ALWAYS),
    ("res.company", "state_id", {"domain": "[('country_id', '=?', country_id)]"}, ALWAYS),
    ("res.company", "all_child_ids", {"context": {"active_test": False}}, ALWAYS),
    ("res.lang", "decimal_point", {"trim": False}, ALWAYS),
    ("res.lang", "thousands_sep", {"trim": False}, ALWAYS),
    ("ir.sequence", "prefix", {"trim": False}, ALWAYS),
    ("ir.sequence", "suffix", {"trim": False}, ALWAYS),
    ("ir.ui.view", "model_data_id", {"searchable": True}, ALWAYS),
    ("res.groups", "full_name", {"searchable": True}, ALWAYS),
    ("res.groups", "all_implied_ids", {"searchable": True}, ALWAYS),
    ("res.groups", "all_implied_by_ids", {"searchable": True}, ALWAYS),
    ("res.groups", "all_user_ids", {"searchable": True}, ALWAYS),
    ("res.users", "all_group_ids", {"searchable": True}, ALWAYS),
    ("res.users", "res_users_settings_id", {"searchable": True}, ALWAYS),
    ("res.users", "totp_enabled", {"searchable": True}, ("17.0", "19.0")),
]
# Constraints of tables: model, name without the table, what holds on every row, message, series. A check is a domain.
# An index that has no message answers with the database's own words.
SPACED = "16.0"  # the last series that has a space before the exclamation mark of some messages
CONSTRAINTS = [
    ("res.partner", "check_name", {"check": ["|", ["type", "!=", "contact"], ["name", "!=", False]]},
     "Contacts require a name", ALWAYS),
    ("res.users", "login_key", {"unique": ["login"]}, "You can not have two users with the same login !", ALWAYS),
    ("res.users.settings", "unique_user_id", {"unique": ["user_id"]},
     "One user should only have one user settings.", ALWAYS),
    ("res.users.settings.embedded.action", "res_user_settings_embedded_action_unique",
     {"unique": ["user_setting_id", "action_id", "res_id"]},
     "The user should have one unique embedded action setting per user setting, action and record id.", ALWAYS),
    ("res.company", "name_uniq", {"unique": ["name"]}, "The company name must be unique !", ALWAYS),
    ("res.country", "name_uniq", {"unique": ["name"]}, "The name of the country must be unique !", ALWAYS),
    ("res.country", "code_uniq", {"unique": ["code"]}, "The code of the country must be unique !", ALWAYS),
    ("res.country.state", "name_code_uniq", {"unique": ["country_id", "code"]},
     "The code of the state must be unique by country !", ALWAYS),
    ("res.country.group", "check_code_uniq", {"unique": ["code"]},
     "The country group code must be unique!", ("19.0", "19.0")),
    ("res.currency", "unique_name", {"unique": ["name"]}, "The currency code must be unique!", ALWAYS),
    ("res.currency", "rounding_gt_zero", {"check": [["rounding", ">", 0]]},
     "The rounding factor must be greater than 0!", ALWAYS),
    ("res.currency.rate", "unique_name_per_day", {"unique": ["name", "currency_id", "company_id"]},
     "Only one currency rate per day allowed!", ALWAYS),
    ("res.currency.rate", "currency_rate_check", {"check": [["rate", ">", 0]]},
     "The currency rate must be strictly positive.", ALWAYS),
    ("res.lang", "name_uniq", {"unique": ["name"]}, "The name of the language must be unique !", ALWAYS),
    ("res.lang", "code_uniq", {"unique": ["code"]}, "The code of the language must be unique !", ALWAYS),
    ("res.lang", "url_code_uniq", {"unique": ["url_code"]}, "The URL code of the language must be unique !", ALWAYS),
    ("res.groups", "name_uniq", {"unique": ["category_id", "name"]},
     "The name of the group must be unique within an application!", ("16.0", "18.0")),
    ("res.groups", "name_uniq", {"unique": ["privilege_id", "name"]},
     "The name of the group must be unique within a group privilege!", ("19.0", "19.0")),
    ("res.groups", "check_api_key_duration", {"check": [["api_key_duration", ">=", 0]]},
     "The api key duration cannot be a negative value.", ("18.0", "19.0")),
    ("res.partner.bank", "unique_number", {"unique": ["sanitized_acc_number", "partner_id"]},
     "The combination Account Number/Partner must be unique.", ALWAYS),
    ("ir.config_parameter", "key_uniq", {"unique": ["key"]}, "Key must be unique.", ALWAYS),
    ("ir.model", "obj_name_uniq", {"unique": ["model"]}, "Each model must have a unique name.", ALWAYS),
    ("ir.model.fields", "name_unique", {"unique": ["model", "name"]}, "Field names must be unique per model.", ALWAYS),
    ("ir.model.fields", "size_gt_zero", {"check": ["|", ["size", "=", False], ["size", ">=", 0]]},
     "Size of the field cannot be negative.", ALWAYS),
    ("ir.model.fields", "name_manual_field", {"check": ["|", ["state", "!=", "manual"], ["name", "=like", "x\\_%"]]},
     "Custom fields must have a name that starts with 'x_'!", ALWAYS),
    ("ir.model.fields.selection", "selection_field_uniq", {"unique": ["field_id", "value"]},
     "Selections values must be unique per field", ALWAYS),
    ("ir.model.inherit", "uniq", {"unique": ["model_id", "parent_id"]},
     "Models inherits from another only once", ALWAYS),
    ("ir.model.constraint", "module_name_uniq", {"unique": ["name", "module"]},
     "Constraints with the same name are unique per module.", ALWAYS),
    ("ir.model.data", "name_nospaces", {"check": [["name", "not like", " "]]},
     "External IDs cannot contain spaces", ALWAYS),
    ("ir.model.data", "module_name_uniq_index", {"unique": ["module", "name"]}, None, ALWAYS),
    ("ir.module.module", "name_uniq", {"unique": ["name"]}, "The name of the module must be unique!", ALWAYS),
    ("ir.rule", "no_access_rights", {"check": ["|", "|", "|", ["perm_read", "=", True], ["perm_write", "=", True],
                                               ["perm_create", "=", True], ["perm_unlink", "=", True]]},
     "Rule must have at least one checked access right !", ALWAYS),
    ("ir.sequence.date_range", "unique_range_per_sequence", {"unique": ["sequence_id", "date_from", "date_to"]},
     "You cannot create two date ranges for the same sequence with the same date range.", ("16.0", "16.0")),
    ("ir.sequence.date_range", "unique_range_per_sequence", {"unique": ["sequence_id", "date_from", "date_to"]},
     "You cannot create two date ranges for the same sequence with the same date range.", ("19.0", "19.0")),
    ("ir.ui.view", "inheritance_mode", {"check": ["|", ["mode", "!=", "extension"], ["inherit_id", "!=", False]]},
     "Invalid inheritance mode: if the mode is 'extension', the view must extend an other view", ALWAYS),
    ("ir.ui.view", "qweb_required_key", {"check": ["|", ["type", "!=", "qweb"], ["key", "!=", False]]},
     "Invalid key: QWeb view should have a key", ALWAYS),
    ("ir.cron", "check_strictly_positive_interval", {"check": [["interval_number", ">", 0]]},
     "The interval number must be a strictly positive number.", ("18.0", "19.0")),
    ("ir.filters", "name_model_uid_unique", {"unique": ["model_id", "user_id", "action_id", "name"]},
     "Filter names must be unique", ("16.0", "17.0")),
    ("ir.filters", "name_model_uid_unique",
     {"unique": ["model_id", "user_id", "action_id", "embedded_action_id", "embedded_parent_res_id", "name"]},
     "Filter names must be unique", ("18.0", "18.0")),
    ("ir.embedded.actions", "check_only_one_action_defined",
     {"check": ["|", "&", ["action_id", "!=", False], ["python_method", "=", False],
                "&", ["action_id", "=", False], ["python_method", "!=", False]]},
     "Constraint to ensure that either an XML action or a python_method is defined, but not both.", ALWAYS),
    ("ir.embedded.actions", "check_python_method_requires_name",
     {"check": ["|", ["python_method", "=", False], ["name", "!=", False]]},
     "Constraint to ensure that if a python_method is defined, then the name must also be defined.", ALWAYS),
    ("ir.mail_server", "certificate_requires_tls",
     {"check": ["|", ["smtp_encryption", "!=", "none"], ["smtp_authentication", "!=", "certificate"]]},
     "Certificate-based authentication requires a TLS transport", ALWAYS),
    ("decimal.precision", "name_uniq", {"unique": ["name"]},
     "Only one value can be defined for each given usage!", ALWAYS),
    ("properties.base.definition", "unique_properties_field_id", {"unique": ["properties_field_id"]},
     "Only one definition per properties field", ALWAYS),
    ("web_tour.tour", "uniq_name", {"unique": ["name"]},
     "A tour already exists with this name . Tour's name must be unique!", ("18.0", "19.0")),
    ("iap.service", "unique_technical_name", {"unique": ["technical_name"]},
     "Only one service can exist with a specific technical_name", ALWAYS),
    ("auth.passkey.key", "unique_identifier", {"unique": ["credential_identifier"]},
     "The credential identifier should be unique.", ALWAYS),
    *((model, "path_unique", {"unique": ["path"]},
       "Path to show in the URL must be unique! Please choose another one.", ("18.0", "19.0"))
      # not ir.actions.act_window_close, which has the table of ir.actions.actions
      for model in ("ir.actions.actions", "ir.actions.act_window", "ir.actions.act_url", "ir.actions.server",
                    "ir.actions.client", "ir.actions.report")),
]

# Records of every fresh database that the facts leave out: only those, and only their values, that are certain.
INDUSTRIES = {
    "A": ("Agriculture", "AGRICULTURE, FORESTRY AND FISHING"),
    "B": ("Mining", "MINING AND QUARRYING"),
    "C": ("Manufacturing", "MANUFACTURING"),
    "D": ("Energy supply", "ELECTRICITY, GAS, STEAM AND AIR CONDITIONING SUPPLY"),
    "E": ("Water supply", "WATER SUPPLY; SEWERAGE, WASTE MANAGEMENT AND REMEDIATION ACTIVITIES"),
    "F": ("Construction", "CONSTRUCTION"),
    "G": ("Wholesale/Retail", "WHOLESALE AND RETAIL TRADE; REPAIR OF MOTOR VEHICLES AND MOTORCYCLES"),
    "H": ("Transportation/Logistics", "TRANSPORTATION AND STORAGE"),
    "I": ("Food/Hospitality", "ACCOMMODATION AND FOOD SERVICE ACTIVITIES"),
    "J": ("IT/Communication", "INFORMATION AND COMMUNICATION"),
    "K": ("Finance/Insurance", "FINANCIAL AND INSURANCE ACTIVITIES"),
    "L": ("Real Estate", "REAL ESTATE ACTIVITIES"),
    "M": ("Scientific", "PROFESSIONAL, SCIENTIFIC AND TECHNICAL ACTIVITIES"),
    "N": ("Administrative/Utilities", "ADMINISTRATIVE AND SUPPORT SERVICE ACTIVITIES"),
    "O": ("Public Administration", "PUBLIC ADMINISTRATION AND DEFENCE; COMPULSORY SOCIAL SECURITY"),
    "P": ("Education", "EDUCATION"),
    "Q": ("Health/Social", "HUMAN HEALTH AND SOCIAL WORK ACTIVITIES"),
    "R": ("Entertainment", "ARTS, ENTERTAINMENT AND RECREATION"),
    "S": ("Other Services", "OTHER SERVICE ACTIVITIES"),
    "T": ("Households", "ACTIVITIES OF HOUSEHOLDS AS EMPLOYERS; UNDIFFERENTIATED GOODS- AND SERVICES-PRODUCING"
                        " ACTIVITIES OF HOUSEHOLDS FOR OWN USE"),
    "U": ("Extraterritorial", "ACTIVITIES OF EXTRATERRITORIAL ORGANISATIONS AND BODIES"),
}
KNOWN = {
    "res.partner.industry": [{"xmlid": f"base.res_partner_industry_{letter}", "name": name,
                              "full_name": f"{letter} - {full}"} for letter, (name, full) in INDUSTRIES.items()],
    "res.partner.title": [
        {"xmlid": f"base.res_partner_title_{key}", "name": name, "shortcut": shortcut}
        for key, name, shortcut in [("madam", "Madam", "Mrs."), ("miss", "Miss", "Miss"), ("mister", "Mister", "Mr."),
                                    ("doctor", "Doctor", "Dr."), ("prof", "Professor", "Prof.")]],
    # the SEPA countries, number 3, change between editions of a series
    "res.country.group": [
        {"id": i, "xmlid": f"base.{key}", "name": name, "country_ids": [f"base.{c}" for c in countries.split()]}
        for i, key, name, countries in [
            (1, "europe", "European Union", "at be bg hr cy cz dk ee fi fr de gr hu ie it lv lt lu mt nl pl pt ro sk si"
                                            " es se"),
            (2, "south_america", "South America", "ar bo br cl co ec fk gs gf gy py pe sr uy ve"),
            (4, "gulf_cooperation_council", "Gulf Cooperation Council (GCC)", "sa ae bh om qa kw")]],
    "report.paperformat": [
        {"xmlid": f"base.paperformat_{key}", "name": name, "default": True, "format": paper, "orientation": "Portrait"}
        for key, name, paper in [("euro", "A4", "A4"), ("us", "US Letter", "Letter")]],
}

# What a 16.0 answers to otherwise than a 17.0, of which the methods were observed; None where it has no such method.
METHODS_16 = {
    "web_search_read": "(domain=None, fields=None, offset=0, limit=None, order=None, count_limit=None) @model",
    "onchange": "(values, field_name, field_onchange)",
    "search": "(domain, offset=0, limit=None, order=None, count=False) @model",
    **dict.fromkeys(["web_read", "web_save", "web_name_search", "fetch", "search_fetch", "grouped", "copy_multi"]),
}
SEARCHABLE_NAMES = ("18.0", "19.0")  # series in which display_name can be searched though it is not stored
FIELD_KEYS = """type string relation inverse table ondelete related mirrors selection dynamic size digits translate default default_of
groups aggregator index required readonly computed inherited store copy domain context depends searchable
company_dependent currency_field change_default default_export_compatible exportable trim""".split()


def lines(items):
    return ",\n".join(json.dumps(i, ensure_ascii=False) for i in items)


def path_of(module, series, name):
    path = HERE / module / series / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write(module, series, model, records):
    path_of(module, series, model).write_text(f"[\n{lines(records)}\n]\n")


def ordered(facts, recorded):
    """The fields of a model in the order of their definition, where that was recorded."""
    names = sorted(facts, key=lambda f: (f in MAGIC, MAGIC.index(f) if f in MAGIC else 0, f != "display_name", f))
    if recorded:
        names = [f for f in recorded if f in facts] + [f for f in names if f not in recorded]
    return sorted(names, key=lambda f: f != "id")


def definition(models, series, model, name):
    """A field in the form of models.json."""
    facts = dict(models[model]["fields"][name])
    facts.pop("help", None)
    copied = bool(facts.get("store") and not facts.get("computed") and facts["type"] != "one2many")
    # what the server writes by itself is never copied, whatever the field says
    if name in ("id", *MAGIC) or facts["copy"] == copied:
        del facts["copy"]
    facts["store"] = bool(facts.get("store"))
    choices = facts.get("selection")
    if isinstance(choices, str) or (choices and name in LANGUAGES):
        facts |= {"selection": [], "dynamic": True}
    if facts["type"] == "many2one" or (model, name) in NO_DEFAULT:
        # the records of a fresh database that are defaults are the company and the user at hand
        of = {"res.company": "company", "res.users": "user"}.get(facts.get("relation"))
        if facts.pop("default", None) and of:
            facts["default_of"] = of
    if name == "display_name" and series in SEARCHABLE_NAMES and not facts["store"]:
        facts["searchable"] = True
    for of_model, of_name, attributes, (first, last) in OBSERVED:
        if (of_model, of_name) == (model, name) and first <= series <= last:
            facts |= attributes
    if (model, name) == ("res.company", "name"):
        # a column of its own, since it is unique; the model's behaviour keeps it and the partner's name the same
        facts["mirrors"] = facts.pop("related")
        facts.pop("computed")
    if name == "__last_update" and "write_date" in models[model]["fields"]:
        facts["related"] = "write_date"
    if facts.get("related"):
        target = followed(models, series, model, facts["related"])
        if not facts["store"] and not searchable(target):
            facts["searchable"] = False
        if facts.get("inherited"):
            facts |= {k: target[k] for k in ("domain", "context") if k in target}
    unknown = set(facts) - set(FIELD_KEYS)
    assert not unknown, (model, name, unknown)
    always = ("store", "copy", "searchable", "trim", "default", "selection")
    return {k: facts[k] for k in FIELD_KEYS if k in facts and (k in always or facts[k] not in (False, None))
            and (k, facts[k]) != ("store", True)}


def followed(models, series, model, path):
    """The field to which a path leads."""
    *steps, last = path.split(".")
    for step in steps:
        model = models[model]["fields"][step]["relation"]
    return definition(models, series, model, last)


def searchable(field):
    return field.get("searchable", field.get("store", True) or "related" in field)


def constraints(series, model, table):
    for of_model, name, demand, message, (first, last) in CONSTRAINTS:
        if of_model == model and first <= series <= last:
            if message and series > SPACED:
                message = message.replace(" !", "!")
            yield [f"{table}_{name}", demand, message]


def write_models(series, models, orders):
    observed = OBSERVED_IDS[series]
    names = [m for m in ORDER if m in models]
    names += sorted(m for m in models if m not in names)
    texts = []
    for name in names:
        facts = models[name]
        head = {"description": facts["name"], "table": facts["table"], "rec_name": facts["rec_name"],
                "order": facts["order"], "abstract": facts["abstract"], "transient": facts["transient"],
                "parent_name": facts["parent_name"], "inherits": facts["inherits"]}
        head = {k: v for k, v in head.items() if v or k == "rec_name"}
        if not facts["log_access"]:
            head["log_access"] = False
        if name in observed.get("models", {}):
            head["id"] = observed["models"][name]
        if name in observed.get("fields", {}):
            head["fields_from"] = observed["fields"][name]
        head["constraints"] = list(constraints(series, name, facts["table"]))
        fields = ",\n".join(f"  {json.dumps(f)}: {json.dumps(definition(models, series, name, f), ensure_ascii=False)}"
                            for f in ordered(facts["fields"], orders.get(name)))
        start = json.dumps(head, ensure_ascii=False)[:-1]
        texts.append(f'{json.dumps(name)}: {start}, "fields": {{\n{fields}\n}}}}')
    path_of("base", series, "models").write_text("{\n" + ",\n".join(texts) + "\n}\n")


def recorded_calls(folder, name):
    """Model, method, arguments and result of the recorded calls of one conversation."""
    path = folder / f"{name}.json"
    for step in json.loads(path.read_text())["steps"] if path.exists() else []:
        request, body = step["request"].get("json"), step["response"].get("body")
        params = request.get("params") if isinstance(request, dict) else None
        if isinstance(params, dict) and "method" in params and isinstance(body, dict) and "result" in body:
            yield params["model"], params["method"], params["args"], body["result"]


def field_orders(folder):
    return {model: list(result) for model, method, args, result in recorded_calls(folder, "fields_get")
            if method == "fields_get" and args[:1] == [[]]}


def write_methods(series, facts, models):
    methods = json.loads(path.read_text()) if (path := facts / series / "methods.json").exists() else {}
    if not methods:  # nobody asked a 16.0
        methods = json.loads((facts / "17.0" / "methods.json").read_text())
        methods = {model: {**{n: s for n, s in own.items() if n not in METHODS_16},
                           **({n: s for n, s in METHODS_16.items() if s} if model == "*" else {})}
                   for model, own in methods.items() if model == "*" or model in models}
    rows = (f"{json.dumps(model)}: {json.dumps(own, ensure_ascii=False)}" for model, own in methods.items())
    path_of("base", series, "methods").write_text("{\n" + ",\n".join(rows) + "\n}\n")


def permissions(text):
    """The flags of a text such as `rw-u`."""
    names = ("perm_read", "perm_write", "perm_create", "perm_unlink")
    assert all(c in (flag, "-") for c, flag in zip(text, "rwcu", strict=True)), text
    return {name: c != "-" for name, c in zip(names, text)}


def write_rights(series, access, rules):
    """Who may do what with a model, and with which of its records. Names are ours: nobody observed them."""
    named = lambda model, groups: f"{model} {' '.join(g.split('.')[1] for g in groups) or 'everyone'}"
    write("base", series, "ir.model.access", [
        {"id": i, "name": named(model, [group] if group else []), "model": model, "group": group or None,
         **permissions(may)} for i, (model, group, may) in enumerate(access, 1)])
    write("base", series, "ir.rule", [
        {"id": i, "name": named(rule["model"], rule["groups"]), "model": rule["model"], "groups": rule["groups"],
         "domain_force": rule["domain"].strip(), **permissions(rule["perms"])} for i, rule in enumerate(rules, 1)])


def write_known(series, models):
    for model, records in KNOWN.items():
        if model in models:
            write("base", series, model, [translated(models, model, {"id": i} | record)
                                          for i, record in enumerate(records, 1)])
    arch = '<form string="User"><field name="name"/></form>'
    view = {"id": OBSERVED_IDS[series]["view"], "xmlid": "base.view_users_simple_form",
            "name": "res.users.simplified.form", "model": "res.users", "type": "form", "mode": "primary",
            "priority": 1, "active": True, "arch_db": arch}
    write("base", series, "ir.ui.view", [translated(models, "ir.ui.view", view)])


def translated(models, model, values):
    """Values of stored fields, those of translated fields as texts by language."""
    fields = models[model]["fields"]
    for name in values:
        assert name in ("id", "xmlid", "data_id", "noupdate") or fields.get(name, {}).get("store"), (model, name)
    return {k: {"en_US": v} if fields.get(k, {}).get("translate") else v for k, v in values.items()}


def check_ids(series, folder):
    """The ids that the loader gives are those that were recorded."""
    models = json.loads((HERE / "base" / series / "models.json").read_text())
    ids, model_id, field_id = {}, 0, 0
    for name, model in models.items():
        assert model.get("id", model_id + 1) > model_id, f"{series}: the id of {name} is taken"
        model_id = model.get("id", model_id + 1)
        ids["ir.model", name] = model_id
        assert model.get("fields_from", field_id + 1) > field_id, f"{series}: {name}'s fields are at {field_id + 1}"
        field_id = model.get("fields_from", field_id + 1) - 1
        for field in model["fields"]:
            field_id += 1
            ids["ir.model.fields", name, field] = field_id
    modules = json.loads((HERE / "base" / series / "ir.module.module.json").read_text())
    ids |= {("ir.module.module", m["name"]): m["id"] for m in modules}
    for model, method, args, result in recorded_calls(folder, "base_data"):
        for record in result if method == "search_read" else []:
            key = {"ir.model": lambda: (model, record["model"]), "ir.module.module": lambda: (model, record["name"]),
                   "ir.model.fields": lambda: (model, args[0][0][2], record["name"])}.get(model)
            assert not key or ids[key()] == record["id"], (series, key(), ids[key()], record)


def main(facts, recordings):
    for source in sorted(p for p in facts.iterdir() if p.is_dir()):
        series = source.name
        load = lambda name: json.loads((source / f"{name}.json").read_text())
        external = {(r["model"], r["res_id"]): r for r in load("ir.model.data")}
        models = load("models")
        # nobody asked a 16.0: its fields stand as those of 17.0
        orders = field_orders(recordings / series) or field_orders(recordings / "17.0")
        write_models(series, models, orders)
        write_methods(series, facts, models)
        write_rights(series, load("access"), load("rules"))
        write_known(series, models)

        def record(model, values):
            known = external.get((model, values["id"]))
            head = {"id": values["id"]}
            if known:
                head["xmlid"] = f"{known['module']}.{known['name']}"
                head["data_id"] = known["id"]
                if known["noupdate"]:
                    head["noupdate"] = True
            # false is what an empty field reads as; only a boolean is really false
            fields = models[model]["fields"]
            return head | {k: v for k, v in values.items()
                           if k not in head and (v is not False or fields[k]["type"] == "boolean")}

        data = {model: [record(model, r) for r in load(model)] for model in MODELS}
        # what the server computes and stores, as far as the series has it
        stored = lambda model, name: models[model]["fields"].get(name, {}).get("store")
        computed = lambda model, values: {k: v for k, v in values.items() if stored(model, k)}
        shared = {u["partner_id"] for u in load("res.users") if u["share"]}
        owned = {u["partner_id"] for u in load("res.users") if not u["share"]}
        for partner in data["res.partner"]:
            partner |= computed("res.partner", {
                "complete_name": partner["name"], "display_name": partner["name"],
                "commercial_partner_id": partner["id"],
                "partner_share": partner["id"] in shared or partner["id"] not in owned})
        for company in data["res.company"]:
            company |= computed("res.company", {"active": True, "parent_path": f"{company['id']}/"})
        groups_of_users = "group_ids" if "group_ids" in models["res.users"]["fields"] else "groups_id"
        data["res.users"] = []
        for values in load("res.users"):
            user = record("res.users", {k: v for k, v in values.items() if k not in ("name", "tz", "lang")})
            user |= {groups_of_users: MEMBERS[user["xmlid"]], "company_ids": [user["company_id"]]}
            data["res.users"].append(user)
        for model, records in data.items():
            write("base", series, model, [translated(models, model, r) for r in records])
        by_module = {}
        has_categories = "category_id" in models["res.groups"]["fields"]
        if has_categories:
            write("base", series, "ir.module.category",
                  [translated(models, "ir.module.category", {"id": i, "xmlid": xmlid, "name": name, "sequence": sequence})
                   for i, (xmlid, name, sequence) in enumerate(CATEGORIES, 1)])
        for group in load("groups"):
            values = record("res.groups", {"id": group["id"], "name": group["name"], "share": group["share"],
                                           "implied_ids": group["implied"]})
            if has_categories and group["xmlid"] in CATEGORY_OF_GROUP:
                values["category_id"] = CATEGORY_OF_GROUP[group["xmlid"]]
            if group["xmlid"] == "base.group_user" and "api_key_duration" in models["res.groups"]["fields"]:
                values["api_key_duration"] = 90.0  # nobody observed it
            assert values["xmlid"] == group["xmlid"], group
            by_module.setdefault(group["xmlid"].split(".")[0], []).append(translated(models, "res.groups", values))
        for module, groups in by_module.items():
            write(module, series, "res.groups", groups)
        xmlids = {u["xmlid"]: u["id"] for u in data["res.users"]}
        parameters = []
        for p in load("ir.config_parameter"):
            value = PARAMETERS.get(p["key"])
            if p["key"] == "base.template_portal_user_id":
                value = str(xmlids[p["key"]])
            parameters.append({"id": p["id"], "key": p["key"], "value": value or ""})
        write("base", series, "ir.config_parameter", parameters)
        installed = load("installed_modules")
        first = OBSERVED_IDS[series]["module"] - installed.index("base")
        write("base", series, "ir.module.module",
              [{"id": i, "name": name, "state": "installed"} for i, name in enumerate(installed, first)])
        check_ids(series, recordings / series)
        print(series, *sorted(str(p.relative_to(HERE)) for p in HERE.glob(f"*/{series}/*.json")))


if __name__ == "__main__":
    main(*map(pathlib.Path, sys.argv[1:3]))
