# The JSON Schema of the specs, as others read it: the YAML language server that editors run, and ajv. Without npm these fail;
# they never skip.

setup_file() {
    export PEERS=${RECONCLAW_PEERS:-$PWD/build/peers}
    export TOOLS=$PWD/build/asan/tests/tools
    export SEED=${RECONCLAW_SEED:-1}
    make -s MODE=asan build/asan/tests/tools/schema_dump build/asan/tests/tools/spec_mutate
    # The samples with the schema beside them, as their first lines name it.
    export DIR=$BATS_FILE_TMPDIR/samples
    cp -r samples "$DIR"
    "$TOOLS/schema_dump" >"$DIR/reconclaw.schema.json"
}

# peer NAME VERSION: installs one package of npm's registry, without running its scripts, and prints where its modules are.
peer() {
    local dir=$PEERS/$1-$2
    mkdir -p "$PEERS"
    (
        flock 9
        [ -e "$dir/ready" ] && exit 0
        rm -rf "$dir"
        mkdir -p "$dir"
        echo '{"private": true}' >"$dir/package.json"
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" "$1@$2" >&2 && : >"$dir/ready"
    ) 9>"$dir.lock"
    [ -e "$dir/ready" ] && echo "$dir/node_modules"
}

# server WHAT ARGS...: asks the YAML language server.
server() {
    local modules
    modules=$(peer yaml-language-server 1.25.0)
    node tests/interop/yaml_server.js "$modules/yaml-language-server/bin/yaml-language-server" "$@"
}

# expect COUNT CHANGE FILE: a sample, changed by sed, has that many diagnostics.
expect() {
    local file=$DIR/changed-$BATS_TEST_NUMBER-$RANDOM.yaml
    sed "$2" "$DIR/$3" >"$file"
    if cmp -s "$file" "$DIR/$3"; then echo "$2: changes nothing"; return 1; fi
    run server check "$file"
    echo "$2: $output"
    [ "$status" -eq 0 ]
    [ "${lines[0]}" = "$file: $1" ]
}

@test "the YAML language server finds nothing wrong with any sample" {
    run server check "$DIR"/*.yaml "$DIR"/demo/*.yaml
    echo "$output"
    [ "$status" -eq 0 ]
    [ "${#lines[@]}" -eq "$(find samples -name policies -prune -o -name '*.yaml' -print | wc -l)" ]
    [ "$(printf '%s\n' "$output" | grep -c ': 0$')" -eq "${#lines[@]}" ]
}

@test "the YAML language server shows what is wrong with a broken one" {
    expect 1 's/ensure: all/ensure: al/' openclaw.yaml
    expect 1 's/hotWindow: 5m/hotWindow: 5x/' openclaw.yaml
    expect 1 's/percent: 30/percent: 130/' policy.yaml
    expect 1 's/^kind: Policy/kind: Polic/' policy.yaml
    expect 1 's/network:/netwrok:/' sandbox-docker.yaml
    expect 1 's/pids: 512/pids: "512"/' sandbox-docker.yaml
    expect 1 's/^  image: .*//' sandbox-docker.yaml
    expect 1 's/network: bridge/network: host/' sandbox-docker.yaml
    expect 1 's/fromFile: .*}/fromFile: a, fromEnv: b}/' sandbox-docker.yaml
    expect 1 's/network: none/image: alpine/' sandbox-bubblewrap.yaml
    expect 1 's/name: scratch/name: My_Scratch/' sandbox-bubblewrap.yaml
    expect 6 's/path: /paht: /' sandbox-bubblewrap.yaml
}

@test "every document of the samples names its schema" {
    local f
    for f in samples/*.yaml samples/demo/*.yaml; do
        [ "$(grep -c '^# yaml-language-server: .schema=' "$f")" -eq "$(grep -c '^apiVersion:' "$f")" ]
    done
}

@test "the YAML language server tells what a key is for" {
    run server hover "$DIR/policy.yaml" hotWindow
    echo "$output"
    [[ $output == *"How long after its last use a running runtime is left alone."* ]]
    run server hover "$DIR/sandbox-docker.yaml" fromFile
    echo "$output"
    [[ $output == *"File that holds the value; one newline at its end is dropped."* ]]
}

@test "ajv refuses by the schema what reconclaw refuses, and nothing else" {
    local modules
    modules=$(peer ajv 8.20.0)
    echo "seed $SEED"
    "$TOOLS/spec_mutate" "$SEED" 60000 samples/*.yaml samples/demo/*.yaml tests/fuzz/corpus/spec/all.json >"$BATS_TEST_TMPDIR/lines"
    node tests/interop/schema_agree.js "$modules" "$DIR/reconclaw.schema.json" <"$BATS_TEST_TMPDIR/lines"
}
