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
    [ ! -d "$T/g" ] || "$ROOT/tests/lib/sshd.sh" stop "$T/g"
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

# to_host NAME: the config leads to another server from now on, and its workspace root is as it was.
to_host() {
    TARGET=$(cat "$T/$1/user")@127.0.0.1:$(cat "$T/$1/port")
    jq --arg t "$TARGET" '.agents.defaults.sandbox.ssh.target = $t' "$OC/openclaw.json" >"$T/.oc"
    mv "$T/.oc" "$OC/openclaw.json"
}
second_host() {
    "$ROOT/tests/lib/sshd.sh" start "$T/g" --home-at "$T/h/home" >/dev/null
    cat "$T/h/id.pub" >>"$T/g/keys"
    cat "$T/g/known_hosts" >>"$T/h/known_hosts"
}
there() { find "$T/g/home/oc" -mindepth 1 -maxdepth 1 2>/dev/null; }

@test "what reconclaw moved to another host, OpenClaw lists and uses there, and does not seed again" {
    second_host
    apply
    theirs sh agent:a:main 'echo work >'"$(tree)"'/workspace/WORK'
    to_host g
    apply
    is_status 0
    same "$(tree)" ''
    listed
    echo later >"$T/ws/LATER.md"
    theirs read agent:a:main WORK
    same "$(cat "$T/out")" work
    theirs sh agent:a:main 'echo more >'"$REMOTE/$(basename "$(there)")"'/workspace/MORE'
    same "$(cat "$(there)/workspace/MORE")" more
    [ ! -e "$(there)/workspace/LATER.md" ] || fail 'seeded again'
    quiet
    listed
}

@test "where OpenClaw has moved by itself, its list is a lie no more, and what it left behind is in a snapshot" {
    second_host
    theirs sh agent:a:main 'echo up'
    echo work >"$(tree)/workspace/WORK"
    apply # and knows where it is
    to_host g
    theirs sh agent:a:main 'echo up'
    [ -d "$(tree)" ] && [ -d "$(there)" ]
    theirs cli sandbox list --json
    is_json '.containers | length == 1 and (.[0].imageMatch | not)'
    echo new >"$(there)/workspace/NEW"
    apply
    is_status 0
    same "$(tree)" ''
    same "$(cat "$(there)/workspace/NEW")" new
    listed
    quiet
    rc snapshots restore "$(basename "$(there)")" --to "$T/back"
    is_status 0
    same "$(cat "$T/back/workspace/WORK")" work
}

@test "a seed that OpenClaw has failed at is made good, and OpenClaw works in it" {
    ln -s /etc/passwd "$T/ws/out"
    status=0
    theirs sh agent:a:main 'echo up' || true
    rm "$T/ws/out"
    theirs sh agent:a:main 'ls -A '"$(tree)"'/workspace'
    is_json '.stdout == ""' # for ever
    apply
    is_status 0
    theirs read agent:a:main AGENTS.md
    same "$(cat "$T/out")" local
    listed
    quiet
}

@test "what reconclaw put back from a snapshot, OpenClaw goes on with" {
    apply
    theirs sh agent:a:main 'echo first >'"$(tree)"'/workspace/WORK'
    mkdir -p "$HOME/.config/reconclaw"
    cp "$SPECS/oc.yaml" "$HOME/.config/reconclaw/"
    rc recreate --yes --all
    is_status 0
    theirs sh agent:a:main 'echo second >'"$(tree)"'/workspace/WORK'
    rc snapshots restore --yes --allow-in-use "$(basename "$(tree)")"
    is_status 0
    theirs read agent:a:main WORK
    same "$(cat "$T/out")" first
    listed
    quiet
}
