#!/usr/bin/env bats
# What holds an act back on a real engine, and what never happens: use, protection, other owners, an engine that fails.

load engine
setup() {
    home_up
    oc_three
    all_applied
}

# As OpenClaw writes it down when it uses one.
used() { shard_set "$(box "$1")" --argjson t "$(ago "${2:-0}")" '.lastUsedAtMs = $t'; }
drift() { oc_set '.agents.defaults.sandbox.docker.memory = "64m"'; }

# --- use --------------------------------------------------------------------------------------------------------------------

@test "a hot runtime waits, the plan says until when, and it is done when the window has passed" {
    drift
    spec_openclaw 'policy:hotWindow: 5m'
    used a 301
    used b 400
    used c 240
    plan
    is_status 0
    out_has "recreate docker/$(box b)"
    out_has "! hold     docker/$(box c): recreate: docker.memory changed; waits (hot): it was used 4m"
    grep -qE "$(box c).* due in [0-9]+s" "$T/out" || fail 'no due time'
    rc plan -o json "$SPEC"
    is_json --arg n "$(box c)" '.plan as $p | $p.acts[] | select(.name == $n) | .guard == "hot" and .held == "recreate"
        and .untilMs > $p.nowMs and .untilMs < $p.nowMs + 61000'
    apply
    is_status 3
    [ "$(id_of "$(box c)")" = "$(sed -n "s/^$(box c) //p" <<<"$BEFORE")" ]
    [ "$(id_of "$(box b)")" != "$(sed -n "s/^$(box b) //p" <<<"$BEFORE")" ]
    used c 301
    apply
    is_status 0
    is_quiet
}

@test "a busy runtime waits whatever its record says, and is done when nobody is in it" {
    drift
    d exec -d "$(box b)" sleep 100
    plan
    out_has "! hold     docker/$(box b): recreate: docker.memory changed; waits (busy)"
    apply
    is_status 3
    [ "$(id_of "$(box b)")" = "$(sed -n "s/^$(box b) //p" <<<"$BEFORE")" ]
    [ "$(id_of "$(box a)")" != "$(sed -n "s/^$(box a) //p" <<<"$BEFORE")" ]
    d exec "$(box b)" sh -c 'for p in /proc/[0-9]*; do grep -qs ^sleep.100 "$p/cmdline" && kill "${p#/proc/}"; done; true'
    apply
    is_status 0
    is_quiet
}

@test "--allow-in-use acts on hot and busy runtimes, this once" {
    drift
    spec_openclaw 'policy:hotWindow: 1h'
    used a
    used c 3000
    d exec -d "$(box b)" sleep 100
    apply
    is_status 3
    same "$BEFORE" "$(ids)"
    rc plan --allow-in-use "$SPEC"
    out_has 'Plan: 3 to recreate.'
    apply --allow-in-use
    is_status 0
    [ -z "$(comm -12 <(cat <<<"$BEFORE") <(ids))" ] || fail "some were left"
}

@test "a stopped runtime is not hot" {
    drift
    spec_openclaw 'policy:hotWindow: 1h'
    used a
    used b
    used c
    d stop -t 0 "$(box b)" >/dev/null
    plan
    out_has "recreate docker/$(box b)"
    out_has 'Plan: 1 to recreate, 2 held.'
}

@test "what was made beforehand and never used is not hot" {
    drift
    spec_openclaw 'policy:hotWindow: 1h'
    plan
    out_has 'Plan: 3 to recreate.'
}

@test "a pause holds everything until it is lifted" {
    drift
    rc pause --for 1h
    is_status 0
    plan
    out_has 'waits (paused)'
    out_has 'to go on: reconclaw resume'
    apply
    is_status 3
    same "$BEFORE" "$(ids)"
    rc resume
    is_status 0
    apply
    is_status 0
    [ -z "$(comm -12 <(cat <<<"$BEFORE") <(ids))" ]
}

# --- ghosts and orphans -----------------------------------------------------------------------------------------------------

ghost() { # ensure: existing, and b's runtime is gone
    spec_openclaw 'ensure: existing' "policy:hotWindow: 0s, ghosts: $1"
    NAME=$(box b)
    d rm -f "$NAME" >/dev/null
}
@test "ghosts: forget drops the record and makes nothing" {
    ghost forget
    plan
    out_has 'Plan: 1 to forget.'
    apply
    is_status 0
    [ "$(shards)" = 2 ]
    ! exists "$NAME" || fail "it is still there"
    is_quiet
}
@test "ghosts: recreate makes the runtime again, with its record" {
    ghost recreate
    apply
    is_status 0
    exists "$NAME"
    [ "$(shards)" = 3 ]
    is_quiet
}
@test "ghosts: report names it and leaves the record" {
    ghost report
    plan
    out_has "? report   docker/$NAME"
    apply
    is_status 0
    [ "$(shards)" = 3 ]
    ! exists "$NAME" || fail "$NAME is there"
}

orphan() { # b is wanted no more, and its record is lost
    NAME=$(box b)
    rm "$(shard "$NAME")"
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {mode: "off"}'
    spec_openclaw "policy:hotWindow: 0s, removalCap: {percent: 100}, orphans: $1"
}
@test "orphans: report names it and touches nothing" {
    orphan report
    plan
    out_has "? report   docker/$NAME: prune"
    apply
    is_status 0
    same "$BEFORE" "$(ids)"
}
@test "orphans: prune removes it, and only it" {
    orphan prune
    apply
    is_status 0
    same "$(grep -v "^$NAME " <<<"$BEFORE")" "$(ids)"
    is_quiet
}
@test "orphans: adopt gives it a record again, and the next round prunes what nothing wants" {
    orphan adopt
    plan
    out_has "adopt    docker/$NAME"
    apply
    is_status 0
    same "$BEFORE" "$(ids)"
    [ -e "$(shard "$NAME")" ]
}
@test "a wanted runtime that lost its record is adopted as it is" {
    rm "$(shard "$(box b)")"
    plan
    out_has "adopt    docker/$(box b)"
    out_has 'Plan: 1 to adopt.'
    apply
    is_status 0
    same "$BEFORE" "$(ids)"
    [ "$(shards)" = 3 ]
    is_quiet
}
@test "with prune: false nothing is removed or forgotten, and the plan says what would be" {
    oc_set '.agents.list |= map(select(.id == "a"))'
    spec_openclaw 'policy:hotWindow: 0s, prune: false'
    plan
    out_has 'pruning is off'
    apply
    is_status 0
    same "$BEFORE" "$(ids)"
    [ "$(shards)" = 3 ]
}
remove_all() {
    # shellcheck disable=SC2046 # a list of ids
    d rm -f $(d ps -aq) >/dev/null
}
@test "every runtime gone at once is suspicious: no record is forgotten until the owner says so" {
    remove_all
    spec_openclaw 'ensure: existing'
    plan
    is_status 0
    out_has 'endpoint docker shows none of the 3 runtimes that were there'
    out_has 'to go on: reconclaw apply --allow-removals'
    apply
    is_status 3
    [ "$(shards)" = 3 ]
    apply # and it stays so
    is_status 3
    [ "$(shards)" = 3 ]
    apply --allow-removals
    is_status 0
    [ "$(shards)" = 0 ]
    is_quiet
}
@test "every runtime gone at once: what is wanted beforehand is made again" {
    remove_all
    apply
    is_status 0
    out_has '3 created.'
    [ "$(ids | wc -l)" = 3 ]
    [ "$(shards)" = 3 ]
    is_quiet
}

# --- other owners -----------------------------------------------------------------------------------------------------------

@test "two installs on one engine do not touch each other" {
    local other=$T/other first
    mkdir -p "$other"
    first=$(ids)
    # The other OpenClaw has agents of its own, and one name prefix of its own.
    cat >"$other/openclaw.json" <<<'{"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"containerPrefix": "two-"}}},
        "list": [{"id": "x"}, {"id": "y"}]}}'
    sed "s,$OC/openclaw.json,$other/openclaw.json,; s,stateDir: .*,stateDir: $other,; s/name: home/name: two/" "$SPEC" >"$T/two.yaml"
    local STATE=$T/state2
    rc apply --yes "$T/two.yaml"
    is_status 0
    [ "$(ids | grep -c ^two-)" = 2 ]
    same "$first" "$(ids | grep -v ^two-)"
    # Each prunes all of its own, and nothing of the other's.
    sed -i 's/"mode": "all"/"mode": "off"/' "$other/openclaw.json"
    rc apply --yes "$T/two.yaml"
    is_status 0
    same "$first" "$(ids)"
    [ "$(shards)" = 3 ]
    sed -i 's/"mode": "off"/"mode": "all"/' "$other/openclaw.json"
    rc apply --yes "$T/two.yaml"
    STATE=$T/state
    oc_set '.agents.defaults.sandbox.mode = "off"'
    apply
    is_status 0
    [ "$(ids | wc -l)" = 2 ]
    [ "$(ids | grep -c ^two-)" = 2 ]
}
@test "two OpenClaw objects with state directories of their own: each prunes its own, also with orphans: prune" {
    local other=$T/other
    mkdir -p "$other"
    cat >"$other/openclaw.json" <<<'{"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"containerPrefix": "two-"}}},
        "list": [{"id": "x"}, {"id": "y"}]}}'
    spec_openclaw 'policy:hotWindow: 0s, removalCap: {percent: 100}, orphans: prune'
    {
        echo ---
        sed "s,$OC/openclaw.json,$other/openclaw.json,; s,stateDir: .*,stateDir: $other,; s/name: home/name: two/" "$SPEC"
    } >"$T/both"
    cat "$T/both" >>"$SPEC"
    apply
    is_status 0
    same "$BEFORE" "$(ids | grep -v ^two-)"
    is_quiet
    sed -i 's/, {"id": "y"}//' "$other/openclaw.json"
    apply
    is_status 0
    [ "$(ids | grep -c ^two-)" = 1 ]
    same "$BEFORE" "$(ids | grep -v ^two-)"
}
@test "another install wanting the very names that are taken holds, and touches nothing" {
    local other=$T/other
    mkdir -p "$other"
    cp "$OC/openclaw.json" "$other/"
    sed "s,$OC/openclaw.json,$other/openclaw.json,; s,stateDir: .*,stateDir: $other,; s/name: home/name: two/" "$SPEC" >"$T/two.yaml"
    local STATE=$T/state2
    rc apply --yes "$T/two.yaml"
    is_status 3
    out_has 'waits (foreign)'
    same "$BEFORE" "$(ids)"
    [ "$(find "$other/sandbox" -name '*.json' 2>/dev/null | wc -l)" = 0 ]
    STATE=$T/state
    is_quiet
}
@test "a foreign container under a wanted name is never touched, and nothing else waits for it" {
    local id
    oc_set '.agents.list += [{"id": "f"}, {"id": "g"}]'
    rc plan -o json "$SPEC"
    local f
    f=$(jq -r '.plan.acts[] | select(.scopeKey == "agent:f") | .name' "$T/out")
    id=$(d run -d --name "$f" "$IMAGE" sleep 1000)
    apply --allow-in-use --allow-removals
    is_status 3
    out_has "docker/$f: create"
    [ "$(id_of "$f")" = "$id" ]
    exists "$(box g)"
    rc recreate --yes "$f"
    [ "$(id_of "$f")" = "$id" ]
    [ "$(d inspect -f '{{.State.Running}}' "$f")" = true ]
    oc_set '.agents.defaults.sandbox.mode = "off"'
    apply --allow-in-use --allow-removals
    same "$f $id" "$(ids)"
}
@test "containers of others with OpenClaw's label but another registry's scope are not reported or pruned" {
    d run -d --name alien --label openclaw.sandbox=1 --label openclaw.sessionKey=agent:zzz "$IMAGE" sleep 100 >/dev/null
    spec_openclaw 'policy:hotWindow: 0s, removalCap: {percent: 100}, orphans: prune'
    is_quiet
    apply
    exists alien
}

# --- an engine that fails ---------------------------------------------------------------------------------------------------

@test "an engine that is down: the plan says so, apply removes nothing and loses no record, and afterwards all goes on" {
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    ENDPOINT=unix://$T/none.sock
    plan
    is_status 3
    out_has 'unknown'
    apply
    is_status 3
    [ "$(shards)" = 3 ]
    same "$BEFORE" "$(ids)"
    ENDPOINT=unix://$ENGINE/s.sock
    apply
    is_status 0
    [ "$(shards)" = 2 ]
    is_quiet
}
@test "an engine that is killed under an apply: a plain failure, no record lost, and afterwards all converges" {
    drift
    proxy_up
    echo 'delay 3000 DELETE ' >"$T/faults"
    rc_raw apply --yes "$SPEC" >"$T/out" 2>"$T/err" </dev/null &
    local pid=$! i
    for ((i = 0; i < 100; i++)); do
        grep -q '^DELETE' "$T/requests" && break
        pause 0.1
    done
    "$ROOT/tests/lib/engine.sh" kill "$ENGINE"
    status=0
    wait "$pid" || status=$?
    output=$(<"$T/out") stderr=$(<"$T/err")
    is_status 1
    [ "$(shards)" = 3 ] || fail "records were lost"
    "$ROOT/tests/lib/engine.sh" restart "$ENGINE" >/dev/null
    ENDPOINT=unix://$ENGINE/s.sock
    apply
    is_status 0
    [ "$(ids | wc -l)" = 3 ]
    [ "$(shards)" = 3 ]
    is_quiet
}

# flawed FAULT: every request that matches fails in this way during a plan and an apply that would remove one and change two.
flawed() {
    proxy_up
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    drift
    printf '%s\n' "$1" >"$T/faults"
    plan
    is_status 3
    out_has 'unknown'
    apply
    is_status 3
    same "$BEFORE" "$(ids)"
    [ "$(shards)" = 3 ]
    [ -z "$(mutating)" ]
    : >"$T/faults"
    apply
    is_status 0
    [ "$(ids | wc -l)" = 2 ]
    is_quiet
}
@test "a listing that is cut short is unknown: nothing is removed" { flawed 'cut 400 containers/json'; }
@test "a listing that fails with 500 is unknown: nothing is removed" { flawed 'status 500 containers/json'; }
@test "a listing that is dropped is unknown: nothing is removed" { flawed 'drop 0 containers/json'; }
@test "an empty reply to a listing is unknown: nothing is removed" { flawed 'cut 0 containers/json'; }

@test "a removal that fails with 500 keeps its record, is told, and is done the next time" {
    proxy_up
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    echo 'status 500 DELETE ' >"$T/faults"
    apply
    is_status 1
    out_has '1 failed'
    same "$BEFORE" "$(ids)"
    [ "$(shards)" = 3 ]
    : >"$T/faults"
    apply
    is_status 0
    [ "$(shards)" = 2 ]
    [ "$(ids | wc -l)" = 2 ]
}
@test "a removal that always fails does not use up the cap: the next one goes" {
    local id
    proxy_up
    id=$(id_of "$(box b)")
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    echo "status 500 DELETE /v1.41/containers/$id" >"$T/faults"
    apply
    is_status 1
    oc_set 'del(.agents.list[] | select(.id == "c"))'
    apply
    is_status 1
    ! exists "$(box c)" || fail "it is still there"
    [ "$(id_of "$(box b)")" = "$id" ]
    : >"$T/faults"
    apply
    is_status 0
    ! exists "$(box b)" || fail "it is still there"
    exists "$(box a)"
}
@test "a create whose answer is lost is not made twice" {
    proxy_up
    oc_set '.agents.list += [{"id": "n"}]'
    echo 'drop 0 containers/create' >"$T/faults"
    apply
    : >"$T/faults"
    apply
    is_status 0
    [ "$(ids | wc -l)" = 4 ]
    [ "$(shards)" = 4 ]
    is_quiet
}
@test "a removal whose answer is lost is seen to be done" {
    proxy_up
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    echo 'drop 0 DELETE ' >"$T/faults"
    apply
    : >"$T/faults"
    apply
    is_status 0
    [ "$(ids | wc -l)" = 2 ]
    [ "$(shards)" = 2 ]
    is_quiet
}
@test "a start that fails leaves a record that the next apply goes on with" {
    proxy_up
    oc_set '.agents.list += [{"id": "n"}]'
    echo 'status 500 /start' >"$T/faults"
    apply
    is_status 1
    : >"$T/faults"
    apply
    is_status 0
    [ "$(ids | wc -l)" = 4 ]
    [ "$(d inspect -f '{{.State.Running}}' "$(box n)")" = true ]
    is_quiet
}
