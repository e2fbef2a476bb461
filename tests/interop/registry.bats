# OpenClaw's sandbox registry with the real OpenClaw 2026.5.3 as the other party. Without npm this fails; it never skips.
# REGISTRY_SECONDS: how long both write the same shards at once.

load registry

setup_file() {
    . tests/lib/openclaw.sh
    export TOOL=$PWD/build/asan/tests/tools/registry_tool
    export SEED=${RECONCLAW_SEED:-1}
    PEER=$(openclaw_install)
    export PEER
    make -s MODE=asan build/asan/tests/tools/registry_tool
    for name in updateRegistry removeRegistryEntry updateBrowserRegistry removeBrowserRegistryEntry \
        migrateLegacySandboxRegistryFiles acquireSessionWriteLock; do
        export "FN_$name=$(openclaw_dist "$PEER" "$name")"
    done
}

setup() {
    . tests/lib/openclaw.sh
    export HOME_DIR=$BATS_TEST_TMPDIR/home
    export STATE=$HOME_DIR/.openclaw
    mkdir -p "$STATE"
    pids=()
}

teardown() {
    for pid in "${pids[@]}"; do
        kill -9 "$pid" 2>/dev/null || true
    done
}

# Waits for the word that a holder prints once it has the lock; 20 s at most.
wait_for_held() {
    local tries=200
    while [ $((tries--)) -gt 0 ]; do
        grep -q held "$1" && return 0
        read -rt 0.1 <> <(:) || true
    done
    return 1
}

@test "registry: random updates, removals and migrations leave the same bytes as OpenClaw's" {
    echo "seed $SEED"
    mkdir -p "$STATE-ours"
    theirs rounds "$TOOL" "$SEED" 150
}

@test "registry: both write the same shards at once and nothing is lost" {
    seconds=${REGISTRY_SECONDS:-60}
    names=(s1 s2 s3)
    for name in "${names[@]}"; do
        printf '{"op":"u","entry":{"containerName":"%s","backendId":"docker","sessionKey":"seed","createdAtMs":1,"lastUsedAtMs":1,"image":"seed"}}\n' "$name"
    done | "$TOOL" ops "$STATE"
    "$TOOL" hammer "$STATE" "$seconds" "${names[@]}" >"$BATS_TEST_TMPDIR/ours" &
    ours=$!
    "$TOOL" hammer "$STATE" "$seconds" o1 o2 >"$BATS_TEST_TMPDIR/only-ours" &
    only_ours=$!
    theirs hammer "$seconds" t1 t2 >"$BATS_TEST_TMPDIR/only-theirs" &
    only_theirs=$!
    theirs hammer "$seconds" "${names[@]}" >"$BATS_TEST_TMPDIR/theirs"
    wait "$ours"
    wait "$only_ours"
    wait "$only_theirs"
    "$TOOL" list "$STATE" >"$BATS_TEST_TMPDIR/list"
    cat "$BATS_TEST_TMPDIR"/{ours,theirs,only-ours,only-theirs,list}
    # No temp file, no lock, no torn or alien file is left.
    [ "$(jq '.issues | length' "$BATS_TEST_TMPDIR/list")" = 0 ]
    [ "$(find "$STATE/sandbox/containers" -type f | wc -l)" = 7 ]
    # Each party's last word stands, though the other wrote the shard after it; what was there first stayed.
    jq -e -n --slurpfile ours "$BATS_TEST_TMPDIR/ours" --slurpfile theirs "$BATS_TEST_TMPDIR/theirs" --slurpfile list "$BATS_TEST_TMPDIR/list" '
        [$list[0].containers[] | select(.containerName | startswith("s"))] as $shared |
        ($shared | length == 3) and
        ([$shared[] | .configHash == $ours[0][.containerName] and .runtimeLabel == $theirs[0][.containerName]
                      and .createdAtMs == 1 and .image == "seed" and .backendId == "docker"] | all)'
    jq -e -n --slurpfile ours "$BATS_TEST_TMPDIR/only-ours" --slurpfile list "$BATS_TEST_TMPDIR/list" \
        '[$list[0].containers[] | select(.containerName | startswith("o")) | .configHash == $ours[0][.containerName]] | length == 2 and all'
    jq -e -n --slurpfile theirs "$BATS_TEST_TMPDIR/only-theirs" --slurpfile list "$BATS_TEST_TMPDIR/list" \
        '[$list[0].containers[] | select(.containerName | startswith("t")) | .runtimeLabel == $theirs[0][.containerName]] | length == 2 and all'
    # Both came to write, again and again.
    [ "$(jq '[.[] | sub("ours-"; "") | tonumber] | max' "$BATS_TEST_TMPDIR/ours")" -gt "$seconds" ]
    [ "$(jq '[.[] | sub("theirs-"; "") | tonumber] | max' "$BATS_TEST_TMPDIR/theirs")" -gt "$seconds" ]
}

@test "registry: one lock for both: a number that both add to under it is exact" {
    printf 0 >"$STATE/number.json"
    "$TOOL" count "$STATE" number.json 300 &
    first=$!
    "$TOOL" count "$STATE" number.json 300 &
    second=$!
    theirs count "$STATE" number.json 150 &
    third=$!
    theirs count "$STATE" number.json 150
    wait "$first"
    wait "$second"
    wait "$third"
    [ "$(cat "$STATE/number.json")" = 900 ]
    [ ! -e "$STATE/number.json.lock" ]
}

@test "registry: what we record is what openclaw sandbox list shows" {
    cat >"$BATS_TEST_TMPDIR/ops" <<'OPS'
{"op":"u","entry":{"containerName":"openclaw-sbx-b","backendId":"docker","runtimeLabel":"openclaw-sbx-b","sessionKey":"agent:b","createdAtMs":1700000000000,"lastUsedAtMs":1700000001000,"image":"openclaw-sandbox:bookworm-slim","configLabelKind":"Image","configHash":"abab"}}
{"op":"u","entry":{"containerName":"openclaw-sbx-A","backendId":"docker","runtimeLabel":"openclaw-sbx-A","sessionKey":"agent:a","createdAtMs":1700000000000,"lastUsedAtMs":1700000001000,"image":"x:1","configLabelKind":"Image"}}
{"op":"bu","entry":{"containerName":"openclaw-sbx-browser-a","sessionKey":"agent:a","createdAtMs":1,"lastUsedAtMs":2,"image":"b:1","configHash":"cdcd","cdpPort":49153,"noVncPort":49154}}
OPS
    "$TOOL" ops "$STATE" <"$BATS_TEST_TMPDIR/ops"
    two_containers_and_a_browser_are_shown
}

@test "registry: a killed OpenClaw's lock is taken over by us, and ours by OpenClaw" {
    printf 0 >"$STATE/number.json"
    HOME=$HOME_DIR OPENCLAW_HOME=$HOME_DIR OPENCLAW_STATE_DIR=$STATE "$PEER/node" tests/interop/registry.mjs \
        hold "$STATE" number.json >"$BATS_TEST_TMPDIR/held-1" &
    pids+=($!)
    wait_for_held "$BATS_TEST_TMPDIR/held-1"
    # While it lives, we wait.
    run timeout 1 "$TOOL" count "$STATE" number.json 1
    [ "$status" = 124 ]
    kill -9 "${pids[0]}"
    wait "${pids[0]}" || true
    [ -e "$STATE/number.json.lock" ]
    timeout 5 "$TOOL" count "$STATE" number.json 1
    [ "$(cat "$STATE/number.json")" = 1 ]

    "$TOOL" hold "$STATE" number.json >"$BATS_TEST_TMPDIR/held-2" &
    pids+=($!)
    wait_for_held "$BATS_TEST_TMPDIR/held-2"
    run timeout 3 "$PEER/node" tests/interop/registry.mjs count "$STATE" number.json 1
    [ "$status" = 124 ]
    kill -9 "${pids[1]}"
    wait "${pids[1]}" || true
    [ -e "$STATE/number.json.lock" ]
    timeout 60 "$PEER/node" tests/interop/registry.mjs count "$STATE" number.json 1
    [ "$(cat "$STATE/number.json")" = 2 ]
}
