"""Sessions end: of old age, by a restart, because the password is another."""

import pytest
from shopsync import CredentialsError, OdooClient, OdooError, Shop, Sync
from wiredoo import Database


def logins(odoo: Database) -> int:
    return len(odoo.journal.entries(path="/web/session/authenticate"))


def test_an_old_session(odoo: Database, sync: Sync) -> None:
    sync.push_customers()
    odoo.clock.advance(days=8)
    sync.push_orders()
    assert logins(odoo) == 2
    odoo.journal.assert_called("sale.order", "create", exactly=2)


def test_a_session_that_ends_in_the_middle(odoo: Database, sync: Sync) -> None:
    with odoo.faults.session_expired("sale.order", "create", nth=2):
        sync.run()
    assert logins(odoo) == 2
    assert odoo.execute("sale.order", "search_count", []) == 2


def test_a_restart(odoo: Database, sync: Sync) -> None:
    sync.push_customers()
    with odoo.faults.restart("sale.order", "create", times=1):
        sync.push_orders()
    assert odoo.execute("sale.order", "search_count", []) == 2


def test_a_session_that_does_not_stay(odoo: Database, sync: Sync) -> None:
    odoo.faults.session_expired("res.partner", "*")
    with pytest.raises(OdooError) as error:
        sync.push_customers()
    assert error.value.name == "odoo.http.SessionExpiredException"
    assert logins(odoo) == 4


def test_a_changed_password_is_not_tried_again_and_again(odoo: Database, shop: Shop, sync: Sync) -> None:
    sync.push_customers()
    shop_user = odoo.execute("res.users", "search", [("login", "=", "shop")])
    odoo.execute("res.users", "write", shop_user, {"password": "another"})
    with pytest.raises(CredentialsError):
        sync.push_orders()
    assert logins(odoo) == 2
    Sync(OdooClient(odoo.url, odoo.db, "shop", "another"), shop).push_orders()
    assert shop.orders() == []
