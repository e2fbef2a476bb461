# Shared by tests/e2e/cli.bats, bubblewrap.bats and demo.bats: the real program without an engine, each test in a directory of
# its own that the user nobody may use too.
#
#   load rc
#   setup() { place_up; }   teardown() { place_down; }
#
# In a test: $T is its directory, $HOME its home, $STATE reconclaw's own state directory, $SPECS a directory for specs. `rc` leaves
# $status, $T/out and $T/err; as_nobody makes what follows in the test run as nobody.
# shellcheck shell=bash disable=SC2034

bats_require_minimum_version 1.5.0
# shellcheck source=tests/e2e/expect.bash
. "${BASH_SOURCE[0]%/*}/expect.bash"
ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
# What is tested is the build under asan and ubsan; RELEASE is for what a sanitizer changes: memory, core dumps, the demo.
RECONCLAW=${RECONCLAW:-$ROOT/build/asan/reconclaw}
RELEASE=$ROOT/build/reconclaw
NOBODY=65534

place_up() {
    T=$(mktemp -d /tmp/rc-cli.XXXXXX)
    HOME=$T/home
    STATE=$T/state
    SPECS=$T/specs
    WORK=$T/work
    export HOME
    mkdir "$HOME" "$SPECS" "$WORK"
    AS=()
    EXTRA_ENV=()
    # A program that every user may run, wherever the repository is.
    cp "$RECONCLAW" "$T/reconclaw"
    chmod 755 "$T"
}

# Sandboxes go by the pid in their record, so that nothing but our own is met.
place_down() {
    local record pid
    for pid in "${STARTED[@]}"; do kill -KILL "$pid" 2>/dev/null || true; done
    for record in "$STATE"/bubblewrap/*.json; do
        [ -f "$record" ] || continue
        pid=$(jq -r '.process.pid // empty' "$record" 2>/dev/null)
        [ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null || true
        jq -r '.cgroups[]?' "$record" 2>/dev/null >>"$T/cgroups"
    done
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        [ -s "$T/cgroups" ] || break
        xargs rmdir <"$T/cgroups" 2>/dev/null && break
        pause 0.1
    done
    chmod -R u+w "$T"
    rm -rf "$T"
}

as_nobody() {
    if [ "$(id -u)" -eq 0 ]; then
        chown -R "$NOBODY:$NOBODY" "$T"
        AS=(setpriv --reuid "$NOBODY" --regid "$NOBODY" --clear-groups)
    fi
}

# reconclaw in an environment that the test alone decides.
rc_raw() {
    (cd "$T" && exec env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 TZ=UTC RECONCLAW_STATE_DIR="$STATE" \
        XDG_CONFIG_HOME="$HOME/.config" DOCKER_HOST="unix://$T/no.sock" "${EXTRA_ENV[@]}" "${AS[@]}" "$T/reconclaw" "$@")
}
rc() {
    status=0
    rc_raw "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
}

# The same on a terminal of 200 columns; $1: what is typed. Leaves $status and the whole of the screen in $T/out.
rc_tty() {
    local typed=$1 command
    shift
    command=$(printf '%q ' env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 TZ=UTC RECONCLAW_STATE_DIR="$STATE" \
        XDG_CONFIG_HOME="$HOME/.config" TERM=xterm "${EXTRA_ENV[@]}" "${AS[@]}" "$T/reconclaw" "$@")
    status=0
    (cd "$T" && printf '%s' "$typed" | timeout 30 script -qec "$command" /dev/null) >"$T/out" 2>"$T/err" || status=$?
}

# sandbox NAME [LINE...]: a bubblewrap sandbox, added to $FILE (by default $SPECS/a.yaml).
sandbox() {
    local name=$1 file=${FILE:-$SPECS/a.yaml}
    shift
    [ ! -s "$file" ] || echo '---' >>"$file"
    {
        printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' "metadata: {name: $name}" 'spec:' '  backend: bubblewrap'
        [ $# -eq 0 ] || printf '  %s\n' "$@"
    } >>"$file"
}
policy() { printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: p}' "spec: {$1}" >"$SPECS/policy.yaml"; }

plan() { rc plan "$@" "$SPECS"; }
apply() { rc apply --yes "$@" "$SPECS"; }

# Everything below a directory with its kind, size, mode, owner, times and content.
picture() {
    (cd "$1" && find . -printf '%p %y %s %m %u %T@ %C@\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

# Whether a process has ended: one that only waits for its parent to ask (the machine's init may take its time) has.
gone() {
    local i state
    for ((i = 0; i < 40; i++)); do
        state=$(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || true
        if [ -z "$state" ] || [ "$state" = Z ]; then return 0; fi
        pause 0.05
    done
    return 1
}

# What the last command printed against tests/data/golden/$1.json, or as text against $1.txt: times, ids, hashes, pids, ports, users
# and the test's directory taken out. RECONCLAW_GOLDEN=write makes them anew.
golden() {
    local file=$ROOT/tests/data/golden/$1.json
    jq -S --arg t "$T" 'def plain: if type == "string" then gsub($t; "T") | gsub("[0-9a-f]{64}"; "SHA256") | gsub("[0-9a-f]{32}"; "ID")
          | gsub("version [0-9][0-9.]*"; "version N") | gsub("pid [0-9]+"; "pid N") | gsub("[a-z_][-a-z0-9_]*@127.0.0.1:[0-9]+"; "USER@127.0.0.1:PORT")
          | gsub("port [0-9]+"; "port PORT") | gsub("-[0-9a-f]{16}/[0-9]{8}T[0-9.]+Z"; "-HASH/STAMP") | sub("^[0-9]+:[0-9]+$"; "UID:GID")
          | gsub("[0-9]+(m [0-9]+)?s"; "TIME")
        else . end;
        walk(if type == "object" then with_entries(if (.key | test("Ms$")) and .value != null then .value = "MS"
            elif .key == "archiveBytes" or .key == "pid" and .value != null or .key == "rounds" or .key == "port" then .value = "N"
            elif .key == "user" and (.value | type == "string" and (test(":") | not)) then .value = "USER" else . end) else plain end)
        | if has("reconclaw") then .reconclaw = "VERSION" else . end' "$T/out" >"$T/plain"
    jq -e 'has("version") and .version == 1' "$T/out" >/dev/null || [ "$1" = schema ] || [ "$1" = config-print ] || fail "$1: no version"
    [ "${RECONCLAW_GOLDEN:-}" != write ] || cp "$T/plain" "$file"
    diff -u "$file" "$T/plain" || fail "$1 is not as in $file"
}
golden_text() {
    local file=$ROOT/tests/data/golden/$1.txt
    sed -E "s,$T,T,g; s/[0-9a-f]{32}/ID/g; s/[a-z_][-a-z0-9_]*@127\\.0\\.0\\.1:[0-9]+/USER@127.0.0.1:PORT/g; s/port [0-9]+/port PORT/g
        s/-[0-9a-f]{16}\/[0-9]{8}T[0-9.]+Z/-HASH\/STAMP/g; s/pid [0-9]+/pid N/; s/[0-9]+ rounds?/N rounds/; s/^ *[0-9.]+[BK]  +[0-9]+s  /SIZE AGE  /
        s/\b[0-9]+(m [0-9]+)?s\b/TIME/g" "$T/out" "$T/err" >"$T/plain"
    [ "${RECONCLAW_GOLDEN:-}" != write ] || cp "$T/plain" "$file"
    diff -u "$file" "$T/plain" || fail "$1 is not as in $file"
}
