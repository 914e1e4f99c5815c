"""The call has run, but its answer never arrives. A retry must make nothing twice."""

from typing import List

import pytest
from shopsync import LostError, Shop, Sync
from wiredoo import Database


def test_an_order_is_made_once(odoo: Database, shop: Shop, sync: Sync, pauses: List[float]) -> None:
    with odoo.faults.cut_after("sale.order", "create", times=1):
        sync.run()
    assert odoo.execute("sale.order", "search_count", [("client_order_ref", "=", "W-1")]) == 1
    assert shop.orders() == [] and pauses == [0.5]
    odoo.journal.assert_called("sale.order", "create", exactly=2)


def test_customers_are_made_once(odoo: Database, sync: Sync) -> None:
    before = odoo.execute("res.partner", "search_count", [])
    odoo.faults.cut_after("res.partner", "load", times=1)
    sync.push_customers()
    assert odoo.execute("res.partner", "search_count", []) == before + 3
    odoo.journal.assert_called("res.partner", "load", exactly=2)


@pytest.mark.parametrize("what", ["truncated", "malformed"])
def test_an_answer_that_cannot_be_read_is_a_lost_one(odoo: Database, sync: Sync, what: str) -> None:
    getattr(odoo.faults, what)("sale.order", "create", times=1)
    sync.run()
    assert odoo.execute("sale.order", "search_count", []) == 2


def test_it_gives_up_at_last(odoo: Database, shop: Shop, sync: Sync, pauses: List[float]) -> None:
    sync.push_customers()
    odoo.faults.cut_before("sale.order", "create")
    with pytest.raises(LostError):
        sync.push_orders()
    assert len(shop.orders()) == 2 and pauses == [0.5, 1.0]
    odoo.faults.clear()
    sync.push_orders()
    assert odoo.execute("sale.order", "search_count", []) == 2
