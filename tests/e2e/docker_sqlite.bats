#!/usr/bin/env bats
# OpenClaw 2026.9's registry, a database, on a real engine: what is recorded there is kept in step, and whatever happens to the
# database, nothing is removed because of it, what is wrong is said, and once it is mended all goes on by itself.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # each test has an environment of its own

load engine
load daemon
setup() {
    home_up
    LONG=40
    DB=$OC/state/openclaw.sqlite
    mkdir -p "$OC/state"
    sqlite3 "$DB" <"$ROOT/tests/data/openclaw/state-18.sql" >/dev/null
    oc_three_2026_9
    all_applied
    [ "$(rows)" = 3 ] || fail "rows: $(rows)"
}
teardown() {
    [ -z "${HOLDER:-}" ] || { kill "$HOLDER" 2>/dev/null; wait "$HOLDER" 2>/dev/null; } || true
    if mountpoint -q "$OC/state" 2>/dev/null; then umount "$OC/state"; fi
    home_down
}

db() { sqlite3 -cmd '.timeout 20000' "$DB" "$1"; }
rows() { db 'SELECT count(*) FROM sandbox_registry_entries'; }
cell() { db "SELECT $2 FROM sandbox_registry_entries WHERE session_key LIKE 'agent:$1:%'"; }
same_runtimes() { same "$BEFORE" "$(ids)"; }
# For commands that take names of runtimes where others take specs.
default_specs() { mkdir -p "$HOME/.config/reconclaw" && cp "$SPEC" "$HOME/.config/reconclaw/oc.yaml"; }
memory_is() { [ "$(d inspect -f '{{.HostConfig.Memory}}' "$(cell "$1" container_name)" 2>/dev/null)" = "$2" ]; }

# Plan, apply and the pruning of everything: exit status 3, the reason said, and nothing touched.
frozen() {
    local command
    for command in plan 'apply --yes --allow-removals --allow-in-use' 'prune --yes --allow-removals'; do
        # shellcheck disable=SC2086 # a command and its flags
        rc $command "$SPEC"
        case $command in plan) is_status 0 || is_status 3 ;; *) is_status 3 ;; esac
        err_has "$1"
        same_runtimes
    done
}
# All of it is driven again: a changed config comes about.
goes_on() {
    oc_set '.agents.defaults.sandbox.docker.memory = "64m"'
    apply --allow-removals
    is_status 0
    memory_is a 67108864 || fail 'the change did not come about'
    [ "$(rows)" = 3 ]
    is_quiet
}

@test "what is created has its row, and the row and its JSON tell the same" {
    local name
    name=$(cell a container_name)
    [[ $name == openclaw-sbx-workspace-* ]] || fail "named $name"
    exists "$name"
    db "SELECT entry_json FROM sandbox_registry_entries WHERE container_name = '$name'" >"$T/out"
    is_json --arg n "$name" '.containerName == $n and .backendId == "docker" and .runtimeLabel == $n and .configLabelKind == "Image" and
        (.workspaceDir | startswith("/")) and (.createdAtMs | type == "number")'
    same "$(jq -r .sessionKey "$T/out")" "$(cell a session_key)"
    same "$(jq -r .configHash "$T/out")" "$(cell a config_hash)"
    same "$(jq -r .createdAtMs "$T/out")" "$(cell a created_at_ms)"
    same "$(d inspect -f '{{index .Config.Labels "openclaw.configHash"}}' "$name")" "$(cell a config_hash)"
    is_quiet
    rc version
    out_has '2026.9'
}

@test "a removal takes the row with it, and only its own" {
    default_specs
    rc recreate --yes --session "$(cell b session_key)"
    is_status 0
    oc_set 'del(.agents.entries.c)'
    apply --allow-removals
    is_status 0
    [ "$(rows)" = 2 ]
    is_quiet
}

@test "the database is gone: frozen, and again driven when it is back" {
    mv "$DB" "$T/kept"
    frozen "which is not there"
    mv "$T/kept" "$DB"
    goes_on
}
@test "the database is cut off, empty, or rubbish: frozen" {
    cp "$DB" "$T/kept"
    truncate -s 8192 "$DB"
    frozen 'cut off'
    truncate -s 0 "$DB"
    frozen 'empty'
    head -c 20000 /dev/urandom >"$DB"
    frozen 'not a database'
    cp "$T/kept" "$DB"
    goes_on
}
@test "a newer schema, a half migration and another's trigger: frozen" {
    db 'PRAGMA user_version = 19' >/dev/null
    frozen 'schema 19'
    db 'PRAGMA user_version = 17' >/dev/null
    frozen 'half migrated'
    db "PRAGMA user_version = 18; CREATE TRIGGER t AFTER DELETE ON sandbox_registry_entries BEGIN SELECT 1; END" >/dev/null
    frozen 'trigger'
    db 'DROP TRIGGER t'
    goes_on
}
@test "an empty registry of another time takes its place: what was made is told, and nothing is removed" {
    mv "$DB" "$T/kept"
    sqlite3 "$DB" <"$ROOT/tests/data/openclaw/state-18.sql" >/dev/null
    rc prune --yes "$SPEC"
    same_runtimes
    mv "$T/kept" "$DB"
    goes_on
}
@test "a disk that is full: the act fails and says so, every row stays whole, and afterwards all converges" {
    local before
    before=$(db 'SELECT * FROM sandbox_registry_entries ORDER BY 2')
    cp "$DB" "$T/kept"
    mount -t tmpfs -o size=300k,mode=700 none "$OC/state"
    cp "$T/kept" "$DB"
    cat /dev/zero >"$OC/state/filler" 2>/dev/null || true
    oc_set '.agents.defaults.sandbox.docker.memory = "64m"'
    apply --allow-removals
    is_status 1
    grep -qiE 'full|no space|I/O' "$T/out" "$T/err" || fail 'it does not say why'
    rm "$OC/state/filler"
    [ "$(db 'PRAGMA integrity_check')" = ok ]
    [ "$(rows)" = 3 ]
    [ "$(ids | wc -l)" = 3 ]
    apply --allow-removals
    is_status 0
    memory_is a 67108864
    is_quiet
    umount "$OC/state"
}
@test "a read-only mount: read and planned, a write fails and says so" {
    cp "$DB" "$T/kept"
    mount -t tmpfs -o size=4m,mode=700 none "$OC/state"
    cp "$T/kept" "$DB"
    mount -o remount,ro "$OC/state"
    is_quiet
    oc_set '.agents.entries.n = {}'
    apply
    is_status 1
    grep -qiE 'may not be written|read-?only' "$T/out" "$T/err" || fail 'it does not say why'
    mount -o remount,rw "$OC/state"
    apply
    is_status 0
    [ "$(rows)" = 4 ]
    is_quiet
    umount "$OC/state"
}
@test "what an older release left beside it is named, and never touched" {
    mkdir -p "$OC/sandbox/containers"
    echo '{"containerName": "old", "sessionKey": "agent:a", "createdAtMs": 1, "lastUsedAtMs": 1, "image": "i"}' >"$OC/sandbox/containers/x.json"
    echo '{"entries": []}' >"$OC/sandbox/browsers.json"
    apply --allow-removals
    is_status 0
    err_has 'openclaw doctor --fix'
    rc doctor --fix "$SPEC"
    is_status 1
    out_has "the shard of 'old'"
    out_has browsers.json
    [ -e "$OC/sandbox/containers/x.json" ]
    [ -e "$OC/sandbox/browsers.json" ]
    same_runtimes
}
@test "a release that is not known: shown and planned; only what is named is removed" {
    local name
    name=$(cell b container_name)
    oc_set '.meta.lastTouchedVersion = "2026.11.2" | .agents.defaults.sandbox.docker.memory = "64m" | del(.agents.entries.c)'
    apply --allow-removals
    is_status 3
    same_runtimes
    rc plan -o json "$SPEC"
    is_json '[.. | objects | select(.guard? == "release")] | length == 3'
    rc version -o json
    is_json '.openclawLines == ["2026.5", "2026.9"]'
    default_specs
    rc recreate --yes "$name"
    ! exists "$name" || fail 'it is still there'
    [ "$(rows)" = 2 ]
    [ "$(ids | wc -l)" = 2 ]
}

@test "the daemon: what OpenClaw writes is seen at once, and every fault is recovered from" {
    daemon_start "$SPEC"
    until_ok is_applied
    # A row goes: what is pre-created is adopted again.
    db "DELETE FROM sandbox_registry_entries WHERE session_key LIKE 'agent:a:%'"
    until_ok eval '[ "$(rows)" = 3 ]'
    # Deleted.
    daemon_mark
    mv "$DB" "$T/kept"
    await 'which is not there'
    mv "$T/kept" "$DB"
    until_ok is_applied
    # Replaced by what is newer, and back.
    daemon_mark
    cp "$DB" "$T/kept"
    db 'PRAGMA user_version = 19' >/dev/null
    await 'schema 19'
    same_runtimes
    status_is '.report.lines[0].line' 2026.9
    db 'PRAGMA user_version = 18' >/dev/null
    until_ok eval 'status_is ".report.notices | map(select(.level == \"blocked\")) | length" 0'
    # Cut off.
    daemon_mark
    cp "$DB" "$T/kept"
    truncate -s 8192 "$DB"
    await 'cut off'
    same_runtimes
    cp "$T/kept" "$T/new"
    mv "$T/new" "$DB"
    until_ok eval 'status_is ".report.notices | map(select(.level == \"blocked\")) | length" 0'
    same_runtimes
    daemon_kill
    [ "$code" -eq 0 ]
}
@test "the daemon: another holds the write lock for half a minute; its turn comes, and nothing is made twice" {
    daemon_start "$SPEC"
    until_ok is_applied
    mkfifo "$T/in"
    sqlite3 "$DB" <"$T/in" >"$T/held" 2>&1 3>&- &
    HOLDER=$!
    exec 7>"$T/in"
    echo "BEGIN IMMEDIATE; SELECT 'held';" >&7
    until_ok grep -q held "$T/held"
    oc_set '.agents.entries.n = {}'
    pause 30
    echo 'COMMIT;' >&7
    exec 7>&-
    wait "$HOLDER"
    HOLDER=
    until_ok eval '[ "$(rows)" = 4 ]'
    until_ok is_applied
    [ "$(ids | wc -l)" = 4 ]
    same "$BEFORE" "$(ids | grep -F "$BEFORE")"
    is_quiet
}
