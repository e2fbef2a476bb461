#!/usr/bin/env bats
# The running daemon and a real engine: what happens there is answered, what falls due is done then, and an engine that fails, is
# slow or hangs costs nothing but time.
# shellcheck disable=SC2016

load engine
load daemon
setup() {
    home_up
    LONG=20
}

start_with_three() {
    oc_three
    spec_openclaw "$@"
    daemon_start
    until_ok is_applied
    [ "$(shards)" = 3 ]
    A=$(box a) B=$(box b) C=$(box c)
    # The engine's news of our own acts is through.
    local n
    until_ok eval 'n=$(rounds); pause 0.6; [ "$n" = "$(rounds)" ]'
    daemon_mark
}
running() { [ "$(d inspect -f '{{.State.Running}}' "$1")" = true ]; }
id_differs() { local id && id=$(id_of "$1" 2>/dev/null) && [ "$id" != "$2" ]; }
memory_is() { [ "$(d inspect -f '{{.HostConfig.Memory}}' "$1")" = "$2" ]; }
memory() { oc_set --arg i "$1" --arg m "$2" '(.agents.list[] | select(.id == $i)).sandbox.docker.memory = $m'; }
nothing_due() { is_applied && rc plan --detailed-exitcode "$SPEC" && is_status 0; }

@test "what is done to a container by hand is answered within seconds" {
    start_with_three
    local id
    LONG=6
    d kill "$A" >/dev/null
    until_ok running "$A"
    id=$(id_of "$A")
    d rm -f "$A" >/dev/null
    until_ok id_differs "$A" "$id"
    id=$(id_of "$B")
    d update --memory 64m --memory-swap 64m "$B" >/dev/null
    until_ok id_differs "$B" "$id"
    await 'recreated docker/.*memory'
    id=$(id_of "$C")
    d rename "$C" elsewhere
    until_ok id_differs "$C" "$id"
    [ "$(id_of elsewhere)" = "$id" ]
    d rm -f elsewhere >/dev/null
    LONG=20 until_ok nothing_due
    [ "$(d ps -aq | wc -l)" = 3 ]
}

@test "an engine where nothing happens wakes nobody" {
    start_with_three
    local before
    before=$(switches)
    pause 4
    [ $(($(switches) - before)) -le 2 ] || daemon_fail "woken $(($(switches) - before)) times in four seconds"
}

@test "an image that is tagged anew is noticed" {
    start_with_three
    local id
    id=$(id_of "$A")
    "$ROOT/tests/lib/engine.sh" image "$ENGINE" "$IMAGE" "another $BATS_TEST_NUMBER" >/dev/null
    until_ok id_differs "$A" "$id"
    await 'round .*: 3 recreated'
}

@test "an engine that stops and comes back: nothing is removed, status says why, and what was edited meanwhile is done" {
    start_with_three
    local a b
    a=$(id_of "$A") b=$(id_of "$B")
    "$ROOT/tests/lib/engine.sh" kill "$ENGINE"
    await 'endpoint docker is unknown'
    until_ok eval '[[ "$(rc_raw status)" == *"endpoint docker: unknown: "* ]]'
    memory b 64m
    oc_set 'del(.agents.list[] | select(.id == "c"))'
    await 'generation [23]'
    [ "$(shards)" = 3 ]
    is_applied && fail 'counted as applied'
    "$ROOT/tests/lib/engine.sh" restart "$ENGINE" >/dev/null
    await 'endpoint docker answers again'
    until_ok memory_is "$B" 67108864
    until_ok is_applied
    [ "$(id_of "$A")" = "$a" ]
    [ "$(id_of "$B")" != "$b" ]
    ! exists "$C" || fail "it is still there"
    [ "$(shards)" = 2 ]
    [ "$(times_said 'is unknown, and nothing')" -le 2 ] || daemon_fail 'told again and again'
}

@test "a change that comes during a slow round is not lost" {
    proxy_up
    start_with_three
    echo 'delay 700 POST /' >"$T/faults"
    memory a 64m
    until_ok eval 'grep -q "POST .*create" "$T/requests"'
    memory b 96m
    until_ok memory_is "$B" 100663296
    memory_is "$A" 67108864
    : >"$T/faults"
    until_ok nothing_due
}

@test "a hot container waits for the end of its window and is then recreated by timer; a use meanwhile begins the window anew" {
    start_with_three 'policy:hotWindow: 4s'
    local id used acted
    id=$(id_of "$A")
    shard_set "$A" --argjson t "$(now_ms)" '.lastUsedAtMs = $t'
    used=$(now_ms)
    memory a 64m
    await "recreate of docker/$A is held \(hot, until"
    until_ok eval '[ "$(now_ms)" -gt '$((used + 2500))' ]'
    shard_set "$A" --argjson t "$(now_ms)" '.lastUsedAtMs = $t'
    used=$(now_ms)
    until_ok memory_is "$A" 67108864
    acted=$(now_ms)
    [ $((acted - used)) -ge 3500 ] || daemon_fail "after $((acted - used)) ms"
    [ $((acted - used)) -le 8000 ] || daemon_fail "after $((acted - used)) ms"
    until_ok is_applied
}

@test "idle and age prunes fire when they are due" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "prune": {"idleHours": 1, "maxAgeDays": 1}}},
        "list": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}}'
    spec_openclaw
    apply
    A=$(box a) B=$(box b) C=$(box c)
    spec_openclaw 'ensure: existing'
    local began
    began=$(now_ms)
    shard_set "$A" --argjson t $((began - 3600000 + 6000)) '.lastUsedAtMs = $t'
    shard_set "$B" --argjson t $((began - 86400000 + 8000)) '.createdAtMs = $t'
    daemon_start
    until_ok eval '! exists "$A"'
    [ $(($(now_ms) - began)) -ge 6000 ] || daemon_fail early
    exists "$B"
    until_ok eval '! exists "$B"'
    [ $(($(now_ms) - began)) -ge 8000 ] || daemon_fail early
    [ $(($(now_ms) - began)) -le 13000 ] || daemon_fail late
    exists "$C"
    until_ok eval '[ "$(shards)" = 1 ]'
}

@test "everything, an endpoint or a runtime that is paused is left alone, until it is resumed or the pause is over" {
    start_with_three
    local id
    id=$(id_of "$A")
    rc pause --endpoint docker
    memory a 64m
    await "recreate of docker/$A is held \(paused"
    [ "$(id_of "$A")" = "$id" ]
    is_applied && fail 'counted as applied'
    rc resume --endpoint docker
    until_ok memory_is "$A" 67108864
    rc pause --endpoint docker "$B" --for 3s
    is_status 0
    memory b 64m
    memory a 96m
    until_ok memory_is "$A" 100663296
    memory_is "$B" 0
    LONG=8 until_ok memory_is "$B" 67108864
    rc pause
    memory a 128m
    await "held \(paused.*[Ee]verything|$A is held \(paused"
    rc resume
    until_ok memory_is "$A" 134217728
}

@test "an endpoint that hangs delays the others by its deadline once, then by little" {
    proxy_up
    start_with_three
    local before
    mkdir "$T/w"
    {
        cat "$SPEC"
        printf '%s\n' --- 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: all}' 'spec: {hotWindow: 0s, removalCap: {percent: 100}}'
    } >"$T/openclaw-only"
    local_says() { { cat "$T/openclaw-only" && echo '---' && box_text local "env: {GREETING: $1}"; } >"$T/new" && mv "$T/new" "$SPEC"; }
    local_is() { [ "$(inside local /bin/sh -c 'echo "$GREETING"')" = "$1" ]; }
    local_says one
    until_ok greets local one
    before=$(ids)
    echo 'hang 0 /containers/json' >"$T/faults"
    memory a 64m
    local_says two
    LONG=45 await 'recreated bubblewrap/local'
    said 'endpoint docker is unknown.*(time|answer)' || daemon_fail 'no reason'
    local began
    began=$(now_ms)
    local_says three
    until_ok eval '[ "$(times_said "recreated bubblewrap/local")" = 2 ]'
    [ $(($(now_ms) - began)) -le 12000 ] || daemon_fail "after $(($(now_ms) - began)) ms"
    same "$before" "$(ids)"
    : >"$T/faults"
    LONG=30 until_ok memory_is "$A" 67108864
    until_ok is_applied
    local_is three
    cp "$T/openclaw-only" "$SPEC"
    await 'pruned bubblewrap/local'
}

@test "apply beside the daemon does not race it" {
    proxy_up
    start_with_three
    echo 'delay 300 POST /' >"$T/faults"
    memory a 64m
    until_ok eval 'grep -q "POST .*create" "$T/requests"'
    rc apply --yes "$SPEC"
    is_status 0
    : >"$T/faults"
    memory_is "$A" 67108864
    until_ok nothing_due
    [ "$(d ps -aq | wc -l)" = 3 ]
    rc recreate --agent a --force
    until_ok nothing_due
    [ "$(d ps -aq | wc -l)" = 3 ]
}

@test "SIGTERM during a round ends the daemon within ten seconds, nothing half-done" {
    proxy_up
    start_with_three
    echo 'delay 400 POST /' >"$T/faults"
    oc_set '.agents.defaults.sandbox.docker.memory = "64m"'
    until_ok eval 'grep -q "POST .*create" "$T/requests"'
    local began
    began=$(now_ms)
    daemon_kill TERM
    [ "$code" = 0 ] || daemon_fail "exit code $code"
    [ $(($(now_ms) - began)) -lt 10000 ]
    [ "$(d ps -aq | wc -l)" = 3 ]
    [ "$(d ps -q | wc -l)" = 3 ]
    [ "$(shards)" = 3 ]
    : >"$T/faults"
    apply
    is_status 0
    memory_is "$C" 67108864
    [ "$(find "$STATE/records" -name '*.json' | wc -l)" = 0 ]
}

@test "openclaw.json by a link that is swapped, and a file that it includes" {
    mkdir "$OC/v1" "$OC/v2"
    echo '{agents: {$include: "agents.json5"}}' >"$OC/v1/openclaw.json"
    echo '{defaults: {sandbox: {mode: "all"}}, list: [{id: "a"}]} // one' >"$OC/v1/agents.json5"
    ln -s v1 "$OC/..data" && ln -s ..data/openclaw.json ..data/agents.json5 "$OC/"
    spec_openclaw
    daemon_start
    until_ok is_applied
    A=$(box a)
    echo '{defaults: {sandbox: {mode: "all", docker: {memory: "64m"}}}, list: [{id: "a"}]}' >"$OC/v1/agents.json5"
    until_ok memory_is "$A" 67108864
    cp "$OC/v1/openclaw.json" "$OC/v2/"
    echo '{defaults: {sandbox: {mode: "all", docker: {memory: "96m"}}}, list: [{id: "a"}]}' >"$OC/v2/agents.json5"
    ln -s v2 "$OC/..tmp" && mv -T "$OC/..tmp" "$OC/..data"
    until_ok memory_is "$A" 100663296
    # broken, gone, back: the last good one all the while
    local id
    id=$(id_of "$A")
    echo '{agents: {' >"$OC/v2/openclaw.json"
    await 'openclaw.json:'
    rm "$OC/openclaw.json"
    await 'last good'
    pause 1
    [ "$(id_of "$A")" = "$id" ]
    echo '{agents: {defaults: {sandbox: {mode: "all"}}, list: [{id: "a"}]}}' >"$OC/openclaw.json"
    until_ok memory_is "$A" 0
    until_ok is_applied
}
