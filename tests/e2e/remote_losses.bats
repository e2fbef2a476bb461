#!/usr/bin/env bats
# What users of OpenClaw 2026.5.3 lose on other hosts, one test each, named by the loss: the state is as OpenClaw leaves it, the real
# program meets it on a real ssh server, and what is asked is what the user keeps, what is said, and whether the registry is true.
#
# Shown elsewhere, and not again here:
#
#   a changed target or root leaves the old tree behind, a reworded or aliased one is taken for another     ssh_moves.bats
#   a changed identity, strictness or known hosts is a mismatch, or none that is seen                       ssh_moves.bats
#   a host that is down empties the list, a changed host key is passed over, a mute host hangs all          ssh.bats
#   an agent that goes takes the only copy of its work with it                                              ssh.bats
#   directories of removed runtimes on this machine are never collected                                     workspaces.bats
#   uploads cut at any byte, stalled, throttled; full and read-only disks                                   contract/test_ssh*.c
#   an entry that goes while its OpenShell sandbox lives, one that was never seeded, policies that drift,
#   gateways that are down, names that are too long                                                         openshell.bats
#   nested uploads, main processes that end, asynchronous deletions                                         contract/test_openshell*.c
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154

load rc
load remote
setup() {
    STARTED=()
    place_up
    OC=$HOME/.openclaw
    host_up h
    mkdir -p "$OC/sandbox/containers" "$T/ws-a" "$T/ws-b"
    echo local-a >"$T/ws-a/AGENTS.md"
    echo local-b >"$T/ws-b/AGENTS.md"
    cp "$T/h/known_hosts" "$T/known_hosts"
    jq -n --arg target "$(at h)" --arg t "$T" '{agents: {defaults: {sandbox: {mode: "all", backend: "ssh", workspaceAccess: "rw",
        ssh: {target: $target, workspaceRoot: ($t + "/h/home/oc"), identityFile: ($t + "/h/id"), knownHostsFile: ($t + "/known_hosts")}}},
        list: [{id: "a", workspace: ($t + "/ws-a")}, {id: "b", workspace: ($t + "/ws-b")}]}}' >"$OC/openclaw.json"
    follow existing
}
teardown() {
    hosts_down
    place_down
}

# follow ENSURE [POLICY]
follow() {
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' \
        "spec: {config: $OC/openclaw.json, stateDir: $OC, ensure: $1, policy: {hotWindow: 0${2:+, $2}}}" >"$SPECS/oc.yaml"
}
oc_set() { jq "$@" "$OC/openclaw.json" >"$T/.oc" && mv "$T/.oc" "$OC/openclaw.json"; }
name_of() {
    rc explain "--${2:-agent}" "$1" "$SPECS"
    awk '$1 == "runtime" {print $2}' "$T/out"
}
# row NAME KEY [CREATED LAST-USED]: as OpenClaw writes it; days ago.
row() {
    local now=$(($(date +%s) * 1000))
    jq -n --arg n "$1" --arg k "$2" --arg i "${TARGET:-$(at h)}" --argjson c $((now - ${3:-1} * 86400000)) \
        --argjson u $((now - ${4:-0} * 86400000)) '{containerName: $n, backendId: "ssh", runtimeLabel: $n, sessionKey: $k,
        createdAtMs: $c, lastUsedAtMs: $u, image: $i, configLabelKind: "Target"}' \
        >"$OC/sandbox/containers/$(printf %s "$1" | sha256sum | cut -d' ' -f1).json"
}
# seeded AGENT [HOST]: what OpenClaw has made of an agent, and was worked in since. Sets NAME and TREE.
seeded() {
    NAME=$(name_of "$1")
    TREE=$T/${2:-h}/home/oc/$NAME
    mkdir -p "$TREE/workspace"
    cp -r "$T/ws-$1/." "$TREE/workspace/"
    echo "work of $1" >"$TREE/workspace/WORK"
    row "$NAME" "agent:$1"
}
rows() { cat "$OC"/sandbox/containers/*.json 2>/dev/null | jq -r '"\(.sessionKey) \(.image)"' | sort; }
saved() { rc snapshots restore "$NAME" --to "$T/back" && is_status 0 && same "$(cat "$T/back/workspace/WORK")" "$1"; }
up() { "$ROOT/tests/lib/sshd.sh" start "$T/$1" >/dev/null; }

# --- seeds -------------------------------------------------------------------------------------------------------------------

@test "a seed that was refused for a link leaves the workspace empty for ever" {
    NAME=$(name_of a)
    TREE=$T/h/home/oc/$NAME
    mkdir -p "$TREE/workspace"
    row "$NAME" agent:a
    ln -s /etc/passwd "$T/ws-a/out"
    plan
    out_has 'was never filled'
    apply
    is_status 1
    cat "$T/out" "$T/err" >"$T/all"
    grep -q 'out' "$T/all" || fail 'which link it is, is not told'
    same "$(ls -A "$TREE/workspace")" ''
    rm "$T/ws-a/out"
    apply
    is_status 0
    same "$(cat "$TREE/workspace/AGENTS.md")" local-a
    quiet
    same "$(rows)" "agent:a $(at h)"
}

@test "a seed whose local directory was missing leaves the workspace empty for ever" {
    NAME=$(name_of a)
    TREE=$T/h/home/oc/$NAME
    mkdir -p "$TREE/workspace"
    row "$NAME" agent:a
    mv "$T/ws-a" "$T/aside"
    apply
    [ "$status" -ne 0 ] || fail 'nothing was seeded, and all is well?'
    mv "$T/aside" "$T/ws-a"
    apply
    is_status 0
    same "$(cat "$TREE/workspace/AGENTS.md")" local-a
    quiet
}

@test "an upload that was killed halfway counts as the whole workspace" {
    follow all
    oc_set '.agents.list |= .[:1]'
    head -c 60000000 /dev/urandom >"$T/ws-a/big"
    NAME=$(name_of a)
    rc_raw apply --yes "$SPECS" >"$T/log" 2>&1 </dev/null 3>&- &
    apply_pid=$!
    within 20 compgen -G "$T/h/home/oc/.$NAME.seed-*"
    host_down h
    wait "$apply_pid" || true
    [ ! -e "$T/h/home/oc/$NAME" ] || fail 'half a workspace stands there as a whole one'
    same "$(rows)" ''
    up h
    apply
    is_status 0
    cmp "$T/ws-a/big" "$T/h/home/oc/$NAME/workspace/big"
    same "$(ls -A "$T/h/home/oc")" "$NAME"
    quiet
}

@test "two processes that seed at once make one workspace of two halves" {
    follow all
    oc_set '.agents.list |= .[:1]'
    for i in {1..300}; do echo "$i" >"$T/ws-a/f$i"; done
    NAME=$(name_of a)
    rc_raw apply --yes "$SPECS" >"$T/log1" 2>&1 </dev/null 3>&- &
    one=$!
    STATE=$T/state2 rc_raw apply --yes "$SPECS" >"$T/log2" 2>&1 </dev/null 3>&- || true
    wait "$one" || true
    same "$(ls -A "$T/h/home/oc")" "$NAME"
    same "$(cat "$T/h/home/oc/$NAME"/workspace/f{1..300} | sha256sum)" "$(cat "$T"/ws-a/f{1..300} | sha256sum)"
    same "$(rows)" "agent:a $(at h)"
}

@test "an entry of what was never made is listed as a runtime" {
    NAME=$(name_of a)
    row "$NAME" agent:a
    rc list -o json "$SPECS"
    is_json --arg n "$NAME" '.containers | map(select(.containerName == $n)) | length == 1 and .[0].status != "running"'
    apply
    is_status 0
    same "$(rows)" ''
}

# --- hosts that do not answer ------------------------------------------------------------------------------------------------

@test "one host that is down makes the whole list empty, and nothing matches any more" {
    seeded a
    host_up g
    cat "$T/g/known_hosts" >>"$T/known_hosts"
    cat "$T/h/id.pub" >>"$T/g/keys"
    oc_set --arg t "$(at g)" --arg r "$T/g/home/oc" '.agents.list[1].sandbox.ssh = {target: $t, workspaceRoot: $r}'
    TARGET=$(at g) seeded b g
    b=$NAME
    apply
    is_status 0
    host_down h
    rc list -o json "$SPECS"
    is_json --arg b "$b" '.containers | length == 2 and (map(select(.containerName == $b)) | .[0].status == "running") and
        (map(select(.containerName != $b)) | .[0].status == "unknown")'
    same "$(rows)" "$(printf '%s\n' "agent:a $(at h)" "agent:b $(at g)")"
}

@test "recreating on a host that is down drops the entry, and the stale tree is taken up again as new" {
    seeded a
    apply
    host_down h
    mkdir -p "$HOME/.config/reconclaw" && cp "$SPECS/oc.yaml" "$HOME/.config/reconclaw/"
    rc recreate --yes --all
    is_status 3
    same "$(rows)" "agent:a $(at h)"
    up h
    same "$(cat "$TREE/workspace/WORK")" 'work of a'
    rc recreate --yes --session agent:a
    is_status 0
    out_has '1 recreated'
    same "$(rows)" "agent:a $(at h)"
    saved 'work of a'
}

@test "pruning on a host that is down drops the entry, and the work is nowhere named any more" {
    seeded a
    apply
    oc_set '.agents.list |= .[1:]'
    host_down h
    apply
    is_status 3
    out_has "reconclaw forget $NAME"
    same "$(rows)" "agent:a $(at h)"
    up h
    apply
    is_status 0
    [ ! -e "$TREE" ]
    same "$(rows)" ''
    saved 'work of a'
}

@test "a key that is a secret reference is no key to the command line: the list is empty" {
    seeded a
    cp "$T/h/id" "$T/key"
    oc_set --rawfile k "$T/key" '.env = {vars: {SANDBOX_KEY: $k}} | .agents.defaults.sandbox.ssh |=
        (del(.identityFile) | .identityData = {source: "env", provider: "default", id: "SANDBOX_KEY"})'
    rc list -o json "$SPECS"
    is_json '.containers | length == 1 and .[0].status == "running"'
}

# --- removals ----------------------------------------------------------------------------------------------------------------

@test "a deletion that fails is forgotten: the entry goes, the tree stays" {
    host_up n --nobody
    cat "$T/n/known_hosts" >>"$T/known_hosts"
    cat "$T/h/id.pub" >>"$T/n/keys"
    oc_set --arg t "$(at n)" --arg r "$T/n/home/oc" '.agents.defaults.sandbox.ssh |= (.target = $t | .workspaceRoot = $r)'
    TARGET=$(at n) seeded a n
    chmod -R a+rX "$T/n/home/oc"
    chmod 755 "$T/n/home/oc" # and not that user's own
    apply
    oc_set '.agents.list |= .[1:]'
    apply
    is_status 1
    same "$(cat "$TREE/workspace/WORK")" 'work of a'
    same "$(rows)" "agent:a $(at n)"
    chown -R 4242:4242 "$T/n/home/oc"
    apply
    is_status 0
    [ ! -e "$TREE" ]
    same "$(rows)" ''
    saved 'work of a'
}

@test "a backend that is switched away from ssh leaves the tree where nobody looks again" {
    seeded a
    apply
    oc_set '.agents.defaults.sandbox |= (.backend = "docker" | .mode = "all")'
    plan
    out_has 'backend is now docker'
    out_has 'snapshot first'
    apply
    [ ! -e "$TREE" ] || fail 'it is still there'
    same "$(rows)" ''
    saved 'work of a'
}

@test "an agent with a host of its own is pruned at the host of all others" {
    host_up g
    cat "$T/g/known_hosts" >>"$T/known_hosts"
    cat "$T/h/id.pub" >>"$T/g/keys"
    oc_set --arg t "$(at g)" --arg r "$T/g/home/oc" '.agents.list[1].sandbox.ssh = {target: $t, workspaceRoot: $r} |
        .agents.defaults.sandbox.prune = {idleHours: 240, maxAgeDays: 0}'
    TARGET=$(at g) seeded b g
    TARGET=$(at g) row "$NAME" agent:b 30 30
    # Of the same name at the host of all others, and not its.
    mkdir -p "$T/h/home/oc/$NAME/workspace"
    echo other >"$T/h/home/oc/$NAME/workspace/WORK"
    apply
    is_status 0
    [ ! -e "$TREE" ] || fail 'it stays where it is'
    same "$(cat "$T/h/home/oc/$NAME/workspace/WORK")" other
    same "$(rows)" ''
    saved 'work of b'
}

@test "a runtime in use is pruned for its age, under the hands of who works in it" {
    oc_set '.agents.defaults.sandbox.prune = {idleHours: 0, maxAgeDays: 7}'
    seeded a
    row "$NAME" agent:a 30
    # shellcheck disable=SC2046 # a port
    ssh -F none -i "$T/h/id" -o UserKnownHostsFile="$T/known_hosts" -p $(cat "$T/h/port") "$(cat "$T/h/user")@127.0.0.1" \
        "cd $TREE/workspace && echo in && until [ -e $T/leave ]; do sleep 0.1; done" >"$T/in" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
    within 10 test -s "$T/in"
    apply
    is_status 3
    out_has 'in use'
    same "$(cat "$TREE/workspace/WORK")" 'work of a'
    same "$(rows)" "agent:a $(at h)"
    : >"$T/leave"
    wait "${STARTED[0]}"
    apply
    is_status 0
    [ ! -e "$TREE" ]
    same "$(rows)" ''
    saved 'work of a'
}

# --- names -------------------------------------------------------------------------------------------------------------------

@test "recreate --session main, as its help has it, matches nothing and does not say what would" {
    seeded a
    mkdir -p "$HOME/.config/reconclaw" && cp "$SPECS/oc.yaml" "$HOME/.config/reconclaw/"
    rc recreate --yes --session main
    out_has 'agent:a'
    same "$(cat "$TREE/workspace/WORK")" 'work of a'
    rc recreate --yes --agent a
    is_status 0
    out_has '1 recreated'
}

@test "two sessions whose names come out the same work in one tree" {
    oc_set '.agents.defaults.sandbox.scope = "session"'
    follow existing 'ghosts: recreate'
    NAME=$(name_of 'agent:a:😀' session)
    same "$(name_of 'agent:a:😁' session)" "$NAME"
    row "$NAME" 'agent:a:😀'
    apply
    is_status 0
    TREE=$T/h/home/oc/$NAME
    echo 'work of one' >"$TREE/workspace/WORK"
    # The other one is used: OpenClaw writes its key over the first's.
    row "$NAME" 'agent:a:😁'
    plan
    out_has clash
    apply
    is_status 3
    same "$(cat "$TREE/workspace/WORK")" 'work of one'
    same "$(rows)" "agent:a:😁 $(at h)"
}

@test "two OpenClaws with one agent name on one host work in one tree" {
    follow all
    oc_set '.agents.list |= .[:1]'
    apply
    is_status 0
    NAME=$(name_of a)
    TREE=$T/h/home/oc/$NAME
    echo 'work of one' >"$TREE/workspace/WORK"
    first=$HOME
    HOME=$T/home2 STATE=$T/state2
    mkdir -p "$HOME/.openclaw/sandbox/containers"
    sed "s#$OC#$HOME/.openclaw#g" "$SPECS/oc.yaml" >"$T/oc2.yaml"
    cp "$OC/openclaw.json" "$HOME/.openclaw/"
    mv "$T/oc2.yaml" "$SPECS/oc.yaml"
    plan
    out_has 'its name is taken'
    apply
    is_status 3
    same "$(cat "$TREE/workspace/WORK")" 'work of one'
    ! compgen -G "$HOME/.openclaw/sandbox/containers/*" >/dev/null || fail 'it is recorded as its own'
    HOME=$first
}
