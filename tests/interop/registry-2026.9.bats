# OpenClaw's sandbox registry in SQLite with the real OpenClaw 2026.9.6 as the other party. Without npm this fails; it never skips.
# REGISTRY_SECONDS: how long both write the same rows at once.

load registry

setup_file() {
    . tests/lib/openclaw.sh
    export TOOL=$PWD/build/asan/tests/tools/registry_tool
    export SEED=${RECONCLAW_SEED:-1}
    PEER=$(openclaw_install 2026.9.6)
    export PEER
    make -s MODE=asan build/asan/tests/tools/registry_tool
    for name in updateRegistry removeRegistryEntry updateBrowserRegistry removeBrowserRegistryEntry readRegistry; do
        export "FN_$name=$(openclaw_dist "$PEER" "$name")"
    done
}

setup() {
    . tests/lib/openclaw.sh
    export HOME_DIR=$BATS_TEST_TMPDIR/home
    export STATE=$HOME_DIR/.openclaw
    mkdir -p "$STATE"
    # OpenClaw makes its database.
    theirs hammer 0.001 none >/dev/null
    [ -s "$STATE/state/openclaw.sqlite" ]
    sql 'DELETE FROM sandbox_registry_entries'
}

sql() { sqlite3 -cmd '.timeout 10000' "$STATE/state/openclaw.sqlite" "$@"; }

@test "registry: random updates and removals leave the same rows as OpenClaw's" {
    echo "seed $SEED"
    mkdir -p "$STATE-ours/state"
    sql ".backup '$STATE-ours/state/openclaw.sqlite'"
    theirs rows "$TOOL" "$SEED" 120
}

@test "registry: both write the same rows at once, nothing is lost, and nobody is told of a lock" {
    seconds=${REGISTRY_SECONDS:-60}
    names=(s1 s2 s3)
    for name in "${names[@]}"; do
        printf '{"op":"u","entry":{"containerName":"%s","backendId":"docker","sessionKey":"seed","createdAtMs":1,"lastUsedAtMs":1,"image":"seed","workspaceDir":"/w"}}\n' "$name"
    done | "$TOOL" sqlite ops "$STATE"
    # One process each: two of OpenClaw's own keep one another from their coordinator's lock, whoever else writes.
    "$TOOL" sqlite hammer "$STATE" "$seconds" "${names[@]}" o1 o2 >"$BATS_TEST_TMPDIR/ours" 3>&- &
    ours=$!
    theirs hammer "$seconds" "${names[@]}" t1 t2 >"$BATS_TEST_TMPDIR/theirs"
    wait "$ours"
    "$TOOL" sqlite list "$STATE" >"$BATS_TEST_TMPDIR/list"
    cat "$BATS_TEST_TMPDIR"/{ours,theirs,list}
    [ "$(sql 'PRAGMA integrity_check')" = ok ]
    [ "$(jq '.issues | length' "$BATS_TEST_TMPDIR/list")" = 0 ]
    [ "$(sql 'SELECT count(*) FROM sandbox_registry_entries')" = 7 ]
    # Each party's last word stands, though the other wrote the row after it; what was there first stayed.
    jq -e -n --slurpfile ours "$BATS_TEST_TMPDIR/ours" --slurpfile theirs "$BATS_TEST_TMPDIR/theirs" --slurpfile list "$BATS_TEST_TMPDIR/list" '
        [$list[0].containers[] | select(.containerName | startswith("s"))] as $shared |
        ($shared | length == 3) and
        ([$shared[] | .configHash == $ours[0][.containerName] and .runtimeLabel == $theirs[0][.containerName]
                      and .createdAtMs == 1 and .image == "seed" and .backendId == "docker" and .workspaceDir == "/w"] | all)'
    jq -e -n --slurpfile ours "$BATS_TEST_TMPDIR/ours" --slurpfile list "$BATS_TEST_TMPDIR/list" \
        '[$list[0].containers[] | select(.containerName | startswith("o")) | .configHash == $ours[0][.containerName]] | length == 2 and all'
    jq -e -n --slurpfile theirs "$BATS_TEST_TMPDIR/theirs" --slurpfile list "$BATS_TEST_TMPDIR/list" \
        '[$list[0].containers[] | select(.containerName | startswith("t")) | .runtimeLabel == $theirs[0][.containerName]] | length == 2 and all'
    # Both came to write, again and again.
    [ "$(jq '[.[] | sub("ours-"; "") | tonumber] | max' "$BATS_TEST_TMPDIR/ours")" -gt "$seconds" ]
    [ "$(jq '[.[] | sub("theirs-"; "") | tonumber] | max' "$BATS_TEST_TMPDIR/theirs")" -gt "$seconds" ]
}

@test "registry: what we record is what openclaw sandbox list shows" {
    "$TOOL" sqlite ops "$STATE" <<'OPS'
{"op":"u","entry":{"containerName":"openclaw-sbx-b","backendId":"docker","runtimeLabel":"openclaw-sbx-b","sessionKey":"agent:b","createdAtMs":1700000000000,"lastUsedAtMs":1700000001000,"image":"openclaw-sandbox:bookworm-slim","configLabelKind":"Image","configHash":"abab","workspaceDir":"/w"}}
{"op":"u","entry":{"containerName":"openclaw-sbx-A","backendId":"docker","runtimeLabel":"openclaw-sbx-A","sessionKey":"agent:a","createdAtMs":1700000000000,"lastUsedAtMs":1700000001000,"image":"x:1","configLabelKind":"Image"}}
{"op":"bu","entry":{"containerName":"openclaw-sbx-browser-a","sessionKey":"agent:a","createdAtMs":1,"lastUsedAtMs":2,"image":"b:1","configHash":"cdcd","cdpPort":49153,"noVncPort":49154}}
OPS
    two_containers_and_a_browser_are_shown sqlite
}

@test "registry: a column of another party stops neither; an empty file OpenClaw fills, and we wait for that" {
    entry='{"op":"u","entry":{"containerName":"a","backendId":"docker","sessionKey":"s","createdAtMs":1,"lastUsedAtMs":1,"image":"i","workspaceDir":"/w"}}'
    sql 'ALTER TABLE sandbox_registry_entries ADD COLUMN extra TEXT'
    "$TOOL" sqlite ops "$STATE" <<<"$entry"
    theirs hammer 0.001 t1 >/dev/null
    "$TOOL" sqlite list "$STATE" >"$BATS_TEST_TMPDIR/list"
    [ "$(jq -c '[.containers[].containerName]' "$BATS_TEST_TMPDIR/list")" = '["a","t1"]' ]
    [ "$(sql 'SELECT count(*) FROM sandbox_registry_entries')" = 2 ]
    # Whatever emptied the file took the records along: they are unknown, until OpenClaw has made it anew.
    rm -f "$STATE"/state/openclaw.sqlite-*
    : >"$STATE/state/openclaw.sqlite"
    run "$TOOL" sqlite ops "$STATE" <<<"$entry"
    echo "$output"
    [[ $output == 'failed: '*'is empty: not made yet, or cut off' ]]
    [ ! -s "$STATE/state/openclaw.sqlite" ]
    theirs hammer 0.001 t1 >/dev/null
    "$TOOL" sqlite ops "$STATE" <<<"$entry"
    [ "$(sql 'SELECT count(*) FROM sandbox_registry_entries')" = 2 ]
}
