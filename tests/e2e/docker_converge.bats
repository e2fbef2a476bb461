#!/usr/bin/env bats
# What apply brings about on a real engine, and what it leaves alone: first and second run, images, what is wanted no more, time.

load engine

# A runtime as OpenClaw leaves it behind: its container, and its record. $1 scope key, $2 name.
from_openclaw() {
    local now
    now=$(ago "${3:-0}")
    d run -d --name "$2" --label openclaw.sandbox=1 --label "openclaw.sessionKey=$1" --label "openclaw.createdAtMs=$now" \
        --label openclaw.configHash=0000 "$IMAGE" sleep infinity >/dev/null
    record "$1" "$2" "$now"
}
record() {
    local f
    f=$(shard "$2")
    mkdir -p "${f%/*}"
    jq -n --arg k "$1" --arg n "$2" --argjson t "$3" --arg i "$IMAGE" '{containerName: $n, backendId: "docker", runtimeLabel: $n,
        sessionKey: $k, createdAtMs: $t, lastUsedAtMs: $t, image: $i, configLabelKind: "Image", configHash: "0000"}' >"$f"
}
name_of() { # the name OpenClaw gives to a scope: agent:a:sub -> openclaw-sbx-agent-a-sub-HASH
    printf 'openclaw-sbx-%s-%s' "$(tr : - <<<"$1")" "$(printf %s "$1" | sha256sum | cut -c1-8)"
}

# --- creating ---------------------------------------------------------------------------------------------------------------

@test "the first apply creates; the second has nothing to do and sends nothing but reads" {
    oc_three
    spec_openclaw
    plan
    is_status 0
    out_has 'Plan: 3 to create.'
    [ -z "$(ids)" ]
    [ ! -e "$STATE" ] || fail "a plan made a state directory"
    [ ! -e "$OC/sandbox" ] || fail "a plan made a registry"
    apply
    is_status 0
    out_has '3 created.'
    local before
    before=$(ids)
    [ "$(wc -l <<<"$before")" = 3 ]
    [ "$(shards)" = 3 ]
    proxy_up
    apply
    is_status 0
    [ "$output" = 'Nothing to do.' ] || fail "another answer"
    [ -n "$(requests)" ]
    [ -z "$(mutating)" ] || fail "$(mutating)"
    same "$before" "$(ids)"
    plan
    is_status 0
    out_has 'nothing to do'
    [ -z "$(mutating)" ]
}

@test "what is created is what OpenClaw would make: labels, mounts, limits, a workspace, and a shard" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"memory": "64m", "env": {"A": "1"}}}}, "list": [{"id": "a"}]}}'
    spec_openclaw
    apply
    local name
    name=$(box a)
    [ "$name" = "$(name_of agent:a)" ]
    d inspect "$name" >"$T/out"
    is_json '.[0] | .Config.Labels["openclaw.sandbox"] == "1" and .Config.Labels["openclaw.mountFormatVersion"] == "2"
        and .Config.Labels["openclaw.sessionKey"] == "agent:a" and (.Config.Labels["openclaw.configHash"] | length == 64)'
    is_json '.[0].HostConfig | .Memory == 67108864 and .ReadonlyRootfs and .NetworkMode == "none" and .CapDrop == ["ALL"]'
    is_json '.[0] | .State.Running and (.Config.Env | index("A=1") != null) and (.Config.Cmd == ["sleep", "infinity"])'
    is_json --arg w "$OC/sandboxes/agent-a" '.[0].HostConfig.Binds[0] | startswith($w)'
    cp "$(shard "$name")" "$T/out"
    is_json --arg n "$name" '.containerName == $n and .sessionKey == "agent:a" and .backendId == "docker" and .createdAtMs > 0
        and (.configHash | length == 64)'
    [ "$(stat -c %a "$(shard "$name")")" = 600 ]
    is_json --arg h "$(d inspect -f '{{index .Config.Labels "openclaw.configHash"}}' "$name")" '.configHash == $h'
}

@test "a config without sandboxes leaves the engine alone" {
    oc '{"agents": {"list": [{"id": "a"}]}}'
    spec_openclaw
    apply
    is_status 0
    [ -z "$(ids)" ]
}

@test "with ensure: existing nothing is made beforehand, and what OpenClaw made is kept in step, session scopes included" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "scope": "session"}}, "list": [{"id": "a"}, {"id": "b"}]}}'
    spec_openclaw 'ensure: existing'
    apply
    is_status 0
    [ -z "$(ids)" ]
    local s1 s2
    s1=$(name_of agent:a:one) s2=$(name_of agent:b:two)
    from_openclaw agent:a:one "$s1"
    from_openclaw agent:b:two "$s2"
    plan
    out_has 'Plan: 2 to recreate.' # made from another config
    apply
    is_status 0
    is_quiet
    local before
    before=$(ids)
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "64m"}}'
    plan
    out_has 'docker.memory: (none) -> 64m'
    out_lacks "$s1"
    apply
    is_status 0
    [ "$(grep "^$s1 " <<<"$before")" = "$(ids | grep "^$s1 ")" ]
    [ "$(shards)" = 2 ]
    is_quiet
}

@test "a missing image is held with the command that gets it, and the old runtime is not torn down" {
    oc_three
    spec_openclaw
    apply
    local before
    before=$(ids)
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {image: "nowhere/such:1"}}'
    plan
    is_status 0
    out_has '! hold'
    out_has 'waits (image)'
    out_has 'nowhere/such:1'
    out_has 'docker pull nowhere/such:1'
    apply
    is_status 3
    same "$before" "$(ids)"
    [ "$(d inspect -f '{{.State.Running}}' "$(box b)")" = true ]
    d tag "$IMAGE" nowhere/such:1
    apply
    is_status 0
    [ "$(d inspect -f '{{.Config.Image}}' "$(box b)")" = nowhere/such:1 ]
    d rmi nowhere/such:1 >/dev/null 2>&1 || true
}

@test "an image under a moved tag recreates, is reported or is ignored, by imageUpdates" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"image": "moving:tag"}}}, "list": [{"id": "a"}]}}'
    d tag "$IMAGE" moving:tag
    spec_openclaw
    apply
    is_status 0
    local id
    id=$(id_of "$(box a)")
    d tag "$OTHER" moving:tag
    spec_openclaw 'policy:hotWindow: 0s, imageUpdates: ignore'
    is_quiet
    spec_openclaw 'policy:hotWindow: 0s, imageUpdates: report'
    plan
    is_status 0
    out_has '? report'
    out_has 'docker.image'
    apply
    is_status 0
    [ "$(id_of "$(box a)")" = "$id" ]
    spec_openclaw 'policy:hotWindow: 0s, imageUpdates: recreate'
    plan
    out_has 'Plan: 1 to recreate.'
    apply
    is_status 0
    [ "$(id_of "$(box a)")" != "$id" ]
    [ "$(d inspect -f '{{.Image}}' "$(box a)")" = "$(d image inspect -f '{{.Id}}' "$OTHER")" ]
    is_quiet
}

# --- wanted no more ---------------------------------------------------------------------------------------------------------

# unwanted FILTER: the config changes, and of a, b and c only b is pruned.
unwanted() {
    oc_three
    spec_openclaw
    apply
    local before name
    before=$(ids) name=$(box b)
    oc_set "$1"
    plan
    out_has "prune    docker/$name: "
    out_lacks "$(box a)"
    out_lacks "$(box c)"
    apply
    is_status 0
    ! exists "$name" || fail "it is still there"
    [ ! -e "$(shard "$name")" ] || fail "its record is still there"
    [ "$(grep -v "^$name " <<<"$before")" = "$(ids | grep -v -- '-shared ')" ] || fail "others were touched: $(ids)"
}

@test "an agent that is gone: its runtime and record are pruned, and no others" {
    unwanted 'del(.agents.list[] | select(.id == "b"))'
    is_quiet
}
@test "an agent whose mode is off: its runtime and record are pruned, and no others" {
    unwanted '(.agents.list[] | select(.id == "b")).sandbox = {mode: "off"}'
    is_quiet
}
@test "an agent of another backend: its docker runtime is pruned, and no others" {
    unwanted '(.agents.list[] | select(.id == "b")).sandbox = {backend: "another"}'
}
@test "an agent whose scope is now shared: its runtime is pruned, and the shared one made" {
    unwanted '(.agents.list[] | select(.id == "b")).sandbox = {scope: "shared"}'
    exists openclaw-sbx-shared
    is_quiet
}
@test "sandboxing switched off altogether prunes everything, and the workspaces stay" {
    oc_three
    spec_openclaw
    apply
    touch "$OC/sandboxes/$(box a | sed 's/openclaw-sbx-//')/kept"
    local kept
    kept=$(find "$OC/sandboxes" -name kept)
    oc_set '.agents.defaults.sandbox.mode = "off"'
    apply
    is_status 0
    [ -z "$(ids)" ]
    [ "$(shards)" = 0 ]
    [ -e "$kept" ]
}

@test "over the removal cap nothing is removed and the plan says so; --allow-removals lifts it" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "e"}]}}'
    spec_openclaw 'policy:hotWindow: 0s'
    apply
    local before
    before=$(ids)
    oc_set 'del(.agents.list[] | select(.id == "b" or .id == "c"))' # 2 of 4; at most max(1, 30 %) go
    plan
    is_status 0
    out_has 'waits (cap)'
    out_has '--allow-removals'
    apply
    is_status 3
    same "$before" "$(ids)"
    [ "$(shards)" = 4 ]
    rc apply --yes --allow-removals "$SPEC"
    is_status 0
    out_has '2 pruned'
    [ "$(ids | wc -l)" = 2 ]
    [ "$(shards)" = 2 ]
    oc_set 'del(.agents.list[] | select(.id == "e"))' # 1 of 2: within the cap
    apply
    is_status 0
    [ "$(ids | wc -l)" = 1 ]
}

# --- time -------------------------------------------------------------------------------------------------------------------

@test "an idle runtime is pruned by its shard's time, and only it" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "scope": "session", "prune": {"idleHours": 2}}}, "list": [{"id": "a"}]}}'
    spec_openclaw 'ensure: existing'
    local fresh idle
    fresh=$(name_of agent:a:fresh) idle=$(name_of agent:a:idle)
    from_openclaw agent:a:fresh "$fresh"
    from_openclaw agent:a:idle "$idle"
    apply # both made anew from the config; their records keep the time of last use
    is_quiet
    shard_set "$idle" --argjson t "$(ago 7260)" '.lastUsedAtMs = $t'
    shard_set "$fresh" --argjson t "$(ago 7140)" '.lastUsedAtMs = $t'
    plan
    out_has "prune    docker/$idle: it was not used for 2h1m"
    out_lacks "$fresh"
    apply
    is_status 0
    ! exists "$idle" || fail "it is still there"
    exists "$fresh"
    [ "$(shards)" = 1 ]
}
@test "a runtime over its maximum age is pruned, however recently it was used" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "scope": "session", "prune": {"maxAgeDays": 1}}}, "list": [{"id": "a"}]}}'
    spec_openclaw 'ensure: existing'
    local name
    name=$(name_of agent:a:old)
    from_openclaw agent:a:old "$name"
    apply
    shard_set "$name" --argjson t "$(ago 86500)" '.createdAtMs = $t'
    plan
    out_has "prune    docker/$name: it is 1d"
    apply
    is_status 0
    [ -z "$(ids)" ]
    [ "$(shards)" = 0 ]
}
@test "with ensure: all an idle runtime stays, and one over its maximum age is made anew" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "prune": {"idleHours": 1, "maxAgeDays": 1}}}, "list": [{"id": "a"}]}}'
    spec_openclaw
    apply
    local name id
    name=$(box a) id=$(id_of "$(box a)")
    shard_set "$name" --argjson t "$(ago 80000)" '.lastUsedAtMs = $t | .createdAtMs = $t'
    is_quiet
    shard_set "$name" --argjson t "$(ago 86500)" '.createdAtMs = $t'
    plan
    out_has "recreate docker/$name: it is 1d"
    apply
    is_status 0
    [ "$(id_of "$name")" != "$id" ]
    [ "$(jq .createdAtMs "$(shard "$name")")" -gt "$(ago 60)" ]
    is_quiet
}
@test "a recreate is no use: the record keeps its time of last use" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "a"}]}}'
    spec_openclaw
    apply
    local t
    t=$(ago 3600)
    shard_set "$(box a)" --argjson t "$t" '.lastUsedAtMs = $t'
    oc_set '.agents.defaults.sandbox.docker = {memory: "64m"}'
    apply
    is_status 0
    [ "$(jq .lastUsedAtMs "$(shard "$(box a)")")" = "$t" ]
}

# --- onDrift ----------------------------------------------------------------------------------------------------------------

@test "onDrift: report names the drift and does nothing" {
    oc_three
    spec_openclaw
    apply
    local before
    before=$(ids)
    oc_set '.agents.defaults.sandbox.docker = {memory: "64m"}'
    spec_openclaw 'onDrift: report'
    plan
    out_has '? report'
    out_has 'docker.memory: (none) -> 64m'
    apply
    is_status 0
    same "$before" "$(ids)"
}
@test "onDrift: remove removes what drifted, and the next use makes it" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "a"}]}}'
    spec_openclaw 'ensure: existing' 'onDrift: remove'
    from_openclaw agent:a "$(name_of agent:a)"
    apply
    is_status 0
    out_has '1 pruned'
    [ -z "$(ids)" ]
    [ "$(shards)" = 0 ]
    is_quiet
}
