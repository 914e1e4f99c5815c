#!/usr/bin/env bash
# Where wiredoo stands: starts it on a fresh folder, in memory and, where WIREDOO_TEST_POSTGRES names a server, on PostgreSQL,
# and measures calls, logins, memory and starts. Prints a table beside the targets.
#
#     bench/run.sh [BINARY] [--update] [--mixed 1000000] [--seconds 3] [--rounds 3] [--stores memory,SQLite,PostgreSQL] …
#
# BINARY is a release build (default: target/release/wiredoo, which is built). --update puts the table into docs/performance.md.
# --quick is for trying this script. Needs wrk and Python 3, and cargo for the logins.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v wrk >/dev/null || { echo "run.sh: wrk is not installed" >&2; exit 1; }
case "${1:-}" in
    '' | --*)
        cargo build --release
        set -- "${CARGO_TARGET_DIR:-target}/release/wiredoo" "$@"
        ;;
esac
exec python3 bench/run.py "$@"
