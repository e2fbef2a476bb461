#!/usr/bin/env bats
# What reconclaw tells of directories on other hosts, in JSON and in text, as it was agreed (rc.bash: golden).
# shellcheck disable=SC2030,SC2031,SC2034

load rc
load remote
setup() {
    STARTED=()
    place_up
    host_up h
    mkdir "$WORK/src"
    echo mine >"$WORK/AGENTS.md"
    echo 'int main(void);' >"$WORK/src/main.c"
    ln -s src/main.c "$WORK/link"
    chmod 755 "$WORK" "$WORK/src"
    chmod 644 "$WORK/AGENTS.md" "$WORK/src/main.c"
    policy 'hotWindow: 0, removalCap: {percent: 100}'
}
teardown() {
    hosts_down
    place_down
}

box() {
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' "metadata: {name: $1}" 'spec:' '  backend: ssh' \
        "  ssh: {target: '$(at h)', workspaceRoot: $T/h/home/boxes, identityFile: $T/h/id, knownHostsFile: $T/h/known_hosts}" \
        "  workspaces: [{path: $WORK}]" >"$SPECS/$1.yaml"
}
# both NAME COMMAND...: its JSON and its text.
both() {
    local name=$1
    shift
    rc "$@" -o json && golden "$name" || return 1
    rc "$@" && golden_text "$name"
}

@test "a host that is down, a workspace that is saved before it goes, and one that is given up" {
    rc snapshots -o json
    golden snapshots-none
    box one
    both remote-plan-create plan "$SPECS"
    apply
    is_status 0
    host_down h
    both remote-plan-down plan "$SPECS"
    rm "$SPECS/one.yaml"
    both remote-plan-held plan "$SPECS"
    is_status 3
    rc_raw run "$SPECS" >"$T/log" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
    within 20 grep -q 'is unknown' "$T/log"
    both remote-status-down status
    kill "$(rc status -o json && jq .report.service.pid "$T/out")"
    wait "${STARTED[0]}" || true
    "$ROOT/tests/lib/sshd.sh" start "$T/h" >/dev/null
    both remote-plan-prune plan "$SPECS"
    rc apply --yes -o json "$SPECS"
    is_status 0
    golden remote-apply-prune
    both snapshots-list snapshots list
    both snapshots-show snapshots show reconclaw-one
    rc snapshots restore reconclaw-one --to "$T/back" -o json
    golden snapshots-restore
    rc snapshots restore reconclaw-one --to "$T/back" -o json
    is_status 3
    golden snapshots-restore-taken
    rc snapshots list -o json
    rc snapshots prune "$(jq -r '.snapshots[0].name' "$T/out")" --yes -o json
    is_status 0
    golden snapshots-prune
    box two
    apply
    host_down h
    rc forget two
    is_status 3
    golden_text forget-refused
    rc forget two --yes -o json
    is_status 0
    golden forget
}

@test "explain of an agent on another host and of one in OpenShell shows no secret" {
    local key
    key=$(sed -n 3p "$T/h/id")
    mkdir -p "$HOME/.openclaw"
    jq -n --rawfile key "$T/h/id" --arg at "$(at h)" --arg top "$T/h/home/oc" '{
        plugins: {entries: {openshell: {config: {mode: "remote", from: "base"}}}},
        agents: {defaults: {sandbox: {mode: "all", backend: "ssh", workspaceAccess: "rw",
            ssh: {target: $at, workspaceRoot: $top, identityData: $key, knownHostsData: "known"}}},
          list: [{id: "far"}, {id: "shell", sandbox: {backend: "openshell"}}]}}' >"$HOME/.openclaw/openclaw.json"
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' 'spec: {}' >"$SPECS/oc.yaml"
    for agent in far shell; do
        both "explain-$agent" explain --agent "$agent" "$SPECS"
        is_status 0
        cat "$T/out" "$T/plain" >>"$T/told"
    done
    ! grep -qF "$key" "$T/told" "$ROOT/tests/data/golden"/explain-* || fail 'the key is told'
}
