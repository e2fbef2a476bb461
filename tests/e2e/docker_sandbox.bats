#!/usr/bin/env bats
# kind: Sandbox on docker: made, kept in step field by field, stopped, removed; its setup; its secrets.

load engine
setup() {
    home_up
    mkdir -p "$T/ws" "$T/ws2"
    : >"$SPEC"
}

# The container of a Sandbox, by its owner.
sb() { d ps -a --format '{{.Names}}' --filter "label=reconclaw.owner=Sandbox/$1"; }
# What every test here begins with: two sandboxes.
two() {
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: p}' 'spec: {hotWindow: 0s, removalCap: {percent: 100}}' \
        >"$SPEC"
    sandbox one "workspaces: [{path: $T/ws}]" 'env: {A: "1"}' 'limits: {memory: 64m, cpus: 1, pids: 100}'
    sandbox two
    apply
    is_status 0
    BEFORE=$(ids)
}
edit() { sed "$1" "$SPEC" >"$SPEC.new" && mv "$SPEC.new" "$SPEC"; }
# one_changes SED LINE HOW: the edit is named, done to `one` in the way it says, and not to `two`.
one_changes() {
    local id
    id=$(id_of "$(sb one)")
    edit "$1"
    plan
    is_status 0
    out_has "        $2"
    out_lacks "$(sb two)"
    apply
    is_status 0
    out_has "1 $3."
    case $3 in
        recreated) [ "$(id_of "$(sb one)")" != "$id" ] || fail "the same container" ;;
        *) [ "$(id_of "$(sb one)")" = "$id" ] || fail "another container" ;;
    esac
    [ "$(id_of "$(sb two)")" = "$(sed -n "s/^$(sb two) //p" <<<"$BEFORE")" ] || fail "the other was touched"
    is_quiet
}

@test "a Sandbox is made as its spec says, and the second apply has nothing to do" {
    printf 'apiVersion: reconclaw/v1\nkind: Policy\nmetadata: {name: p}\nspec: {hotWindow: 0s}\n' >"$SPEC"
    sandbox one "workspaces: [{path: $T/ws}, {path: $T/ws2, target: /two, readOnly: true}]" 'env: {A: "1"}' \
        'limits: {memory: 64m, cpus: 0.5, pids: 50}' 'network: none' 'workdir: /two' 'user: "1000:1000"'
    apply
    is_status 0
    local name
    name=$(sb one)
    d inspect "$name" >"$T/out"
    is_json '.[0] | .State.Running and .Config.User == "1000:1000" and .Config.WorkingDir == "/two"
        and (.Config.Env | index("A=1") != null)'
    is_json '.[0].HostConfig | .Memory == 67108864 and .NanoCpus == 500000000 and .PidsLimit == 50 and .NetworkMode == "none"'
    is_json --arg w "$T/ws" '.[0].Mounts | map(select(.Source == $w and .Destination == "/workspace" and .RW)) | length == 1'
    is_json --arg w "$T/ws2" '.[0].Mounts | map(select(.Source == $w and .Destination == "/two" and (.RW | not))) | length == 1'
    is_quiet
    proxy_up
    apply
    is_status 0
    [ -z "$(mutating)" ] || fail "$(mutating)"
}

@test "limits are changed in place: memory" { two; one_changes 's/memory: 64m/memory: 128m/' 'limits.memory: 64m -> 128m' patched; }
@test "limits are changed in place: cpus" { two; one_changes 's/cpus: 1/cpus: 0.5/' 'limits.cpus: 1 -> 0.5' patched; }
@test "limits are changed in place: pids" { two; one_changes 's/pids: 100/pids: 50/' 'limits.pids: 100 -> 50' patched; }
@test "a changed variable recreates" { two; one_changes 's/A: "1"/A: "2"/' 'env.A: 1 -> 2' recreated; }
@test "another image recreates" {
    two
    one_changes "/name: one/,/---/s,image: .*,image: $OTHER," "image: $IMAGE -> $OTHER" recreated
}
@test "another workspace recreates" { two; one_changes "s,$T/ws,$T/ws2," "workspaces[/workspace]: $T/ws -> $T/ws2" recreated; }
@test "a network recreates" {
    two
    d network create sb-net >/dev/null
    one_changes '/memory: 64m/a\  network: sb-net' 'network: none -> sb-net' recreated
}
@test "a label recreates" {
    two
    one_changes 's/{name: one}/{name: one, labels: {team: red}}/' 'labels.team: (none) -> red' recreated
}
@test "a user recreates" { two; one_changes '/memory: 64m/a\  user: "1000"' "user: $(id -u):$(id -g) -> 1000" recreated; }
@test "a workdir recreates" { two; one_changes '/memory: 64m/a\  workdir: /tmp' 'workdir: /workspace -> /tmp' recreated; }
@test "a command recreates" { two; one_changes '/memory: 64m/a\  command: [sleep, "1000"]' 'command: ' recreated; }
@test "a setup recreates, and is run" {
    two
    one_changes '/memory: 64m/a\  setup: echo done >/workspace/setup' 'setup: (none) -> ' recreated
    [ "$(<"$T/ws/setup")" = "done" ]
}
@test "a change by docker update is noticed and undone in place" {
    two
    local id
    id=$(id_of "$(sb one)")
    d update --memory 32m --memory-swap 32m "$(sb one)" >/dev/null
    plan
    out_has 'limits.memory: 32m -> 64m'
    apply
    is_status 0
    [ "$(d inspect -f '{{.HostConfig.Memory}}' "$id")" = 67108864 ]
    is_quiet
}
@test "state: stopped stops it, running starts it, absent removes it and its record" {
    two
    local id
    id=$(id_of "$(sb one)")
    edit '/memory: 64m/a\  state: stopped'
    plan
    out_has 'Plan: 1 to stop.'
    apply
    is_status 0
    [ "$(d inspect -f '{{.State.Running}}' "$id")" = false ]
    is_quiet
    edit 's/state: stopped/state: running/'
    apply
    is_status 0
    [ "$(d inspect -f '{{.State.Running}}' "$id")" = true ]
    edit 's/state: running/state: absent/'
    apply
    is_status 0
    ! exists "$id" || fail "it is still there"
    is_quiet
    [ -z "$(sb one)" ]
    rc list -o json "$SPEC"
    out_lacks '"one"'
}
@test "state: stopped is made stopped where it is not there, after its setup has run" {
    printf 'apiVersion: reconclaw/v1\nkind: Policy\nmetadata: {name: p}\nspec: {hotWindow: 0s}\n' >"$SPEC"
    sandbox one "workspaces: [{path: $T/ws}]" 'state: stopped' 'setup: echo done >/workspace/setup'
    apply
    is_status 0
    [ "$(d inspect -f '{{.State.Running}}' "$(sb one)")" = false ]
    [ "$(<"$T/ws/setup")" = "done" ]
    is_quiet
}
@test "removed from its spec file it is pruned; the other stays" {
    two
    python3 - "$SPEC" <<'EOP'
import sys
docs = open(sys.argv[1]).read().split('---\n')
open(sys.argv[1], 'w').write('---\n'.join(d for d in docs if 'name: one' not in d))
EOP
    plan
    out_has 'prune'
    out_has 'names it no longer'
    apply
    is_status 0
    [ -z "$(sb one)" ]
    [ "$(id_of "$(sb two)")" = "$(sed -n "s/^$(sb two) //p" <<<"$BEFORE")" ]
    is_quiet
}
@test "moved to another spec file it is not pruned, whichever of them is named first" {
    local dir=$T/specs
    mkdir "$dir"
    SPEC=$dir
    printf 'apiVersion: reconclaw/v1\nkind: Policy\nmetadata: {name: p}\nspec: {hotWindow: 0s}\n' >"$dir/policy.yaml"
    FILE=$dir/a.yaml sandbox one
    FILE=$dir/a.yaml sandbox two
    apply
    is_status 0
    BEFORE=$(ids)
    rm "$dir/a.yaml"
    FILE=$dir/z.yaml sandbox one
    FILE=$dir/a.yaml sandbox two
    apply
    is_status 0
    same "$BEFORE" "$(ids)"
    is_quiet
}
@test "an apply of another file leaves what this one made alone" {
    two
    FILE=$T/elsewhere.yaml sandbox three
    rc apply --yes "$T/elsewhere.yaml"
    is_status 0
    [ "$(ids | wc -l)" = 3 ]
    same "$BEFORE" "$(ids | grep -v "$(sb three)")"
}
@test "protect: true: nothing that removes or restarts it is done, and the plan says so" {
    two
    edit '/memory: 64m/a\  protect: true'
    edit 's/A: "1"/A: "2"/'
    plan
    out_has 'waits (protect)'
    apply --allow-in-use
    is_status 3
    same "$BEFORE" "$(ids)"
}

# --- setup --------------------------------------------------------------------------------------------------------------------

@test "a setup that fails: told, its output in the history, not good, not tried again at once, and again when it changes" {
    sandbox one "workspaces: [{path: $T/ws}]" 'setup: |' '  echo tried >>/workspace/tries' '  echo what-went-wrong >&2' '  exit 7'
    apply
    is_status 1
    out_has '1 failed'
    out_has '7'
    rc history
    out_has what-went-wrong
    rc history -o json
    is_json '.entries[] | select(.event == "setup") | .output | contains("what-went-wrong")'
    apply
    is_status 3
    out_has 'waits (setup)'
    [ "$(wc -l <"$T/ws/tries")" = 1 ]
    edit 's/exit 7/exit 0/'
    apply
    is_status 0
    [ "$(wc -l <"$T/ws/tries")" = 2 ]
    is_quiet
}
@test "a failed setup of OpenClaw's writes no shard, and is tried again when its wait is over" {
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "workspaceAccess": "rw", "docker": {"setupCommand":
        "echo x >>/workspace/tries; test -e /workspace/good"}}}, "list": [{"id": "a", "workspace": "'"$T/ws"'"}]}}'
    spec_openclaw
    apply
    is_status 1
    [ "$(shards)" = 0 ]
    apply
    is_status 3
    [ "$(wc -l <"$T/ws/tries")" = 1 ]
    touch "$T/ws/good"
    # Its record says when: as if it were an hour ago.
    local f t
    t=$(ago 3600)
    for f in "$STATE"/records/*; do
        jq --argjson t "$t" '.createdAtMs = $t' "$f" >"$T/x" && cat "$T/x" >"$f"
    done
    apply
    is_status 0
    [ "$(wc -l <"$T/ws/tries")" = 2 ]
    [ "$(shards)" = 1 ]
    is_quiet
}

# --- secrets ----------------------------------------------------------------------------------------------------------------------

# Nothing that reconclaw says or keeps has the canary in it.
no_canary() {
    local c
    for c in "$@"; do
        ! grep -rqF -- "$c" "$T/said" "$STATE" || fail "$c is in $(grep -rlF -- "$c" "$T/said" "$STATE")"
    done
}
say() { # every command that speaks of runtimes, in both forms, kept
    local form
    for form in text json; do
        rc plan -o $form "$SPEC" && true
        cat "$T/out" "$T/err" >>"$T/said/plan"
        rc list -o $form "$SPEC"
        cat "$T/out" "$T/err" >>"$T/said/list"
        for c in status history; do
            rc $c -o $form
            cat "$T/out" "$T/err" >>"$T/said/$c"
        done
        rc validate -o $form "$SPEC"
        cat "$T/out" "$T/err" >>"$T/said/validate"
    done
    rc explain --agent a # as text: its JSON is the config itself, for programs
    cat "$T/out" "$T/err" >>"$T/said/explain"
}
# The arguments of every process there is, while reconclaw runs.
spy() {
    printf '%s\n' "$@" >"$T/canaries"
    while [ ! -e "$T/spied" ]; do
        cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -Ff "$T/canaries" >>"$T/said/argv" || true
    done
}

@test "secrets show in no plan, list, status, history, explanation, journal, state file, argv or error" {
    mkdir "$T/said"
    local one=canaryEnv-$$ two=canaryFile-$$ three=canaryOc-$$ four=canaryNew-$$
    printf '%s\n' "$two" >"$T/secret"
    oc '{"agents": {"defaults": {"sandbox": {"mode": "all", "docker": {"env": {"PLAIN_NAME": "${OC_SECRET}"}}}}, "list": [{"id": "a"}]}}'
    spec_openclaw
    sandbox one 'env: {T1: {fromEnv: SB_SECRET}, T2: {fromFile: '"$T/secret"'}}' 'policy: {hotWindow: 0s}'
    EXTRA_ENV=("OC_SECRET=$three" "SB_SECRET=$one")
    say
    # Its setup says them aloud.
    edit "/T1:/a\\  setup: 'set -x; echo \"\$T1 \$T2\"; : \"\$T1\"; exit 3'"
    apply
    is_status 1
    cat "$T/out" "$T/err" >"$T/said/apply0"
    say
    grep -q '(sensitive)' "$T/said/history" || fail 'the output is not in the history'
    edit '/setup:/d'
    apply
    is_status 0
    cat "$T/out" "$T/err" >"$T/said/apply"
    # They did arrive.
    [ "$(d exec "$(sb one)" sh -c 'echo $T1 $T2')" = "$one $two" ]
    [ "$(d exec "$(box a)" sh -c 'echo $PLAIN_NAME')" = "$three" ]
    say
    is_quiet
    # They change: the change is named, its values are not.
    printf '%s\n' "$four" >"$T/secret"
    EXTRA_ENV=("OC_SECRET=$four" "SB_SECRET=$four")
    plan
    out_has 'env.T1: (sensitive) -> (sensitive)'
    out_has 'env.T2: (sensitive) -> (sensitive)'
    out_has 'docker.env.PLAIN_NAME: (sensitive) -> (sensitive)'
    say
    spy "$one" "$two" "$three" "$four" &
    local spy=$!
    apply -o json
    : >"$T/spied"
    wait "$spy"
    is_status 0
    cat "$T/out" "$T/err" >"$T/said/apply2"
    [ ! -s "$T/said/argv" ] || fail "in an argv: $(<"$T/said/argv")"
    say
    # One becomes a plain text, another goes, the third is not set any more.
    edit 's/T1: {fromEnv: SB_SECRET}/T1: plain/; s/, T2: {fromFile: [^}]*}//'
    EXTRA_ENV=()
    say
    apply
    cat "$T/out" "$T/err" >"$T/said/apply3"
    say
    no_canary "$one" "$two" "$three" "$four"
}
@test "a secret that cannot be had is an error at its place, and nothing is made without it" {
    sandbox one 'env: {T1: {fromEnv: NOT_SET_AT_ALL}, T2: {fromFile: '"$T/none"'}}'
    sandbox two
    apply
    is_status 78
    err_has 'env.T1'
    err_has 'NOT_SET_AT_ALL'
    err_has 'env.T2'
    [ -z "$(ids)" ]
}
