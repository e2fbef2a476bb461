#!/usr/bin/env bats
# The daemon is killed (SIGKILL) at random moments while what is wanted changes, and started again: each time it comes to what is
# wanted, with no runtime twice, no record lost and nothing half-done left behind. The seed is printed; RECONCLAW_SEED gives it.
# shellcheck disable=SC2016

load lib
load daemon
setup_file() { engine_up; }
teardown_file() { engine_down; }
teardown() {
    if [ -n "${PROXY_PID+x}" ] && [ -f "$SPEC" ]; then
        [ -z "$DAEMON" ] || daemon_kill KILL
        home_down
    else
        daemon_gone
    fi
}

random() { RANDOM_STATE=$(((RANDOM_STATE * 1103515245 + 12345) % 2147483648)); R=$((RANDOM_STATE / 65536 % $1)); }
seed() {
    RANDOM_STATE=${RECONCLAW_SEED:-1}
    echo "seed $RANDOM_STATE"
}
ms() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }

# --- docker -----------------------------------------------------------------------------------------------------------------

# Another wish: the memory of one agent, or one agent more or less.
edit_agents() {
    local id
    random 6
    id=${IDS[R]}
    random 4
    if [ "$R" = 0 ]; then
        oc_set --arg i "$id" 'if any(.agents.list[]; .id == $i) and (.agents.list | length > 2) then del(.agents.list[] | select(.id == $i))
            elif any(.agents.list[]; .id == $i) then . else .agents.list += [{id: $i}] end'
    else
        random 3
        oc_set --arg i "$id" --arg m "$((64 + 32 * R))m" '(.agents.list[] | select(.id == $i)).sandbox.docker.memory = $m'
    fi
}
wanted() { jq -r '.agents.list[] | "agent:\(.id) \((.sandbox.docker.memory // "0m") | rtrimstr("m") | tonumber * 1048576)"' "$OC/openclaw.json" | sort; }
there() {
    local ids
    ids=$(d ps -q) || return 1
    # shellcheck disable=SC2086 # a list of ids
    [ -z "$ids" ] || d inspect -f '{{index .Config.Labels "openclaw.sessionKey"}} {{.HostConfig.Memory}}' $ids | sort
}
recorded() { find "$OC/sandbox/containers" -name '*.json' -exec jq -r '.containerName' {} + | sort; }

@test "killed fifty times over a real engine" {
    home_up
    DAEMON='' LONG=30
    seed
    IDS=(a b c d e f)
    oc_three
    spec_openclaw
    daemon_start
    until_ok is_applied
    local i
    for ((i = 1; i <= 50; i++)); do
        edit_agents
        random 3
        [ "$R" -gt 0 ] || edit_agents
        # While it works, or soon after it was started.
        random 2
        if [ "$R" = 0 ]; then
            daemon_kill KILL
            daemon_start
            random 500
        else
            random 1100
        fi
        pause "$(ms "$R")"
        daemon_kill KILL
        daemon_start
        until_ok is_applied || { echo "round $i"; return 1; }
        same "$(wanted)" "$(there)" || daemon_fail "kill $i: not what is wanted"
        same "$(recorded)" "$(d ps -a --format '{{.Names}}' | sort)" || daemon_fail "kill $i: records"
        [ -z "$(find "$STATE/records" -name '*.json')" ] || daemon_fail "kill $i: left behind: $(cat "$STATE"/records/*)"
    done
    # Nothing of the daemons that were killed is in the way of a quiet one.
    daemon_kill TERM
    rc plan --detailed-exitcode "$SPEC"
    is_status 0
}

# --- bubblewrap -------------------------------------------------------------------------------------------------------------

# Processes of sandboxes of this test, by a variable that each of them was given.
processes() { grep -lszxF -- "MARK=$T" /proc/[0-9]*/environ 2>/dev/null | wc -l; }
marked() { box_spec "$1" "env: {MARK: $T, GREETING: $2}"; }

@test "killed twenty times over sandboxes of bubblewrap" {
    daemon_home
    seed
    marked one x
    daemon_start
    until_ok is_applied
    local i each n name
    each=$(processes)
    [ "$each" -ge 1 ]
    for ((i = 1; i <= 20; i++)); do
        random 3
        name=box$R
        random 4
        if [ "$R" = 0 ]; then rm -f "$SPEC/$name.yaml"; else marked "$name" "v$i"; fi
        marked one "v$i"
        random 700
        pause "$(ms "$R")"
        daemon_kill KILL
        daemon_start
        until_ok is_applied || { echo "kill $i"; return 1; }
        n=$(grep -l '^kind: Sandbox' "$SPEC"/*.yaml | wc -l)
        [ "$(processes)" = $((n * each)) ] || daemon_fail "kill $i: $(processes) processes, not $n times $each"
        [ "$(rc_raw list -o json "$SPEC" | jq '[.sandboxes[] | select(.running and .recorded)] | length')" = "$n" ] || daemon_fail "kill $i: records"
    done
    [ "$(inside one /bin/sh -c 'echo "$GREETING"')" = v20 ]
    daemon_kill TERM
}
