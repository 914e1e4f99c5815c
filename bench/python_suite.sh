#!/usr/bin/env bash
# Seconds that a pytest suite takes whose tests have a database of their own each, filled with two fixtures, and log in;
# from the start of pytest to its end, the server's start included.
#
#     bench/python_suite.sh [PYTHON] [TESTS] [PYTEST ARGUMENTS…]      (default: python3, 100)
#
# PYTHON has the wheel and pytest.
set -euo pipefail
python=${1:-python3}
tests=${2:-100}
shift $(($# < 2 ? $# : 2))
scratch=$(mktemp -d "${TMPDIR:-/tmp}/wiredoo-suite.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
cat >"$scratch/users.yaml" <<YAML
users:
  - {login: shop, name: Shop, password: secret, groups: [base.group_user, base.group_partner_manager]}
YAML
cat >"$scratch/partners.yaml" <<YAML
records:
  res.partner.category:
    - {id: vip, name: VIP}
  res.partner:
    - {id: acme, name: Acme, is_company: true, country_id: base.be, category_id: [vip]}
    - {id: azure, name: Azure, parent_id: acme}
YAML
cat >"$scratch/test_suite.py" <<PYTHON
import json
import urllib.request

import pytest


def post(odoo, path, params, cookie=""):
    body = json.dumps({"jsonrpc": "2.0", "params": params}).encode()
    request = urllib.request.Request(odoo.url + path, body, {"Content-Type": "application/json", "Cookie": cookie})
    with urllib.request.urlopen(request) as answer:
        return json.loads(answer.read())["result"], (answer.headers["Set-Cookie"] or "").split(";")[0]


@pytest.mark.parametrize("number", range($tests))
@pytest.mark.odoo(fixtures=["users.yaml", "partners.yaml"])
def test_partner(odoo, number):
    login = {"db": odoo.db, "login": "shop", "password": "secret"}
    info, cookie = post(odoo, "/web/session/authenticate", login)
    assert info["username"] == "shop"
    call = {"model": "res.partner", "method": "create", "args": [{"name": f"Partner {number}"}], "kwargs": {}}
    post(odoo, "/web/dataset/call_kw", call, cookie)
    odoo.journal.assert_called("res.partner", "create", exactly=1, user="shop")
PYTHON
cd "$scratch"
begun=$(date +%s.%N)
"$python" -m pytest -q -p no:cacheprovider "$@" test_suite.py | tail -1
ended=$(date +%s.%N)
"$python" -c "print(f'$tests tests: {$ended - $begun:.2f} s')"
