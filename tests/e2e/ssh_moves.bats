#!/usr/bin/env bats
# OpenClaw's agents whose sandboxes are on another host, and whose target or workspace root changes: the real program against two
# real ssh servers, on both of OpenClaw's registries. What was done at the old place is never lost, and the registry tells where it is.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load rc
load remote
setup() {
    STARTED=()
    place_up
    OC=$HOME/.openclaw
    # The same path at both is two directories.
    host_up h --home-at "$T/there"
    host_up g --home-at "$T/there"
    mkdir -p "$OC" "$T/ws-a"
    echo local >"$T/ws-a/AGENTS.md"
}
teardown() {
    hosts_down
    place_down
}

# oc HOST [LINE]: agent a is sandboxed there. $ROOT_DIR: the workspace root's name below the host's home. $TARGET: as it is written.
oc() {
    local at=${TARGET:-$(at "$1")} agents='"list": [{"id": "a", "workspace": "'$T'/ws-a"}]'
    [ -z "${LINE:-}" ] || agents='"entries": {"a": {"workspace": "'$T'/ws-a"}}'
    cat >"$OC/openclaw.json" <<JSON
{"agents": {"defaults": {"sandbox": {"mode": "all", "backend": "ssh", "workspaceAccess": "rw",
  "ssh": {"target": "$at", "workspaceRoot": "$T/there/${ROOT_DIR:-oc}", "identityFile": "${KEY:-$T/h/id}",
    "strictHostKeyChecking": ${STRICT:-true}, "knownHostsFile": "$T/known_hosts"}}}, $agents}}
JSON
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' \
        "spec: {config: $OC/openclaw.json, stateDir: $OC, ensure: ${ENSURE:-all}, ${LINE:+line: '2026.9',} ${SEED:+seed: $SEED,} policy: {hotWindow: 0}}" \
        >"$SPECS/oc.yaml"
}
# Both hosts take the key of the first.
one_key() {
    cat "$T/h/id.pub" >>"$T/g/keys"
    cat "$T/h/known_hosts" "$T/g/known_hosts" >"$T/known_hosts"
}
roots() { find "$T/$1/home/${2:-oc}" -mindepth 1 -maxdepth 1 2>/dev/null; }
rows() {
    if [ -n "${LINE:-}" ]; then
        sqlite3 "$OC/state/openclaw.sqlite" 'SELECT entry_json FROM sandbox_registry_entries'
    else
        cat "$OC"/sandbox/containers/*.json 2>/dev/null
    fi | jq -r '"\(.backendId) \(.image) \(.configLabelKind)"' | sort
}
on_2026_9() {
    LINE=1
    mkdir -p "$OC/state"
    sqlite3 "$OC/state/openclaw.sqlite" <"$ROOT/tests/data/openclaw/state-18.sql" >/dev/null
}
own_records() { grep -l '"kind": "container"' "$STATE"/records/*.json 2>/dev/null | wc -l; }
snapshots() { find "$STATE/snapshots" -name '*.tar.zst' | wc -l; }

moves_whole() {
    one_key
    oc h
    apply
    is_status 0
    echo done-there >"$(roots h)/workspace/WORK"
    oc g
    plan
    out_has 'moves from'
    out_has 'snapshot first'
    if [ ! -d "$(roots h)" ] || [ -e "$T/g/home/oc" ]; then fail 'a plan touches nothing'; fi
    apply
    is_status 0
    same "$(cat "$(roots g)/workspace/WORK")" done-there
    same "$(cat "$(roots g)/workspace/AGENTS.md")" local
    same "$(roots h)" ''
    same "$(rows)" "ssh $(at g) Target"
    same "$(own_records)" 1
    [ "$(snapshots)" -ge 1 ]
    quiet
}

@test "a changed target: what was done there goes along, the old tree goes after it, and the registry tells the new place" {
    moves_whole
}

@test "a changed target on OpenClaw 2026.9: the same, in its database" {
    on_2026_9
    moves_whole
}

@test "a changed target, seeded from local by its policy: the old tree is in a snapshot" {
    one_key
    SEED='{from: local}'
    oc h
    apply
    echo done-there >"$(roots h)/workspace/WORK"
    oc g
    apply
    is_status 0
    [ ! -e "$(roots g)/workspace/WORK" ] || fail 'it was to begin as it is here'
    same "$(roots h)" ''
    rc snapshots restore "$(basename "$STATE"/snapshots/openclaw-ssh-*)" --to "$T/back"
    is_status 0
    same "$(cat "$T/back/workspace/WORK")" done-there
    quiet
}

@test "a changed target, and what OpenClaw seeded and reconclaw never saw: found by its row, and moved" {
    one_key
    oc h
    apply
    echo theirs >"$(roots h)/workspace/WORK"
    rm -rf "$(roots h)/.reconclaw" "$STATE"
    ENSURE=existing
    oc g
    apply
    is_status 0
    same "$(cat "$(roots g)/workspace/WORK")" theirs
    same "$(roots h)" ''
    same "$(rows)" "ssh $(at g) Target"
    quiet
}

@test "a changed target, and OpenClaw was quicker: its new tree is taken as it is, the old one goes behind a snapshot" {
    one_key
    oc h
    apply
    echo old >"$(roots h)/workspace/WORK"
    mkdir -p "$T/g/home/oc"
    cp -r "$(roots h)" "$T/g/home/oc/"
    rm -rf "$(roots g)/.reconclaw"
    echo new >"$(roots g)/workspace/WORK"
    oc g
    apply
    is_status 0
    same "$(cat "$(roots g)/workspace/WORK")" new
    same "$(roots h)" ''
    same "$(rows)" "ssh $(at g) Target"
    rc snapshots restore "$(basename "$STATE"/snapshots/openclaw-ssh-*)" --to "$T/back"
    same "$(cat "$T/back/workspace/WORK")" old
    quiet
}

@test "a changed target, and the old host does not answer: nothing is made and nothing lost, and forget goes on without it" {
    one_key
    oc h
    apply
    echo done-there >"$(roots h)/workspace/WORK"
    name=$(basename "$(roots h)")
    host_down h
    oc g
    plan
    out_has "reconclaw forget $name"
    apply
    is_status 3
    [ ! -e "$T/g/home/oc" ] || fail 'made anew beside what is there'
    same "$(rows)" "ssh $(at h) Target"
    rc forget --yes "$name"
    is_status 0
    same "$(rows)" ''
    same "$(own_records)" 0
    apply
    is_status 0
    same "$(cat "$(roots g)/workspace/AGENTS.md")" local
    same "$(rows)" "ssh $(at g) Target"
    same "$(cat "$(roots h)/workspace/WORK")" done-there
    quiet
}

@test "a changed target, and the old host comes back: the move is made then" {
    one_key
    oc h
    apply
    echo done-there >"$(roots h)/workspace/WORK"
    host_down h
    oc g
    apply
    is_status 3
    "$ROOT/tests/lib/sshd.sh" start "$T/h" --home-at "$T/there" >/dev/null
    apply
    is_status 0
    same "$(cat "$(roots g)/workspace/WORK")" done-there
    same "$(roots h)" ''
    quiet
}

@test "another name of the same machine is no move: nothing is made or removed, and the registry tells the new name" {
    one_key
    for theirs in '' yes; do
        oc h
        apply
        is_status 0
        [ -z "$theirs" ] || rm -rf "$(roots h)/.reconclaw"
        echo done-there >"$(roots h)/workspace/WORK"
        before=$(stat -c %i "$(roots h)")
        sed "s/^\[127.0.0.1\]/[localhost]/" "$T/h/known_hosts" >>"$T/known_hosts"
        TARGET=$(cat "$T/h/user")@localhost:$(cat "$T/h/port")
        oc h
        plan
        out_has 'leads to the same directory'
        apply
        is_status 0
        same "$(stat -c %i "$(roots h)")" "$before"
        same "$(cat "$(roots h)/workspace/WORK")" done-there
        same "$(rows)" "ssh $TARGET Target"
        same "$(own_records)" 1
        quiet
        unset TARGET
        rm -rf "$(roots h)" "$STATE" "$OC/sandbox"
    done
}

@test "a changed identity, strictness or known hosts alone moves and recreates nothing" {
    one_key
    oc h
    apply
    before=$(stat -c %i "$(roots h)")
    cp "$T/h/id" "$T/key2"
    cp "$T/known_hosts" "$T/known2"
    KEY=$T/key2 oc h
    quiet
    STRICT=false oc h
    quiet
    oc h
    sed -i "s#$T/known_hosts#$T/known2#" "$OC/openclaw.json"
    quiet
    same "$(stat -c %i "$(roots h)")" "$before"
    same "$(rows)" "ssh $(at h) Target"
}

@test "a changed root: made there with what was done here, before it goes here" {
    one_key
    oc h
    apply
    echo done-there >"$(roots h)/workspace/WORK"
    ROOT_DIR=two oc h
    plan
    out_has 'made there before it goes here'
    apply
    is_status 0
    same "$(cat "$(roots h two)/workspace/WORK")" done-there
    same "$(roots h)" ''
    same "$(rows)" "ssh $(at h) Target"
    ROOT_DIR=two oc h
    quiet
    # By another way to the same directory: no move.
    ln -s two "$T/h/home/three"
    before=$(stat -c %i "$(roots h two)")
    ROOT_DIR=three oc h
    apply
    is_status 0
    ROOT_DIR=three oc h
    quiet
    same "$(stat -c %i "$(roots h two)")" "$before"
    same "$(cat "$(roots h two)/workspace/WORK")" done-there
}

@test "a changed root that cannot be written: the old tree stays as it is" {
    one_key
    oc h
    apply
    echo done-there >"$(roots h)/workspace/WORK"
    : >"$T/h/home/two"
    ROOT_DIR=two oc h
    apply
    is_status 1
    same "$(cat "$(roots h)/workspace/WORK")" done-there
    rm "$T/h/home/two"
    ROOT_DIR=two oc h
    apply
    is_status 0
    same "$(cat "$(roots h two)/workspace/WORK")" done-there
    same "$(roots h)" ''
    ROOT_DIR=two oc h
    quiet
}

@test "a changed root after a crash between the two: what stands at both is one, and the old one goes behind a snapshot" {
    one_key
    oc h
    apply
    echo done-there >"$(roots h)/workspace/WORK"
    cp -a "$T/h/home/oc" "$T/copy"
    cp -a "$STATE/records" "$T/records"
    ROOT_DIR=two oc h
    apply
    is_status 0
    # As it was when only the old one had not gone yet.
    cp -a "$T/copy/." "$T/h/home/oc/"
    cp "$T/records"/*.json "$STATE/records/"
    apply
    is_status 0
    same "$(cat "$(roots h two)/workspace/WORK")" done-there
    same "$(roots h)" ''
    quiet
}
