#!/usr/bin/env python3
"""Write modules/<module>/<series>/<model>.json from facts observed on fresh Odoo databases.

    modules/import.py FACTS_DIR        (FACTS_DIR/<series>/<model>.json, ir.model.data.json, groups.json, ...)

A data file is a list of records of one model in the order in which they are created: `id`, `xmlid` (the
external id, where it has one), `noupdate`, and the values of stored fields. Relations are ids, many2many ones lists
of ids or external ids; a translated field is an object of texts by language. One record stands on one line, so that a change of a series is a readable diff.
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


def write(module, series, model, records):
    path = HERE / module / series / f"{model}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(r, ensure_ascii=False) for r in records)
    path.write_text(f"[\n{lines}\n]\n")


def main(facts):
    for source in sorted(p for p in facts.iterdir() if p.is_dir()):
        series = source.name
        load = lambda name: json.loads((source / f"{name}.json").read_text())
        external = {(r["model"], r["res_id"]): r for r in load("ir.model.data")}

        def record(model, values):
            known = external.get((model, values["id"]))
            head = {"id": values["id"]}
            if known:
                head["xmlid"] = f"{known['module']}.{known['name']}"
                if known["noupdate"]:
                    head["noupdate"] = True
            # false is what an empty field reads as; only a boolean is really false
            rest = {k: v for k, v in values.items() if k not in head and (v is not False or k in BOOLEANS)}
            return head | {k: {"en_US": v} if (model, k) in TRANSLATED else v for k, v in rest.items()}

        data = {model: [record(model, r) for r in load(model)] for model in MODELS}
        # what the server computes and stores
        shared = {u["partner_id"] for u in load("res.users") if u["share"]}
        owned = {u["partner_id"] for u in load("res.users") if not u["share"]}
        for partner in data["res.partner"]:
            partner |= {"complete_name": partner["name"], "commercial_partner_id": partner["id"],
                        "partner_share": partner["id"] in shared or partner["id"] not in owned}
        for company in data["res.company"]:
            company |= {"active": True, "parent_path": f"{company['id']}/"}
        for model, records in data.items():
            write("base", series, model, records)
        users = []
        for values in load("res.users"):
            user = record("res.users", {k: v for k, v in values.items() if k not in ("name", "tz", "lang")})
            user["group_ids"] = MEMBERS[user["xmlid"]]
            user["company_ids"] = [user["company_id"]]
            users.append(user)
        write("base", series, "res.users", users)
        by_module = {}
        for group in load("groups"):
            values = {"id": group["id"], "xmlid": group["xmlid"], "noupdate": True, "name": {"en_US": group["name"]},
                      "share": group["share"], "implied_ids": group["implied"]}
            by_module.setdefault(group["xmlid"].split(".")[0], []).append(values)
        for module, groups in by_module.items():
            write(module, series, "res.groups", groups)
        xmlids = {u["xmlid"]: u["id"] for u in users}
        parameters = []
        for p in load("ir.config_parameter"):
            value = PARAMETERS.get(p["key"])
            if p["key"] == "base.template_portal_user_id":
                value = str(xmlids[p["key"]])
            parameters.append({"id": p["id"], "key": p["key"], "value": value or ""})
        write("base", series, "ir.config_parameter", parameters)
        write("base", series, "ir.module.module",
              [{"id": i, "name": name, "state": "installed"} for i, name in enumerate(load("installed_modules"), 1)])
        print(series, *sorted(str(p.relative_to(HERE)) for p in HERE.glob(f"*/{series}/*.json")))


TRANSLATED = {("res.country", "name"), ("res.country", "vat_label")}
BOOLEANS = {"active", "is_company", "zip_required", "state_required", "share"}

if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
