# Shared by tests/e2e/docker_*.bats: the real program against a dockerd of the file's own, each test with a home of its own.
#
#   load engine    a dockerd for the file, a home for each test (engine.bash)
#   load lib       neither; a file may call engine_up, home_up and their counterparts itself
#
# In a test: $T is its directory, $HOME its home ($HOME/.openclaw the state directory of OpenClaw), $STATE reconclaw's own state
# directory, $SPEC the spec file that `rc` is given. `rc` leaves $status, $output (stdout) and $stderr.
# shellcheck shell=bash disable=SC2034

bats_require_minimum_version 1.5.0
# shellcheck source=tests/e2e/expect.bash
. "${BASH_SOURCE[0]%/*}/expect.bash"
ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# What is tested is the build under asan and ubsan; RELEASE is for what a sanitizer changes: memory, core dumps, the demo.
RECONCLAW=${RECONCLAW:-$ROOT/build/asan/reconclaw}
RELEASE=$ROOT/build/reconclaw
TOOLS=$ROOT/build/asan/tests/tools
IMAGE=openclaw-sandbox:bookworm-slim
OTHER=openclaw-sandbox:other

# --- the engine ------------------------------------------------------------------------------------------------------------

engine_up() {
    ENGINE_HOME=$(mktemp -d /tmp/rc-e2e.XXXXXX)
    ENGINE=$ENGINE_HOME/e
    export ENGINE ENGINE_HOME
    DOCKER_HOST=$("$ROOT/tests/lib/engine.sh" start "$ENGINE" --bridge --with-pid $$ "$@")
    export DOCKER_HOST
}

engine_down() {
    "$ROOT/tests/lib/engine.sh" stop "$ENGINE"
    rm -rf "$ENGINE_HOME"
}

# docker's command line on the file's engine.
d() { env -i PATH="$PATH" HOME="$ENGINE_HOME" DOCKER_HOST="unix://$ENGINE/s.sock" docker "$@"; }

# --- a home -----------------------------------------------------------------------------------------------------------------

home_up() {
    T=$BATS_TEST_TMPDIR
    # Owned by whoever: uid and gid of the workspace are part of what a container is made from.
    HOME=$T/home
    STATE=$T/state
    SPEC=$T/spec.yaml
    OC=$HOME/.openclaw
    export HOME
    mkdir -p "$OC"
    PROXY_PID=
    DAEMON= # of daemon.bash
    EXTRA_ENV=()
    ENDPOINT=unix://$ENGINE/s.sock
}

home_down() {
    local ids
    [ -z "${DAEMON:-}" ] || daemon_kill KILL
    [ -z "${PROXY_PID:-}" ] || { kill "$PROXY_PID" 2>/dev/null; wait "$PROXY_PID" 2>/dev/null; } || true
    ids=$(d ps -aq 2>/dev/null) || { "$ROOT/tests/lib/engine.sh" restart "$ENGINE" >/dev/null 2>&1; ids=$(d ps -aq); }
    # shellcheck disable=SC2086 # a list of ids
    [ -z "$ids" ] || d rm -f $ids >/dev/null
    d network prune -f >/dev/null
}

# The kind: OpenClaw of most tests: everything pre-created, nothing hot, any number of removals. More lines of the spec and of
# its policy can be given: spec_openclaw 'ensure: existing' 'hotWindow: 5m'.
spec_openclaw() {
    local ensure='ensure: all' line policy='hotWindow: 0s, removalCap: {percent: 100}'
    local more=()
    for line in "$@"; do
        case $line in
            ensure:*) ensure=$line ;;
            policy:*) policy=${line#policy:} ;;
            *) more+=("$line") ;;
        esac
    done
    {
        printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' 'spec:'
        printf '  %s\n' "config: $OC/openclaw.json" "stateDir: $OC" "$ensure" "${more[@]}"
        [ -z "$policy" ] || printf '  policy: {%s}\n' "$policy"
    } >"$SPEC"
}

# A kind: Sandbox on docker, added to a spec file: sandbox NAME [LINE...]; FILE=... names another file.
sandbox() {
    local name=$1 file=${FILE:-$SPEC}
    shift
    [ ! -s "$file" ] || echo '---' >>"$file"
    {
        printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' "metadata: {name: $name}" 'spec:' '  backend: docker' "  image: $IMAGE"
        [ $# -eq 0 ] || printf '  %s\n' "$@"
    } >>"$file"
}

# openclaw.json, whole, or changed by a jq filter. Written as an editor does: a new file in the old one's place.
oc() { printf '%s\n' "$1" >"$OC/openclaw.json.new" && mv "$OC/openclaw.json.new" "$OC/openclaw.json"; }
oc_set() { jq "$@" "$OC/openclaw.json" >"$OC/openclaw.json.new" && mv "$OC/openclaw.json.new" "$OC/openclaw.json"; }

# Three agents, each with its own sandbox.
oc_three() { oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "list": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}}'; }
# The same as OpenClaw 2026.9 writes it.
oc_three_2026_9() {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "ownership": "explicit", "entries": {"a": {}, "b": {}, "c": {}}},
         "meta": {"lastTouchedVersion": "2026.9.6"}}'
}

# --- running it -------------------------------------------------------------------------------------------------------------

# reconclaw in an environment that the test alone decides.
rc_raw() {
    env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 TZ=UTC RECONCLAW_STATE_DIR="$STATE" XDG_CONFIG_HOME="$HOME/.config" \
        DOCKER_HOST="$ENDPOINT" "${EXTRA_ENV[@]}" "$RECONCLAW" "$@"
}
rc() {
    status=0
    rc_raw "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
    output=$(<"$T/out") stderr=$(<"$T/err")
}
plan() { rc plan "$@" "$SPEC"; }
apply() { rc apply --yes "$@" "$SPEC"; }
# What the config wants is there; $BEFORE is what that is.
all_applied() {
    spec_openclaw
    apply
    is_status 0
    BEFORE=$(ids)
}

# Everything between reconclaw and the engine through a proxy that writes it down and breaks what $T/faults says.
proxy_up() {
    local i
    : >"$T/requests"
    : >"$T/faults"
    "$TOOLS/engine_proxy" "$ENGINE_HOME/p.sock" "$ENGINE/s.sock" "$T/requests" "$T/faults" >"$T/proxy" 3>&- &
    PROXY_PID=$!
    for ((i = 0; i < 100; i++)); do
        grep -q ready "$T/proxy" && break
        pause 0.05
    done
    ENDPOINT=unix://$ENGINE_HOME/p.sock
}
requests() { cat "$T/requests"; }
mutating() { grep -vE '^(GET|HEAD) ' "$T/requests" || true; }


# --- looking ----------------------------------------------------------------------------------------------------------------

# "NAME ID" of every container, by name.
ids() { d ps -a --no-trunc --format '{{.Names}} {{.ID}}' | sort; }
id_of() { d inspect -f '{{.Id}}' "$1"; }
exists() { d inspect "$1" >/dev/null 2>&1; }
# The container of an agent's scope: agent b -> openclaw-sbx-agent-b-HASH.
box() { d ps -a --format '{{.Names}}' --filter "label=openclaw.sessionKey=agent:$1" --filter label=openclaw.sandbox=1 | grep -v browser; }
# The path of a container's shard, and a jq change of it.
shard() { printf '%s/sandbox/containers/%s.json' "${2:-$OC}" "$(printf %s "$1" | sha256sum | cut -c1-64)"; }
shards() { find "$OC/sandbox/containers" -name '*.json' -type f 2>/dev/null | wc -l; }
shard_set() {
    local f
    f=$(shard "$1")
    shift
    jq "$@" "$f" >"$f.x" && cat "$f.x" >"$f" && rm "$f.x"
}
ago() { echo $((($(date +%s) - $1) * 1000)); }

# --- expecting --------------------------------------------------------------------------------------------------------------

# Nothing left to do.
is_quiet() {
    plan
    is_status 0
    is_json_plan_empty
}
is_json_plan_empty() {
    rc plan -o json "$SPEC"
    is_json '(.plan // .).acts | length == 0'
}
