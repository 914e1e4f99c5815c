"""What goes to Odoo when all goes well."""

import pytest
from shopsync import Customer, OdooError, Shop, Sync
from wiredoo import Database


def test_customers_become_partners(odoo: Database, shop: Shop, sync: Sync) -> None:
    assert sync.push_customers() == 3
    ann = odoo.execute("res.partner", "read", [odoo.ref("shop.customer_1")], ["name", "email", "country_id"])[0]
    assert (ann["name"], ann["email"], ann["country_id"][1]) == ("Ann", "ann@example.com", "Belgium")
    assert [customer.partner for customer in shop.customers()] == [odoo.ref(f"shop.customer_{n}") for n in (1, 2, 3)]
    assert sync.push_customers() == 0
    odoo.journal.assert_called("res.partner", "load", exactly=1, user="shop")


@pytest.mark.odoo(series=["17.0", "19.0"])
def test_the_mobile_number_goes_where_the_series_has_it(odoo: Database, sync: Sync) -> None:
    sync.push_customers()
    field = "mobile" if odoo.series == "17.0" else "phone"
    assert odoo.execute("res.partner", "read", [odoo.ref("shop.customer_3")], [field])[0][field] == "+32 470 00 00 03"


def test_orders_follow_their_customers(odoo: Database, sync: Sync) -> None:
    sync.run()
    orders = odoo.execute("sale.order", "search_read", [], ["client_order_ref", "partner_id", "amount_total"])
    assert {order["client_order_ref"]: order["amount_total"] for order in orders} == {"W-1": 99.5, "W-2": 12.0}
    odoo.journal.assert_in_order("res.partner.load", "sale.order.create", "sale.order.create")


def test_what_odoo_refuses_is_told(odoo: Database, shop: Shop, sync: Sync) -> None:
    shop.add(Customer(4, "Dee", country="Nowhere"))
    with pytest.raises(OdooError, match="nowhere"):
        sync.push_customers()
    assert all(customer.partner is None for customer in shop.customers())


def test_changes_in_odoo_come_back(odoo: Database, shop: Shop, sync: Sync) -> None:
    sync.push_customers()
    odoo.execute("res.partner", "write", [odoo.ref("shop.customer_2")], {"name": "Robert"})
    assert sync.pull_partners() == 1
    assert shop.customers()[1].name == "Robert"
    assert sync.pull_partners() == 0
