# Shared by config*.bats, one file for each line of OpenClaw: its config, judged and resolved by the real OpenClaw and by us.
# shellcheck shell=bash

declare -gA RELEASE=([2026.5]=2026.5.3 [2026.9]=2026.9.6)

setup_file() {
    . tests/lib/openclaw.sh
    PEER=$(openclaw_install "${RELEASE[$LINE]}")
    export PEER
    make -s MODE=asan build/asan/tests/tools/config_dump build/asan/tests/tools/load_dump
}

# functions NAME...: of OpenClaw's dist, as the .mjs files of this room take them.
functions() {
    local name
    for name in "$@"; do export "FN_$name=$(openclaw_dist "$PEER" "$name")"; done
}

# it_resolves COUNT FUNCTION...
it_resolves() {
    local seed=${RECONCLAW_SEED:-$RANDOM$RANDOM} home=$BATS_TEST_TMPDIR/home count=$1
    shift
    . tests/lib/openclaw.sh
    echo "seed $seed"
    functions resolveSandboxConfigForAgent "$@"
    mkdir -p "$home/.openclaw"
    HOME=$home OPENCLAW_HOME=$home OPENCLAW_STATE_DIR=$home/.openclaw LANG=C.UTF-8 \
        "$PEER/node" tests/interop/config.mjs "$LINE" build/asan/tests/tools/config_dump "$seed" "$count"
}
