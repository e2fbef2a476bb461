#!/bin/bash
# The real OpenClaw as a peer of the tests, in any release: fetched once from npm, shared by every test and every caller.
#
#   . tests/lib/openclaw.sh
#   dir=$(openclaw_install [VERSION])   # installs where needed, prints the directory; callers at the same time wait for one
#   openclaw_run "$dir" HOME_DIR sandbox list --json    # its command line, on a home of its own
#   openclaw_host COMMAND...            # a command on a machine that OpenClaw does not take for a container
#   openclaw_dist "$dir" updateRegistry                 # prints "<file of dist> <export name>" of a function, found by its name
#
# RECONCLAW_PEERS (default build/peers) is where it lives: openclaw-<version>, and one node for all of them. A directory is
# complete only once its file `ready` is there: a broken download is thrown away and begun anew. Run as a program it does the
# first of these, for each VERSION that it is given. OPENCLAW_VERSION is the release when none is named.

OPENCLAW_VERSION=${OPENCLAW_VERSION:-2026.5.3}
OPENCLAW_NODE_MAJOR=24

openclaw__arch() {
    case "$(uname -m)" in
    x86_64) echo x64 ;;
    aarch64) echo arm64 ;;
    *) echo "openclaw_install: no node package for $(uname -m)" >&2; return 1 ;;
    esac
}

# openclaw__npm DIR: what its package.json asks for. No install script is needed, so none runs.
openclaw__npm() {
    (cd "$1" && npm install --ignore-scripts --no-audit --no-fund --no-progress --loglevel=error) >"$1/install.log" 2>&1 || {
        tail -n 20 "$1/install.log" >&2
        return 1
    }
}

# The node package of npm is a script that fetches its platform package; that one is asked for directly.
openclaw__fetch_node() {
    local dir=$1 arch version
    arch=$(openclaw__arch) || return 1
    version=$(npm view "node-linux-$arch@$OPENCLAW_NODE_MAJOR" version --json 2>/dev/null |
        jq -r '[.] | flatten | sort_by(split(".") | map(tonumber)) | last')
    [ -n "$version" ] || { echo "openclaw_install: npm shows no node-linux-$arch@$OPENCLAW_NODE_MAJOR" >&2; return 1; }
    jq -n --arg node "npm:node-linux-$arch@$version" '{name: "peer", private: true, dependencies: {"node-runtime": $node}}' \
        >"$dir/package.json" || return 1
    openclaw__npm "$dir" || return 1
    ln -sfn node_modules/node-runtime/bin/node "$dir/node"
    "$dir/node" --version >/dev/null
}

openclaw__fetch() {
    local dir=$1 version=$2
    openclaw__once "$(dirname "$dir")/node-$OPENCLAW_NODE_MAJOR" openclaw__fetch_node || return 1
    jq -n --arg oc "$version" '{name: "peer", private: true, dependencies: {openclaw: $oc}, overrides: {linkedom: "0.18.10"}}' \
        >"$dir/package.json" || return 1
    openclaw__npm "$dir" || return 1
    # What V8 has compiled is kept beside the package: a start with nothing to compile takes a quarter less.
    cat >"$dir/node" <<END
#!/bin/sh
NODE_COMPILE_CACHE=\${0%/*}/compiled exec "\${0%/*}/../node-$OPENCLAW_NODE_MAJOR/node" "\$@"
END
    chmod +x "$dir/node" || return 1
    # Its first command tries to mend its own installation; no test is to wait for that, nor two at once.
    mkdir "$dir/first" && openclaw_run "$dir" "$dir/first" sandbox list >>"$dir/install.log" 2>&1 && rm -rf "$dir/first"
}

# openclaw__once DIR FETCH...: DIR, filled by FETCH DIR... if it is not ready.
openclaw__once() {
    local dir=$1 try fetch=$2
    shift 2
    [ ! -e "$dir/ready" ] || return 0
    (
        flock 9 || exit 1
        [ ! -e "$dir/ready" ] || exit 0
        for try in 1 2 3; do
            rm -rf "$dir"
            mkdir -p "$dir" && "$fetch" "$dir" "$@" && { : >"$dir/ready"; exit 0; }
            echo "openclaw_install: $dir: try $try failed" >&2
        done
        exit 1
    ) 9>"$dir.lock"
}

openclaw_install() {
    local version=${1:-$OPENCLAW_VERSION} peers
    peers=${RECONCLAW_PEERS:-build/peers}
    mkdir -p "$peers" || return 1
    peers=$(cd "$peers" && pwd) || return 1
    openclaw__once "$peers/openclaw-$version" openclaw__fetch "$version" || return 1
    echo "$peers/openclaw-$version"
}

# openclaw_run DIR HOME ARGS...: its command line with HOME as the home and HOME/.openclaw as the state directory. Whatever the
# caller has exported (DOCKER_HOST, PATH) stays.
openclaw_run() {
    local dir=$1 home=$2
    shift 2
    openclaw_host env -u OPENCLAW_STATE_DIR -u OPENCLAW_CONFIG_PATH -u OPENCLAW_PROFILE \
        HOME="$home" OPENCLAW_HOME="$home" LANG=C.UTF-8 LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1 \
        "$dir/node" "$dir/node_modules/openclaw/openclaw.mjs" "$@"
}

# openclaw_host COMMAND...: the command in a root of everything there is but what says "this is a container": with that in sight
# OpenClaw 2026.9 creates no sandbox (its gateway's paths would not be its engine's). Processes, network and files stay the
# machine's own.
openclaw_host() (
    shopt -s dotglob
    args=()
    hidden=(/.dockerenv /run/.containerenv)
    # Files that an engine mounts into a container show its id in the list of mounts; copies of them do not.
    for path in /etc/hosts /etc/hostname /etc/resolv.conf; do
        ! grep -q " $path " /proc/self/mountinfo || { hidden+=("$path"); exec {fd}<"$path"; args+=(--ro-bind-data "$fd" "$path"); }
    done
    for path in /*; do openclaw__bind "$path"; done
    exec bwrap --die-with-parent --unshare-cgroup-try "${args[@]}" --chdir "$PWD" -- "$@"
)

# Adds to args what shows a path as it is, but for what is hidden. A directory with something hidden in it is taken apart.
openclaw__bind() {
    local path=$1 it entry
    for it in "${hidden[@]}"; do
        [ "$path" != "$it" ] || return 0
        if [ -e "$it" ] && [ ! -L "$path" ] && [[ $it = "$path"/* ]]; then
            args+=(--dir "$path")
            for entry in "$path"/*; do openclaw__bind "$entry"; done
            return 0
        fi
    done
    if [ -L "$path" ]; then args+=(--symlink "$(readlink "$path")" "$path"); else args+=(--dev-bind "$path" "$path"); fi
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
    done < <(grep -lE "(async )?function $name\(" "$dir"/node_modules/openclaw/dist/*.{js,mjs} 2>/dev/null)
    echo "openclaw_dist: no exported function $name" >&2
    return 1
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then
    set -eu
    for version in "${@:-$OPENCLAW_VERSION}"; do openclaw_install "$version"; done
fi
