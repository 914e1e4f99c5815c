"""Faults and stubs."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

import pytest
from wiredoo import PASS, Database, Entry, OdooError, Refusal, StubError, WiredooError


def count(odoo: Database, *domain: object) -> int:
    return int(odoo.execute("res.partner", "search_count", list(domain)))


def test_errors_in_the_words_of_odoo(odoo: Database) -> None:
    faults = odoo.faults
    for add, name in (
        (faults.session_expired, "odoo.http.SessionExpiredException"),
        (faults.access_denied, "odoo.exceptions.AccessDenied"),
        (faults.access_error, "odoo.exceptions.AccessError"),
        (faults.user_error, "odoo.exceptions.UserError"),
        (faults.validation_error, "odoo.exceptions.ValidationError"),
        (faults.missing_error, "odoo.exceptions.MissingError"),
        (faults.serialization_failure, "psycopg2.errors.SerializationFailure"),
    ):
        with add("res.partner", "search_count"), pytest.raises(OdooError) as error:
            count(odoo)
        assert error.value.name == name
    assert count(odoo) > 0
    assert faults.list() == []


def test_a_text_a_number_of_times_and_a_name(odoo: Database) -> None:
    rule = odoo.faults.add("res.partner", "create", error="user_error", message="Closed today.", times=2, name="closed")
    assert rule.name == "closed" and rule.match["times"] == 2
    for _ in range(2):
        with pytest.raises(OdooError, match="Closed today."):
            odoo.execute("res.partner", "create", {"name": "Acme"})
    odoo.execute("res.partner", "create", {"name": "Acme"})
    assert rule.hits == 2
    assert [found.id for found in odoo.faults.list()] == [rule.id]
    entry = odoo.journal.entries("res.partner", "create")[0]
    assert (entry.outcome, entry.rule) == ("error", rule.id)
    rule.remove()
    with pytest.raises(Refusal):
        rule.remove()


def test_conditions_and_the_nth_call(odoo: Database) -> None:
    odoo.faults.user_error("res.partner", "create", where={"args.vals_list.name": "Bad"})
    odoo.faults.user_error("res.partner", "search_count", nth=2)
    odoo.execute("res.partner", "create", {"name": "Good"})
    with pytest.raises(OdooError):
        odoo.execute("res.partner", "create", {"name": "Bad"})
    count(odoo)
    with pytest.raises(OdooError):
        count(odoo)
    count(odoo)
    odoo.faults.clear()
    odoo.execute("res.partner", "create", {"name": "Bad"})


def test_a_rule_that_is_removed_within(odoo: Database) -> None:
    with odoo.faults.user_error():
        odoo.faults.clear()
    assert count(odoo) > 0


def test_only_in_its_database(odoo: Database) -> None:
    odoo.faults.user_error()
    with odoo.server.database() as other:
        assert count(other) > 0
    with pytest.raises(OdooError):
        count(odoo)


def test_a_serialization_failure_that_is_retried(odoo: Database) -> None:
    rule = odoo.faults.serialization_failure("res.partner", "search_count", retried=2)
    assert count(odoo) > 0
    assert rule.hits == 1


def test_a_proxy_answers(odoo: Database) -> None:
    body = {"params": {"service": "common", "method": "login", "args": [odoo.db, "admin", "admin"]}}
    request = urllib.request.Request(
        f"{odoo.url}/jsonrpc", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with odoo.faults.rate_limited(retry_after=7), pytest.raises(urllib.error.HTTPError) as limited:
        urllib.request.urlopen(request)
    assert limited.value.code == 429 and limited.value.headers["Retry-After"] == "7"
    limited.value.close()
    with odoo.faults.http(503, body="<h1>closed</h1>"), pytest.raises(urllib.error.HTTPError) as closed:
        urllib.request.urlopen(request)
    assert closed.value.code == 503 and closed.value.read() == b"<h1>closed</h1>"
    closed.value.close()
    with pytest.raises(Refusal, match="418"):
        odoo.faults.http(418)


def test_a_path_that_is_no_call(odoo: Database) -> None:
    with odoo.server.faults.http(502, path="/web/health"), pytest.raises(urllib.error.HTTPError) as failed:
        urllib.request.urlopen(f"{odoo.url}/web/health")
    assert failed.value.code == 502
    failed.value.close()
    with urllib.request.urlopen(f"{odoo.url}/web/health") as answer:
        assert answer.status == 200


def test_connections_are_cut(odoo: Database) -> None:
    with odoo.faults.cut_before("res.partner", "create"), pytest.raises(WiredooError):
        odoo.execute("res.partner", "create", {"name": "Never"})
    with odoo.faults.cut_after("res.partner", "create"), pytest.raises(WiredooError):
        odoo.execute("res.partner", "create", {"name": "Once"})
    with odoo.faults.truncated("res.partner", "create"), pytest.raises((WiredooError, OdooError, http.client.HTTPException)):
        odoo.execute("res.partner", "create", {"name": "Half"})
    with odoo.faults.malformed("res.partner", "create"), pytest.raises(OdooError):
        odoo.execute("res.partner", "create", {"name": "Garbled"})
    assert count(odoo, ("name", "=", "Never")) == 0
    for name in ("Once", "Half", "Garbled"):
        assert count(odoo, ("name", "=", name)) == 1
    assert [entry.outcome for entry in odoo.journal.entries("res.partner", "create")][:2] == ["cut", "cut"]


def test_time_passes(odoo: Database) -> None:
    for add in (
        lambda: odoo.faults.delay(0.1, "res.partner", "search_count"),
        lambda: odoo.faults.slow("res.partner", "search_count", bytes_per_second=400),
    ):
        with add():
            begun = time.monotonic()
            count(odoo)
            assert time.monotonic() - begun >= 0.08


def test_a_restart(odoo: Database) -> None:
    with odoo.faults.restart("res.partner", "search_count", times=1):
        with pytest.raises(WiredooError):
            count(odoo)
        assert count(odoo) > 0


def test_mistakes_in_faults_are_refused(odoo: Database) -> None:
    with pytest.raises(Refusal, match="nothing goes wrong"):
        odoo.faults.add("res.partner", "create")
    with pytest.raises(Refusal, match="only one of"):
        odoo.faults.add(error="user_error", http=503)
    with pytest.raises(Refusal, match="user_error") as unknown:
        odoo.faults.add(error="usererror")  # type: ignore[arg-type]
    assert unknown.value.at == "effect.error"
    with pytest.raises(Refusal, match="model"):
        odoo.faults.user_error(modle="x")  # type: ignore[call-arg]


def test_answers(odoo: Database) -> None:
    odoo.stubs.answer("sale.order", "action_confirm", True)
    odoo.stubs.answers("stock.quant", "available", [5, 3, 0])
    odoo.stubs.template("sale.order", "name_it", {"title": "<{{args.vals.name}}>", "n": "{{args.vals.n}}"})
    assert odoo.execute("sale.order", "action_confirm", [1]) is True
    assert [odoo.execute("stock.quant", "available") for _ in range(4)] == [5, 3, 0, 0]
    assert odoo.execute("sale.order", "name_it", vals={"name": "Acme", "n": 2}) == {"title": "<Acme>", "n": 2}
    odoo.stubs.template("sale.order", "describe", {"ids": "{{args.0}}"})
    assert odoo.execute("sale.order", "describe", [3]) == {"ids": [3]}
    with odoo.stubs.error("res.partner", "create", "access_error", "Not you."), pytest.raises(OdooError, match="Not you."):
        odoo.execute("res.partner", "create", {"name": "Acme"})
    with odoo.stubs.answer("res.partner", "read", None, where={"ids": 3}):
        assert odoo.execute("res.partner", "read", [3], ["name"]) is None
        assert odoo.execute("res.partner", "read", [1], ["name"])


def test_the_newest_stub_answers(odoo: Database) -> None:
    odoo.stubs.answer("res.partner", "search_count", 1)
    with odoo.stubs.answer("res.partner", "search_count", 2):
        assert count(odoo) == 2
    assert count(odoo) == 1


def test_a_function_answers(odoo: Database) -> None:
    seen = []

    def rates(call: Entry) -> Any:
        seen.append(call)
        if call.args.get("currency") == "XXX":
            raise StubError("validation_error", "No such currency.")
        return PASS if call.method == "search_count" else {"rate": 1.25}

    odoo.stubs.callback("currency.service", "rate", rates)
    odoo.stubs.callback("res.partner", "search_count", rates)
    assert odoo.execute("currency.service", "rate", currency="EUR") == {"rate": 1.25}
    with pytest.raises(OdooError, match="No such currency."):
        odoo.execute("currency.service", "rate", currency="XXX")
    assert count(odoo) > 1
    assert [call.method for call in seen] == ["rate", "rate", "search_count"]
    assert seen[0].user and seen[0].user.login == "admin"
    odoo.stubs.check()


def test_a_function_that_fails_is_told(odoo: Database) -> None:
    with odoo.server.database() as other:
        other.stubs.callback("res.partner", "search_count", lambda call: call.args["nothing"])
        with pytest.raises(OdooError, match="KeyError"):
            count(other)
        with pytest.raises(KeyError):
            other.stubs.check()
        other.stubs.callback("res.partner", "search_count", lambda call: object())
        with pytest.raises(OdooError, match="cannot be sent as JSON"):
            count(other)
    odoo.stubs.check()


def test_unused_stubs(odoo: Database) -> None:
    used = odoo.stubs.answer("res.partner", "search_count", 1)
    unused = odoo.stubs.answer("res.partner", "never", 1)
    count(odoo)
    assert [stub.id for stub in odoo.stubs.unused()] == [unused.id]
    assert used.hits == 1
    odoo.stubs.clear()
    assert odoo.stubs.list() == []


def test_mistakes_in_stubs_are_refused(odoo: Database) -> None:
    with pytest.raises(Refusal, match="at least one"):
        odoo.stubs.answers("res.partner", "read", [])
    with pytest.raises(Refusal, match="leads nowhere"):
        odoo.stubs.template("res.partner", "read", "{{vals.name}}")
    with pytest.raises(TypeError, match="cannot be sent as JSON"):
        odoo.stubs.answer("res.partner", "read", object())
