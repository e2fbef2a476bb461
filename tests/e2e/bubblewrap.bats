#!/usr/bin/env bats
# kind: Sandbox on the embedded default, end to end: as whoever runs the tests, and where that is root as nobody too.
# shellcheck disable=SC2030,SC2031,SC2034

load rc
setup() { STARTED=() && place_up; }
teardown() { place_down; }

# A fast policy: nothing is hot, and one removal at a time is no limit.
fast() { policy 'hotWindow: 0, removalCap: {percent: 100}'; }

# A field of `list -o json` of sandbox $1.
of() { jq -r --arg n "$1" ".sandboxes[] | select(.containerName == \$n) | $2" "$T/out"; }
id_of() { rc list -o json "$SPECS" && of "$1" .id; }
state_of() { rc list -o json "$SPECS" && of "$1" .status; }
pid_of() { jq .process.pid "$STATE/bubblewrap/$1.json"; }
kill_one() {
    local i
    kill -KILL "$(pid_of one)"
    for ((i = 0; i < 100; i++)); do
        [ "$(state_of one)" = running ] || return 0
        pause 0.1
    done
    fail 'it still runs'
}
# The plan does to $1 what $2 says, and names exactly these fields.
drifts() {
    local name=$1 act=$2
    shift 2
    plan -o json
    same "$(jq -r --arg n "$name" '.plan.acts[] | select(.name == $n) | .act' "$T/out")" "$act"
    same "$(jq -r --arg n "$name" '.plan.acts[] | select(.name == $n) | .changes[].field' "$T/out" | sort)" "$(printf '%s\n' "$@" | sort)"
}
quiet() {
    plan --detailed-exitcode
    is_status 0
    out_has 'nothing to do'
}
edit() { sed -i "$1" "$SPECS/a.yaml"; }

a_whole_life() {
    fast
    sandbox one "workspaces: [{path: $WORK}]" 'env: {LANG: C.UTF-8, A: "1"}'
    sandbox two
    "$@"
    rc plan --detailed-exitcode "$SPECS"
    is_status 2
    out_has '2 to create'
    apply
    is_status 0
    out_has '2 created'
    quiet
    apply
    is_status 0
    # exec: streams, status, words that look like options, a directory inside.
    status=0
    printf 'in\n' | rc_raw exec one -- /bin/sh -c 'read x; echo "out $x $A"; echo err >&2; echo kept >/workspace/file; exit 7' \
        >"$T/out" 2>"$T/err" || status=$?
    is_status 7
    same "$(cat "$T/out")" 'out in 1'
    same "$(cat "$T/err")" err
    same "$(cat "$WORK/file")" kept
    rc exec one echo -n --all -o json
    same "$(cat "$T/out")" '--all -o json'
    rc exec one -w /tmp -- pwd
    [ "$status" -ne 0 ] || fail 'options after the name are words of the command'
    rc exec -w /tmp one pwd
    same "$(cat "$T/out")" /tmp
    rc exec one /bin/sh -c 'kill -9 $$'
    is_status 137
    rc exec one no-such-program
    is_status 127
    head -c 3000000 /dev/urandom >"$WORK/big"
    status=0
    rc_raw exec one cat <"$WORK/big" >"$T/big" 2>"$T/err" || status=$?
    cmp "$T/big" "$WORK/big"
    rm -f "$WORK/big"
    rc exec nobody true
    is_status 1
    err_has "no runtime 'nobody'"
    # It outlives reconclaw, and a second look finds it.
    kill -0 "$(pid_of one)"
    # Killed, it is started again by apply; the workspace is as it was.
    kill_one
    rc exec one true
    [ "$status" -ne 0 ]
    plan -o json
    is_json '.plan.acts | length == 1 and .[0].name == "one"'
    apply
    is_status 0
    same "$(state_of one)" running
    rc exec one cat /workspace/file
    same "$(cat "$T/out")" kept
    quiet
    # Pruned when the file names it no longer; the workspace stays.
    id=$(id_of one)
    pid=$(pid_of two)
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' 'metadata: {name: one}' 'spec:' '  backend: bubblewrap' \
        "  workspaces: [{path: $WORK}]" '  env: {LANG: C.UTF-8, A: "1"}' >"$SPECS/a.yaml"
    plan
    out_has 'two'
    out_has "names it no longer"
    apply
    is_status 0
    out_has '1 pruned'
    same "$(id_of one)" "$id"
    gone "$pid" || fail 'two still runs'
    [ ! -e "$STATE/bubblewrap/two.json" ]
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' 'metadata: {name: one}' 'spec: {backend: bubblewrap, state: absent}' >"$SPECS/a.yaml"
    apply
    is_status 0
    rc list
    out_has 'No runtimes found.'
    [ -e "$WORK/file" ]
}

@test "a sandbox's whole life" {
    a_whole_life true
}

@test "a sandbox's whole life as an ordinary user" {
    a_whole_life as_nobody
}

@test "a terminal inside where one was asked for" {
    fast
    sandbox one
    apply
    rc exec one /bin/sh -c 'test -t 0 || echo none'
    out_has none
    rc_tty '' exec -t one /bin/sh -c 'test -t 0 && test -t 1 && echo is-a-tty; exit 5'
    out_has is-a-tty
    is_status 5
}

@test "each field that drifts is named, and nothing else is recreated" {
    fast
    mkdir "$T/other"
    sandbox one "workspaces: [{path: $WORK}]" 'env: {A: "1", B: "x"}' 'network: none' 'workdir: /tmp' 'setup: "true"' \
        'limits: {pids: 100}'
    sandbox two
    apply
    two=$(id_of two)
    while IFS='|' read -r change fields; do
        before=$(id_of one)
        edit "$change"
        # shellcheck disable=SC2086 # words
        drifts one recreate $fields
        apply
        is_status 0
        [ "$(id_of one)" != "$before" ] || fail "not recreated: $change"
        same "$(id_of two)" "$two"
        quiet
    done <<END
s/A: "1"/A: "2"/|env.A
s/, B: "x"//|env.B
s/A: "2"/A: "2", C: "3"/|env.C
s/network: none/network: host/|network
s,workdir: /tmp,workdir: /,|workdir
s/setup: "true"/setup: "echo"/|setup
s,path: $WORK},path: $WORK\, readOnly: true},|workspaces./workspace
s,path: $WORK,path: $T/other,|workspaces./workspace
END
    # What is not part of the runtime recreates nothing.
    edit 's/metadata: {name: one}/metadata: {name: one, labels: {team: red}}/'
    before=$(id_of one)
    apply
    same "$(id_of one)" "$before"
}

@test "limits are kept, or said not to be" {
    fast
    sandbox one 'limits: {pids: 20, memory: 64m}'
    apply
    is_status 0
    cp "$T/err" "$T/said"
    rc exec one /bin/sh -c 'i=0; while [ $i -lt 40 ]; do sleep 1 & i=$((i+1)); done; echo all-started'
    cp "$T/out" "$T/forks"
    rc doctor "$SPECS"
    cat "$T/out" >>"$T/said"
    if grep -q all-started "$T/forks"; then
        grep -qiE 'limit|cgroup' "$T/said" || fail 'more processes than pids allows, and nothing said'
    else
        # Memory too, where pids are.
        rc exec one /bin/sh -c 'head -c 200000000 /dev/zero | tail -c 190000000 >/dev/null'
        [ "$status" -ne 0 ] || fail 'more memory than allowed'
    fi
}

@test "stopped, running and absent" {
    fast
    sandbox one 'state: stopped'
    apply
    is_status 0
    same "$(state_of one)" stopped
    quiet
    rc exec one true
    [ "$status" -ne 0 ]
    edit 's/stopped/running/'
    plan
    out_has 'start'
    apply
    same "$(state_of one)" running
    id=$(id_of one)
    edit 's/running/stopped/'
    plan
    out_has 'stop'
    apply
    same "$(state_of one)" stopped
    same "$(id_of one)" "$id"
    edit 's/stopped/absent/'
    apply
    out_has '1 pruned'
    rc list "$SPECS"
    out_has 'No runtimes found.'
    quiet
}

@test "another set of files prunes nothing, and neither does a file that is broken or gone" {
    fast
    sandbox one
    mkdir "$T/else"
    FILE=$T/else/b.yaml sandbox other
    apply
    rc apply --yes "$T/else"
    is_status 0
    rc list -o json
    is_json '[.sandboxes[] | select(.status == "running")] | length == 2'
    cp "$SPECS/a.yaml" "$T/good.yaml"
    echo 'spec: [' >>"$SPECS/a.yaml"
    apply
    is_status 78
    rc prune --yes "$SPECS"
    is_status 78
    rm "$SPECS/a.yaml" "$SPECS/policy.yaml"
    apply
    is_status 78
    err_has 'holds no spec'
    rc apply --yes
    rc list -o json
    is_json '[.sandboxes[] | select(.status == "running")] | length == 2'
    # The sandbox went on to another file of the same set: it stays.
    fast
    cp "$T/good.yaml" "$SPECS/z.yaml"
    apply
    is_status 0
    out_lacks pruned
    rc list -o json
    is_json '[.sandboxes[] | select(.status == "running")] | length == 2'
}

@test "prune alone removes what is no longer wanted, and nothing else" {
    fast
    sandbox one 'env: {A: "1"}'
    FILE=$SPECS/b.yaml sandbox two
    FILE=$SPECS/c.yaml sandbox three
    apply
    one=$(id_of one)
    edit 's/A: "1"/A: "2"/'
    rm "$SPECS/b.yaml"
    rc prune "$SPECS"
    is_status 3
    rc prune --yes "$SPECS"
    is_status 0
    out_has '1 pruned'
    out_lacks recreate
    rc list -o json "$SPECS"
    same "$(of one .id)" "$one"
    same "$(of one .act)" recreate
    is_json '.sandboxes | length == 2'
    policy 'hotWindow: 0, prune: false'
    rm "$SPECS/c.yaml"
    apply
    same "$(state_of three)" running
    rc prune --yes "$SPECS"
    same "$(state_of three)" running
}

@test "over the removal cap nothing is removed, unless it is confirmed" {
    local i
    policy 'hotWindow: 0'
    for i in 1 2 3 4 5 6 7; do sandbox "s$i"; done
    apply
    is_status 0
    # 30 % of 7 is 2.
    : >"$SPECS/a.yaml"
    for i in 1 2 3 4; do sandbox "s$i"; done
    apply
    is_status 3
    out_lacks pruned
    err_lacks 'nobody can be asked'
    rc list -o json "$SPECS"
    is_json '[.sandboxes[] | select(.status == "running")] | length == 7'
    apply --allow-removals
    is_status 0
    out_has '3 pruned'
    : >"$SPECS/a.yaml"
    for i in 1 2 3; do sandbox "s$i"; done
    apply
    is_status 0
    out_has '1 pruned'
}

@test "protect, and onDrift report or remove" {
    fast
    sandbox one 'env: {A: "1"}' 'protect: true'
    sandbox two 'env: {A: "1"}' 'onDrift: report'
    sandbox three 'env: {A: "1"}' 'onDrift: remove'
    apply
    one=$(id_of one)
    two=$(id_of two)
    edit 's/A: "1"/A: "2"/'
    apply
    is_status 3
    out_has 'protect'
    same "$(id_of one)" "$one"
    same "$(id_of two)" "$two"
    # What is wanted to run is made anew at once, not only removed: nothing else would make it.
    rc exec three /bin/sh -c 'echo $A'
    same "$(cat "$T/out")" 2
    plan
    out_has two
    out_has 'env.A'
    # What is protected is not pruned either.
    edit 's/protect: true/protect: true\n  state: absent/'
    apply
    is_status 3
    same "$(id_of one)" "$one"
    rc recreate one --yes
    is_status 3
    same "$(id_of one)" "$one"
}

@test "paused is left alone, until it is resumed or the time is over" {
    fast
    sandbox one 'env: {A: "1"}'
    sandbox two 'env: {A: "1"}'
    apply
    one=$(id_of one)
    two=$(id_of two)
    edit 's/A: "1"/A: "2"/'
    rc pause one
    is_status 0
    out_has 'paused bubblewrap/one until it is resumed'
    apply
    is_status 3
    out_has 'paused'
    same "$(id_of one)" "$one"
    [ "$(id_of two)" != "$two" ]
    rc resume one
    out_has 'resumed bubblewrap/one'
    rc resume one
    is_status 0
    out_has 'was not paused'
    apply
    is_status 0
    [ "$(id_of one)" != "$one" ]
    edit 's/A: "2"/A: "3"/'
    rc pause
    apply
    is_status 3
    rc resume --all
    rc pause --endpoint bubblewrap --for 4s
    apply
    is_status 3
    for ((i = 0; i < 100; i++)); do
        apply
        [ "$status" = 3 ] || break
        pause 0.1
    done
    is_status 0
    quiet
}

@test "what is in use waits for its hot window" {
    policy 'hotWindow: 1h'
    sandbox one 'env: {A: "1"}'
    apply
    id=$(id_of one)
    # Made and never used is not hot.
    edit 's/A: "1"/A: "2"/'
    apply
    is_status 0
    [ "$(id_of one)" != "$id" ]
    id=$(id_of one)
    rc exec one true
    edit 's/A: "2"/A: "3"/'
    apply
    is_status 3
    out_has 'hot'
    same "$(id_of one)" "$id"
    plan -o json
    is_json '.plan.acts[0] | .act == "hold" and .held == "recreate" and .guard == "hot" and .untilMs > 0'
    rc recreate one --yes "--allow-in-use"
    is_status 0
    [ "$(id_of one)" != "$id" ]
    quiet
}

@test "a sandbox someone works in is not taken away under their hands" {
    policy 'hotWindow: 0'
    sandbox one 'env: {A: "1"}'
    apply
    id=$(id_of one)
    mkfifo "$T/hold"
    rc_raw exec one /bin/sh -c 'echo in; read x' <"$T/hold" >"$T/exec.out" 2>&1 &
    STARTED+=($!)
    exec 9>"$T/hold"
    for ((i = 0; i < 100; i++)); do
        [ -s "$T/exec.out" ] && break
        pause 0.1
    done
    edit 's/A: "1"/A: "2"/'
    apply
    is_status 3
    out_has busy
    same "$(id_of one)" "$id"
    exec 9>&-
    wait "${STARTED[-1]}" || true
    apply
    is_status 0
    [ "$(id_of one)" != "$id" ]
}

@test "setup runs once, and a failure is reported and mended" {
    fast
    sandbox one "workspaces: [{path: $WORK}]" 'setup: "echo x >>/workspace/ran"'
    apply
    is_status 0
    apply
    same "$(cat "$WORK/ran")" x
    kill_one
    apply
    is_status 0
    sandbox two 'setup: "echo SAID-WHY; exit 3"'
    apply
    is_status 1
    out_has two
    rc history -o json
    jq -r '.entries[] | select(.runtime == "two") | .output // .message // ""' "$T/out" >"$T/why"
    grep -q SAID-WHY "$T/why" || fail 'its output is not in the journal'
    rc list -o json "$SPECS"
    [ "$(of two .act)" != null ] || fail 'taken for good'
    edit 's/exit 3/exit 0/'
    apply
    is_status 0
    quiet
}

@test "a ghost and an orphan are treated as the policy says" {
    fast
    sandbox one
    apply
    # A ghost: recorded by us, its runtime gone without trace.
    kill_one
    rm "$STATE/bubblewrap/one.json"
    plan
    is_status 0
    out_has one
    apply
    apply
    is_status 0
    same "$(state_of one)" running
    quiet
    # An orphan: it runs, and no record of ours names it.
    rm "$STATE"/records/*.json
    FILE=$T/none.yaml
    mkdir "$T/others"
    FILE=$T/others/b.yaml sandbox other
    rc plan -o json "$T/others"
    is_json '[.plan.acts[] | select(.name == "one")][0].act == "report"'
    rc apply --yes "$T/others"
    kill -0 "$(pid_of one)"
    printf '%s\n' '---' 'apiVersion: reconclaw/v1' 'kind: Policy' 'metadata: {name: p}' \
        'spec: {hotWindow: 0, orphans: prune, removalCap: {percent: 100}}' >>"$T/others/b.yaml"
    pid=$(pid_of one)
    rc apply --yes "$T/others"
    is_status 0
    gone "$pid" || fail 'the orphan still runs'
}

@test "recreate finds the spec of its sandbox, wherever that is" {
    fast
    sandbox one 'env: {A: "1"}'
    apply
    id=$(id_of one)
    rc recreate one
    is_status 3
    rc recreate one --yes --allow-in-use
    is_status 0
    [ "$(id_of one)" != "$id" ]
    # The change of the file comes with it.
    edit 's/A: "1"/A: "2"/'
    rc recreate one --yes --allow-in-use
    is_status 0
    rc exec one /bin/sh -c 'echo $A'
    same "$(cat "$T/out")" 2
    rc list
    out_has "Spec:     $SPECS/a.yaml"
    rm "$SPECS/a.yaml"
    id=$(pid_of one)
    rc recreate one --yes --allow-in-use
    is_status 78
    err_has "$SPECS/a.yaml"
    same "$(pid_of one)" "$id"
    rc exec one true
    is_status 0
}

@test "a secret is in the sandbox, and nowhere else" {
    local canary=CANARY-$RANDOM$RANDOM other=FILECANARY-$RANDOM$RANDOM pid
    fast
    echo "$other" >"$T/secret"
    EXTRA_ENV=(TOK="$canary")
    sandbox one "env: {TOKEN: {fromEnv: TOK}, FROM_FILE: {fromFile: $T/secret}, A: '1'}"
    : >"$T/all"
    keep() {
        cat "$T/out" "$T/err" >>"$T/all"
        # The command lines of every process there is.
        for pid in /proc/[0-9]*; do tr '\0' ' ' <"$pid/cmdline" 2>/dev/null; done | grep -v CANARY-MARK >"$T/argv" || true
        cat "$T/argv" >>"$T/all"
    }
    plan && keep
    plan -o json && keep
    apply && keep
    is_status 0
    rc exec one /bin/sh -c 'test "${#TOKEN}" -gt 7 && test "${#FROM_FILE}" -gt 11'
    is_status 0
    keep
    # Another value is a drift that is named without a value.
    EXTRA_ENV=(TOK="$canary-2")
    plan && keep
    is_status 0
    out_has env.TOKEN
    plan -o json && keep
    is_json '.plan.acts[0].changes[0] | .field == "env.TOKEN" and .sensitive'
    for words in "list $SPECS" "list -o json $SPECS" "apply --yes $SPECS" history 'history -o json' status "doctor $SPECS" "validate -o json $SPECS"; do
        # shellcheck disable=SC2086 # words
        rc $words
        keep
    done
    EXTRA_ENV=()
    apply && keep
    [ "$status" -ne 0 ] || fail 'the secret is gone, and nothing told'
    ! grep -oE "$canary|$other" "$T/all" || fail 'on an output or a command line'
    ! grep -rlE "$canary|$other" "$STATE" "$HOME" || fail 'in a file'
    # Its value comes through whole.
    rc exec one /bin/sh -c 'printf "%s %s" "$FROM_FILE" "$TOKEN"'
    same "$(cat "$T/out")" "$other $canary-2"
}

@test "two state directories on one machine do not touch each other's sandboxes" {
    fast
    sandbox one
    apply
    id=$(id_of one)
    mine=$STATE
    STATE=$T/second
    apply
    is_status 0
    out_has '1 created'
    edit 's/backend: bubblewrap/backend: bubblewrap\n  state: absent/'
    apply
    out_has '1 pruned'
    STATE=$mine
    edit '/state: absent/d'
    same "$(id_of one)" "$id"
    quiet
}

# --- doctor ------------------------------------------------------------------------------------------------------------------

@test "doctor shows what legacy files would become, and --fix makes them so" {
    local oc=$HOME/.openclaw/sandbox
    mkdir -p "$oc"
    printf '%s' '{"entries": [{"containerName": "c1", "sessionKey": "agent:main", "createdAtMs": 1, "lastUsedAtMs": 2, "image": "i"}]}' >"$oc/containers.json"
    echo 'no json' >"$oc/browsers.json"
    picture "$HOME" >"$T/before"
    rc doctor
    is_status 1
    out_has 'would be'
    out_has 'containers.json'
    out_has 'reconclaw doctor --fix'
    same "$(picture "$HOME")" "$(cat "$T/before")"
    [ ! -e "$STATE" ]
    rc doctor -o json
    is_json '.problems >= 2 and .mended == 0 and any(.findings[]; .remedy == "reconclaw doctor --fix")'
    rc doctor --fix
    out_has 'c1'
    [ ! -e "$oc/containers.json" ]
    [ ! -e "$oc/browsers.json" ]
    same "$(jq -r .containerName "$oc"/containers/*.json)" c1
    # What is invalid is kept beside it.
    grep -rl 'no json' "$oc" >/dev/null || fail 'the invalid one is lost'
    rc doctor -o json
    is_json '[.findings[] | select(.remedy == "reconclaw doctor --fix")] == []'
}

@test "doctor names corrupt shards, dead locks and registries it does not know" {
    local oc=$HOME/.openclaw
    mkdir -p "$oc/sandbox/containers"
    echo '{broken' >"$oc/sandbox/containers/$(printf x | sha256sum | cut -c1-64).json"
    echo hello >"$oc/sandbox/containers/README.txt"
    printf '{"pid": 999999999, "createdAt": "2020-01-01T00:00:00.000Z"}' >"$oc/sandbox/containers/$(printf x | sha256sum | cut -c1-64).json.lock"
    picture "$oc" >"$T/before"
    rc doctor
    is_status 1
    out_has 'corrupt'
    out_has '.json.lock'
    same "$(picture "$oc")" "$(cat "$T/before")"
    rc doctor --fix
    [ -e "$oc/sandbox/containers/README.txt" ]
    grep -q broken "$oc"/sandbox/containers/*.json
    rm -rf "$oc/sandbox"
    mkdir -p "$oc/state"
    head -c 5000 /dev/urandom >"$oc/state/openclaw.sqlite"
    before=$(sha256sum "$oc/state/openclaw.sqlite")
    rc doctor
    is_status 1
    out_has sqlite
    rc doctor --fix
    is_status 1
    same "$(sha256sum "$oc/state/openclaw.sqlite")" "$before"
    same "$(find "$oc/state" -type f | wc -l)" 1
}

@test "doctor says what is missing where bubblewrap cannot work" {
    local c
    sandbox one
    # The same machine without the program.
    without() {
        status=0
        bwrap --dev-bind / / --ro-bind /dev/null "$(readlink -f "$(command -v bwrap)")" --chdir "$T" env -i PATH="$PATH" HOME="$HOME" \
            RECONCLAW_STATE_DIR="$STATE" "$T/reconclaw" "$@" "$SPECS" >"$T/out" 2>"$T/err" || status=$?
    }
    without doctor
    is_status 1
    out_has 'problem  bubblewrap: '
    out_has bwrap
    without apply --yes
    [ "$status" -eq 1 ] || is_status 3
    grep -q bwrap "$T/out" "$T/err" || fail 'nothing told of bwrap'
    apply
    is_status 0
}
