# Shared by registry*.bats, one file for each line of OpenClaw: its registry, read and written by the real OpenClaw and by us. In a
# test: $PEER is its installation, $TOOL the program registry_tool, $HOME_DIR a home and $STATE the state directory in it.
# shellcheck shell=bash

theirs() {
    HOME=$HOME_DIR OPENCLAW_HOME=$HOME_DIR OPENCLAW_STATE_DIR=$STATE LANG=C.UTF-8 "$PEER/node" tests/interop/registry.mjs "$@"
}

# two_containers_and_a_browser_are_shown [sqlite]: what is recorded is what `openclaw sandbox list` shows.
two_containers_and_a_browser_are_shown() {
    export DOCKER_HOST=unix://$BATS_TEST_TMPDIR/no-such.sock
    openclaw_run "$PEER" "$HOME_DIR" sandbox list --json >"$BATS_TEST_TMPDIR/containers"
    openclaw_run "$PEER" "$HOME_DIR" sandbox list --browser --json >"$BATS_TEST_TMPDIR/browsers"
    "$TOOL" "$@" list "$STATE" >"$BATS_TEST_TMPDIR/list"
    cat "$BATS_TEST_TMPDIR"/{containers,browsers,list}
    diff <(jq -S '[.containers[] | del(.running, .imageMatch)]' "$BATS_TEST_TMPDIR/containers") \
        <(jq -S '[.containers[] | del(.version)]' "$BATS_TEST_TMPDIR/list")
    diff <(jq -S '[.browsers[] | del(.running, .imageMatch)]' "$BATS_TEST_TMPDIR/browsers") \
        <(jq -S '[.browsers[] | del(.version)]' "$BATS_TEST_TMPDIR/list")
    [ "$(jq '.containers | length' "$BATS_TEST_TMPDIR/containers")" = 2 ]
    [ "$(jq '.browsers | length' "$BATS_TEST_TMPDIR/browsers")" = 1 ]
}
