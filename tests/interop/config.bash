# Shared by config*.bats and load*.bats, one file for each line of OpenClaw: its config, loaded, judged and resolved by the real
# OpenClaw and by us.
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
    local seed=${RECONCLAW_SEED:-1} home=$BATS_TEST_TMPDIR/home count=$1
    shift
    . tests/lib/openclaw.sh
    echo "seed $seed"
    functions resolveSandboxConfigForAgent "$@"
    mkdir -p "$home/.openclaw"
    HOME=$home OPENCLAW_HOME=$home OPENCLAW_STATE_DIR=$home/.openclaw LANG=C.UTF-8 \
        "$PEER/node" tests/interop/config.mjs "$LINE" build/asan/tests/tools/config_dump "$seed" "$count"
}

# <file of dist>=NAME of a function
in_dist() { printf '%s=%s' "$(openclaw_dist "$PEER" "$1" | cut -f 1)" "$1"; }

it_loads() {
    local seed=${RECONCLAW_SEED:-1} state
    . tests/lib/openclaw.sh
    state=$(in_dist resolveStateDir)
    echo "seed $seed"
    LINE=$LINE "$PEER/node" tests/interop/load.mjs "$PWD/build/asan/tests/tools/load_dump" "$seed" 3000 \
        "$state" "${state%=*}=resolveConfigPath" "${state%=*}=resolveIncludeRoots" "$(in_dist resolveConfigIncludes)" \
        "$(in_dist applyConfigEnvVars)" "$(in_dist resolveConfigEnvVars)" "$(in_dist isDangerousHostEnvVarName)"
}
