#!/usr/bin/env bats
# Podman's real service, with root and without. kind: Sandbox: made, kept in step field by field, pruned, left alone while it is
# busy, seen by the daemon, and unknown where the service is down. OpenClaw's agents of backend podman: the same, with their
# records.

load lib
load daemon
setup_file() {
    ENGINE_HOME=$(mktemp -d /tmp/rc-e2e.XXXXXX)
    ENGINE=$ENGINE_HOME/e
    export ENGINE ENGINE_HOME
    "$ROOT/tests/lib/engine.sh" start "$ENGINE" --podman --with-pid $$
}
teardown_file() { engine_down; }
setup() {
    home_up
    DAEMON=''
    ENDPOINT=unix:///nonexistent.sock # docker's: nobody is to look there
    HOSTED=unix://$ENGINE/s.sock
    mkdir -p "$T/ws" "$T/ws2"
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: p}' \
        'spec: {hotWindow: 0s, removalCap: {percent: 100}}' >"$SPEC"
}
teardown() {
    [ -z "$DAEMON" ] || daemon_kill KILL
    home_down
}

# What follows in the test finds the service as the podman command does.
by_host() { EXTRA_ENV=(CONTAINER_HOST="$HOSTED" "$@"); }
pod() {
    local name=$1
    shift
    sandbox "$name" 'engine: podman' "$@"
}
edit() { sed "$1" "$SPEC" >"$SPEC.new" && mv "$SPEC.new" "$SPEC"; }
two() {
    by_host
    pod one "workspaces: [{path: $T/ws}]" 'env: {A: "1"}' 'limits: {memory: 64m, cpus: 1, pids: 100}' "$@"
    pod two
    apply
    is_status 0
    ONE=reconclaw-one TWO=reconclaw-two
}
# one_changes SED LINE: the edit is named, `one` is made anew, and `two` is not touched.
one_changes() {
    local one other
    one=$(id_of "$ONE") other=$(id_of "$TWO")
    edit "$1"
    plan
    is_status 0
    out_has "recreate podman/$ONE"
    out_has "        $2"
    [ "$(grep -c '^        ' "$T/out")" = 1 ] || fail "more is named than was changed: $output"
    out_lacks "$TWO"
    apply
    is_status 0
    out_has '1 recreated.'
    [ "$(id_of "$ONE")" != "$one" ] || fail "the same container"
    [ "$(id_of "$TWO")" = "$other" ] || fail "the other was touched"
    is_quiet
}
two_goes() {
    awk 'BEGIN {RS = "---\n"; ORS = ""} !/name: two/ {print between $0; between = RS}' "$SPEC" >"$SPEC.new" && mv "$SPEC.new" "$SPEC"
}
running() { [ "$(d inspect -f '{{.State.Running}}' "$1")" = true ]; }

@test "podman: a Sandbox is made as its spec says, and the second apply sends nothing that changes anything" {
    by_host
    pod one "workspaces: [{path: $T/ws}, {path: $T/ws2, target: /two, readOnly: true}]" 'env: {A: "1"}' \
        'limits: {memory: 64m, cpus: 0.5, pids: 50}' 'network: none' 'workdir: /two' 'user: "1000:1000"' 'setup: test "$(id -u)" = 1000'
    apply
    is_status 0
    d inspect reconclaw-one >"$T/out"
    is_json '.[0] | .State.Running and .Config.User == "1000:1000" and .Config.WorkingDir == "/two"
        and (.Config.Env | index("A=1") != null)'
    is_json '.[0].HostConfig | .Memory == 67108864 and .NanoCpus == 500000000 and .PidsLimit == 50 and .NetworkMode == "none"'
    is_json --arg w "$T/ws2" '.[0].Mounts | map(select(.Source == $w and .Destination == "/two" and (.RW | not))) | length == 1'
    rc exec reconclaw-one -- id -u
    is_status 0
    [ "$output" = 1000 ]
    is_quiet
    proxy_up
    HOSTED=$ENDPOINT by_host
    apply
    is_status 0
    [ -z "$(mutating)" ] || fail "$(mutating)"
    [ -n "$(requests)" ]
}

@test "podman: a changed variable is named and recreates" { two; one_changes 's/A: "1"/A: "2"/' 'env.A: 1 -> 2'; }
@test "podman: a limit recreates, since podman changes none in place: memory" {
    two
    one_changes 's/memory: 64m/memory: 128m/' 'limits.memory: 64m -> 128m'
    [ "$(d inspect -f '{{.HostConfig.Memory}}' "$ONE")" = 134217728 ]
}
@test "podman: a limit that goes is named: cpus" { two; one_changes 's/ cpus: 1,//' 'limits.cpus: 1 -> (none)'; }
@test "podman: a limit that changes is named: pids" { two; one_changes 's/pids: 100/pids: 50/' 'limits.pids: 100 -> 50'; }
@test "podman: another image is named and recreates" {
    two
    one_changes "/name: one/,/---/s,image: .*,image: $OTHER," "image: $IMAGE -> $OTHER"
}
@test "podman: another workspace is named and recreates" { two; one_changes "s,$T/ws,$T/ws2," "workspaces[/workspace]: $T/ws -> $T/ws2"; }
@test "podman: a user is named and recreates" { two; one_changes '/memory: 64m/a\  user: "1000"' "user: $(id -u):$(id -g) -> 1000"; }
@test "podman: a workdir is named and recreates" { two; one_changes '/memory: 64m/a\  workdir: /tmp' 'workdir: /workspace -> /tmp'; }
@test "podman: a label is named and recreates" {
    two
    one_changes 's/{name: one}/{name: one, labels: {team: red}}/' 'labels.team: (none) -> red'
}
@test "podman: a new image under the old tag recreates" {
    two
    local id
    id=$(id_of "$ONE")
    "$ROOT/tests/lib/engine.sh" image "$ENGINE" "$IMAGE" moved >/dev/null
    plan
    out_has "recreate podman/$ONE"
    apply
    is_status 0
    [ "$(id_of "$ONE")" != "$id" ]
    is_quiet
}

@test "podman: what is no longer wanted is pruned, a stranger's stays" {
    two
    d run -d --network none --name stranger "$IMAGE" sleep infinity >/dev/null
    two_goes
    apply
    is_status 0
    exists "$ONE"
    exists stranger
    ! exists "$TWO" || fail "it is still there"
    is_quiet
}

@test "podman: state: stopped stops it, running starts it, absent removes it" {
    two
    edit '/memory: 64m/a\  state: stopped'
    apply
    is_status 0
    ! running "$ONE" || fail "it still runs"
    is_quiet
    edit 's/state: stopped/state: running/'
    apply
    running "$ONE"
    is_quiet
    edit 's/state: running/state: absent/'
    apply
    is_status 0
    ! exists "$ONE" || fail "it is still there"
    is_quiet
}

@test "podman: a live exec holds a recreate, and one that has ended does not" {
    two
    local id
    id=$(id_of "$ONE")
    d exec -d "$ONE" sleep 1000
    edit 's/A: "1"/A: "2"/'
    apply
    is_status 3
    out_has 'in use'
    [ "$(id_of "$ONE")" = "$id" ]
    # Podman goes on calling it running.
    d exec "$ONE" pkill sleep || true
    d exec "$ONE" sh -c 'kill $(pidof sleep)' || true
    until_ok applied_anew "$id"
}
applied_anew() {
    apply
    [ "$(id_of "$ONE")" != "$1" ]
}

@test "podman: with the service down all is unknown, nothing is removed, and doctor says what would help" {
    two
    local before
    before=$(ids)
    "$ROOT/tests/lib/engine.sh" kill "$ENGINE"
    two_goes
    plan
    out_has 'podman'
    out_has "1 held, 1 endpoint unknown"
    apply
    [ "$status" != 0 ] || fail "it says that all is well: $output"
    rc doctor "$SPEC"
    grep -q 'podman.socket' "$T/out" "$T/err"
    "$ROOT/tests/lib/engine.sh" restart "$ENGINE" >/dev/null
    [ "$(ids)" = "$before" ]
    apply
    is_status 0
    ! exists "$TWO" || fail "it was not pruned"
    is_quiet
}

@test "podman: where docker answers in its place, nothing is believed" {
    two
    # An engine that is none of podman's: the same service, but for who it says that it is.
    local fake=$ENGINE_HOME/not.sock
    python3 - "$fake" 3>&- <<'PY' &
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.bind(sys.argv[1])
s.listen(8)
s.settimeout(60)
while True:
    c, _ = s.accept()
    asked = c.recv(65536)
    body = b'[]' if b'/containers/json' in asked else b'{"ApiVersion":"1.41","Version":"20.10","Components":[{"Name":"Engine"}]}'
    c.sendall(b'HTTP/1.1 200 OK\r\nServer: Docker/20.10\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s' % (len(body), body))
    c.close()
PY
    local pid=$!
    until_ok test -S "$fake"
    HOSTED=unix://$fake by_host
    plan
    grep -q 'is not podman' "$T/out" "$T/err" || fail "$output $stderr"
    out_lacks create
    kill "$pid"
}

@test "podman: the socket of root and of a user are found as the podman command finds them" {
    pod one
    EXTRA_ENV=()
    plan
    grep -q '/run/podman/podman.sock\|to create' "$T/out" "$T/err" || fail "$output $stderr"
    # Where an ordinary user can go, who is the one that looks there.
    local at=$ENGINE_HOME/at as=()
    mkdir -p "$at/home"
    cp "$RECONCLAW" "$at/reconclaw"
    cp "$SPEC" "$at/spec.yaml"
    chmod 711 "$ENGINE_HOME"
    [ "$(id -u)" != 0 ] || { chown -R 65534:65534 "$at" && as=(setpriv --reuid 65534 --regid 65534 --clear-groups); }
    for run in "XDG_RUNTIME_DIR=$at/run" NOTHING=; do
        env -i PATH="$PATH" HOME="$at/home" RECONCLAW_STATE_DIR="$at/state" "$run" "${as[@]}" "$at/reconclaw" plan "$at/spec.yaml" \
            >"$T/out" 2>"$T/err" </dev/null || true
        run=${run#*=}
        grep -q "${run:-/run/user/[0-9]*}/podman/podman.sock" "$T/out" "$T/err" || fail "not at ${run:-the usual place}"
    done
}

@test "podman: the daemon sees what happens to a container, and puts it right within seconds" {
    two
    daemon_start "$SPEC"
    until_ok is_applied
    local id
    LONG=6
    d kill "$ONE" >/dev/null
    until_ok running "$ONE"
    id=$(id_of "$ONE")
    d rm -f "$ONE" >/dev/null
    until_ok id_differs "$ONE" "$id"
    until_ok running "$ONE"
    id=$(id_of "$TWO")
    "$ROOT/tests/lib/engine.sh" kill "$ENGINE"
    await 'podman'
    "$ROOT/tests/lib/engine.sh" restart "$ENGINE" >/dev/null
    LONG=30
    until_ok is_applied
    [ "$(id_of "$TWO")" = "$id" ] || fail "it was removed while nobody could see it"
}
id_differs() { local id && id=$(id_of "$1" 2>/dev/null) && [ "$id" != "$2" ]; }

@test "podman without root: made, in step, its files the owner's" {
    local e=$ENGINE_HOME/u user
    chmod 711 "$ENGINE_HOME" # its user has to get there
    "$ROOT/tests/lib/engine.sh" start "$e" --podman --rootless --with-pid $$ "$IMAGE"
    user=$(<"$e/user")
    mkdir "$e/ws"
    chown "$user:$user" "$e/ws"
    HOSTED=unix://$e/s.sock by_host
    pod one "workspaces: [{path: $e/ws}]" 'env: {A: "1"}' 'limits: {memory: 64m, pids: 100}' 'setup: touch /workspace/made'
    apply
    is_status 0
    [ "$(stat -c %U "$e/ws/made")" = "$user" ] || fail "made by $(stat -c %u "$e/ws/made")"
    is_quiet
    edit 's/A: "1"/A: "2"/'
    plan
    out_has '        env.A: 1 -> 2'
    apply
    is_status 0
    is_quiet
    # Another user inside is still who owns the files.
    edit '/memory: 64m/a\  user: "4321:4321"'
    edit 's,touch /workspace/made,touch /workspace/by-other,'
    apply
    is_status 0
    [ "$(stat -c %U "$e/ws/by-other")" = "$user" ] || fail "made by $(stat -c %u "$e/ws/by-other")"
    is_quiet
    : >"$SPEC"
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: p}' 'spec: {hotWindow: 0s}' >"$SPEC"
    apply
    is_status 0
    "$ROOT/tests/lib/engine.sh" stop "$e"
}

# --- OpenClaw 2026.9's agents ---------------------------------------------------------------------------------------------------

sql() { sqlite3 "$OC/state/openclaw.sqlite" "$@"; }
digest() { printf %s "$1" | sha256sum | cut -c1-32; }
# The state directory of OpenClaw 2026.9, and one agent of backend podman: agents [JQ].
agents() {
    mkdir -p "$OC/state"
    sqlite3 "$OC/state/openclaw.sqlite" <"$ROOT/tests/data/openclaw-2026.9/schema.sql"
    oc "$(jq -n '{agents: {defaults: {sandbox: {mode: "all", backend: "podman", docker: {memory: "64m"}}}, entries: {main: {}}}}' | jq "${1:-.}")"
    spec_openclaw
    by_host
    KEY=agent:main:workspace:$(digest "$OC/workspace")
    NAME=openclaw-sbx-podman-workspace-$(digest "$KEY")
}
# row NAME KEY TARGET: as OpenClaw 2026.9 records a sandbox of podman, used just now.
row() {
    local hash=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef:podman-runtime-v9:keep-id:default entry at
    at=$(ago 0)
    entry=$(jq -nc --arg n "$1" --arg k "$2" --argjson t "$3" --arg h "$hash" --argjson at "$at" '{containerName: $n, backendId: "podman",
        backendTarget: $t, runtimeLabel: $n, sessionKey: $k, workspaceDir: "/w", createdAtMs: $at, lastUsedAtMs: $at,
        image: "openclaw-sandbox:bookworm-slim", configLabelKind: "Image", configHash: $h}')
    sql "INSERT INTO sandbox_registry_entries SELECT 'container', '$1', '$2', 'podman', '$1', e ->> 'image', $at, $at, 'Image',
        e ->> 'configHash', NULL, NULL, e, $at FROM (SELECT '$entry' AS e)"
}
rows() { sql 'SELECT container_name FROM sandbox_registry_entries ORDER BY 1' | xargs; }
# row_has NAME JQ: what is recorded, columns and entry telling the same.
row_has() {
    sql "SELECT entry_json FROM sandbox_registry_entries WHERE container_name = '$1' AND config_hash = entry_json ->> 'configHash'
        AND backend_id = entry_json ->> 'backendId' AND created_at_ms = entry_json ->> 'createdAtMs'
        AND last_used_at_ms = entry_json ->> 'lastUsedAtMs'" >"$T/out"
    is_json "$2"
}
aged() {
    sql "UPDATE sandbox_registry_entries SET $2 = $3, entry_json = json_set(entry_json, '\$.$4', $3) WHERE container_name = '$1'"
}
in_step() {
    local hash
    hash=$(d inspect -f '{{index .Config.Labels "openclaw.configHash"}}' "$NAME")
    running "$NAME"
    row_has "$NAME" ".backendId == \"podman\" and .backendTarget == {key: \"local\", globalArgs: []} and .configHash == \"$hash\"
        and .configLabelKind == \"Image\" and .runtimeLabel == .containerName and .image == \"$IMAGE\"
        and (.configHash | test(\"^[0-9a-f]{64}:podman-runtime-v9:(keep-id|configured-user):(default|configured)\$\"))"
    is_quiet
}

@test "podman: an agent's sandbox is made, recorded as its podman's, and in step; the second apply changes nothing" {
    agents
    rc validate "$SPEC"
    is_status 0
    plan
    out_has "create   podman/$NAME"
    apply
    is_status 0
    in_step
    d inspect "$NAME" >"$T/out"
    is_json '.[0].HostConfig | .Init and .ReadonlyRootfs and .NetworkMode == "none" and .Memory == 67108864 and
        (.Tmpfs | has("/tmp") and has("/var/tmp"))'
    d exec "$NAME" touch /workspace/made
    [ -f "$OC/sandboxes/workspace-$(digest "$KEY")/made" ]
    rc list -o json "$SPEC"
    is_json --arg n "$NAME" '.containers | length == 1 and (.[0] | .containerName == $n and .endpoint == "podman" and .backendId == "podman" and
        .status == "running" and .imageMatch and .recorded)'
    rc explain -o json "$SPEC"
    is_json --arg n "$NAME" --arg h "$(d inspect -f '{{index .Config.Labels "openclaw.configHash"}}' "$NAME")" \
        '.containerName == $n and .configHash == $h and .create.Labels["openclaw.configHash"] == $h and .create.HostConfig.UsernsMode == ""'
    rc explain "$SPEC"
    out_has "$NAME"
    proxy_up
    HOSTED=$ENDPOINT by_host
    apply
    is_status 0
    [ -z "$(mutating)" ] || fail "$(mutating)"
}

@test "podman: an agent's changed setting is named, recreates, and leaves its use and target in the record" {
    agents
    apply
    local id used
    id=$(id_of "$NAME") used=$(ago 4000)
    aged "$NAME" last_used_at_ms "$used" lastUsedAtMs
    oc_set '.agents.defaults.sandbox.docker.memory = "96m"'
    plan
    out_has "recreate podman/$NAME"
    out_has 'docker.memory: 64m -> 96m'
    apply
    is_status 0
    out_has '1 recreated.'
    [ "$(id_of "$NAME")" != "$id" ]
    in_step
    row_has "$NAME" ".lastUsedAtMs == $used"
    # The image under the tag, and a container that is gone.
    id=$(id_of "$NAME")
    "$ROOT/tests/lib/engine.sh" image "$ENGINE" "$IMAGE" "moved again" >/dev/null
    apply
    [ "$(id_of "$NAME")" != "$id" ] || fail "still of the old image"
    in_step
    d rm -f "$NAME" >/dev/null
    apply
    is_status 0
    in_step
    d kill "$NAME" >/dev/null
    apply
    in_step
}

@test "podman: an agent's sandbox ages as docker's do: made anew where it is wanted beforehand, pruned where it is not" {
    agents '.agents.defaults.sandbox.prune = {idleHours: 2, maxAgeDays: 1}'
    apply
    local id
    id=$(id_of "$NAME")
    aged "$NAME" created_at_ms "$(ago 90000)" createdAtMs
    apply
    is_status 0
    [ "$(id_of "$NAME")" != "$id" ] || fail "not made anew"
    in_step
    aged "$NAME" last_used_at_ms "$(ago 8000)" lastUsedAtMs
    is_quiet
    spec_openclaw 'ensure: existing'
    plan
    out_has "prune    podman/$NAME: it was not used for 2h"
    apply
    is_status 0
    ! exists "$NAME" || fail "it is still there"
    [ -z "$(rows)" ] || fail "rows: $(rows)"
    is_quiet
    # A record whose container is gone.
    spec_openclaw
    apply
    d rm -f "$NAME" >/dev/null
    spec_openclaw 'ensure: existing'
    apply
    is_status 0
    out_has '1 forgotten.'
    [ -z "$(rows)" ] || fail "rows: $(rows)"
}

@test "podman: a sandbox that has lost its record is adopted without an act; one in use waits" {
    agents
    apply
    local id
    id=$(id_of "$NAME")
    sql 'DELETE FROM sandbox_registry_entries'
    proxy_up
    HOSTED=$ENDPOINT by_host
    apply
    is_status 0
    out_has '1 adopted.'
    [ -z "$(mutating)" ] || fail "$(mutating)"
    [ "$(id_of "$NAME")" = "$id" ]
    in_step
    d exec -d "$NAME" sleep 1000
    oc_set '.agents.defaults.sandbox.docker.memory = "96m"'
    apply
    is_status 3
    out_has 'in use'
    [ "$(id_of "$NAME")" = "$id" ] || fail "made anew while it was in use"
}

@test "podman: an agent that is off, gone, or docker's by now has no sandbox of podman any more" {
    local off
    for off in '.agents.defaults.sandbox.mode = "off"' '.agents.entries = {"other": {}}' '.agents.defaults.sandbox.backend = "docker"'; do
        agents
        spec_openclaw 'ensure: all'
        apply
        exists "$NAME"
        oc_set "$off"
        spec_openclaw 'ensure: existing'
        plan
        out_has "prune    podman/$NAME"
        apply
        ! exists "$NAME" || fail "$off: it is still there"
        [ -z "$(rows)" ] || fail "$off: rows: $(rows)"
        rm -rf "$OC"
        mkdir "$OC"
    done
}

@test "podman: while the service is down, or another user's, nothing of its agents is wanted or unwanted, and all else goes on" {
    agents
    apply
    local id=$HOSTED
    HOSTED=unix://$ENGINE_HOME/none.sock by_host
    oc_set '.agents.defaults.sandbox.docker.memory = "96m"'
    plan
    out_has 'endpoint podman is unknown'
    out_lacks "$NAME"
    rc explain -o json "$SPEC"
    is_status 0
    is_json --arg n "$NAME" '.containerName == $n and .create == null and (.configHash | test(":podman-runtime-v9:"))
        and (.diagnostics | map(select(.message | test("podman"))) | length == 1)'
    HOSTED=$id by_host
    plan
    out_has "recreate podman/$NAME"
    # Root's podman is not where this OpenClaw's sandboxes are.
    [ "$(id -u)" = 0 ] || return 0
    chown -R 65534:65534 "$OC"
    EXTRA_ENV=()
    plan
    grep -q 'podman of another user' "$T/out" "$T/err" || fail "$output $stderr"
    out_lacks "recreate"
    out_lacks "create "
}

@test "podman: what podman cannot have is an error at its key" {
    agents '.agents.defaults.sandbox.docker.tmpfs = ["/run"]'
    rc validate "$SPEC"
    is_status 78
    grep -q 'agents.defaults.sandbox.docker.tmpfs: .*podman' "$T/err" || fail "$stderr"
    agents '.agents.defaults.sandbox.browser.enabled = true' 2>/dev/null || true
    oc_set '.agents.defaults.sandbox |= (del(.docker.tmpfs) | .browser.enabled = true)'
    rc validate "$SPEC"
    is_status 78
    grep -q 'agents.defaults.sandbox.browser.enabled: .*podman' "$T/err" || fail "$stderr"
}

@test "podman without root: an agent's sandbox is made, in step, its files the owner's" {
    local e=$ENGINE_HOME/v user
    chmod 711 "$ENGINE_HOME"
    "$ROOT/tests/lib/engine.sh" start "$e" --podman --rootless --with-pid $$ "$IMAGE"
    user=$(<"$e/user")
    # Its OpenClaw is that user's.
    OC=$e/home/.openclaw
    mkdir "$OC"
    HOSTED=unix://$e/s.sock
    agents
    chown -R "$user:$user" "$OC"
    rc validate "$SPEC"
    is_status 0
    rc explain -o json "$SPEC"
    is_json --arg u "keep-id:uid=$(id -u "$user"),gid=$(id -g "$user")" '.create.HostConfig.UsernsMode == $u'
    apply
    is_status 0
    is_quiet
    row_has "$NAME" '.backendTarget.key == "local" and (.configHash | test(":podman-runtime-v9:configured-user:default$"))'
    DOCKER_HOST=$HOSTED docker exec "$NAME" touch /workspace/made
    [ "$(stat -c %U "$OC/sandboxes/workspace-$(digest "$KEY")/made")" = "$user" ]
    oc_set '.agents.defaults.sandbox.docker.env = {A: "2"}'
    plan
    out_has 'docker.env.A: (none) -> 2'
    apply
    is_status 0
    out_has '1 recreated.'
    is_quiet
    oc_set '.agents.defaults.sandbox.mode = "off"'
    apply
    is_status 0
    [ -z "$(rows)" ] || fail "rows: $(rows)"
    "$ROOT/tests/lib/engine.sh" stop "$e"
}

# A container as OpenClaw makes one, with its row: theirs NAME KEY.
theirs() {
    row "$1" "$2" '{"key":"local","globalArgs":[]}'
    d run -d --network none --label openclaw.sandbox=1 --label "openclaw.sessionKey=$2" --name "$1" "$IMAGE" sleep infinity >/dev/null
}

@test "podman: rows of another podman stay, and nothing of their name is made here" {
    local gone=openclaw-sbx-podman-workspace-00000000000000000000000000000000 id
    agents
    spec_openclaw 'ensure: all'
    theirs "$gone" "agent:zed:workspace:$(digest /elsewhere)"
    row other "agent:zed:workspace:$(digest /elsewhere)" '{"key":"socket:0123456789abcdef","globalArgs":["--url","unix:///nowhere"]}'
    row "$NAME" "$KEY" '{"key":"socket:0123456789abcdef","globalArgs":["--url","unix:///nowhere"]}'
    rc list -o json "$SPEC"
    is_json '.containers[] | select(.containerName == "other") | .status == "unknown"'
    plan
    out_has "prune    podman/$gone: agent 'zed' is gone"
    out_lacks "podman/$NAME"
    grep -q "recorded on another podman" "$T/err" || fail "$stderr"
    grep -q "2 recorded runtimes are another podman's" "$T/out" "$T/err" || fail "$stderr"
    apply
    ! exists "$gone" || fail "it is still there"
    ! exists "$NAME" || fail "it was made here"
    [ "$(rows)" = "$NAME other" ] || fail "rows: $(rows)"
    row_has "$NAME" '.backendTarget.key == "socket:0123456789abcdef"'
}

# A stranger's container counts, and so does one that does not run.
mounted_is_kept() {
    local room state
    agents
    apply
    is_status 0
    room=$OC/sandboxes/workspace-$(digest "$KEY")
    echo mine >"$room/note"
    for state in 'run -d' create; do
        # shellcheck disable=SC2086 # words
        d $state --network none --name stranger -v "$room:/x" "$IMAGE" sleep infinity >/dev/null
        oc_set '.agents.entries = {"other": {}}'
        spec_openclaw 'ensure: existing'
        plan
        out_has "prune    podman/$NAME"
        out_has "its workspace $room stays: still used by podman/stranger"
        apply
        is_status 0
        ! exists "$NAME" || fail "it is still there"
        [ "$(cat "$room/note")" = mine ] || fail "moved from under a stranger ($state)"
        d rm -f stranger >/dev/null
        oc_set '.agents.entries = {"main": {}}'
        spec_openclaw
        apply
        is_status 0
        [ "$(cat "$room/note")" = mine ] || fail "not the same workspace"
    done
    # Its own mount of it goes with it.
    oc_set '.agents.entries = {"other": {}}'
    spec_openclaw 'ensure: existing'
    plan
    out_has "its workspace $room goes to quarantine"
    apply
    is_status 0
    [ ! -e "$room" ] || fail "still there"
    [ "$(cat "$OC"/sandboxes/.reconclaw-quarantine/*/note)" = mine ]
}

@test "podman: the workspace of an agent that is gone is moved aside, but not while any container mounts it" { mounted_is_kept; }
