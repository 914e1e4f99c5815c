"""The server, or the proxy in front of it, has too much to do."""

from typing import List

import pytest
from shopsync import LostError, Sync
from wiredoo import Database


def test_rate_limits_are_kept(odoo: Database, sync: Sync, pauses: List[float]) -> None:
    odoo.faults.rate_limited("res.partner", "load", retry_after=7, times=2)
    sync.push_customers()
    assert pauses == [7, 7]
    odoo.journal.assert_called("res.partner", "load", exactly=3)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_pages_of_proxies(odoo: Database, sync: Sync, pauses: List[float], status: int) -> None:
    odoo.faults.http(status, "sale.order", "*", times=2)
    sync.run()
    assert odoo.execute("sale.order", "search_count", []) == 2
    assert pauses == [0.5, 1.0]


def test_a_server_that_stays_busy(odoo: Database, sync: Sync) -> None:
    odoo.faults.rate_limited("res.partner", "load", retry_after=1)
    with pytest.raises(LostError, match="lets nobody through"):
        sync.push_customers()


def test_a_conflict_that_odoo_settles_by_itself(odoo: Database, sync: Sync, pauses: List[float]) -> None:
    odoo.faults.serialization_failure("sale.order", "create", retried=3)
    sync.run()
    assert pauses == []
