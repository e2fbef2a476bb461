#!/usr/bin/env bats
# `snapshots restore` to the host that a workspace is on: the real program against a real ssh server.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154

load rc
load remote
setup() {
    STARTED=()
    place_up
    host_up h
    SPECS=$HOME/.config/reconclaw # where a command that takes names finds them
    mkdir -p "$SPECS"
    echo mine >"$WORK/AGENTS.md"
    box "$WORK"
    TREE=$T/h/home/boxes/reconclaw-one
    apply
    is_status 0
    echo first >"$TREE/workspace/WORK"
    ln -s WORK "$TREE/workspace/link"
    chmod 750 "$TREE/workspace/WORK"
    rc recreate --yes one
    is_status 0
    FIRST=$(first_name)
    echo second >"$TREE/workspace/WORK"
    echo new >"$TREE/workspace/NEW"
}
teardown() {
    hosts_down
    place_down
}

box() {
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' 'metadata: {name: one}' 'spec:' '  backend: ssh' \
        "  ssh: {target: '$(at h)', workspaceRoot: $T/h/home/boxes, identityFile: $T/h/id, knownHostsFile: $T/h/known_hosts}" \
        "  workspaces: [{path: $1}]" '  policy: {hotWindow: 0}' "${@:2}" >"$SPECS/one.yaml"
}
first_name() { rc snapshots -o json && jq -r '.snapshots | sort_by(.atMs) | .[0].name' "$T/out"; }
n_snapshots() { find "$STATE/snapshots" -name '*.tar.zst' | wc -l; }

@test "a snapshot is put back as the workspace, the one that was there is in another, and nothing is left to do" {
    rc snapshots restore --yes "$FIRST"
    is_status 0
    out_has "snapshot $FIRST is put back"
    out_has 'snapshot first'
    same "$(cat "$TREE/workspace/WORK")" first
    same "$(readlink "$TREE/workspace/link")" WORK
    same "$(stat -c %a "$TREE/workspace/WORK")" 750
    [ ! -e "$TREE/workspace/NEW" ] || fail 'mixed with what was there'
    same "$(n_snapshots)" 2
    rc snapshots restore reconclaw-one --to "$T/back"
    is_status 0
    same "$(cat "$T/back/workspace/WORK")" second
    quiet
    rc history -o json
    grep -q "is put back" "$T/out"
}

@test "nobody is there to ask: nothing is put back without a word" {
    rc snapshots restore "$FIRST"
    is_status 3
    err_has '--yes'
    same "$(cat "$TREE/workspace/WORK")" second
    same "$(n_snapshots)" 1
}

@test "what is in use is not replaced, unless its owner says so" {
    # shellcheck disable=SC2046 # a port
    ssh -F none -i "$T/h/id" -o UserKnownHostsFile="$T/h/known_hosts" -p $(cat "$T/h/port") "$(cat "$T/h/user")@127.0.0.1" \
        "cd $TREE/workspace && echo in && until [ -e $T/leave ]; do sleep 0.1; done" >"$T/in" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
    within 10 test -s "$T/in"
    rc snapshots restore --yes "$FIRST"
    is_status 3
    out_has 'in use'
    same "$(cat "$TREE/workspace/WORK")" second
    rc snapshots restore --yes --allow-in-use "$FIRST"
    is_status 0
    same "$(cat "$TREE/workspace/WORK")" first
    : >"$T/leave"
}

@test "a workspace that is gone altogether comes back from its snapshot" {
    rm -rf "$TREE"
    rc snapshots restore --yes "$FIRST"
    is_status 0
    same "$(cat "$TREE/workspace/WORK")" first
    quiet
}

@test "what nothing wants has no place to be put back to, and is told the other way" {
    rm "$SPECS/one.yaml"
    sandbox two "workspaces: [{path: $WORK}]"
    rc snapshots restore --yes "$FIRST"
    is_status 1
    err_has '--to DIR'
    same "$(cat "$TREE/workspace/WORK")" second
}

@test "a damaged snapshot replaces nothing" {
    file=$(find "$STATE/snapshots" -name '*.tar.zst')
    chmod u+w "$file"
    printf x | dd of="$file" bs=1 seek=200 conv=notrunc status=none
    rc snapshots restore --yes "$FIRST"
    is_status 1
    same "$(cat "$TREE/workspace/WORK")" second
    box "$WORK"
    quiet
}

@test "a host that is down: held, and put back when it is asked for again" {
    host_down h
    rc snapshots restore --yes "$FIRST"
    is_status 3
    "$ROOT/tests/lib/sshd.sh" start "$T/h" >/dev/null
    same "$(cat "$TREE/workspace/WORK")" second
    rc snapshots restore --yes "$FIRST"
    is_status 0
    same "$(cat "$TREE/workspace/WORK")" first
}
