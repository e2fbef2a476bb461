# Our loading of a config against OpenClaw 2026.5.3's own functions, over random homes: the places of the state directory and the
# config, $include with links and roots, the env block, ${NAME}. Without npm this fails; it never skips.

setup_file() {
    . tests/lib/openclaw.sh
    make -s MODE=asan build/asan/tests/tools/load_dump
    OPENCLAW=$(openclaw_install)
    export OPENCLAW
}

# in_dist NAME: <file>=NAME of a function of OpenClaw's
in_dist() {
    printf '%s=%s' "$(openclaw_dist "$OPENCLAW" "$1" | cut -f 1)" "$1"
}

@test "a config loads to the same value, or not at all, as in OpenClaw" {
    . tests/lib/openclaw.sh
    seed=${RECONCLAW_SEED:-$RANDOM$RANDOM}
    state=$(in_dist resolveStateDir)
    echo "seed $seed"
    "$OPENCLAW/node" tests/interop/load.mjs "$PWD/build/asan/tests/tools/load_dump" "$seed" 3000 \
        "$state" "${state%=*}=resolveConfigPath" "${state%=*}=resolveIncludeRoots" "$(in_dist resolveConfigIncludes)" \
        "$(in_dist applyConfigEnvVars)" "$(in_dist resolveConfigEnvVars)"
}
