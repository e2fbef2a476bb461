#!/usr/bin/env bats
# The command line on a real engine: commands and their flags, exit codes, questions, output.

load engine
setup() {
    home_up
    # Where the commands find it that take no spec files.
    mkdir -p "$HOME/.config/reconclaw"
    SPEC=$HOME/.config/reconclaw/home.yaml
    oc_three
    all_applied
}

# Which of the containers are not what they were.
changed() { comm -13 <(printf '%s\n' "$BEFORE") <(ids) | cut -d' ' -f1; }

# --- recreate ----------------------------------------------------------------------------------------------------------------

@test "recreate --all recreates every runtime, drifted or not" {
    rc recreate --all --yes
    is_status 0
    out_has '3 recreated.'
    [ "$(changed | wc -l)" = 3 ]
    is_quiet
}
@test "recreate --agent recreates that agent's runtimes, by the id as it is given" {
    rc recreate --agent b --force
    is_status 0
    [ "$(changed)" = "$(box b)" ]
    rc recreate --agent B --force # raw, as OpenClaw has it
    is_status 0
    out_has 'No runtime matches.'
    [ "$(changed)" = "$(box b)" ]
}
@test "recreate --session takes the scope key, exactly" {
    rc recreate --session agent:b --yes
    is_status 0
    [ "$(changed)" = "$(box b)" ]
    rc recreate --session main --yes
    is_status 0
    out_has 'No runtime matches.'
    rc recreate --session agent: --yes
    out_has 'No runtime matches.'
    [ "$(changed)" = "$(box b)" ]
}
@test "recreate NAME recreates that runtime; an unknown name is an error that changes nothing" {
    rc recreate --yes "$(box c)"
    is_status 0
    [ "$(changed)" = "$(box c)" ]
    rc recreate --yes nobody
    is_status 1
    err_has "no runtime 'nobody'"
    rc recreate --yes "$(box a)" nobody
    is_status 1
    [ "$(changed)" = "$(box c)" ]
}
@test "recreate wants exactly one way of saying which" {
    rc recreate
    is_status 64
    rc recreate --all --agent a
    is_status 64
    rc recreate --session x name
    is_status 64
    rc recreate --yes
    is_status 64
    [ -z "$(changed)" ]
}
@test "recreate leaves what else is due to apply" {
    oc_set 'del(.agents.list[] | select(.id == "c"))'
    rc recreate --agent b --yes
    is_status 0
    [ "$(changed)" = "$(box b)" ]
    exists "$(box c)"
}
@test "recreate heeds the guards, and --allow-in-use lifts use" {
    spec_openclaw 'policy:hotWindow: 1h'
    shard_set "$(box b)" --argjson t "$(ago 1)" '.lastUsedAtMs = $t'
    rc recreate --all --yes
    is_status 3
    [ "$(changed | wc -l)" = 2 ]
    rc recreate --agent b --yes --allow-in-use
    is_status 0
    [ "$(changed | wc -l)" = 3 ]
}
@test "recreate --browser means browser containers, and them alone" {
    # As its real image has: a command of its own.
    d commit --change 'CMD ["sleep", "infinity"]' "$(box a)" openclaw-sandbox-browser:bookworm-slim >/dev/null
    oc_set '.agents.list = [{"id": "a"}] | .agents.defaults.sandbox.browser = {enabled: true}
        | .tools.sandbox.tools.alsoAllow = ["browser"]'
    apply
    is_status 0
    local browser
    browser=$(ids | grep browser | cut -d' ' -f1)
    [ -n "$browser" ]
    [ "$(find "$OC/sandbox/browsers" -name '*.json' | wc -l)" = 1 ]
    is_json_plan_empty
    BEFORE=$(ids)
    rc list --browser
    out_has "$browser"
    rc recreate --all --browser --yes
    is_status 0
    [ "$(changed)" = "$browser" ]
    BEFORE=$(ids)
    rc recreate --all --yes
    is_status 0
    [ "$(changed)" = "$(box a)" ]
    d network rm openclaw-sandbox-browser >/dev/null 2>&1 || true
}

# --- prune, list, exec, explain ------------------------------------------------------------------------------------------------

@test "prune removes what nothing wants, and does nothing else" {
    oc_set 'del(.agents.list[] | select(.id == "c")) | (.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "64m"}}'
    local c
    c=$(box c)
    rc prune
    is_status 3
    rc prune --yes
    is_status 0
    out_has '1 pruned, 1 workspace quarantined.'
    ! exists "$c" || fail "it is still there"
    [ -z "$(changed)" ] || fail "it did more: $(changed)"
}
@test "list -o json has what openclaw's list has, and what differs" {
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "64m"}}'
    d stop -t 0 "$(box c)" >/dev/null
    rc list -o json
    is_status 0
    is_json '.version == 1 and .command == "list" and (.containers | length == 3) and .browsers == [] and .sandboxes == []'
    is_json --arg n "$(box a)" '.containers[] | select(.containerName == $n) | .running and .imageMatch and .sessionKey == "agent:a"
        and .backendId == "docker" and .act == null and .drift == [] and .createdAtMs > 0'
    is_json --arg n "$(box b)" '.containers[] | select(.containerName == $n) | .act == "recreate"
        and .drift == ["docker.memory: (none) -> 64m"]'
    is_json --arg n "$(box c)" '.containers[] | select(.containerName == $n) | .running == false and .status == "stopped"
        and .act == "start"'
    rc list
    is_status 0
    out_has 'Total: 3 (2 running, 2 with something due'
    out_has 'docker.memory: (none) -> 64m'
}
@test "exec runs a command in a runtime: its output, its input, its exit status" {
    rc exec "$(box a)" -- sh -c 'echo hello; echo oops >&2; exit 7'
    is_status 7
    [ "$output" = hello ]
    err_has oops
    status=0
    output=$(echo piped | rc_raw exec "$(box a)" cat) || status=$?
    [ "$status" = 0 ]
    [ "$output" = piped ]
    rc exec "$(box a)" no-such-command
    is_status 127
    rc exec nobody true
    is_status 1
    rc exec "$(box a)"
    is_status 64
    rc exec -w /tmp "$(box a)" pwd
    [ "$output" = /tmp ]
}
@test "explain tells one scope, with the hash and the body that are in force" {
    rc explain -o json --agent b
    is_status 0
    is_json --arg n "$(box b)" '.containerName == $n and .agentId == "b" and .sandboxed and .mode == "all" and .scopeKey == "agent:b"'
    is_json --arg h "$(d inspect -f '{{index .Config.Labels "openclaw.configHash"}}' "$(box b)")" '.configHash == $h'
}

# --- exit codes and questions -----------------------------------------------------------------------------------------------

@test "plan --detailed-exitcode: 0 without changes, 2 with some, and 0 without the flag" {
    plan --detailed-exitcode
    is_status 0
    oc_set '.agents.defaults.sandbox.docker = {memory: "64m"}'
    plan --detailed-exitcode
    is_status 2
    plan
    is_status 0
    [ -z "$(changed)" ]
}
@test "usage errors are 64 and touch nothing" {
    rc
    is_status 64
    rc aplly
    is_status 64
    err_has "did you mean 'apply'"
    rc apply --no-such-flag
    is_status 64
    rc plan -o yaml
    is_status 64
    rc plan --help
    is_status 0
    rc version
    is_status 0
    out_has reconclaw
}
@test "apply without --yes and without a terminal refuses destructive acts and changes nothing" {
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "64m"}} | .agents.list += [{id: "n"}]'
    rc apply "$SPEC"
    is_status 3
    err_has '--yes'
    same "$BEFORE" "$(ids)"
    oc_set 'del(.agents.list[] | select(.id == "b") | .sandbox)' # only a create is left
    rc apply "$SPEC"
    is_status 0
    [ "$(ids | wc -l)" = 4 ]
}
# asked ANSWER: apply on a terminal of its own.
asked() {
    local command
    command=$(printf '%q ' env -i PATH="$PATH" HOME="$HOME" LANG=C.UTF-8 RECONCLAW_STATE_DIR="$STATE" XDG_CONFIG_HOME="$HOME/.config" \
        DOCKER_HOST="$ENDPOINT" "$RECONCLAW" apply "$SPEC")
    status=0
    # The answer comes when the question is there; then end of input.
    { for _ in $(seq 1 100); do grep -q 'y/N' "$T/out" 2>/dev/null && break; pause 0.1; done; printf '%b' "$1"; pause 0.3; } |
        script -qfec "$command" "$T/out" >/dev/null 2>"$T/err" || status=$?
    output=$(<"$T/out") stderr=$(<"$T/err")
}
@test "apply on a terminal asks: n, anything else and end of input change nothing, y goes on" {
    local no
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "64m"}}'
    for no in 'n\n' 'yup\n' '\n' '\004'; do
        : >"$T/out"
        asked "$no"
        is_status 3
        out_has 'Go on? [y/N]'
        out_has 'Nothing was done.'
        same "$BEFORE" "$(ids)"
    done
    : >"$T/out"
    asked 'y\n'
    is_status 0
    [ "$(changed)" = "$(box b)" ]
}
@test "apply and plan print one JSON document with -o json, results included" {
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "64m"}} | del(.agents.list[] | select(.id == "c"))'
    rc plan -o json "$SPEC"
    is_json -s 'length == 1 and (.[0].plan.summary | .recreate == 1 and .prune == 1)'
    apply -o json
    is_status 0
    is_json -s 'length == 1 and (.[0].results | length == 2 and all(.result == "done"))'
}
@test "history tells what was done, when and why" {
    oc_set '(.agents.list[] | select(.id == "b")).sandbox = {docker: {memory: "64m"}}'
    apply
    rc history
    is_status 0
    out_has "recreate  $(box b): docker.memory changed"
    out_has 'docker.memory: (none) -> 64m'
    rc history -o json --limit 1
    is_json '.entries | length == 1 and .[0].event == "act-end" and .[0].outcome == "ok" and .[0].act == "recreate"'
}

# --- broken config ------------------------------------------------------------------------------------------------------------

@test "a broken config: 78, every error at once with its place, and nothing changes" {
    local f=$OC/openclaw.json
    cat >"$f" <<'EOF2'
{
  agents: {
    defaults: {sandbox: {mode: "all", dokcer: {}}},
    list: [{id: "a", sandbox: {mode: "sometimes"}},
           {id: "b", sandbox: {docker: {cpus: "many"}}}],
  },
}
EOF2
    for command in plan "apply --yes" "validate"; do
        # shellcheck disable=SC2086 # a command and its flag
        rc $command "$SPEC"
        is_status 78
        err_has "$f:3:39: agents.defaults.sandbox.dokcer: "
        err_has "did you mean 'docker'"
        err_has "$f:4:38: agents.list[0].sandbox.mode: "
        err_has "$f:5:47: agents.list[1].sandbox.docker.cpus: "
        [ "$(grep -c openclaw.json "$T/err")" = 3 ]
        same "$BEFORE" "$(ids)"
    done
    [ "$(shards)" = 3 ]
    rc validate -o json "$SPEC"
    is_status 78
    is_json '.valid == false and (.diagnostics | length == 3)'
    echo '{agents: {list: [' >"$f"
    apply --allow-removals
    is_status 78
    err_has "$f:"
    same "$BEFORE" "$(ids)"
}
@test "an error behind two includes names the file and place that hold the key" {
    mkdir "$OC/parts"
    echo '{agents: {$include: "./parts/agents.json5"}}' >"$OC/openclaw.json"
    printf '{\n  list: [{id: "a"}],\n  defaults: {$include: "./defaults.json5"}\n}\n' >"$OC/parts/agents.json5"
    printf '{sandbox: {mode: "all",\n           docker: {memorry: "1g"}}}\n' >"$OC/parts/defaults.json5"
    plan
    is_status 78
    err_has "$OC/parts/defaults.json5:2:21: agents.defaults.sandbox.docker.memorry: "
    err_has "did you mean 'memory'"
    # A chain that ends in nothing, and one that bites its tail.
    rm "$OC/parts/defaults.json5"
    plan
    is_status 78
    err_has defaults.json5
    echo '{$include: "./agents.json5"}' >"$OC/parts/defaults.json5"
    apply
    is_status 78
    same "$BEFORE" "$(ids)"
}
@test "a broken spec file: 78, every error at once, and nothing changes, of the other files too" {
    cat >"$HOME/.config/reconclaw/more.yaml" <<'EOF2'
apiVersion: reconclaw/v1
kind: Sandbox
metadata: {name: Bad_Name}
spec:
  backend: docker
  imgae: x
  limits: {memory: lots}
EOF2
    oc_set '.agents.defaults.sandbox.docker = {memory: "64m"}'
    rc apply --yes
    is_status 78
    err_has 'more.yaml:3:18: metadata.name: '
    err_has "more.yaml:6:3: spec.imgae: "
    err_has "did you mean 'image'"
    err_has 'more.yaml:7:20: spec.limits.memory: '
    same "$BEFORE" "$(ids)"
}
@test "a config that is gone, or empty, is told, and what is recorded stays" {
    rm "$OC/openclaw.json"
    apply --allow-removals
    is_status 0
    err_has 'there is no config file'
    same "$BEFORE" "$(ids)"
    : >"$OC/openclaw.json"
    apply --allow-removals
    is_status 78
    err_has openclaw.json:1:1
    same "$BEFORE" "$(ids)"
    : >"$SPEC"
    apply --allow-removals
    is_status 78
    rm "$SPEC"
    apply --allow-removals
    is_status 78
    same "$BEFORE" "$(ids)"
    [ "$(shards)" = 3 ]
}
@test "a state directory of ours that is gone is made again, and nothing else happens" {
    rm -r "$STATE"
    apply
    is_status 0
    same "$BEFORE" "$(ids)"
    is_quiet
}
