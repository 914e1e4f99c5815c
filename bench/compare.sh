#!/usr/bin/env bash
# The same calls on two servers that speak Odoo's protocols (one may be Odoo itself), by turns, and how their rates compare.
#
#     bench/compare.sh URL_A DB_A URL_B DB_B [--password admin] [--key-a KEY] [--seconds 2] [--rounds 3] [--only read] …
#
# Makes partners in both databases where there are fewer than a thousand. --help tells all options. Needs wrk and Python 3.
set -euo pipefail
command -v wrk >/dev/null || { echo "compare.sh: wrk is not installed" >&2; exit 1; }
exec python3 "$(dirname "$0")/load.py" "$@"
