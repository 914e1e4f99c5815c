#!/usr/bin/env bash
# What grows with the number of partners: the same calls with 1,000 and with 1,000,000, on SQLite and, where
# WIREDOO_TEST_POSTGRES names a server, on PostgreSQL, and how the databases go about those that grow.
#
#     bench/partners.sh [BINARY] [--many 1000000] [--users 10000] [--seconds 3] [--keep FOLDER] [--sqlite3 PROGRAM]
#
# BINARY is a release build (default: target/release/wiredoo, which is built). --keep leaves the SQLite files in a folder, and
# takes those that are there. Needs wrk, Python 3 and, for query plans on PostgreSQL, psql.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "partners.sh: wrk is not installed" >&2; exit 1; }
case "${1:-}" in
    '' | --*)
        cargo build --release
        set -- "${CARGO_TARGET_DIR:-target}/release/wiredoo" "$@"
        ;;
esac
exec python3 bench/partners.py "$@"
