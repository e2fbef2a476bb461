#!/usr/bin/env bats
# OpenClaw 2026.9.6 with backend podman beside reconclaw, on one state directory and one podman: OpenClaw by the command, reconclaw
# by the service.

LINE=2026.9
load openclaw

setup_file() {
    peer_up "$LINE"
    ENGINE_HOME=$(mktemp -d /tmp/rc-e2e.XXXXXX)
    ENGINE=$ENGINE_HOME/e
    export ENGINE ENGINE_HOME
    "$ROOT/tests/lib/engine.sh" start "$ENGINE" --podman --with-pid $$
}
teardown_file() { engine_down; }
setup() {
    home_up
    ENDPOINT=unix:///nonexistent.sock # docker's: nobody is to look there
    EXTRA_ENV=(CONTAINER_HOST="unix://$ENGINE/s.sock")
    THEIR_ENV=(CONTAINERS_CONF="$ENGINE/containers.conf" CONTAINERS_STORAGE_CONF="$ENGINE/storage.conf")
    line_home
}
teardown() {
    steps_end
    home_down
}

# Agents with what a container of podman can be given.
podman_agents() {
    mkdir -p "$T/data" "$T/ws-rw"
    oc "$(jq -n --arg t "$T" --arg other "$OTHER" '{agents: {defaults: {sandbox: {mode: "all", backend: "podman"}}, list: [
        {id: "plain"},
        {id: "limits", sandbox: {scope: "session", docker: {containerPrefix: "other-", memory: "64m", cpus: 0.25, pidsLimit: 99,
            ulimits: {nofile: {soft: 100, hard: 200}, nproc: 500}}}},
        {id: "set-up", sandbox: {docker: {image: $other, setupCommand: "echo one >/tmp/one", workdir: "/work", env: {A: "x y", E: ""},
            readOnlyRoot: false, tmpfs: ["/tmp:size=4m"], capDrop: ["NET_RAW", "CHOWN"]}}},
        {id: "user", sandbox: {docker: {user: "1000:1000", dangerouslyAllowExternalBindSources: true, binds: ["\($t)/data:/data:ro"]}}},
        {id: "writer", workspace: "\($t)/ws-rw", sandbox: {workspaceAccess: "rw"}}
    ]}}')"
}
podman_sessions=(agent:plain:main agent:limits:main agent:set-up:main agent:user:main agent:writer:main)

@test "podman: what apply makes, OpenClaw lists as running and matching, and its own step adopts it" {
    local before name
    podman_agents
    spec_openclaw
    apply
    is_status 0
    same "$(n_records)" 5
    same "$(records | jq -c '[.[].backendTarget] | unique')" '[{"globalArgs":[],"key":"local"}]'
    openclaw_quick sandbox list --json >"$T/list"
    # Of podman it shows the image's name in full, whoever made the container.
    same "$(jq -S '[.containers[] | select(.running and .imageMatch) | del(.running, .imageMatch, .image)] | sort_by(.containerName)' "$T/list")" \
        "$(records | jq -S 'map(del(.image))')"
    for name in $(d ps -a --format '{{.Names}}'); do cold "$name" 3600; done
    before=$(ids)
    use_quietly "${podman_sessions[@]}"
    same "$(ids)" "$before"
    same "$(n_records)" 5
    is_quiet
}

@test "podman: what OpenClaw makes, reconclaw adopts; what either makes anew or takes away, the other goes by" {
    local before records_before name i
    podman_agents
    use_quietly agent:plain:main agent:set-up:main agent:user:main
    before=$(ids)
    [ "$(wc -l <<<"$before")" = 3 ] || fail "$before"
    records_before=$(records_raw)
    spec_openclaw 'ensure: existing' 'policy:'
    is_quiet
    apply
    is_status 0
    out_has 'Nothing to do.'
    same "$(ids)" "$before"
    same "$(records_raw)" "$records_before"
    # Made anew by us, taken by OpenClaw.
    oc_set '.agents.entries.plain.sandbox.docker.memory = "96m"'
    name=$(box plain)
    cold "$name" 3600
    apply
    is_status 0
    out_has '1 recreated.'
    [ "$(ids | comm -12 - <(echo "$before") | wc -l)" = 2 ] || fail "$(ids)"
    before=$(ids)
    use_quietly agent:plain:main
    same "$(ids)" "$before"
    # Taken away by OpenClaw. Stopped before, since conmon unmounts what a killed one had on the machine while OpenClaw's podman, in a
    # mount namespace of its own, deletes it: "device or resource busy".
    d stop -t 0 "$(box plain)"
    for ((i = 0; i < 100; i++)); do
        grep -q "$ENGINE/data/vfs-containers/$(d inspect -f '{{.Id}}' "$(box plain)")/" /proc/self/mountinfo || break
        pause 0.1
    done
    openclaw_quick sandbox recreate --agent plain --force
    is_quiet
    same "$(n_records)" 2
}
