#!/usr/bin/env bash
# Run by tests/e2e/cli.bats where /tmp/ocvec is a place of its own: for each line "config,variables,option,key" on stdin (all but
# the option in base64) one JSON value {code, out, err}: what `reconclaw explain -o json` says with no spec file anywhere.
set -u
while IFS=, read -r config variables option key; do
    printf %s "$config" | base64 -d >"$HOME/.openclaw/openclaw.json"
    mapfile -t extra < <(printf %s "$variables" | base64 -d)
    key=$(printf %s "$key" | base64 -d && echo .)
    code=0
    out=$(env "${extra[@]}" /tmp/reconclaw explain -o json "$option" "${key%.}" 2>/tmp/err) || code=$?
    printf '{"code": %d, "out": %s, "err": %s}\n' "$code" "${out:-null}" "$(jq -Rs . /tmp/err)"
done
