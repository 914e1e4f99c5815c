"""Somebody works in Odoo while the shop reads it page by page."""

from typing import Any

from shopsync import Customer, OdooClient, Shop, Sync
from wiredoo import PASS, Database, Entry


def test_a_record_that_goes_meanwhile_hides_no_other(odoo: Database, client: OdooClient, shop: Shop) -> None:
    shop.add(*(Customer(number, f"Customer {number}") for number in range(10, 30)))
    sync = Sync(client, shop, batch=5)
    sync.push_customers()
    gone = [customer.partner for customer in shop.customers()][:3]
    for customer in shop.customers():
        odoo.execute("res.partner", "write", [customer.partner], {"name": f"{customer.name} in Odoo"})
    pages = []

    def colleague(call: Entry) -> Any:
        pages.append(call.args)
        if len(pages) == 2:
            odoo.execute("res.partner", "unlink", gone)
        return PASS

    odoo.stubs.callback("res.partner", "search_read", colleague, user="shop")
    sync.pull_partners()
    assert len(pages) > 3
    names = [customer.name for customer in shop.customers() if customer.partner not in gone]
    assert len(names) == 20 and all(name.endswith(" in Odoo") for name in names)
