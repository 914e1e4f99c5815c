import odoorpc
import pytest

def add_contact(client, name, email):  # the code under test
    partners = client.env["res.partner"]
    found = partners.search([("email", "=", email)], limit=1)
    return found[0] if found else partners.create({"name": name, "email": email})

@pytest.fixture
def client(odoo):
    client = odoorpc.ODOO(odoo.host, port=odoo.port)
    client.login(odoo.db, odoo.login, odoo.password)
    return client

def test_a_contact_is_made_once(odoo, client):
    assert add_contact(client, "Ann", "ann@shop.example") == add_contact(client, "Ann", "ann@shop.example")
    odoo.journal.assert_called("res.partner", "create", exactly=1, where={"args.vals_list.email": "ann@shop.example"})

def test_a_lost_answer_makes_no_duplicate(odoo, client):
    with odoo.faults.cut_after("res.partner", "create"), pytest.raises(OSError):
        add_contact(client, "Ann", "ann@shop.example")
    assert add_contact(client, "Ann", "ann@shop.example") in client.env["res.partner"].search([("name", "=", "Ann")])
    odoo.journal.assert_called("res.partner", "create", exactly=1)
