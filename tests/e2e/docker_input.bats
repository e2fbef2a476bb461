#!/usr/bin/env bats
# Bad input on a real engine: whatever is in the way of a config, spec, shard or disk, the answer is a clear error and an exit
# status that is not zero, it comes soon, and nothing is lost or changed.

load engine
setup_file() {
    engine_up
    # For tests as another user, who may not be able to read where we were built.
    chmod 711 "$ENGINE_HOME"
    cp "$RECONCLAW" "$ENGINE_HOME/reconclaw"
    chmod 755 "$ENGINE_HOME/reconclaw"
}
setup() {
    home_up
    oc_three
    all_applied
    SHARDS=$(registry)
    CONFIG=$OC/openclaw.json
}
teardown() {
    if mountpoint -q "$T/small" 2>/dev/null; then umount "$T/small"; fi
    home_down
}
registry() { (cd "$OC/sandbox" && find . -type f -name '*.json' -exec sha256sum {} + | sort); }
untouched() {
    same "$BEFORE" "$(ids)"
    same "$SHARDS" "$(registry)"
}

# refused STATUS TEXT: plan, validate and apply all answer so within ten seconds, in few bytes, and nothing is changed.
refused() {
    local command
    for command in plan validate 'apply --yes --allow-removals --allow-in-use'; do
        status=0
        # shellcheck disable=SC2086 # a command and its flags
        timeout 10 env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 RECONCLAW_STATE_DIR="$STATE" DOCKER_HOST="$ENDPOINT" \
            "$RECONCLAW" $command "$SPEC" >"$T/out" 2>"$T/err" </dev/null || status=$?
        output=$(tr -d '\0' <"$T/out") stderr=$(tr -d '\0' <"$T/err")
        is_status "$1"
        err_has "$2"
        [ "$(wc -c <"$T/err")" -lt 20000 ] || fail 'too much of it'
        is_printable
    done
    untouched
}
# No control character but the newline reaches a terminal.
is_printable() { ! LC_ALL=C grep -qP '[\x00-\x09\x0b-\x1f\x7f]' "$T/out" "$T/err" || fail "$(LC_ALL=C cat -v "$T/out" "$T/err" | head -c 2000)"; }

# --- openclaw.json ----------------------------------------------------------------------------------------------------------

@test "a config of 50 MB of blanks" {
    head -c 50000000 /dev/zero | tr '\0' ' ' >"$CONFIG"
    refused 78 "$CONFIG"
}
@test "a config nested 200000 deep" {
    head -c 200000 /dev/zero | tr '\0' '[' >"$CONFIG"
    refused 78 "$CONFIG:1:"
}
@test "a config of random bytes" {
    head -c 4096 /dev/urandom >"$CONFIG"
    head -c 64 "$CONFIG" | od -An -tx1 # where it went wrong is random, too
    refused 78 "$CONFIG:"
}
@test "a config with a NUL in it" {
    printf '{"agents": {"list": [{"id": "a\0b"}]}}' >"$CONFIG"
    refused 78 "$CONFIG:1:"
}
@test "a config that is a FIFO" {
    rm "$CONFIG"
    mkfifo "$CONFIG"
    refused 78 'FIFO'
}
@test "a config that is a directory" {
    rm "$CONFIG"
    mkdir "$CONFIG"
    refused 78 'directory'
}
@test "a config that is a device, by a link" {
    ln -sf /dev/zero "$CONFIG"
    refused 78 'device'
}
@test "a config that is a link to itself" {
    rm "$CONFIG"
    ln -s openclaw.json "$CONFIG"
    refused 78 "$CONFIG"
}
@test "a config of the wrong shape at every level" {
    local text
    for text in '[]' '1' '"x"' 'null' '{"agents": []}' '{"agents": {"list": {}}}' '{"agents": {"list": [1]}}' \
        '{"agents": {"defaults": {"sandbox": 1}}}' '{"agents": {"defaults": {"sandbox": {"docker": []}}}}' \
        '{"agents": {"defaults": {"sandbox": {"docker": {"env": {"A": 1}}}}}}' \
        '{"agents": {"defaults": {"sandbox": {"docker": {"memory": {}}}}}}'; do
        printf '%s' "$text" >"$CONFIG"
        refused 78 "$CONFIG:1:"
    done
}
@test "an include that is a FIFO, or out of the config's directory, or itself" {
    mkfifo "$OC/fifo.json"
    echo '{"$include": "./fifo.json"}' >"$CONFIG"
    refused 78 'fifo.json'
    echo '{"$include": "../../../../../etc/passwd"}' >"$CONFIG"
    refused 78 'passwd'
    ln -s /etc/hostname "$OC/link.json"
    echo '{"$include": "./link.json"}' >"$CONFIG"
    refused 78 'link.json'
    echo '{"$include": "./openclaw.json"}' >"$CONFIG"
    refused 78 'openclaw.json'
}
@test "keys and values with control characters are shown escaped" {
    printf '{agents: {list: [{id: "a", sandbox: {mode: "al\\u001b[2Jl", "k\\u001b]0;x\\u0007\\ney": 1, docker: {image: 5}}}]}}' >"$CONFIG"
    refused 78 'agents.list[0].sandbox'
}
@test "an agent whose id is an escape sequence: its names are plain, and what is shown is escaped" {
    printf '{agents: {defaults: {sandbox: {mode: "all", docker: {env: {A: "\\u001b[31mred\\nnew line"}}}},
        list: [{id: "\\u001b[31mEvil\\n../../x"}]}}' >"$CONFIG"
    apply --allow-removals
    is_status 0
    is_printable
    [ "$(ids | wc -l)" = 1 ]
    ids | grep -qE '^openclaw-sbx-agent-[a-z0-9_-]+ '
    oc_set '.agents.defaults.sandbox.docker.env.A = "\u001b[32mgreen"' 2>/dev/null ||
        sed -i 's/31mred/32mgreen/' "$CONFIG"
    plan
    is_printable
    rc list
    is_printable
    rc history
    is_printable
}

# --- spec files ---------------------------------------------------------------------------------------------------------------

@test "a spec that is a FIFO" {
    rm "$SPEC"
    mkfifo "$SPEC"
    refused 78 'FIFO'
}
@test "a spec of random bytes" {
    { head -c 4096 /dev/urandom; printf '\0'; } >"$SPEC"
    refused 78 "$SPEC"
}
@test "a spec with aliases that grow beyond all bounds" {
    {
        echo 'a: &a [x, x, x, x, x, x, x, x, x]'
        printf 'b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n'
        printf 'd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\n'
        printf 'f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f,*f]\n'
        printf 'h: &h [*g,*g,*g,*g,*g,*g,*g,*g,*g]\ni: &i [*h,*h,*h,*h,*h,*h,*h,*h,*h]\n'
    } >"$SPEC"
    refused 78 "$SPEC:"
}
@test "a spec nested 100000 deep" {
    { printf 'spec: '; head -c 100000 /dev/zero | tr '\0' '['; } >"$SPEC"
    refused 78 "$SPEC:"
}
@test "a spec with names of control characters and slashes" {
    printf 'apiVersion: reconclaw/v1\nkind: Sandbox\nmetadata: {name: "\\e[31m../x"}\nspec: {backend: docker, image: "a\\nb"}\n' >"$SPEC"
    refused 78 "$SPEC:3:18"
}
@test "a spec that does not exist, or is a directory without specs" {
    SPEC=$T/nothing.yaml
    refused 78 nothing.yaml
    mkdir "$T/empty"
    SPEC=$T/empty
    refused 78 "$T/empty"
}
@test "one broken file of a directory of specs stops them all" {
    mkdir "$T/specs"
    mv "$SPEC" "$T/specs/good.yaml"
    SPEC=$T/specs
    echo 'kind: [' >"$SPEC/bad.yaml"
    oc_set '.agents.defaults.sandbox.docker = {memory: "64m"}'
    refused 78 bad.yaml
    rm "$SPEC/bad.yaml"
    mkfifo "$SPEC/pipe.yaml"
    refused 78 pipe.yaml
}

# --- the registry -------------------------------------------------------------------------------------------------------------

@test "a corrupt shard is told; its runtime is adopted again, and its bytes are kept" {
    local b
    b=$(shard "$(box b)")
    echo 'half a sha' >"$b"
    plan
    is_status 0
    err_has "${b##*/}"
    out_has "adopt    docker/$(box b)"
    apply
    is_status 0
    same "$BEFORE" "$(ids)"
    jq -e --arg n "$(box b)" '.containerName == $n' "$b"
    grep -rqF 'half a sha' "$STATE" || fail 'the old bytes are gone'
    is_quiet
}
@test "a shard that is a FIFO is told, left alone, and nothing hangs" {
    local c
    c=$(shard "$(box c)")
    rm "$c"
    mkfifo "$c"
    status=0
    timeout 20 env -i PATH="$PATH" HOME="$HOME" RECONCLAW_STATE_DIR="$STATE" DOCKER_HOST="$ENDPOINT" "$RECONCLAW" apply --yes "$SPEC" \
        >"$T/out" 2>"$T/err" </dev/null || status=$?
    is_status 1
    err_has "${c##*/}"
    [ -p "$c" ]
    same "$BEFORE" "$(ids)"
}
@test "an alien file, a shard under a wrong name and a subdirectory are told and left alone" {
    local dir=$OC/sandbox/containers
    cp "$(shard "$(box a)")" "$dir/copy-of-a.json"
    echo '{"containerName": 7}' >"$dir/$(printf 'f%.0s' {1..64}).json"
    mkdir "$dir/sub.json"
    echo text >"$dir/README"
    SHARDS=$(registry)
    plan
    is_status 0
    err_has copy-of-a.json
    apply
    untouched
    [ "$(<"$dir/README")" = text ]
}
@test "a shard whose names are paths and escape sequences harms nothing and is shown escaped" {
    local name f
    for name in $'../../../x\e[31m\n' '../containers/json' $'evil\u202e' "$(printf 'n%.0s' {1..5000})"; do
        f=$OC/sandbox/containers/$(printf %s "$name" | sha256sum | cut -c1-64).json
        jq -n --arg n "$name" '{containerName: $n, backendId: "docker", sessionKey: ("agent:gone:" + $n), createdAtMs: 1, lastUsedAtMs: 1,
            image: $n, configHash: $n}' >"$f"
    done
    rc list "$SPEC"
    is_printable
    plan
    is_printable
    rc plan -o json "$SPEC"
    jq -e . "$T/out" >/dev/null
    apply --allow-removals --allow-in-use
    is_printable
    same "$BEFORE" "$(ids)"
    [ "$(find "$T" -name 'x*' -newer "$SPEC" -path '*sandbox*' | wc -l)" = 0 ]
    for f in a b c; do [ -e "$(shard "$(box $f)")" ] || fail "the record of $f is gone"; done
}
@test "a container of OpenClaw's with an escape sequence for a session key is shown escaped" {
    d run -d --name openclaw-sbx-agent-a-evil --label openclaw.sandbox=1 --label openclaw.sessionKey=$'agent:a:\e[31m\nx' "$IMAGE" \
        sleep 100 >/dev/null
    plan
    is_printable
    rc list "$SPEC"
    is_printable
    rc list -o json "$SPEC"
    is_json '.version == 1'
    exists openclaw-sbx-agent-a-evil
}
@test "a registry that is reached by links is the same registry" {
    mv "$OC/sandbox/containers" "$T/elsewhere"
    ln -s "$T/elsewhere" "$OC/sandbox/containers"
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    apply
    is_status 0
    [ "$(ids | wc -l)" = 2 ]
    [ "$(find "$T/elsewhere" -name '*.json' | wc -l)" = 2 ]
    [ -L "$OC/sandbox/containers" ]
    is_quiet
    # Another directory is another install, whatever led to it before: its runtimes are not taken over, nor touched.
    BEFORE=$(ids)
    mv "$OC" "$HOME/oc.real"
    ln -s oc.real "$OC"
    apply --allow-removals --allow-in-use
    is_status 3
    out_has 'waits (foreign)'
    same "$BEFORE" "$(ids)"
    [ "$(find "$T/elsewhere" -name '*.json' | wc -l)" = 2 ]
}
@test "a registry directory that is a file is unknown: nothing is touched" {
    mv "$OC/sandbox" "$T/kept"
    : >"$OC/sandbox"
    apply --allow-removals
    [ "$status" -ne 0 ] || fail 'it succeeded'
    [ -n "$stderr" ]
    rm "$OC/sandbox"
    mv "$T/kept" "$OC/sandbox"
    untouched
    is_quiet
}

# --- permissions, and a full disk -----------------------------------------------------------------------------------------------

# As a user who is not root, with access to the engine.
as_other() {
    status=0
    setpriv --reuid 65534 --regid "$(id -g)" --clear-groups env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 RECONCLAW_STATE_DIR="$T/state2" \
        DOCKER_HOST="$ENDPOINT" "$ENGINE_HOME/reconclaw" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
    output=$(<"$T/out") stderr=$(<"$T/err")
}
another_user() {
    chmod 755 "$BATS_RUN_TMPDIR" "${BATS_RUN_TMPDIR}"/test "$T" "$HOME" 2>/dev/null || true
    mkdir -m 700 "$T/state2"
    chown 65534 "$T/state2"
}
@test "a config that may not be read: an error, and nothing is changed" {
    another_user
    chmod 000 "$CONFIG"
    as_other plan "$SPEC"
    is_status 78
    err_has "$CONFIG"
    err_has 'Permission denied'
    as_other apply --yes --allow-removals "$SPEC"
    is_status 78
    untouched
}
@test "a spec that may not be read: an error, and nothing is changed" {
    another_user
    chmod 000 "$SPEC"
    as_other apply --yes --allow-removals "$SPEC"
    is_status 78
    err_has 'Permission denied'
    untouched
}
@test "a registry that may not be read is unknown: nothing is touched" {
    another_user
    chmod -R go-rwx "$OC/sandbox"
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    chmod 644 "$CONFIG"
    as_other plan "$SPEC"
    is_status 3
    err_has 'Permission denied'
    as_other apply --yes --allow-removals --allow-in-use "$SPEC"
    is_status 3
    untouched
}
@test "a registry that may not be written: the act fails and says so, and no record is lost" {
    another_user
    chmod -R go+rX "$OC/sandbox"
    oc_set 'del(.agents.list[] | select(.id == "b"))'
    chmod 644 "$CONFIG"
    as_other apply --yes --allow-removals --allow-in-use "$SPEC"
    [ "$status" -ne 0 ] || fail 'it succeeded'
    same "$SHARDS" "$(registry)"
    apply
    is_status 0
    [ "$(ids | wc -l)" = 2 ]
    is_quiet
}
@test "a state directory that may not be written: an error, and nothing is changed" {
    another_user
    chown 0 "$T/state2"
    chmod 555 "$T/state2"
    chmod -R go+rX "$OC"
    as_other apply --yes "$SPEC"
    [ "$status" -ne 0 ] || fail 'it succeeded'
    err_has "$T/state2"
    untouched
}

# A file system of 256 kB, full to the brim.
small_disk() {
    mkdir -p "$T/small"
    mount -t tmpfs -o size=256k,mode=700 none "$T/small"
    cp -a "$1/." "$T/small/"
}
fill() { cat /dev/zero >"$T/small/filler" 2>/dev/null || true; }
@test "the disk of the registry is full: the act fails, every record stays whole, and afterwards all converges" {
    small_disk "$OC/sandbox"
    rm -r "$OC/sandbox"
    ln -s "$T/small" "$OC/sandbox"
    fill
    oc_set '.agents.defaults.sandbox.docker = {memory: "64m"} | .agents.list += [{id: "n"}]'
    apply
    is_status 1
    grep -qi 'no space' "$T/out" "$T/err" || fail 'it does not say why'
    local f
    for f in "$T"/small/containers/*.json; do jq -e .containerName "$f" >/dev/null || fail "$f is torn"; done
    [ "$(find "$T/small/containers" -name '*.json' | wc -l)" = 3 ]
    [ -z "$(find "$T/small" -name '*.tmp')" ] || fail 'temporary files are left'
    rm "$T/small/filler"
    apply
    is_status 0
    [ "$(ids | wc -l)" = 4 ]
    [ "$(find "$T/small/containers/" -name '*.json' | wc -l)" = 4 ]
    is_quiet
}
@test "the disk of our own state is full: nothing is begun that could not be written down" {
    small_disk "$STATE"
    STATE=$T/small
    fill
    oc_set '.agents.defaults.sandbox.docker = {memory: "64m"}'
    apply
    is_status 1
    grep -qi 'no space' "$T/out" "$T/err" || fail 'it does not say why'
    untouched
    rm "$T/small/filler"
    apply
    is_status 0
    is_quiet
}
@test "output that cannot be written is no success" {
    status=0
    rc_raw list "$SPEC" >/dev/full 2>"$T/err" </dev/null || status=$?
    is_status 1
    err_has 'the output could not be written'
    status=0
    rc_raw plan "$SPEC" >/dev/full 2>"$T/err" </dev/null || status=$?
    is_status 1
    err_has 'the output could not be written'
}
