"""Databases: made, filled, put back, kept aside, dropped."""

from __future__ import annotations

from pathlib import Path
from typing import List

import pytest
from wiredoo import Database, OdooError, Refusal, Server, WiredooError


def names(odoo: Database) -> List[str]:
    return [partner["name"] for partner in odoo.execute("res.partner", "search_read", [], ["name"])]


def test_each_database_is_its_own(wiredoo: Server) -> None:
    with wiredoo.database("shop_1") as one, wiredoo.database(prefix="shop_") as other:
        one.execute("res.partner", "create", {"name": "Only here"})
        assert "Only here" in names(one)
        assert "Only here" not in names(other)
        assert other.db.startswith("shop_") and other.db != one.db
        assert {one.db, other.db} <= set(wiredoo.databases)
        assert (one.host, one.port, one.url) == (wiredoo.host, wiredoo.port, wiredoo.url)
        assert (one.login, one.password) == ("admin", "admin")
        assert one.api_key and len(one.api_key) == 40
    assert not {one.db, other.db} & set(wiredoo.databases)


def test_names_that_are_taken_or_none_are_refused(wiredoo: Server, odoo: Database) -> None:
    with pytest.raises(Refusal) as taken:
        wiredoo.database(odoo.db)
    assert taken.value.status == 409 and odoo.db in taken.value.message
    with pytest.raises(Refusal) as wrong:
        wiredoo.database("../etc")
    assert wrong.value.status == 422
    with pytest.raises(Refusal) as missing:
        wiredoo.database(origin="nowhere")
    assert missing.value.status == 404


def test_fixtures_of_all_kinds(wiredoo: Server, data: Path) -> None:
    more = {"records": {"res.partner": [{"id": "beta", "name": "Beta", "parent_id": "acme"}]}}
    with wiredoo.database(fixtures=[data / "shop.yaml", data / "folder", more]) as odoo:
        assert {"Acme", "Beta", "Zoe", "Yan"} <= set(names(odoo))
        beta = odoo.execute("res.partner", "read", [odoo.ref("beta")], ["parent_id"])[0]
        assert beta["parent_id"][0] == odoo.ref("acme")
        assert odoo.execute("sale.order", "search_count", []) == 0
        assert odoo.ref("base.be") == odoo.execute("res.partner", "read", [odoo.ref("acme")], ["country_id"])[0]["country_id"][0]


def test_a_fixture_that_is_wrong_makes_nothing(wiredoo: Server, tmp_path: Path) -> None:
    before = wiredoo.databases
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("records:\n  res.partner:\n    - id: a\n      nmae: A\n")
    with pytest.raises(Refusal, match="wrong.yaml:4.*nmae"):
        wiredoo.database(fixtures=wrong)
    assert wiredoo.databases == before
    with pytest.raises(WiredooError, match="nowhere.yaml"):
        wiredoo.database(fixtures="nowhere.yaml")
    wrong.unlink()
    with pytest.raises(WiredooError, match="no .yaml"):
        wiredoo.database(fixtures=tmp_path)


def test_loading_later(odoo: Database, data: Path) -> None:
    loaded = odoo.load(data / "shop.yaml")
    assert loaded.users == 1 and loaded.records >= 2
    assert loaded.ids["acme"] == ("res.partner", odoo.ref("acme"))
    assert odoo.load({"records": {"res.partner": [{"id": "beta", "name": "Beta"}]}}).ids["beta"][1] == odoo.ref("beta")
    with pytest.raises(WiredooError, match="no record 'gamma'"):
        odoo.ref("gamma")


def test_reset_leads_back_to_the_fixtures(wiredoo: Server, data: Path) -> None:
    with wiredoo.database(fixtures=data / "shop.yaml") as odoo:
        odoo.execute("res.partner", "write", [odoo.ref("acme")], {"name": "Changed"})
        odoo.execute("res.partner", "create", {"name": "More"})
        odoo.reset()
        assert "Acme" in names(odoo) and not {"Changed", "More"} & set(names(odoo))


def test_snapshots(odoo: Database) -> None:
    odoo.execute("res.partner", "create", {"name": "Before"})
    odoo.snapshot("before")
    odoo.execute("res.partner", "create", {"name": "After"})
    odoo.snapshot("after it")
    assert sorted(odoo.snapshots) == ["after it", "before"]
    odoo.restore("before")
    assert "Before" in names(odoo) and "After" not in names(odoo)
    odoo.restore("after it")
    assert "After" in names(odoo)
    odoo.forget("after it")
    assert odoo.snapshots == ["before"]
    with pytest.raises(Refusal):
        odoo.restore("after it")
    with pytest.raises(Refusal) as taken:
        odoo.snapshot("before")
    assert taken.value.status == 409


def test_a_copy_has_what_is_there(odoo: Database) -> None:
    odoo.load({"records": {"res.partner": [{"id": "acme", "name": "Acme"}]}})
    with odoo.copy() as copy:
        assert copy.ref("acme") == odoo.ref("acme")
        copy.execute("res.partner", "unlink", [copy.ref("acme")])
        assert "Acme" not in names(copy)
        assert "Acme" in names(odoo)


def test_errors_of_calls_are_raised(odoo: Database) -> None:
    with pytest.raises(OdooError) as error:
        odoo.execute("res.partner", "write", [999999], {"name": "Nobody"})
    assert error.value.name == "odoo.exceptions.MissingError"
    with pytest.raises(OdooError, match="no.such.model"):
        odoo.execute("no.such.model", "read", [1])
    with pytest.raises(OdooError):
        odoo.server.use(odoo.db, password="wrong").execute("res.partner", "search", [])
