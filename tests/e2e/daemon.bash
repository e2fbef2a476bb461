# Shared by tests/e2e/daemon_*.bats: the running daemon, what it says, and what it brings about. On top of lib.bash, whose rules
# for $T, $HOME, $STATE and `rc` hold; $DAEMON is the daemon's pid, $T/log what it wrote.
#
#   load lib; load daemon
#   setup() { daemon_home; }           teardown() { daemon_gone; }
# shellcheck shell=bash disable=SC2016,SC2034,SC2154

now_ms() { date +%s%3N; }

# A home whose sandboxes are bubblewrap's: nothing is hot, a workspace $T/w, specs in the directory $SPEC.
daemon_home() {
    T=$BATS_TEST_TMPDIR
    HOME=$T/home STATE=$T/state SPEC=$T/specs OC=$T/home/.openclaw
    ENDPOINT=unix:///nonexistent.sock EXTRA_ENV=()
    DAEMON='' PROXY_PID=''
    mkdir -p "$HOME" "$SPEC" "$T/w"
    export HOME
    # For what is no longer wanted by anyone, which no object speaks for.
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: all}' 'spec: {removalCap: {percent: 100}, hotWindow: 0s}' \
        >"$SPEC/all.yaml"
}

# Ends the daemon, and through the program itself every sandbox of bubblewrap that it left.
daemon_gone() {
    [ -z "${DAEMON:-}" ] || daemon_kill KILL
    rm -rf "$T/gone"
    [ -d "$STATE" ] || return 0
    mkdir -p "$SPEC"
    rm -rf "${SPEC:?}"/* "${SPEC:?}"/..?*
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: none}' 'spec: {hotWindow: 0s}' >"$SPEC/none.yaml"
    rc resume --all
    rc apply --yes --allow-removals --allow-in-use "$SPEC"
    ! compgen -G "$STATE/bubblewrap/*.json" >/dev/null || daemon_fail "sandboxes left behind: $output $stderr"
}

# One sandbox of bubblewrap in a file of its own: box NAME [LINE...]. Written as an editor does.
box_text() {
    local name=$1
    shift
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' "metadata: {name: $name}" 'spec:' '  backend: bubblewrap' \
        "  workspaces: [{path: $T/w}]" '  network: none' '  policy: {hotWindow: 0s}'
    [ $# -eq 0 ] || printf '  %s\n' "$@"
}
box_spec() {
    box_text "$@" >"$T/.new"
    mv "$T/.new" "$SPEC/$1.yaml"
}

daemon_start() {
    : >>"$T/log"
    SEEN=$(wc -l <"$T/log")
    env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 TZ=UTC RECONCLAW_STATE_DIR="$STATE" XDG_CONFIG_HOME="$HOME/.config" \
        DOCKER_HOST="$ENDPOINT" "${EXTRA_ENV[@]}" "${DAEMON_BINARY:-$RECONCLAW}" run "${@-$SPEC}" >>"$T/log" 2>&1 </dev/null 3>&- &
    DAEMON=$!
}
daemon_kill() {
    kill "-${1:-TERM}" "$DAEMON"
    code=0
    wait "$DAEMON" 2>/dev/null || code=$?
    DAEMON=
}

# Waits, 15 s at most ($LONG: that many), until what stands behind it succeeds.
LONG=15
until_ok() {
    local end=$(($(now_ms) + LONG * 1000))
    until "$@" >/dev/null 2>&1; do
        [ "$(now_ms)" -lt "$end" ] || daemon_fail "never so: $*" || return 1
        pause 0.1
    done
}
daemon_fail() {
    printf '%s\n' "$*" "--- log of the daemon:" >&2
    cat "$T/log" >&2
    return 1
}
# What was said since daemon_mark (or the start).
daemon_mark() { SEEN=$(wc -l <"$T/log"); }
said() { tail -n "+$((SEEN + 1))" "$T/log" | grep -qE -- "$1"; }
await() { until_ok said "$1"; }
not_said() { ! said "$1" || daemon_fail "said: $1"; }
times_said() { tail -n "+$((SEEN + 1))" "$T/log" | grep -cE -- "$1" || true; }

rounds() { status_json .report.service.rounds; }
status_json() { rc_raw status -o json 2>/dev/null | jq -r "$1"; }
status_is() { [ "$(status_json "$1")" = "$2" ]; }
# Everything that is wanted was brought about: the generation in force is applied, and nothing is under way.
is_applied() { [ "$(status_json ".report.service | .generation == .appliedGeneration and .generation > 0 and .pid == $DAEMON")" = true ]; }

# The inside of a bubblewrap sandbox.
inside() {
    local name=$1
    shift
    rc_raw exec "$name" -- "$@" </dev/null
}
# An exec is a use: only where nothing waits for its end.
greets() { is_applied && [ "$(inside "$1" /bin/sh -c 'echo "$GREETING"')" = "$2" ]; }

# How often its threads have run.
switches() { cat /proc/"$DAEMON"/task/*/status | awk '/ctxt_switches/ {n += $2} END {print n}'; }
