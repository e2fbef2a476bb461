#!/usr/bin/env bats
# Private workspaces that pruned runtimes of OpenClaw leave behind, on a real dockerd: moved aside once the runtime is gone, kept where
# anything still uses them, listed, put back, collected; and whole whatever happens in between.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034,SC2154 # each test has an environment of its own

load lib
load daemon
setup_file() { engine_up; }
teardown_file() { engine_down; }
setup() {
    home_up
    DAEMON='' LONG=40
    oc_three
    spec_openclaw 'policy:removalCap: {percent: 100}, hotWindow: 0s'
    apply
    is_status 0
    ROOMS=$OC/sandboxes
    A=$(echo "$ROOMS"/agent-a-*)
    for f in "$ROOMS"/agent-*; do echo "of $(basename "$f")" >"$f/note"; done
    Q=$ROOMS/.reconclaw-quarantine
}
teardown() {
    [ -z "${DAEMON:-}" ] || daemon_kill KILL
    home_down
}

without_a() { oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "b"}, {"id": "c"}]}}'; }
kept() { find "$Q" -mindepth 1 -maxdepth 1 2>/dev/null | wc -l; }
events() { rc_raw history -o json | jq -r ".entries[] | select(.event == \"workspace-$1\") | .outcome"; }

@test "an agent that is gone: the plan tells, its workspace is moved, listed and put back, and nothing is replaced" {
    without_a
    plan
    out_has "its workspace $A goes to quarantine"
    out_has '1 workspace to quarantine'
    [ -e "$A/note" ]
    apply
    is_status 0
    out_has 'workspace quarantined'
    [ ! -e "$A" ]
    [ "$(cat "$Q"/*-agent-a-*/note)" = "of $(basename "$A")" ]
    [ "$(stat -c %a "$Q")" = 700 ]
    [ "$(kept)" = 1 ]
    [ -e "$(echo "$ROOMS"/agent-b-*)/note" ]
    same "$(events quarantined)" ok
    is_quiet
    rc workspaces -o json
    is_status 0
    is_json '.workspaces | length == 1 and (.[0] | .state == "kept" and .bytes > 0 and (.runtime | startswith("openclaw-sbx-agent-a-")) and .scopeKey == "agent:a")'
    name=$(jq -r '.workspaces[0].name' "$T/out")
    mkdir "$A"
    rc workspaces restore "$name"
    is_status 3
    err_has 'nothing is replaced'
    rmdir "$A"
    rc workspaces restore "$name"
    is_status 0
    [ "$(cat "$A/note")" = "of $(basename "$A")" ]
    same "$(events restored)" ok
    rc workspaces
    out_has orphan
    out_has 'a session may come back for it'
    # Nobody but its owner moves an orphan.
    apply
    [ -e "$A/note" ]
}

@test "what still uses it keeps it: a stranger's container, the scope under another name, the policy" {
    d run -d --name stranger -v "$A:/x" "$(d inspect -f '{{.Config.Image}}' "$(box a)")" sleep infinity >/dev/null
    without_a
    plan
    out_has "its workspace $A stays: still used by docker/stranger"
    apply
    is_status 0
    [ -e "$A/note" ]
    [ "$(kept)" = 0 ]
    d rm -f stranger >/dev/null
    # Switched off: what is switched on again comes back to its files.
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "b"}, {"id": "c", "sandbox": {"mode": "off"}}]}}'
    plan
    out_has "stays: its scope is still that of agent 'c'"
    apply
    is_status 0
    [ -z "$(box c)" ]
    [ -e "$(echo "$ROOMS"/agent-c-*)/note" ]
    # Another prefix: the runtime of the old name goes, its scope stays and comes back to the same directory.
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"containerPrefix": "p-"}}}, "list": [{"id": "b"}, {"id": "c"}]}}'
    spec_openclaw 'ensure: existing'
    plan
    out_has "stays: its scope is still that of agent 'b'"
    apply
    [ -e "$(echo "$ROOMS"/agent-b-*)/note" ]
    [ "$(kept)" = 0 ]
}

@test "by policy it stays where it is" {
    spec_openclaw 'policy:removalCap: {percent: 100}, hotWindow: 0s, workspaces: {onPrune: keep}'
    without_a
    plan
    out_has "its workspace $A stays: by policy"
    apply
    is_status 0
    [ -e "$A/note" ]
    [ "$(kept)" = 0 ]
}

@test "killed between the prune and the move: the next round moves it, once" {
    without_a
    # What a crash leaves: the intent on disk, the runtime and its record gone, the directory where it was.
    chattr +i "$ROOMS" 2>/dev/null || chmod 0 "$ROOMS"
    apply
    chattr -i "$ROOMS" 2>/dev/null || chmod 755 "$ROOMS"
    [ -z "$(box a)" ]
    [ -e "$A/note" ]
    plan --detailed-exitcode
    is_status 2
    out_has "workspace $A goes to quarantine: left behind by docker/openclaw-sbx-agent-a-"
    rc workspaces -o json
    is_json '.workspaces[0].state == "leaving"'
    apply
    is_status 0
    [ "$(kept)" = 1 ]
    [ ! -e "$A" ]
    is_quiet
}

@test "kill -9 at many moments of a prune: the workspace is whole in one place, and the next round ends it" {
    local i a
    for i in 0.02 0.05 0.1 0.2 0.3 0.4 0.5 0.7 0.9 1.2; do
        oc_three
        apply
        a=$(echo "$ROOMS"/agent-a-*)
        echo "$i" >"$a/note"
        without_a
        rc_raw apply --yes "$SPEC" >/dev/null 2>&1 3>&- &
        pause "$i"
        pkill -KILL -P $! 2>/dev/null || true
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        [ "$(cat "$a"/note "$Q"/*/note 2>/dev/null | grep -cx "$i")" = 1 ] || fail "not whole in one place after $i"
        apply
        [ ! -e "$a" ] || fail "not moved after $i"
        [ "$(cat "$Q"/*/note | grep -cx "$i")" = 1 ]
        is_quiet
    done
}

@test "retention: nothing is deleted unasked, over the cap nothing at all, and by name what its owner names" {
    local name
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "c"}]}}'
    apply
    is_status 0
    [ "$(kept)" = 2 ]
    apply
    [ "$(kept)" = 2 ]
    spec_openclaw 'policy:removalCap: {percent: 0, count: 0}, hotWindow: 0s, workspaces: {retention: {count: 1}}'
    apply
    is_status 3
    [ "$(kept)" = 2 ]
    plan
    out_has 'is deleted from quarantine later'
    spec_openclaw 'policy:removalCap: {percent: 0, count: 1}, hotWindow: 0s, workspaces: {retention: {count: 1}}'
    rc apply "$SPEC"
    is_status 3
    err_has '1 quarantined workspace is deleted, and nobody can be asked'
    apply
    is_status 0
    [ "$(kept)" = 1 ]
    same "$(events collected)" ok
    name=$(ls "$Q")
    rc workspaces prune "$name"
    is_status 3
    rc workspaces prune --yes "$name"
    is_status 0
    [ "$(kept)" = 0 ]
    rc workspaces prune --yes nothing-of-that-name
    is_status 1
    rc workspaces sweep
    is_status 64
}

@test "a link in its place, or one in place of the quarantine, is not followed" {
    mkdir "$T/far"
    echo far >"$T/far/note"
    mv "$A" "$T/a"
    ln -s "$T/far" "$A"
    without_a
    plan
    out_has 'stays: it is a link'
    apply
    [ -L "$A" ]
    [ -e "$T/far/note" ]
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "c"}]}}'
    mkdir "$T/trap"
    ln -s "$T/trap" "$Q"
    apply
    [ -e "$(echo "$ROOMS"/agent-b-*)/note" ]
    [ -z "$(ls "$T/trap")" ]
    same "$(events quarantined)" failed
}
