#!/usr/bin/env bats
# OpenClaw is upgraded under a running reconclaw: what its older release made is superseded. Nothing is removed or made anew because of
# the upgrade itself, the journal and the plan say what happened, and the old runtimes go by policy, their workspaces staying.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # each test has an environment of its own

load engine
load daemon
setup() {
    home_up
    LONG=40
    DB=$OC/state/openclaw.sqlite
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "a"}, {"id": "b"}, {"id": "c"}]},
         "meta": {"lastTouchedVersion": "2026.5.3"}}'
    spec_openclaw 'policy:hotWindow: 0s'
}

# As `openclaw doctor --fix` of 2026.9.6 does: rows for shards, the directories gone, the config rewritten.
upgrade() {
    local f
    mkdir -p "$OC/state"
    {
        cat "$ROOT/tests/data/openclaw/state-18.sql"
        echo 'BEGIN;'
        for f in "$OC"/sandbox/containers/*.json; do
            jq -r 'def q: if . == null then "NULL" elif type == "number" then tostring else "\u0027" + gsub("\u0027"; "\u0027\u0027") + "\u0027" end;
                "INSERT INTO sandbox_registry_entries VALUES (\u0027container\u0027, " + ([.containerName, .sessionKey, .backendId, .runtimeLabel,
                .image, .createdAtMs, .lastUsedAtMs, .configLabelKind, .configHash, null, null, tojson, 1] | map(q) | join(", ")) + ");"' "$f"
        done
        echo 'COMMIT;'
    } >"$T/upgrade.sql"
    sqlite3 "$DB" <"$T/upgrade.sql" >/dev/null
    rm -r "$OC/sandbox/containers"
    oc_three_2026_9
}
upgrade_told() { rc_raw history -o json | jq -e '[.. | objects | select(.event? == "upgrade")] | length == 1' >/dev/null; }

@test "upgraded under the daemon: told once, nothing removed over the cap, and by the owner's word the old ones go" {
    local before
    daemon_start "$SPEC"
    until_ok is_applied
    before=$(ids)
    [ "$(ids | wc -l)" = 3 ]
    upgrade
    until_ok upgrade_told
    # The new ones are made beside them.
    until_ok eval '[ "$(ids | wc -l)" = 6 ]'
    until_ok eval 'status_is ".report.held | map(select(.guard == \"cap\")) | length" 3'
    same "$before" "$(ids | grep -F "$before")"
    status_is '.report.lines[0].line' 2026.9
    plan
    out_has 'superseded by an upgrade of OpenClaw: 3 runtimes, 0 to go now, 3 kept'
    out_has 'OpenClaw 2026.9 names it'
    out_has 'their workspaces go to quarantine'
    out_has "its workspace $(find "$OC/sandboxes" -maxdepth 1 -name 'agent-a-*') goes to quarantine"
    plan -o json
    is_json '[.plan.acts[] | select(.superseded) | .workspaces | length == 1 and .[0].fate == "quarantine"] | length == 3 and all'
    for f in "$OC"/sandboxes/agent-*; do echo "of $f" >"$f/note"; done
    daemon_kill
    [ "$code" -eq 0 ]
    apply --allow-removals
    is_status 0
    [ "$(ids | wc -l)" = 3 ]
    ! ids | grep -qF "$before" || fail 'the old ones are still there'
    [ "$(sqlite3 "$DB" 'SELECT count(*) FROM sandbox_registry_entries')" = 3 ]
    [ "$(sqlite3 "$DB" "SELECT count(*) FROM sandbox_registry_entries WHERE session_key LIKE '%:workspace:%'")" = 3 ]
    # What was in the old ones' workspaces is kept aside, and told; those of the new ones are where they were.
    [ "$(find "$OC/sandboxes" -mindepth 1 -maxdepth 1 -name 'agent-*' | wc -l)" = 0 ]
    [ "$(find "$OC/sandboxes" -mindepth 1 -maxdepth 1 -name 'workspace-*' | wc -l)" = 3 ]
    for f in "$OC"/sandboxes/.reconclaw-quarantine/*-agent-*/note; do
        slug=$(basename "$(dirname "$f")")
        [ "$(cat "$f")" = "of $OC/sandboxes/${slug#*Z-}" ]
    done
    rc workspaces -o json
    is_json '[.workspaces[] | select(.state == "kept" and (.why | startswith("superseded: ")))] | length == 3'
    rc_raw history -o json | jq -e '[.. | objects | select(.event? == "workspace-quarantined" and .outcome == "ok")] | length == 3'
    is_quiet
    upgrade_told
}

@test "in use, the old ones are kept; a database that goes again brings nothing of the older line back" {
    local before
    spec_openclaw 'policy:removalCap: {percent: 100}, hotWindow: 1h'
    apply
    is_status 0
    before=$(ids)
    for n in $(ids | cut -d' ' -f1); do shard_set "$n" --argjson t "$(ago 60)" '.lastUsedAtMs = $t'; done
    upgrade
    apply
    is_status 3
    same "$before" "$(ids | grep -F "$before")"
    [ "$(ids | wc -l)" = 6 ]
    plan
    out_has 'superseded by an upgrade of OpenClaw: 3 runtimes, 0 to go now, 3 kept'
    before=$(ids)
    mv "$DB" "$T/kept"
    mkdir -p "$OC/sandbox/containers"
    apply --allow-removals --allow-in-use
    is_status 3
    err_has 'which is not there'
    same "$before" "$(ids)"
    [ "$(shards)" = 0 ]
}
