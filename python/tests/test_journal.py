"""The journal: what was called, what was expected, and what came nearest."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from wiredoo import Database, OdooError, Refusal
from wiredoo.journal import moment


def create(odoo: Database, name: str) -> int:
    return int(odoo.execute("res.partner", "create", {"name": name}))


def test_an_entry_tells_the_call(odoo: Database) -> None:
    made = create(odoo, "Acme")
    odoo.execute("res.partner", "write", [made], {"name": "Acme 2"}, context={"lang": "en_US"})
    entry = odoo.journal.entries("res.partner", "write")[0]
    assert (entry.db, entry.dialect, entry.path, entry.service) == (odoo.db, "jsonrpc", "/jsonrpc", "object")
    assert entry.user and entry.user.login == "admin"
    assert entry.ids == [made]
    assert entry.args == {"vals": {"name": "Acme 2"}}
    assert entry.context == {"lang": "en_US"}
    assert (entry.outcome, entry.status, entry.error, entry.rule) == ("ok", 200, None, None)
    assert abs(datetime.now(timezone.utc) - entry.time) < timedelta(minutes=5)
    assert entry.duration_ms > 0
    assert entry.call == "res.partner.write"
    assert str(entry).startswith(f"#{entry.id} jsonrpc res.partner.write([{made}], vals=") and " by admin: ok" in str(entry)
    assert odoo.journal.last == entry


def test_questions(odoo: Database) -> None:
    for name in ("Acme", "Beta", "Gamma"):
        create(odoo, name)
    with pytest.raises(OdooError):
        odoo.execute("res.partner", "write", [999999], {"name": "Nobody"})
    journal = odoo.journal
    assert len(journal.entries("res.partner", "create")) == 3
    assert len(journal.entries("res.*", ["create", "write"])) == 4
    assert len(journal.entries(method="create", where={"args.vals_list.name": "Beta"})) == 1
    assert len(journal.entries(method="create", where=["|", ("args.vals_list.name", "like", "et"), ("args.vals_list.name", "in", ["Acme"])])) == 2
    failed = journal.entries(outcome="error")
    assert [entry.error and entry.error.name for entry in failed] == ["odoo.exceptions.MissingError"]
    assert len(journal.entries(limit=2)) == 2
    assert journal.entries(since=failed[0].id) == []
    assert journal.entries(user="nobody") == []
    assert len(journal) == len(journal.entries()) and journal
    journal.clear()
    assert journal.entries() == [] and journal.last is None and journal


def test_of_other_databases_it_knows_nothing(odoo: Database) -> None:
    create(odoo, "Acme")
    with odoo.server.database() as other:
        other.journal.assert_not_called()
        create(other, "Beta")
        assert other.journal.entries(method="create")[0].args["vals_list"] in ([{"name": "Beta"}], {"name": "Beta"})
        odoo.journal.assert_called(method="create", exactly=1)
        assert {odoo.db, other.db} <= {entry.db for entry in odoo.server.journal.entries()}


def test_expectations(odoo: Database) -> None:
    create(odoo, "Acme")
    create(odoo, "Beta")
    journal = odoo.journal
    assert [entry.method for entry in journal.assert_called("res.partner", "create")] == ["create", "create"]
    journal.assert_called("res.partner", "create", exactly=2)
    journal.assert_called("res.partner", "create", at_least=1)
    journal.assert_called("res.partner", "create", at_most=2)
    journal.assert_called("res.partner", "create", exactly=1, where={"args.vals_list.name": "Beta"})
    journal.assert_not_called("res.partner", "unlink")
    verdict = journal.verify("res.partner", "create", exactly=1)
    assert not verdict and verdict.count == 2 and "exactly 1" in verdict.message
    for fails in (
        lambda: journal.assert_not_called("res.partner", "create"),
        lambda: journal.assert_called("res.partner", "create", exactly=3),
        lambda: journal.assert_called("res.partner", "create", at_most=1),
    ):
        with pytest.raises(AssertionError, match=r"res\.partner\.create"):
            fails()
    with pytest.raises(Refusal, match="only one of"):
        journal.verify("res.partner", exactly=1, at_least=1)


def test_near_misses_are_told_argument_by_argument(odoo: Database) -> None:
    create(odoo, "Acne")
    with pytest.raises(AssertionError) as error:
        odoo.journal.assert_called("res.partner", "create", where={"args.vals_list.name": "Acme"})
    assert 'args.vals_list.name: wanted "Acme", was "Acne"' in str(error.value)
    verdict = odoo.journal.verify("res.partner", "create", where={"args.vals_list.name": "Acme"})
    difference = verdict.nearest[0].differences[0]
    assert (difference.at, difference.wanted, difference.was) == ("args.vals_list.name", "Acme", "Acne")
    assert verdict.nearest[0].entry.method == "create"


def test_order(odoo: Database) -> None:
    made = create(odoo, "Acme")
    odoo.execute("res.partner", "write", [made], {"name": "Beta"})
    odoo.execute("res.partner", "unlink", [made])
    found = odoo.journal.assert_in_order(
        "res.partner.create", ("res.partner", "write"), {"method": "unlink", "where": {"ids": made}}
    )
    assert [entry.method for entry in found] == ["create", "write", "unlink"]
    with pytest.raises(AssertionError, match="there was one before"):
        odoo.journal.assert_in_order("res.partner.write", "res.partner.create")
    with pytest.raises(ValueError, match="res.partner.create"):
        odoo.journal.assert_in_order("create")


def test_waiting(odoo: Database) -> None:
    later = threading.Timer(0.05, lambda: create(odoo, "Acme"))
    later.start()
    assert odoo.journal.wait_for("res.partner", "create", timeout=10)[0].method == "create"
    later.join()
    with pytest.raises(AssertionError, match="after 0.05 s"):
        odoo.journal.wait_for("res.partner", "create", count=2, timeout=0.05)


def test_exports(odoo: Database, tmp_path: Path) -> None:
    create(odoo, "Acme")
    lines = odoo.journal.export_jsonl(tmp_path / "calls.jsonl").read_text().splitlines()
    assert "create" in [json.loads(line)["method"] for line in lines]
    archive = json.loads(odoo.journal.export_har(tmp_path / "calls.har").read_text())
    assert len(archive["log"]["entries"]) == len(lines)
    assert [json.loads(line)["args"].get("password") for line in lines] == ["***", None]


def test_bodies_on_demand(odoo: Database) -> None:
    odoo.journal.keep_bodies()
    try:
        create(odoo, "Acme")
    finally:
        odoo.journal.keep_bodies(False)
    entry = odoo.journal.entries("res.partner", "create")[0]
    assert "Acme" in json.dumps(entry.request) and "result" in entry.response
    create(odoo, "Beta")
    assert odoo.journal.entries("res.partner", "create")[1].request is None


def test_mistakes_are_refused(odoo: Database) -> None:
    with pytest.raises(Refusal, match="begins with ids, args or context"):
        odoo.journal.entries(where={"name": "Acme"})
    with pytest.raises(Refusal, match="no operator '~'"):
        odoo.journal.entries(where=[("args.name", "~", "Acme")])


def test_times() -> None:
    expected = datetime(2026, 1, 31, 8, 0, 0, 123456, timezone.utc)
    assert moment("2026-01-31T08:00:00.123456789Z") == expected
    assert moment("2026-01-31 08:00:00.123456") == expected
    assert moment("2026-01-31T10:00:00.123456+02:00") == expected
    assert moment("2026-01-31T08:00:00Z") == expected.replace(microsecond=0)
    with pytest.raises(ValueError):
        moment("yesterday")
