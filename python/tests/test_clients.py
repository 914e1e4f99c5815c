"""The clients that people use, on a database of a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from wiredoo import Database

odoorpc = pytest.importorskip("odoorpc")
odoolib = pytest.importorskip("odoolib")

pytestmark = pytest.mark.odoo(fixtures=["data/shop.yaml"], series=["17.0", "19.0"])


def odoorpc_client(odoo: Database, login: str = "admin", password: str = "admin") -> Any:
    client = odoorpc.ODOO(odoo.host, port=odoo.port)
    client.login(odoo.db, login, password)
    return client


def test_odoorpc(odoo: Database) -> None:
    client = odoorpc_client(odoo)
    assert client.version.startswith(odoo.series)
    partners = client.env["res.partner"]
    acme = partners.browse(odoo.ref("acme"))
    assert acme.name == "Acme" and acme.country_id.code == "BE"
    made = partners.create({"name": "Azure", "parent_id": acme.id})
    acme.name = "Acme 2"
    assert partners.search([("parent_id", "=", odoo.ref("acme"))]) == [made]
    odoo.journal.assert_in_order("res.partner.create", "res.partner.write", "res.partner.search")
    odoo.journal.assert_called("res.partner", "write", exactly=1, where={"args.vals.name": "Acme 2"})


def test_odoorpc_sees_errors(odoo: Database) -> None:
    client = odoorpc_client(odoo)
    with odoo.faults.user_error("res.partner", "write", "The year is closed."):
        with pytest.raises(odoorpc.error.RPCError, match="The year is closed."):
            client.env["res.partner"].write([odoo.ref("acme")], {"name": "X"})
    odoo.stubs.answer("res.partner", "loyalty", 42)
    assert client.execute("res.partner", "loyalty", [odoo.ref("acme")]) == 42
    with pytest.raises(odoorpc.error.RPCError):
        odoorpc_client(odoo, password="wrong")


def test_odoorpc_with_a_user_of_the_fixture(odoo: Database) -> None:
    client = odoorpc_client(odoo, "shop", "secret")
    assert client.env.user.name == "Shop"
    client.env["res.partner"].create({"name": "Azure"})
    odoo.journal.assert_called("res.partner", "create", user="shop")
    with pytest.raises(odoorpc.error.RPCError):
        client.env["res.users"].create({"name": "Eve", "login": "eve"})


def odoolib_client(odoo: Database, protocol: str, login: str, password: str) -> Any:
    return odoolib.get_connection(
        hostname=odoo.host, port=odoo.port, protocol=protocol, database=odoo.db, login=login, password=password
    )


@pytest.mark.parametrize("protocol", ["jsonrpc", "xmlrpc"])
def test_odoo_client_lib(odoo: Database, protocol: str) -> None:
    partners = odoolib_client(odoo, protocol, "shop", "secret").get_model("res.partner")
    assert partners.search_read([("name", "=", "Acme")], ["name"]) == [{"id": odoo.ref("acme"), "name": "Acme"}]
    made = partners.create({"name": "Azure"})
    assert partners.read([made], ["name"])[0]["name"] == "Azure"
    odoo.journal.assert_called("res.partner", "create", exactly=1, dialect=protocol, user="shop")


@pytest.mark.odoo(series="19.0")
def test_odoo_client_lib_over_json2(odoo: Database) -> None:
    partners = odoolib_client(odoo, "json2", "admin", odoo.api_key or "").get_model("res.partner")
    assert partners.search_count(domain=[("name", "=", "Acme")]) == 1
    odoo.journal.assert_called("res.partner", "search_count", dialect="json2", where=[("args.domain.0.2", "=", "Acme")])


def revoke_keys(odoo: Database, login: str) -> None:
    keys = odoo.execute("res.users.apikeys", "search", [("user_id.login", "=", login)])
    # As in Odoo, a key is removed only by somebody who says the password again.
    check = odoo.execute("res.users.apikeys", "remove", keys)["res_id"]
    odoo.execute("res.users.identitycheck", "write", [check], {"password": odoo.password})
    odoo.execute("res.users.identitycheck", "run_check", [check], context={"password": odoo.password})


def test_a_revoked_key(odoo: Database) -> None:
    key = "0123456789abcdef0123456789abcdef01234567"
    client = odoorpc_client(odoo, "shop", key)
    assert client.env["res.partner"].search_count([("name", "=", "Acme")]) == 1
    revoke_keys(odoo, "shop")
    with pytest.raises(odoorpc.error.RPCError, match="Access Denied"):
        client.env["res.partner"].search_count([])
    with pytest.raises(odoorpc.error.RPCError):
        odoorpc_client(odoo, "shop", key)


def test_one_client_for_two_databases(odoo: Database, data: Path) -> None:
    with odoo.server.database(fixtures=data / "shop.yaml") as other:
        odoorpc_client(odoo).env["res.partner"].create({"name": "Azure"})
        assert odoorpc_client(other).env["res.partner"].search([("name", "=", "Azure")]) == []
