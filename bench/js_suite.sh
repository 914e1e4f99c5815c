#!/usr/bin/env bash
# Seconds that a suite of vitest takes: 100 tests, each with its own database, two fixtures and a login, and the start of the
# server. The suite is written for it, as a user would write it.
#
#     bench/js_suite.sh [BINARY] [FOLDER]
#
# BINARY is the server's program (default: target/release/wiredoo). FOLDER is one in which `wiredoo` and `vitest` are installed;
# js/ is, after `npm install && npm run build` (default). TESTS=100 and FILES=4 change the suite's size, RUNS=3 how often.
set -euo pipefail
cd "$(dirname "$0")/.."
WIREDOO_BIN=$(realpath "${1:-target/release/wiredoo}")
export WIREDOO_BIN
folder=$(realpath "${2:-js}")
tests=${TESTS:-100} files=${FILES:-4}
suite=$(mktemp -d "$folder/suite.XXXXXX")
trap 'rm -rf "$suite"' EXIT

cat >"$suite/shop.yaml" <<'YAML'
users:
  - {login: shop, name: Shop, password: secret, groups: [base.group_user, base.group_partner_manager]}
records:
  res.partner.category:
    - {id: vip, name: VIP}
YAML
cat >"$suite/res.partner.csv" <<'CSV'
id,name,country_id/id
acme,Acme,base.be
beta,Beta,base.fr
CSV
cat >"$suite/vitest.config.js" <<'JS'
import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { globalSetup: ['wiredoo/vitest-setup'], include: ['*.test.js'] } });
JS
for file in $(seq "$files"); do
    cat >"$suite/suite$file.test.js" <<JS
import { expect } from 'vitest';
import { odooTest } from 'wiredoo/vitest';

const fixtures = [new URL('shop.yaml', import.meta.url), new URL('res.partner.csv', import.meta.url)];
const test = odooTest({ fixtures });
const numbers = Array.from({ length: $((tests / files)) }, (_, number) => number);

test.for(numbers)('test %i', async (number, { odoo }) => {
  const response = await fetch(odoo.url + '/session/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ db: odoo.db, login: 'shop', password: 'secret' }),
  });
  expect(response.status).toBe(200);
  expect((await response.json()).username).toBe('shop');
});
JS
done
cd "$suite"
for run in $(seq "${RUNS:-3}"); do
    begun=$(date +%s.%N)
    node "$(node -p 'require.resolve("vitest/package.json").replace("package.json", "vitest.mjs")')" run --reporter=dot >"$suite/log" 2>&1 || {
        cat "$suite/log"
        exit 1
    }
    grep -E 'Tests ' "$suite/log"
    awk -v run="$run" -v from="$begun" -v to="$(date +%s.%N)" 'BEGIN { printf "run %s: %.2f s\n", run, to - from }'
done
