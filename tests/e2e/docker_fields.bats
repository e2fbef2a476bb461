#!/usr/bin/env bats
# What a change of each kind of field does: the plan says the field under its owner's key with both values, and apply recreates
# the runtimes that it touches and no others.

load engine
setup() {
    home_up
    EXTRA_ENV=(SECRET_X=canary-one)
    mkdir -p "$T/data" "$T/data2"
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"memory": "512m", "cpus": 1, "pidsLimit": 100,
        "env": {"A": "1", "S_X": "${SECRET_X}"}, "ulimits": {"nofile": 4096}, "dns": ["192.0.2.1"],
        "dangerouslyAllowExternalBindSources": true, "binds": ["'"$T"'/data:/data:ro"]}}}, "list": [{"id": "a"}, {"id": "b"}]}}'
    spec_openclaw
    apply
    is_status 0
}

# b_changes FILTER LINE...: agent b's sandbox changes by a jq filter; each line must stand in the plan.
b_changes() {
    local filter=$1 a b line name
    shift
    a=$(id_of "$(box a)") name=$(box b)
    b=$(id_of "$name")
    oc_set "(.agents.list[] | select(.id == \"b\")).sandbox |= (. // {} | $filter)"
    plan
    is_status 0
    out_has "recreate docker/$name"
    out_lacks "$(box a)"
    for line in "$@"; do out_has "        $line"; done
    out_has "Plan: 1 to recreate."
    apply
    is_status 0
    out_has "1 recreated."
    [ "$(id_of "$(box a)")" = "$a" ] || fail "the other agent's runtime was touched"
    [ "$(id_of "$name")" != "$b" ] || fail "it was not recreated"
    is_quiet
}

@test "docker.memory: named, and only the agent's runtime is recreated" {
    b_changes '.docker.memory = "1g"' 'docker.memory: 512m -> 1g'
    [ "$(d inspect -f '{{.HostConfig.Memory}}' "$(box b)")" = 1073741824 ]
}
@test "docker.memorySwap: the agent's runtime is recreated" {
    # An engine whose kernel does not count swap drops it: then the hash alone tells.
    b_changes '.docker.memorySwap = "2g"'
}
@test "docker.cpus: named, and only the agent's runtime is recreated" { b_changes '.docker.cpus = 0.5' 'docker.cpus: 1 -> 0.5'; }
@test "docker.pidsLimit: named, and only the agent's runtime is recreated" {
    b_changes '.docker.pidsLimit = 50' 'docker.pidsLimit: 100 -> 50'
}
@test "docker.env: changed and added variables are named" {
    b_changes '.docker.env = {A: "2", B: "3"}' 'docker.env.A: 1 -> 2' 'docker.env.B: (none) -> 3'
}
@test "docker.env from \${VAR}: named, and its values are not" {
    b_changes '.docker.env = {S_X: "other"}' 'docker.env.S_X: (sensitive) -> (sensitive)'
    EXTRA_ENV=(SECRET_X=canary-two)
    plan
    out_has 'docker.env.S_X: (sensitive) -> (sensitive)'
    out_has "recreate docker/$(box a)"
    out_lacks canary
    rc plan -o json "$SPEC"
    out_lacks canary
}
@test "docker.user: named, and only the agent's runtime is recreated" {
    b_changes '.docker.user = "1000:1000"' "docker.user: $(id -u):$(id -g) -> 1000:1000"
}
@test "docker.network: named, and only the agent's runtime is recreated" {
    d network create e2e-net >/dev/null
    b_changes '.docker.network = "e2e-net"' 'docker.network: none -> e2e-net'
}
@test "docker.capDrop: named, and only the agent's runtime is recreated" {
    b_changes '.docker.capDrop = ["NET_RAW"]' 'docker.capDrop: ALL -> NET_RAW'
}
@test "docker.tmpfs: each mount that comes or goes is named" {
    b_changes '.docker.tmpfs = ["/tmp", "/scratch:size=1m"]' 'docker.tmpfs[/run]: (default) -> (none)' \
        'docker.tmpfs[/scratch]: (none) -> size=1m' 'docker.tmpfs[/var/tmp]: (default) -> (none)'
}
@test "docker.workdir: named, and only the agent's runtime is recreated" {
    b_changes '.docker.workdir = "/work"' 'docker.workdir: /workspace -> /work'
}
@test "docker.readOnlyRoot: named, and only the agent's runtime is recreated" {
    b_changes '.docker.readOnlyRoot = false' 'docker.readOnlyRoot: true -> false'
}
@test "docker.binds: the mount is named" {
    b_changes '.docker.binds = ["'"$T"'/data2:/data2"]' "docker.binds[/data2]: (none) -> $T/data2"
}
@test "docker.dns: named, and only the agent's runtime is recreated" {
    b_changes '.docker.dns = ["192.0.2.2"]' 'docker.dns: 192.0.2.1 -> 192.0.2.2'
}
@test "docker.extraHosts: named, and only the agent's runtime is recreated" {
    b_changes '.docker.extraHosts = ["db:192.0.2.9"]' 'docker.extraHosts: (none) -> db:192.0.2.9'
}
@test "docker.ulimits: named, and only the agent's runtime is recreated" {
    b_changes '.docker.ulimits = {nofile: {soft: 1024, hard: 2048}}' 'docker.ulimits.nofile: 4096 -> 1024:2048'
}
@test "docker.setupCommand: a new one recreates the runtime and is run in it" {
    b_changes '.docker.setupCommand = "echo made >/tmp/setup"'
    [ "$(d exec "$(box b)" cat /tmp/setup)" = made ]
}
@test "docker.image: another reference is named, and only the agent's runtime is recreated" {
    b_changes '.docker.image = "openclaw-sandbox:other"' "docker.image: $IMAGE -> $OTHER"
}
@test "docker.seccompProfile: named, and only the agent's runtime is recreated" {
    echo '{"defaultAction": "SCMP_ACT_ALLOW"}' >"$T/seccomp.json"
    b_changes '.docker.seccompProfile = "'"$T"'/seccomp.json"' 'docker.seccompProfile: '
}
@test "workspaceAccess: the workspace's mount is named" {
    mkdir -p "$OC/workspace-b"
    b_changes '.workspaceAccess = "rw"' 'workspaceDir: '
}
@test "workspaceRoot: the workspace's mount is named" { b_changes '.workspaceRoot = "'"$T"'/root"' 'workspaceDir: '; }

@test "a default that changes recreates every runtime it reaches, and none that overrides it" {
    local a b
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "256m"}}'
    apply
    a=$(id_of "$(box a)") b=$(id_of "$(box b)")
    oc_set '.agents.defaults.sandbox.docker.memory = "1g"'
    apply
    is_status 0
    [ "$(id_of "$(box a)")" != "$a" ]
    [ "$(id_of "$(box b)")" = "$b" ]
    is_quiet
}

@test "another writing of the same value changes nothing" {
    local before
    before=$(ids)
    oc_set '.agents.defaults.sandbox.docker |= with_entries(.)' # the text changes, its meaning does not
    sed -i 's/"memory": "512m"/memory: "512m", \/\/ as JSON5/' "$OC/openclaw.json"
    is_quiet
    apply
    same "$before" "$(ids)"
}

@test "docker.containerPrefix: the runtime is made under the new name and pruned under the old" {
    local a old
    a=$(id_of "$(box a)") old=$(box b)
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {containerPrefix: "mine-"}}'
    plan
    out_has "prune    docker/$old: name is now mine-"
    out_has 'Plan: 1 to create, 1 to prune.'
    apply
    is_status 0
    exists "mine-${old#openclaw-sbx-}"
    ! exists "$old" || fail "it is still there"
    [ "$(id_of "$(box a)")" = "$a" ]
    [ "$(shards)" = 2 ]
    is_quiet
}

# --- what others change ------------------------------------------------------------------------------------------------------

@test "docker update is noticed as drift of the field and undone" {
    local name id
    name=$(box b) id=$(id_of "$(box a)")
    d update --memory 256m --memory-swap 256m "$name" >/dev/null
    plan
    out_has 'docker.memory: 256m -> 512m'
    out_lacks "$(box a)"
    apply
    is_status 0
    [ "$(d inspect -f '{{.HostConfig.Memory}}' "$name")" = 536870912 ]
    [ "$(id_of "$(box a)")" = "$id" ]
    is_quiet
}
@test "a stopped runtime is started, not recreated" {
    local before
    before=$(ids)
    d stop -t 0 "$(box b)" >/dev/null
    plan
    out_has 'Plan: 1 to start.'
    apply
    is_status 0
    same "$before" "$(ids)"
    [ "$(d inspect -f '{{.State.Running}}' "$(box b)")" = true ]
}
@test "a runtime that was removed is made again" {
    local name
    name=$(box b)
    d rm -f "$name" >/dev/null
    apply
    is_status 0
    exists "$name"
    [ "$(shards)" = 2 ]
    is_quiet
}
@test "a runtime that was replaced by hand under its name without labels is not touched" {
    local name id
    name=$(box b)
    d rm -f "$name" >/dev/null
    id=$(d run -d --name "$name" "$IMAGE" sleep 1000)
    plan
    out_has '! hold'
    apply
    is_status 3
    [ "$(id_of "$name")" = "$id" ]
    [ "$(d inspect -f '{{.State.Running}}' "$name")" = true ]
}
