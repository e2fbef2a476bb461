#!/usr/bin/env bats
# OpenClaw is upgraded in place, from 2026.5.3 to 2026.9.6 by its own doctor, under a running reconclaw on a real dockerd: what is in
# use stays, nothing is made twice, and what is left is what 2026.9.6 lists as its own. Without npm this fails; it never skips.

LINE=2026.5
load openclaw
load ../e2e/daemon

setup_file() {
    peer_up 2026.5
    peer_up 2026.9
    engine_up
}
teardown_file() { engine_down; }
setup() {
    home_up
    DAEMON='' WATCHER=''
    LONG=60
}
teardown() {
    [ -z "$WATCHER" ] || kill "$WATCHER" 2>/dev/null || true
    [ -z "$DAEMON" ] || daemon_kill KILL
    steps_end
    home_down
}

# Whether an agent has a container by the new name, and it runs.
has_new() { [ "$(d inspect -f '{{.State.Running}}' "$(d ps -a --filter label=openclaw.sandbox=1 --format '{{.Names}} {{.Label "openclaw.sessionKey"}}' |
    awk -v key="agent:$1:workspace:" 'index($2, key) == 1 { print $1 }')")" = true ]; }
all_new() { has_new a && has_new b && has_new c; }
is_gone() { ! exists "$1"; }
# Where the private workspace of agent $1's old runtime is, and where it was put.
room() { find "$OC/sandboxes" -mindepth 1 -maxdepth 1 -name "agent-$1-*"; }
kept() { find "$OC/sandboxes/.reconclaw-quarantine" -mindepth 1 -maxdepth 1 -name "*Z-agent-$1-*" 2>/dev/null; }
is_kept() { [ -n "$(kept "$1")" ] && [ -z "$(room "$1")" ]; }
runs_a_command() { d top "$1" | grep -qw cat; }

@test "an upgrade in place under the daemon: what is used stays, nothing is made twice, the end matches, the journal tells it" {
    local old_a old_b old_c room_b began before x
    oc_three
    use_quietly agent:a:main agent:b:main agent:c:main
    old_a=$(id_of "$(box a)") old_b=$(id_of "$(box b)") old_c=$(id_of "$(box c)")
    for x in a b c; do
        mkdir "$(room "$x")/deep"
        echo "$x's" >"$(room "$x")/deep/note"
    done
    room_b=$(room b)
    # Nobody has used b and c for an hour, but for a command that still runs in b.
    cold "$(box b)" 3600
    cold "$(box c)" 3600
    spec_openclaw 'ensure: all' 'policy: hotWindow: 5m, removalCap: {percent: 100}'
    daemon_start
    until_ok is_applied
    same "$(ids | wc -l)" 3
    began=$(date +%s)
    mkfifo "$T/stdin"
    d exec -i "$old_b" cat <"$T/stdin" >/dev/null 3>&- &
    EXEC=$!
    exec 8>"$T/stdin"
    until_ok runs_a_command "$old_b"
    daemon_mark

    # Whatever is in use is there at every moment.
    (while exists "$old_a" && exists "$old_b"; do pause 0.2; done; echo gone >"$T/gone-too-early") 3>&- 8>&- &
    WATCHER=$!
    steps_end
    LINE=2026.9
    openclaw doctor --fix --non-interactive >"$T/doctor" 2>&1 || fail "$(cat "$T/doctor")"
    [ -z "$(find "$OC/sandbox" -name '*.json')" ] || fail "OpenClaw's doctor did not migrate: $(cat "$T/doctor")"
    until_ok all_new
    until_ok is_gone "$old_c"
    LONG=20 until_ok said 'superseded'
    until_ok is_kept c
    [ -e "$(room a)/deep/note" ]
    before=$(ids)
    [ ! -e "$T/gone-too-early" ] || daemon_fail "a runtime in use was removed"
    same "$(wc -l <<<"$before")" 5
    exists "$old_a"
    exists "$old_b"

    # The new OpenClaw takes what is there for its own.
    use_quietly agent:a:main agent:b:main agent:c:main
    same "$(ids)" "$before"
    kill "$WATCHER"
    WATCHER=
    # The old ones go once nobody has used them for long enough, and nothing runs in them any more.
    cold "$(d inspect -f '{{.Name}}' "$old_a" | tr -d /)" 301
    until_ok is_gone "$old_a"
    rc plan -o json "$SPEC"
    is_json '.plan.acts | length == 1 and .[0].act == "hold" and .[0].held == "prune" and .[0].guard == "busy"'
    is_json --arg b "$room_b" '.plan.acts[0].workspaces | length == 1 and .[0].path == $b and .[0].fate == "quarantine"'
    exists "$old_b"
    [ -e "$room_b/deep/note" ]
    exec 8>&-
    wait "$EXEC"
    until_ok is_gone "$old_b"
    until_ok is_kept b
    until_ok is_applied
    same "$(ids | wc -l)" 3
    all_new
    listed_as_recorded openclaw
    same "$(n_records)" 3
    records_whole
    rc plan --detailed-exitcode "$SPEC"
    is_status 0
    # Each new one was made once, by whoever came first.
    same "$(d events --since "$began" --until "$(($(date +%s) + 1))" --filter event=create --format '{{.Actor.Attributes.name}}' | grep workspace | sort | uniq -c | awk '{print $1}')" \
        $'1\n1\n1'
    rc history -o json
    is_json '[.entries[] | select(.event == "upgrade")] | length == 1 and (.[0].reason | startswith("OpenClaw 2026.5 became 2026.9"))'
    is_json '[.entries[] | select(.event == "act-end")] | length == 6 and all(.outcome == "ok") and
        ([.[] | select(.act == "create") | .runtime | startswith("openclaw-sbx-workspace-")] | length == 3 and all) and
        ([.[] | select(.act == "prune") | .reason | startswith("superseded: OpenClaw 2026.9 names it openclaw-sbx-workspace-")] | length == 3 and all)'
    # What the agents had in their old workspaces is whole, told, and comes back where its owner asks for it.
    is_json '[.entries[] | select(.event == "workspace-quarantined")] | length == 3 and all(.outcome == "ok")'
    for x in a b c; do same "$(cat "$(kept "$x")/deep/note")" "$x's"; done
    rc workspaces -o json
    is_json '[.workspaces[] | select(.state == "kept" and (.why | startswith("superseded: ")))] | length == 3'
    rc workspaces restore "$(basename "$(kept b)")"
    is_status 0
    same "$(cat "$room_b/deep/note")" "b's"
    [ -z "$(kept b)" ]
    daemon_kill
    rc plan --detailed-exitcode "$SPEC"
    is_status 0
}
