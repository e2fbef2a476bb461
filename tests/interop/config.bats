# OpenClaw's config, judged and resolved by the real OpenClaw 2026.5.3 and by us. Without npm this fails; it never skips.

setup_file() {
    . tests/lib/openclaw.sh
    export DUMP=$PWD/build/asan/tests/tools/config_dump
    export SEED=${RECONCLAW_SEED:-$RANDOM$RANDOM}
    PEER=$(openclaw_install)
    export PEER
    make -s MODE=asan build/asan/tests/tools/config_dump
}

@test "config: the real OpenClaw takes the same configs and resolves the same sandboxes" {
    . tests/lib/openclaw.sh
    echo "seed $SEED"
    read -r validate_file validate_name < <(openclaw_dist "$PEER" validateConfigObjectRaw)
    read -r resolve_file resolve_name < <(openclaw_dist "$PEER" resolveSandboxConfigForAgent)
    home=$BATS_TEST_TMPDIR/home
    mkdir -p "$home/.openclaw"
    HOME=$home OPENCLAW_HOME=$home OPENCLAW_STATE_DIR=$home/.openclaw LANG=C.UTF-8 \
        "$PEER/node" tests/interop/config.mjs "$validate_file" "$validate_name" "$resolve_file" "$resolve_name" "$DUMP" "$SEED" 4000
}
