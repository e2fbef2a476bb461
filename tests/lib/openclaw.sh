#!/bin/bash
# The real OpenClaw as a peer of the tests: fetched once from npm, shared by every test and every caller.
#
#   . tests/lib/openclaw.sh
#   dir=$(openclaw_install)          # installs where needed, prints the directory; callers at the same time wait for one
#   openclaw_run "$dir" HOME_DIR sandbox list --json    # its command line, on a home of its own
#   openclaw_dist "$dir" updateRegistry                 # prints "<file of dist> <export name>" of a function, found by its name
#
# RECONCLAW_PEERS (default build/peers) is where it lives. A directory is complete only once its file `ready` is there: a
# broken download is thrown away and begun anew. Run as a program it does the first of these.

OPENCLAW_VERSION=${OPENCLAW_VERSION:-2026.5.3}
OPENCLAW_NODE_MAJOR=24

openclaw__arch() {
    case "$(uname -m)" in
    x86_64) echo x64 ;;
    aarch64) echo arm64 ;;
    *) echo "openclaw_install: no node package for $(uname -m)" >&2; return 1 ;;
    esac
}

# The node package of npm is a script that fetches its platform package; that one is asked for directly, so that no install
# script needs to run.
openclaw__fetch() {
    local dir=$1 arch node_version
    arch=$(openclaw__arch) || return 1
    node_version=$(npm view "node-linux-$arch@$OPENCLAW_NODE_MAJOR" version --json 2>/dev/null |
        jq -r 'if type == "array" then .[-1] else . end')
    [ -n "$node_version" ] || { echo "openclaw_install: npm shows no node-linux-$arch@$OPENCLAW_NODE_MAJOR" >&2; return 1; }
    mkdir -p "$dir" || return 1
    jq -n --arg oc "$OPENCLAW_VERSION" --arg node "npm:node-linux-$arch@$node_version" \
        '{name: "peer", private: true, dependencies: {openclaw: $oc, "node-runtime": $node}, overrides: {linkedom: "0.18.10"}}' \
        >"$dir/package.json" || return 1
    (cd "$dir" && npm install --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error) >"$dir/install.log" 2>&1 || {
        tail -n 20 "$dir/install.log" >&2
        return 1
    }
    ln -sfn node_modules/node-runtime/bin/node "$dir/node"
    "$dir/node" --version >/dev/null || return 1
    [ -f "$dir/node_modules/openclaw/openclaw.mjs" ] || return 1
}

openclaw_install() {
    local peers dir try
    peers=${RECONCLAW_PEERS:-build/peers}
    mkdir -p "$peers" || return 1
    peers=$(cd "$peers" && pwd) || return 1
    dir=$peers/openclaw-$OPENCLAW_VERSION
    if [ ! -e "$dir/ready" ]; then
        (
            flock 9 || exit 1
            [ ! -e "$dir/ready" ] || exit 0
            for try in 1 2 3; do
                rm -rf "$dir"
                openclaw__fetch "$dir" && { : >"$dir/ready"; exit 0; }
                echo "openclaw_install: try $try failed" >&2
            done
            exit 1
        ) 9>"$peers/openclaw-$OPENCLAW_VERSION.lock" || return 1
    fi
    echo "$dir"
}

# openclaw_run DIR HOME ARGS...: its command line with HOME as the home and HOME/.openclaw as the state directory. Whatever the
# caller has exported (DOCKER_HOST, PATH) stays.
openclaw_run() {
    local dir=$1 home=$2
    shift 2
    env -u OPENCLAW_STATE_DIR -u OPENCLAW_CONFIG_PATH -u OPENCLAW_PROFILE \
        HOME="$home" OPENCLAW_HOME="$home" LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1 \
        "$dir/node" "$dir/node_modules/openclaw/openclaw.mjs" "$@"
}

# openclaw_dist DIR NAME: the bundle that defines the function and the letter it is exported under, tab separated. Exports of
# the bundles are single letters that change from release to release; names of functions do not.
openclaw_dist() {
    local dir=$1 name=$2 file letter
    while IFS= read -r file; do
        letter=$(grep -oP "(?<=[{ ,])$name as \K[A-Za-z_\$][\w\$]*(?=[ ,}])" "$file" | tail -n 1)
        # Bundles with one export give it under its own name.
        [ -n "$letter" ] || letter=$(grep -oP "^export \\{(.*[ ,])?\\K$name(?=[ ,}])" "$file" | tail -n 1)
        [ -z "$letter" ] || { printf '%s\t%s\n' "$file" "$letter"; return 0; }
    done < <(grep -lE "(async )?function $name\(" "$dir"/node_modules/openclaw/dist/*.js)
    echo "openclaw_dist: no exported function $name" >&2
    return 1
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -eu
    openclaw_install
fi
