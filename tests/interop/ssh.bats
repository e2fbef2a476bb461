#!/usr/bin/env bats
# The real OpenClaw 2026.5.3 and reconclaw on one state directory and one real ssh server: each takes what the other seeded for its
# own. Without npm this fails; it never skips. The server needs python3, for OpenClaw's file tools.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

load ../e2e/rc
. "$ROOT/tests/lib/openclaw.sh"

setup_file() {
    local dir name
    dir=$(openclaw_install 2026.5.3)
    ln -sfn "$dir" "$BATS_FILE_TMPDIR/peer"
    for name in createConfigIO resolveAgentWorkspaceDir resolveSandboxContext registerSandboxCli; do
        echo "FN_$name=$(openclaw_dist "$dir" "$name")"
    done >"$BATS_FILE_TMPDIR/functions"
}
setup() {
    STARTED=()
    place_up
    "$ROOT/tests/lib/sshd.sh" start "$T/h" >/dev/null
    TARGET=$(cat "$T/h/user")@127.0.0.1:$(cat "$T/h/port")
    REMOTE=$T/h/home/oc
    OC=$HOME/.openclaw
    mkdir -p "$OC" "$T/ws"
    cat >"$OC/openclaw.json" <<JSON
{"agents": {"defaults": {"skipBootstrap": true, "sandbox": {"mode": "all", "backend": "ssh", "workspaceAccess": "rw",
  "ssh": {"target": "$TARGET", "workspaceRoot": "$REMOTE", "identityFile": "$T/h/id", "knownHostsFile": "$T/h/known_hosts"}}},
  "list": [{"id": "a", "workspace": "$T/ws"}]}}
JSON
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' \
        "spec: {config: $OC/openclaw.json, stateDir: $OC, ensure: all, policy: {hotWindow: 0}}" >"$SPECS/oc.yaml"
    echo local >"$T/ws/AGENTS.md"
}
teardown() {
    "$ROOT/tests/lib/sshd.sh" stop "$T/h"
    place_down
}

theirs() {
    local functions
    mapfile -t functions <"$BATS_FILE_TMPDIR/functions"
    status=0
    openclaw_host env -i PATH="$PATH" HOME="$HOME" OPENCLAW_HOME="$HOME" OPENCLAW_STATE_DIR="$OC" LANG=C.UTF-8 TZ=UTC NO_COLOR=1 \
        "${functions[@]}" "$BATS_FILE_TMPDIR/peer/node" "$ROOT/tests/interop/ssh.mjs" "$@" >"$T/out" 2>"$T/err" </dev/null || status=$?
    is_status 0
}
tree() { find "$REMOTE" -mindepth 1 -maxdepth 1; }
quiet() {
    plan --detailed-exitcode
    is_status 0
    out_has 'nothing to do'
}
listed() {
    theirs cli sandbox list --json
    is_json --arg t "$TARGET" '.containers | length == 1 and (.[0] | .running and .imageMatch and .image == $t and .backendId == "ssh")'
}

@test "what reconclaw seeded on another host, OpenClaw lists and uses, and does not seed again" {
    local id
    apply
    is_status 0
    out_has '1 created'
    listed
    id=$(stat -c %i "$(tree)")
    # Were it seeded again, this would be there.
    echo later >"$T/ws/LATER.md"
    theirs sh agent:a:main 'cd "$(dirname "$0")" 2>/dev/null; cat '"$(tree)"'/workspace/AGENTS.md; echo theirs >'"$(tree)"'/workspace/NEW.md'
    is_json --arg n "$(basename "$(tree)")" '.name == $n and .stdout == "local\n" and .code == 0'
    theirs read agent:a:main NEW.md
    same "$(cat "$T/out")" theirs
    same "$(stat -c %i "$(tree)")" "$id"
    [ ! -e "$(tree)/workspace/LATER.md" ] || fail 'seeded again'
    quiet
    listed
    same "$(cat "$(tree)/workspace/NEW.md")" theirs
}

@test "what OpenClaw seeded on another host, reconclaw adopts as it is" {
    local before
    theirs sh agent:a:main 'echo up'
    is_json '.stdout == "up\n"'
    before=$(cd "$REMOTE" && find . -type f ! -path '*/.reconclaw/*' -exec sha256sum {} + | sort)
    [ -n "$before" ]
    apply
    is_status 0
    out_lacks created
    same "$(cd "$REMOTE" && find . -type f ! -path '*/.reconclaw/*' -exec sha256sum {} + | sort)" "$before"
    quiet
    listed
    rc list -o json "$SPECS"
    is_json '.containers | length == 1 and .[0].status == "running" and .[0].recorded and .[0].drift == []'
}

@test "what openclaw sandbox recreate took away, reconclaw makes again" {
    apply
    theirs cli sandbox recreate --all --force
    same "$(tree)" ''
    apply
    is_status 0
    out_has '1 created'
    listed
}
