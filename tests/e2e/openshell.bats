#!/usr/bin/env bats
# Sandboxes of OpenShell, end to end: the real program, and the stand-in for the `openshell` command on PATH.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

load rc
TOOLS=$ROOT/build/asan/tests/tools
setup() {
    STARTED=()
    place_up
    mkdir "$T/bin" "$T/world"
    ln -s "$TOOLS/openshell" "$T/bin/openshell"
    PATH=$T/bin:$PATH
    export OPENSHELL_STANDIN=$T/world ASAN_OPTIONS=detect_leaks=0
    EXTRA_ENV=("OPENSHELL_STANDIN=$T/world")
    gateway lab https://127.0.0.1:17670
    gateway far https://127.0.0.1:17671
    echo lab >"$HOME/.config/openshell/active_gateway"
    release "${RELEASE_OF:-0.0.111}"
    echo mine >"$WORK/AGENTS.md"
    policy 'hotWindow: 0, removalCap: {percent: 100}'
}
teardown() { place_down; }

gateway() {
    mkdir -p "$HOME/.config/openshell/gateways/$1"
    printf '{"name":"%s","gateway_endpoint":"%s"}' "$1" "$2" >"$HOME/.config/openshell/gateways/$1/metadata.json"
}
switch() { openshell standin set "$1" "$2"; }
unswitch() { openshell standin unset "$1"; }
release() { switch version "\"$1\""; }
world() { openshell standin show | jq -r "$@"; }
names() { world '[.sandboxes[].name] | sort | join(" ")'; }
id_of() { world --arg n "$1" '.sandboxes[] | select(.name == $n) | .id'; }
# Below a sandbox's root: files NAME sandbox/f
inside() { echo "$T/world/fs/$(id_of "$1")/$2"; }
called() { grep -c -- "$1" "$T/world/log" || true; }

# box NAME [LINE...]: a sandbox in a file of its own; $SHELL_KEYS are more of its openshell settings.
box() {
    local name=$1
    shift
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' "metadata: {name: $name}" 'spec:' '  backend: openshell' \
        "  openshell: {gateway: ${GATEWAY:-lab}, from: ${FROM:-base}${SHELL_KEYS:+, $SHELL_KEYS}}" "  workspaces: [{path: $WORK}]" >"$T/.new"
    [ $# -eq 0 ] || printf '  %s\n' "$@" >>"$T/.new"
    mv "$T/.new" "$SPECS/$name.yaml"
}
# What reconclaw calls a kind: Sandbox there.
called_there() { printf 'rc-%s' "$(printf 'reconclaw-%s' "$1" | sha256sum | cut -c1-16)"; }
write_policy() {
    cat >"$T/policy.yaml" <<YAML
version: 1
filesystem_policy: {include_workdir: true, read_only: [${2:-/opt}]}
landlock: {compatibility: best_effort}
network_policies:
  web: {endpoints: [{host: $1, port: 443}]}
YAML
}
quiet() {
    plan --detailed-exitcode
    is_status 0
    out_has 'nothing to do'
}
acts() { plan -o json && jq -r '.plan.acts[] | "\(.name) \(.act) \(.guard // "")"' "$T/out" | sed 's/ *$//' | sort; }
snapshots() { find "$STATE/snapshots" -name '*.tar.zst' 2>/dev/null | wc -l; }

within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "never so: $*: $(tail -n 20 "$T/log" 2>/dev/null)" || return 1
        pause 0.1
    done
}
says_status() { rc status && grep -q "$1" "$T/out"; }

# --- kind: Sandbox -----------------------------------------------------------------------------------------------------------

# All that one sandbox goes through; at the end nothing of it is left.
life() {
    local name there id
    name=$(called_there one)
    write_policy example.com
    SHELL_KEYS="policy: $T/policy.yaml" box one 'env: {GREETING: hello}' 'setup: "echo made >made"'
    rc validate "$SPECS"
    is_status 0
    plan --detailed-exitcode
    is_status 2
    out_has '1 to create'
    same "$(names)" ''
    apply
    is_status 0
    out_has '1 created'
    same "$(names)" "$name"
    same "$(cat "$(inside "$name" sandbox/AGENTS.md)")" mine
    same "$(cat "$(inside "$name" sandbox/made)")" made
    id=$(id_of "$name")
    quiet
    apply
    is_status 0
    rc list -o json "$SPECS"
    is_json --arg n "$name" '.sandboxes | length == 1 and .[0].containerName == $n and .[0].status == "running"'
    rc doctor "$SPECS"
    out_has 'answers: version'
    status=0
    printf 'in\n' | rc_raw exec one -- /bin/sh -c 'read x; echo "$x $GREETING $(pwd)"; exit 7' >"$T/out" 2>"$T/err" || status=$?
    is_status 7
    same "$(cat "$T/out")" 'in hello /sandbox'
    # What is written there is nobody's to undo.
    echo theirs >"$(inside "$name" sandbox/AGENTS.md)"
    echo changed >"$WORK/AGENTS.md"
    quiet
    # The dynamic part of its policy, in place.
    write_policy example.org
    same "$(acts)" "$name patch"
    is_json '.plan.acts[0].changes | map(.field) == ["openshell.policy.network_policies.web"]'
    apply
    is_status 0
    same "$(world '.sandboxes[0].policy.network_policies.web.endpoints[0].host')" example.org
    same "$(id_of "$name")" "$id"
    quiet
    # The static part, and what it is made from: made again behind a snapshot, and it begins with that.
    write_policy example.org /srv
    plan
    out_has 'openshell.policy.filesystem_policy'
    out_has 'snapshot first'
    same "$(snapshots)" 0
    apply
    is_status 0
    [ "$(id_of "$name")" != "$id" ] || fail 'it was not made again'
    same "$(snapshots)" 1
    same "$(cat "$(inside "$name" sandbox/AGENTS.md)")" theirs
    quiet
    # It goes, behind another one; only when it is seen to be gone, its record does.
    rm "$SPECS/one.yaml"
    plan
    out_has 'snapshot first'
    switch fail '{"delete": {"times": 100}}'
    apply
    same "$(names)" "$name"
    grep -rqs "$name" "$STATE/records" || fail 'its record went before it did'
    unswitch fail
    switch deletingPolls 3
    apply
    is_status 0
    same "$(names)" ''
    ! grep -rqs "$name" "$STATE/records" || fail 'its record stayed'
    [ -z "$(ls -A "$STATE/openshell" 2>/dev/null)" ] || fail "left: $(ls "$STATE/openshell")"
    rc snapshots restore "$name" --to "$T/back"
    is_status 0
    same "$(cat "$T/back/workspace/AGENTS.md")" theirs
    [ ! -e "$T/back/workspace/.reconclaw" ] || fail 'what is ours is in the snapshot'
}

@test "a sandbox from nothing to nothing: seeded once, patched, made again, pruned, restored (0.0.111)" { life; }

@test "the same on a release without labels, JSON and short names (0.0.36)" {
    release 0.0.36
    life
}

@test "a gateway that is down: its sandboxes are unknown, and those of others go on" {
    box one
    apply
    is_status 0
    switch down '"https://127.0.0.1:17670"'
    GATEWAY=far box two
    plan
    out_has "$(called_there two)"
    apply
    same "$(names)" "$(printf '%s\n' "$(called_there one)" "$(called_there two)" | sort | paste -sd' ')"
    rc list "$SPECS"
    out_has unknown
    rm "$SPECS/one.yaml" # not wanted any more, and not known to be gone
    apply
    unswitch down
    grep -rqs "$(called_there one)" "$STATE/records" || fail 'its record went'
    box one
    quiet
}

@test "a login that has expired is named, with the command that mends it" {
    box one
    apply
    is_status 0
    switch authExpired true
    plan
    cat "$T/out" "$T/err" >"$T/all"
    grep -q 'refuses the credentials' "$T/all" || fail "$(cat "$T/all")"
    grep -q 'openshell gateway login' "$T/all" || fail "$(cat "$T/all")"
    apply
    rc_raw run "$SPECS" >"$T/log" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
    within 5 pgrep -P "$!"
    STARTED+=("$(pgrep -P "$!")")
    within 20 says_status 'openshell gateway login'
    kill -KILL "${STARTED[@]}" 2>/dev/null || true
    unswitch authExpired
    quiet
}

@test "a policy that does not load, takes too long or is superseded leaves the plan as it was" {
    write_policy example.com
    SHELL_KEYS="policy: $T/policy.yaml" box one
    apply
    is_status 0
    write_policy example.org
    for then in failed:1 superseded:3; do
        switch policyWait "\"${then%:*}\""
        apply
        is_status "${then#*:}"
        same "$(acts)" "$(called_there one) patch"
    done
    unswitch policyWait
    apply
    is_status 0
    quiet
}

@test "the command that a spec names is run, by its absolute path; npm's of that name never" {
    mv "$T/bin/openshell" "$T/bin/other"
    SHELL_KEYS="command: $T/bin/other" box one
    apply
    is_status 0
    SHELL_KEYS="command: other" box one
    quiet
    SHELL_KEYS="command: no-such" box one
    plan
    cat "$T/out" "$T/err" >"$T/all"
    grep -q "command: 'no-such'" "$T/all" || fail "$(cat "$T/all")"
    mkdir -p "$T/npm/openshell/bin"
    printf '#!/usr/bin/env node\ntouch("%s")\n' "$T/was-run" >"$T/npm/openshell/bin/openshell"
    echo '{"name": "openshell"}' >"$T/npm/openshell/package.json"
    chmod +x "$T/npm/openshell/bin/openshell"
    ln -s "$T/npm/openshell/bin/openshell" "$T/bin/openshell"
    SHELL_KEYS='' box one
    plan
    cat "$T/out" "$T/err" >"$T/all"
    grep -q "npm's package" "$T/all" || fail "$(cat "$T/all")"
    [ ! -e "$T/was-run" ] || fail 'it was run'
}

@test "secrets are refused where they would stand in a command line, and others stand in none" {
    printf canary-77f0e2 >"$T/token"
    box one "env: {TOKEN: {fromFile: $T/token}}" 'setup: "echo canary-in-setup >/dev/null"'
    rc validate "$SPECS"
    plan
    cat "$T/out" "$T/err" >"$T/all"
    apply
    cat "$T/out" "$T/err" >>"$T/all"
    grep -q 'a provider' "$T/all" || fail "$(cat "$T/all")"
    box one 'setup: "echo canary-in-setup >/dev/null"'
    apply
    is_status 0
    ! grep -q canary "$T/world/log" || fail 'it is in a command line'
    ! grep -rqaF canary-77f0e2 "$STATE" "$T/all" || fail 'it was told'
}

@test "a change of the gateway moves it: made there with what it held, and only then removed here" {
    box one
    apply
    is_status 0
    name=$(called_there one)
    echo theirs >"$(inside "$name" sandbox/AGENTS.md)"
    id=$(id_of "$name")
    GATEWAY=far box one
    plan
    out_has 'snapshot first'
    apply
    is_status 0
    same "$(world '[.sandboxes[].endpoint] | join(" ")')" https://127.0.0.1:17671
    same "$(cat "$(inside "$name" sandbox/AGENTS.md)")" theirs
    quiet
}

# --- OpenClaw's --------------------------------------------------------------------------------------------------------------

# oc ENSURE SETTINGS [AGENT...]: agents whose sandboxes are OpenShell's, and work on the agent's own directory.
oc() {
    local ensure=$1 settings=$2 agents
    shift 2
    agents=$(for a in "$@"; do printf '{"id": "%s", "workspace": "%s/ws-%s"},' "$a" "$T" "$a"; done)
    mkdir -p "$HOME/.openclaw"
    cat >"$HOME/.openclaw/openclaw.json" <<JSON
{"agents": {"defaults": {"sandbox": {"mode": "all", "backend": "openshell", "workspaceAccess": "rw"}}, "list": [${agents%,}]},
 "plugins": {"entries": {"openshell": {"enabled": true, "config": {$settings}}}}}
JSON
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' \
        "spec: {config: $HOME/.openclaw/openclaw.json, stateDir: $HOME/.openclaw, ensure: $ensure, policy: {hotWindow: 0}}" >"$SPECS/oc.yaml"
}
rows() { cat "$HOME"/.openclaw/sandbox/containers/*.json 2>/dev/null | jq -r '"\(.backendId) \(.image) \(.configLabelKind) \(.configHash) \(.backendTarget)"' | sort; }
agents() {
    for a in "$@"; do
        mkdir -p "$T/ws-$a"
        echo "$a" >"$T/ws-$a/AGENTS.md" # OpenClaw has laid it out
    done
}

@test "OpenClaw's, mode remote: recorded as OpenClaw does, drift by its class, pruned behind a snapshot" {
    release 0.0.36
    agents a
    oc all '"mode": "remote", "gateway": "lab", "from": "base"' a
    apply
    is_status 0
    out_has '1 created'
    name=$(names)
    same "$(cat "$(inside "$name" sandbox/AGENTS.md)")" a
    same "$(rows)" 'openshell base Source null null'
    quiet
    id=$(id_of "$name")
    echo theirs >"$(inside "$name" sandbox/AGENTS.md)"
    # From another source: another sandbox, with what it held.
    oc all '"mode": "remote", "gateway": "lab", "from": "other"' a
    plan
    out_has 'openshell.from'
    out_has 'snapshot first'
    apply
    is_status 0
    [ "$(id_of "$name")" != "$id" ] || fail 'it was not made again'
    same "$(cat "$(inside "$name" sandbox/AGENTS.md)")" theirs
    same "$(rows)" 'openshell other Source null null'
    quiet
    # To mode mirror: what was the only copy does not go without a snapshot.
    oc all '"mode": "mirror", "gateway": "lab", "from": "other"' a
    plan
    out_has 'openshell.mode'
    out_has 'snapshot first'
    before=$(snapshots)
    apply
    is_status 0
    same "$(snapshots)" $((before + 1))
    quiet
    # From then on there is nothing to lose there.
    oc all '"mode": "mirror", "gateway": "lab", "from": "base"' a
    plan
    out_lacks 'snapshot first'
    apply
    is_status 0
    same "$(snapshots)" $((before + 1))
    oc all '"mode": "mirror", "gateway": "lab", "from": "base"'
    apply
    is_status 0
    same "$(names)" ''
    same "$(rows)" ''
}

@test "OpenClaw's own: adopted, made again where it was never seeded, and its source told from its row" {
    release 0.0.36
    agents a
    oc existing '"mode": "remote", "gateway": "lab", "from": "base"' a
    name=openclaw-agent-a-1024a0a7
    openshell sandbox create --name "$name" --from base -- true >/dev/null
    mkdir -p "$HOME/.openclaw/sandbox/containers"
    shard=$HOME/.openclaw/sandbox/containers/$(printf %s "$name" | sha256sum | cut -c1-64).json
    jq -n --arg n "$name" '{containerName: $n, backendId: "openshell", runtimeLabel: $n, sessionKey: "agent:a", createdAtMs: (now * 1000 | floor),
        lastUsedAtMs: (now * 1000 | floor), image: "base", configLabelKind: "Source"}' >"$shard"
    plan
    out_has 'never filled'
    apply
    is_status 0
    same "$(cat "$(inside "$name" sandbox/AGENTS.md)")" a
    quiet
}

@test "OpenClaw's recreate drops the entry and leaves the sandbox: it is taken up as what it is, with its work" {
    release 0.0.36
    agents a
    name=openclaw-agent-a-1024a0a7
    openshell sandbox create --name "$name" --from base -- true >/dev/null
    echo theirs >"$(inside "$name" sandbox/WORK)"
    id=$(id_of "$name")
    # Nothing wants it beforehand: it is not touched.
    oc existing '"mode": "remote", "gateway": "lab", "from": "base"' a
    apply
    is_status 0
    same "$(id_of "$name")" "$id"
    same "$(rows)" ''
    oc all '"mode": "remote", "gateway": "lab", "from": "base"' a
    same "$(acts)" "$name adopt"
    apply
    is_status 0
    same "$(id_of "$name")" "$id"
    same "$(cat "$(inside "$name" sandbox/WORK)")" theirs
    same "$(rows)" 'openshell base Source null null'
    quiet
}

@test "OpenClaw's own long names on a release that takes none of them: held with the reason, and nothing is tried" {
    agents a
    oc all '"mode": "remote", "gateway": "lab", "from": "base"' a
    box one
    apply
    cat "$T/out" "$T/err" >"$T/all"
    grep -q '19 characters' "$T/all" || fail "$(cat "$T/all")"
    same "$(names)" "$(called_there one)"
    same "$(called '"create","--name","openclaw-')" 0
}
