#!/usr/bin/env bash
# Requests per second of the session routes, with wrk and 8 connections, against a server that is started for it.
#
#     bench/session.sh [BINARY] [SERVER ARGUMENTS…]        (default: target/release/wiredoo --ephemeral)
set -euo pipefail
cd "$(dirname "$0")/.."
binary=${1:-target/release/wiredoo}
shift || true
[ $# -gt 0 ] || set -- --ephemeral
scratch=$(mktemp -d)
"$binary" --port 0 --log warn "$@" >"$scratch/ready" &
server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$scratch"' EXIT
until [ -s "$scratch/ready" ]; do sleep 0.05; done
url=$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$scratch/ready")
db=$(sed 's/.*"db":"\([^"]*\)".*/\1/' "$scratch/ready")
sid=$(curl -s "$url/session/auth/login" --json "{\"db\":\"$db\",\"login\":\"admin\",\"password\":\"admin\"}" |
    sed 's/.*"sid":"\([^"]*\)".*/\1/')
cat >"$scratch/post.lua" <<LUA
wrk.method = "POST"
wrk.body = '{"jsonrpc":"2.0","method":"call","params":{},"id":1}'
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Cookie"] = "session_id=$sid"
LUA
for path in /web/webclient/version_info /web/session/get_session_info; do
    printf '%s\n' "$path"
    wrk -t2 -c8 -d"${SECONDS_EACH:-5}" --latency -s "$scratch/post.lua" "$url$path" |
        grep -E 'Requests/sec|50%|99%|Non-2xx|Socket errors' || true
done
