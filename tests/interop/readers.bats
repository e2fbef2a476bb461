# Our readers against the real ones: the JSON5 and dotenv packages that OpenClaw 2026.5.3 reads its files with, and JSON.parse.
# Without npm these fail; they never skip.

setup_file() {
    export PEERS=${RECONCLAW_PEERS:-$PWD/build/peers}
    export DUMP=$PWD/build/asan/tests/tools/read_dump
    export SEED=${RECONCLAW_SEED:-1}
    make -s MODE=asan build/asan/tests/tools/read_dump
}

# peer NAME VERSION: installs one package of npm's registry, without running its scripts.
peer() {
    local dir=$PEERS/$1
    export NODE_PATH=$dir/node_modules
    if ! [ "$(version_in "$dir" "$1")" = "$2" ]; then
        mkdir -p "$dir"
        npm install --silent --no-audit --no-fund --ignore-scripts --prefix "$dir" "$1@$2"
    fi
    [ "$(version_in "$dir" "$1")" = "$2" ]
}
# By its path: Debian's npm brings a json5 of its own, of the same version with a newer Unicode, which node would find as well.
version_in() { node -p "require('$1/node_modules/$2/package.json').version" 2>/dev/null || true; }

@test "JSON5: npm's json5 2.2.3 accepts the same texts, gives the same values, and refuses at the same character" {
    peer json5 2.2.3
    echo "seed $SEED"
    node tests/interop/readers.js json5 "$DUMP" "$SEED" 60000
}

@test "JSON: JSON.parse accepts the same texts and gives the same values" {
    echo "seed $SEED"
    node tests/interop/readers.js json "$DUMP" "$SEED" 60000
}

@test ".env: npm's dotenv 17.4.2 reads the same variables" {
    peer dotenv 17.4.2
    echo "seed $SEED"
    node tests/interop/readers.js dotenv "$DUMP" "$SEED" 60000
}
