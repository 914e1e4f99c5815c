"""The clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone

import pytest
from wiredoo import Database, Refusal

NOON = datetime(2026, 1, 31, 12, 0, 0, tzinfo=timezone.utc)


def created(odoo: Database) -> str:
    made = odoo.execute("res.partner", "create", {"name": "Acme"})
    return str(odoo.execute("res.partner", "read", [made], ["create_date"])[0]["create_date"])


def test_a_fixed_clock(odoo: Database) -> None:
    odoo.clock.fix(NOON)
    assert (odoo.clock.mode, odoo.clock.now()) == ("fixed", NOON)
    assert created(odoo) == "2026-01-31 12:00:00"
    odoo.clock.advance(90)
    odoo.clock.advance(timedelta(minutes=1), hours=1, days=1)
    assert odoo.clock.now() == NOON + timedelta(days=1, hours=1, minutes=2, seconds=30)
    odoo.clock.reset()
    assert odoo.clock.mode == "running"
    assert abs(odoo.clock.now() - datetime.now(timezone.utc)) < timedelta(minutes=5)


def test_a_clock_that_goes_on(odoo: Database) -> None:
    odoo.clock.set("2030-01-01T00:00:00Z")
    assert odoo.clock.mode == "running" and odoo.clock.now().year == 2030
    odoo.clock.set(date(2031, 5, 1))
    assert odoo.clock.now().date() == date(2031, 5, 1)
    odoo.clock.fix()
    assert odoo.clock.mode == "fixed" and odoo.clock.now().year == 2031


def test_a_clock_that_calls_move(odoo: Database) -> None:
    odoo.clock.tick(NOON, seconds=60)
    assert odoo.clock.mode == "ticking"
    assert created(odoo) < created(odoo)
    assert odoo.clock.now() > NOON


def test_other_databases_have_clocks_of_their_own(odoo: Database) -> None:
    odoo.clock.fix(NOON)
    with odoo.server.database() as other:
        assert other.clock.now() > NOON and other.clock.mode == "running"


@pytest.mark.odoo(clock="fixed:2026-03-01T00:00:00Z")
def test_a_mark(odoo: Database) -> None:
    assert created(odoo) == "2026-03-01 00:00:00"


def test_mistakes_are_refused(odoo: Database) -> None:
    with pytest.raises(Refusal, match="is no time"):
        odoo.clock.set("noon")
    with pytest.raises(Refusal, match="goes forward only"):
        odoo.clock.advance(-1)
