#!/usr/bin/env bats
# samples/demo/run, which `make demo` shows to a newcomer: it comes to its end, tells its stations, and leaves nothing behind, also
# where it is broken off.
# shellcheck disable=SC2030,SC2031,SC2034

load rc
setup() {
    STARTED=()
    place_up
    mkdir -p "$T/repo/samples" "$T/repo/build" "$T/tmp"
    cp -r "$ROOT/samples/demo" "$T/repo/samples/"
    cp "$RELEASE" "$T/repo/build/reconclaw"
}
teardown() { place_down; }

# In a session of its own, as a terminal would have it; leaves $demo.
start_demo() {
    (cd / && exec env -i PATH="$PATH" HOME="$HOME" TMPDIR="$T/tmp" LANG=C.UTF-8 "${AS[@]}" setsid "$T/repo/samples/demo/run") \
        >"$T/out" 2>"$T/err" </dev/null &
    demo=$!
    STARTED+=("$demo")
}
finish_demo() {
    status=0
    wait "$demo" || status=$?
}
await() {
    local i
    for ((i = 0; i < 300; i++)); do
        ! grep -qE -- "$1" "$T/out" || return 0
        kill -0 "$demo" || break
        pause 0.1
    done
    fail "the demo did not come to: $1"
}
# No process has a file of ours mounted or as its program, and the directory is gone.
nothing_is_left() {
    local i left
    for ((i = 0; i < 50; i++)); do
        left=$(grep -lsF "$T/" /proc/[0-9]*/mountinfo; readlink /proc/[0-9]*/exe | grep -F "$T/" || true)
        [ -n "$left$(ls -A "$T/tmp")" ] || return 0
        pause 0.1
    done
    fail "left behind: $left $(ls -A "$T/tmp")"
}

stations() {
    start_demo
    finish_demo
    is_status 0
    err_is_empty
    out_has '2 to create'
    out_has 'round 1: 2 created'
    grep -qE '^  inside: [0-9]+ hello$' "$T/out" || fail 'no exec'
    out_has 'env.GREETING: hello -> good morning'
    out_has 'recreated bubblewrap/scratch'
    out_has 'inside: good morning; the workspace was kept'
    out_has "did you mean 'network'?"
    out_has 'last good'
    out_has 'pruned bubblewrap/notes'
    out_has 'Plan: nothing to do.'
    ! grep -F "$T" "$T/out" || fail 'a path of this machine in the output'
    nothing_is_left
}

@test "the demo shows the main job and cleans up" {
    stations
}

@test "the demo works for an ordinary user" {
    as_nobody
    stations
}

@test "broken off by Ctrl-C the demo leaves nothing" {
    start_demo
    await 'inside: '
    kill -INT -- "-$demo"
    finish_demo
    [ "$status" -ne 0 ] || fail 'success'
    nothing_is_left
}

@test "broken off by SIGTERM the demo leaves nothing" {
    start_demo
    await 'round 1: 2 created'
    kill -TERM "$demo"
    finish_demo
    [ "$status" -ne 0 ] || fail 'success'
    nothing_is_left
}
