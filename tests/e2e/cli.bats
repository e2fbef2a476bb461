#!/usr/bin/env bats
# The command line as a person and a pipeline meet it: help, wrong words, exit codes, streams, terminals, JSON, and dry commands
# that write nothing. No engine; sandboxes are in bubblewrap.bats.
# shellcheck disable=SC2030,SC2031,SC2034

load rc
setup() { STARTED=() && place_up; }
teardown() { place_down; }

COMMANDS='validate plan apply run status list explain config recreate reseed approve prune doctor history workspaces snapshots forget pause resume exec schema version'

# A home with an OpenClaw of two agents, and one sandbox beside it.
some_specs() {
    mkdir -p "$HOME/.openclaw"
    echo '{agents: {defaults: {sandbox: {mode: "all"}}, list: [{id: "main"}, {id: "work"}]}}' >"$HOME/.openclaw/openclaw.json"
    sandbox one 'env: {LANG: C.UTF-8}'
}

# --- words -----------------------------------------------------------------------------------------------------------------

@test "help lists every command, and each has its own" {
    rc --help
    is_status 0
    err_is_empty
    for c in $COMMANDS; do
        grep -qE "^  $c  *[A-Z]" "$T/out" || fail "no line for $c"
    done
    same "$(grep -cE '^  [a-z]+  *[A-Z]' "$T/out")" "$(wc -w <<<"$COMMANDS")"
    for c in $COMMANDS; do
        rc "$c" --help
        is_status 0
        err_is_empty
        out_has "usage: reconclaw $c [OPTION]..."
        out_has '-o, --output text|json'
        cp "$T/out" "$T/long"
        rc "$c" -h
        cmp "$T/out" "$T/long"
        rc help "$c"
        cmp "$T/out" "$T/long"
    done
    rc --version
    cp "$T/out" "$T/long"
    rc version
    is_status 0
    cmp "$T/out" "$T/long"
    [ ! -e "$STATE" ]
}

@test "no command, an unknown one, and an option before it are usage errors" {
    rc
    is_status 64
    err_has 'usage: reconclaw COMMAND'
    [ ! -s "$T/out" ]
    rc plam
    is_status 64
    err_has "unknown command 'plam': did you mean 'plan'?"
    rc xyzzy
    is_status 64
    err_lacks 'did you mean'
    rc help plam
    is_status 64
    rc -o json plan
    is_status 64
    err_has "'-o' comes before the command"
}

@test "a wrong option is told with what was meant" {
    while IFS='|' read -r words message; do
        # shellcheck disable=SC2086 # words
        rc $words
        is_status 64
        err_has "$message"
        [ ! -s "$T/out" ] || fail "output: $words"
        same "$(wc -l <"$T/err")" 1
    done <<'END'
plan --detaild-exitcode|unknown option '--detaild-exitcode': did you mean '--detailed-exitcode'?
plan --allow|unknown option '--allow': did you mean '--allow-removals'?
apply --ye|unknown option '--ye': did you mean '--yes'?
apply --qqqqqqq|unknown option '--qqqqqqq'; see
apply --yes=1|no value belongs to '--yes'
apply -yZ|unknown option '-Z'
apply --yes -Z|unknown option '-Z'
plan -y|unknown option '-y'
plan -x|unknown option '-x'
plan -o|a value is missing after '-o'
plan --output|a value is missing after '--output'
plan -o xml|--output takes text or json, not 'xml'
plan --output=|--output takes text or json, not ''
history --limit 0|--limit takes a whole number from 1, not '0'
history --limit -1|--limit takes a whole number from 1, not '-1'
history --limit 99999999999999999999|--limit takes a whole number from 1
history --since 5|--since takes a duration like 30m or 2h, not '5'
pause --for 0s|--for takes a duration like 30m or 2h, not '0s'
pause --for 1x|--for takes a duration
END
    [ ! -e "$STATE" ]
}

@test "operands that a command does not take, or lacks, are usage errors" {
    while IFS='|' read -r words message; do
        # shellcheck disable=SC2086 # words
        rc $words
        is_status 64
        err_has "$message"
    done <<'END'
version x|version takes no operand, and was given 'x'
schema x|schema takes no operand
status x|status takes no operand
history x|history takes no operand
config|config takes: print FILE
config print|config takes: print FILE
config print a b|config takes: print FILE
config show a|config takes: print FILE
exec|exec takes a runtime and a command
exec one|exec takes a runtime and a command
exec one --|exec takes a runtime and a command
recreate|say which
recreate a --all|say only one of
recreate --all --agent x|say only one of
explain --agent a --session b|not both
pause a b|one runtime at a time
END
}

@test "errors are JSON too, wherever -o json stands" {
    for words in '-o json --bad' '--bad -o json' '--bad --output=json' '-ojson -Z'; do
        # shellcheck disable=SC2086 # words
        rc plan $words
        is_status 64
        is_json '.version == 1 and .command == "plan" and .error.class == "usage" and (.error.message | contains("unknown option"))'
        err_has 'unknown option'
    done
    rc recreate nobody -o json
    is_status 1
    is_json '.command == "recreate" and .error == {class: "not-found", message: "no runtime '"'nobody'"'"}'
    rc exec -o json nobody true
    is_status 1
    is_json '.error.class == "not-found"'
    for c in plan apply prune explain; do
        rc "$c" -o json nowhere.yaml
        is_status 78
        is_json --arg c "$c" '.version == 1 and .command == $c and .error.class == "config" and .diagnostics[0].file == "nowhere.yaml"'
    done
    for c in validate doctor list; do
        rc "$c" -o json nowhere.yaml
        [ "$status" -ne 0 ] || fail "$c is content"
        is_json --arg c "$c" '.command == $c and .diagnostics[0].file == "nowhere.yaml"'
    done
    rc config print -o json nowhere.json
    is_status 78
    is_json '.error.class == "config"'
}

# --- streams and terminals -------------------------------------------------------------------------------------------------

@test "output that cannot be written is a failure" {
    some_specs
    local words
    for words in --help version schema 'version -o json' "plan $SPECS" "plan -o json $SPECS" "validate $SPECS" "list $SPECS" \
        "explain" "status" "doctor $SPECS" "plan --help"; do
        status=0
        # shellcheck disable=SC2086 # words
        rc_raw $words >/dev/full 2>"$T/err" </dev/null || status=$?
        : >"$T/out"
        is_status 1
        err_has 'the output could not be written: No space left on device'
        status=0
        # shellcheck disable=SC2086 # words
        rc_raw $words >&- 2>"$T/err" </dev/null || status=$?
        is_status 1
        err_has 'the output could not be written'
    done
}

@test "closed standard streams are never taken for files of ours" {
    some_specs
    status=0
    rc_raw apply --yes "$SPECS" <&- >&- 2>&- || status=$?
    [ "$status" -ne 0 ]
    rc history
    is_status 0
    out_has 'act-end'
    err_is_empty
    ! grep -rE 'created|Plan:' "$STATE" --include=round.lock --include=lock || fail 'output in a lock'
    rc list -o json "$SPECS"
    is_status 0
    is_json '.sandboxes[0].status == "running" and .sandboxes[0].act == null'
}

@test "a reader that had enough ends nothing half-way" {
    some_specs
    sandbox two
    sandbox three
    # The pipe is closed before the first line.
    (rc_raw apply --yes "$SPECS" 2>"$T/err" && echo 0 >"$T/code" || echo $? >"$T/code") | true
    for ((i = 0; i < 100; i++)); do
        [ -s "$T/code" ] && break
        pause 0.1
    done
    same "$(cat "$T/code")" 1
    rc list -o json "$SPECS"
    is_json '[.sandboxes[] | select(.status == "running")] | length == 3'
    rc_raw schema 2>"$T/err" | head -n 1 >"$T/out"
    out_has '{'
    err_is_empty
}

@test "plain when piped, coloured on a terminal, and never with NO_COLOR" {
    some_specs
    rc plan "$SPECS"
    ! grep -q $'\033' "$T/out" "$T/err" || fail 'colour in a pipe'
    rc_tty '' plan "$SPECS"
    is_status 0
    grep -q $'\033\[' "$T/out" || fail 'no colour'
    EXTRA_ENV=(NO_COLOR=1)
    rc_tty '' plan "$SPECS"
    ! grep -q $'\033\[' "$T/out" || fail 'colour'
    EXTRA_ENV=(NO_COLOR=)
    rc_tty '' plan "$SPECS"
    grep -q $'\033\[' "$T/out" || fail 'an empty NO_COLOR counts'
    EXTRA_ENV=()
    rc_tty '' plan -o json "$SPECS"
    ! grep -q $'\033\[' "$T/out" || fail 'colour in JSON'
}

@test "apply asks before destructive acts on a terminal, and wants --yes without one" {
    policy 'hotWindow: 0'
    sandbox one 'env: {A: "1"}'
    apply
    is_status 0
    sed -i 's/A: "1"/A: "2"/' "$SPECS/a.yaml"
    rc apply "$SPECS"
    is_status 3
    err_has 'nobody can be asked: give --yes'
    rc apply -o json "$SPECS"
    is_status 3
    is_json '.command == "apply" and .error.class == "refused"'
    rc_tty $'n\n' apply "$SPECS"
    is_status 3
    out_has '[y/N]'
    out_has 'Nothing was done.'
    rc_tty $'yesterday\n' apply "$SPECS"
    is_status 3
    rc plan --detailed-exitcode "$SPECS"
    is_status 2
    rc_tty $'y\n' apply "$SPECS"
    is_status 0
    out_has '1 recreated'
    rc plan --detailed-exitcode "$SPECS"
    is_status 0
}

# --- checking --------------------------------------------------------------------------------------------------------------

@test "validate tells all errors at once, sorted, at the file that holds the key" {
    mkdir -p "$HOME/.openclaw"
    cat >"$HOME/.openclaw/openclaw.json" <<'END'
{
  agents: {
    defaults: {sandbox: {mode: "all", scop: "agent"}},
    list: [{$include: "./agent.json5"}],
  },
}
END
    printf '%s\n' '{' '  id: "work",' '  sandbox: {docker: {' '    memroy: "1g",' '    network: "host"}}' '}' >"$HOME/.openclaw/agent.json5"
    cat >"$SPECS/b.yaml" <<'END'
apiVersion: reconclaw/v1
kind: Sandbox
metadata: {name: one}
spec:
  backend: bubblewrap
  netwrok: none
  limits: {memory: lots, pids: 0}
END
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' 'spec: {ensure: al}' >"$SPECS/c.yaml"
    rc validate "$SPECS"
    is_status 78
    [ ! -s "$T/out" ]
    sed 's/: .*//' "$T/err" >"$T/places"
    same "$(cat "$T/places")" "$(sort -t: -k1,1 -k2,2n -k3,3n "$T/places")"
    err_has "$SPECS/b.yaml:6:3: spec.netwrok"
    err_has "did you mean 'network'?"
    err_has "$SPECS/b.yaml:7:20: spec.limits.memory"
    err_has "$SPECS/b.yaml:7:32: spec.limits.pids"
    err_has "$SPECS/c.yaml:4:16: spec.ensure"
    # Of the same config, once the specs load.
    rm "$SPECS/b.yaml"
    sed -i 's/al}/all}/' "$SPECS/c.yaml"
    rc validate "$SPECS"
    is_status 78
    err_has "$HOME/.openclaw/openclaw.json:3:39: agents.defaults.sandbox.scop"
    err_has "did you mean 'scope'?"
    err_has "$HOME/.openclaw/agent.json5:4:5: agents.list[0].sandbox.docker.memroy"
    err_has "did you mean 'memory'?"
    err_has "$HOME/.openclaw/agent.json5:5:14: agents.list[0].sandbox.docker.network"
    rc validate -o json "$SPECS"
    is_status 78
    is_json '.valid == false and (.diagnostics | length) >= 3 and all(.diagnostics[]; .level == "error" and .line > 0)'
}

@test "validate works without a home, state, engine or rights, and touches nothing" {
    some_specs
    mkdir "$T/ro"
    cp "$SPECS/a.yaml" "$T/ro/"
    as_nobody
    chmod -R a-w "$T/ro" "$HOME" "$SPECS"
    picture "$T/ro" >"$T/ro.before"
    picture "$HOME" >"$T/home.before"
    rc validate "$SPECS"
    is_status 0
    out_has 'valid: 1 file, 0 OpenClaw, 1 Sandbox'
    rc validate
    is_status 0
    out_has '1 OpenClaw'
    (cd "$T/ro" && env -i PATH="$PATH" "${AS[@]}" "$T/reconclaw" validate a.yaml >"$T/out" 2>"$T/err")
    out_has 'valid: 1 file'
    (cd "$T/ro" && env -i PATH="$PATH" HOME=/nonexistent "${AS[@]}" "$T/reconclaw" validate a.yaml >"$T/out" 2>"$T/err")
    out_has 'valid: 1 file'
    same "$(picture "$T/ro")" "$(cat "$T/ro.before")"
    same "$(picture "$HOME")" "$(cat "$T/home.before")"
    [ ! -e "$STATE" ]
    chmod -R u+w "$T/ro" "$HOME" "$SPECS"
}

@test "dry commands write nothing, neither where there is state nor where there is none" {
    some_specs
    dry() {
        local words
        for words in "validate $SPECS" "plan $SPECS" "plan -o json $SPECS" "list $SPECS" list explain 'explain --agent work' status \
            history "doctor $SPECS" "config print $HOME/.openclaw/openclaw.json" schema version 'plan --detailed-exitcode'; do
            # shellcheck disable=SC2086 # words
            rc $words
            [ "$status" -ne 64 ] || fail "$words"
        done
    }
    picture "$HOME" >"$T/home.before"
    picture "$SPECS" >"$T/specs.before"
    dry
    same "$(picture "$HOME")" "$(cat "$T/home.before")"
    same "$(picture "$SPECS")" "$(cat "$T/specs.before")"
    [ ! -e "$STATE" ]
    mkdir "$STATE"
    dry
    same "$(ls -A "$STATE")" ''
    apply
    pause 0.2
    picture "$HOME" >"$T/home.before"
    picture "$STATE" >"$T/state.before"
    dry
    same "$(picture "$HOME")" "$(cat "$T/home.before")"
    same "$(picture "$STATE")" "$(cat "$T/state.before")"
}

@test "bad input is told and changes nothing" {
    mkfifo "$T/fifo.yaml"
    ln -s loop.yaml "$T/loop.yaml"
    printf 'a\0b' >"$T/nul.yaml"
    printf '\x80\x81\xff' >"$T/binary.yaml"
    mkdir "$T/empty"
    : >"$T/none.yaml"
    printf '%s\n' 'apiVersion: reconclaw/v2' 'kind: Sandbox' >"$T/v2.yaml"
    printf '%s\n' 'a: &a [*a, *a]' >"$T/cyclic.yaml"
    head -c 200000 /dev/zero | tr '\0' '[' >"$T/deep.yaml"
    for name in fifo.yaml loop.yaml nul.yaml binary.yaml empty v2.yaml cyclic.yaml deep.yaml nowhere.yaml ''; do
        for c in validate plan apply; do
            status=0
            rc_raw "$c" "$name" >"$T/out" 2>"$T/err" </dev/null &
            wait $! || status=$?
            is_status 78
            [ -s "$T/err" ] || fail "nothing told of '$name'"
        done
    done
    same "$(find "$STATE" -name '*.json' 2>/dev/null)" ''
    # A FIFO, a directory and a binary as config.
    mkdir -p "$HOME/.openclaw"
    mkfifo "$HOME/.openclaw/openclaw.json"
    for c in validate plan explain list; do
        rc "$c"
        is_status 78
        err_has 'openclaw.json'
    done
}

# --- no spec at all: the implied OpenClaw -----------------------------------------------------------------------------------

@test "without a spec the default config is what counts, for every command" {
    local c
    for c in validate plan list explain doctor; do
        rc "$c"
        is_status 0
    done
    rc explain -o json
    is_json '.sandboxed == false and .agentId == "main" and .version == 1'
    mkdir -p "$HOME/.openclaw"
    echo '{agents: {defaults: {sandbox: {mode: "all", scope: "agent"}}, list: [{id: "work", default: true}]}}' >"$HOME/.openclaw/openclaw.json"
    rc explain -o json
    is_status 0
    is_json '.sandboxed and .agentId == "work" and .scopeKey == "agent:work"'
    rc explain
    out_has 'openclaw.json:1:'
    # Its engine does not answer: unknown is not empty, and never success.
    rc plan
    is_status 3
    rc list
    is_status 3
    rc doctor
    is_status 1
    # Another config and another state directory, by OpenClaw's own variables.
    echo '{agents: {list: [{id: "other", default: true}]}}' >"$T/other.json"
    EXTRA_ENV=(OPENCLAW_CONFIG_PATH="$T/other.json")
    rc explain -o json
    is_json '.agentId == "other"'
    mkdir "$T/oc"
    echo '{agents: {list: [{id: "third", default: true}]}}' >"$T/oc/openclaw.json"
    EXTRA_ENV=(OPENCLAW_STATE_DIR="$T/oc")
    rc explain -o json
    is_json --arg t "$T" '.agentId == "third" and (.workspaceDir | startswith($t + "/oc/sandboxes/"))'
    EXTRA_ENV=(OPENCLAW_HOME="$T/away")
    mkdir -p "$T/away/.openclaw"
    echo '{agents: {list: [{id: "fourth", default: true}]}}' >"$T/away/.openclaw/openclaw.json"
    rc explain -o json
    is_json '.agentId == "fourth"'
    EXTRA_ENV=()
    # A spec in a default place takes its place.
    mkdir -p "$HOME/.config/reconclaw"
    FILE=$HOME/.config/reconclaw/a.yaml sandbox here
    rc validate
    out_has 'valid: 1 file, 0 OpenClaw, 1 Sandbox'
    rc explain
    is_status 64
    err_has 'name no OpenClaw'
}

@test "explain has the agreed keys, and tells the rest where a container cannot be made" {
    mkdir -p "$HOME/.openclaw"
    echo '{agents: {defaults: {sandbox: {mode: "all", browser: {enabled: true}}}}, tools: {sandbox: {tools: {alsoAllow: ["browser"]}}}}' \
        >"$HOME/.openclaw/openclaw.json"
    rc explain -o json --session agent:main:telegram:group:-1
    is_status 0
    is_json '["agentId", "sessionKey", "mainSessionKey", "sandboxed", "mode", "scope", "scopeKey", "backend", "workspaceAccess",
              "workspaceDir", "agentWorkspaceDir", "containerName", "sandbox", "configHash", "create", "browser",
              "effectiveHostWorkspaceRoot", "runtimeWorkdir", "workspaceMounts", "workspaceSource"] as $keys
             | ($keys - keys) == [] and .sessionKey == "agent:main:telegram:group:-1"
             and .create.Labels["openclaw.configHash"] == .configHash and .browser.create.Image == .sandbox.browser.image'
    echo '{agents: {defaults: {sandbox: {mode: "all", docker: {binds: ["/etc:/etc"]}}}}}' >"$HOME/.openclaw/openclaw.json"
    rc explain -o json
    is_status 78
    err_has 'agents.defaults.sandbox.docker.binds[0]'
    is_json '.create == null and .sandbox.docker.binds == ["/etc:/etc"] and .diagnostics[0].line == 1'
    rc explain
    is_status 78
    out_has 'docker.binds'
}

# What OpenClaw itself said of these configs, against the built program: nothing but a config file and the environment.
explain_vectors() {
    jq -r --arg option "$2" '.[] | [(.configText // (.config | tojson) | @base64),
        ((.env // {}) | to_entries | map("\(.key)=\(.value)") | join("\n") | @base64), $option,
        (if $option == "--agent" then .agentId else .sessionKey end | @base64)] | join(",")' "$ROOT/tests/vectors/$1.json" >"$T/in"
    mkdir -p "$T/oc/home/.openclaw"
    bwrap --unshare-user --uid 0 --gid 0 --dev-bind / / --tmpfs /tmp --bind "$T/oc" /tmp/ocvec --ro-bind "$T/reconclaw" /tmp/reconclaw \
        --ro-bind "$ROOT/tests/e2e/explain_all.bash" /tmp/all --chdir / env -i PATH="$PATH" HOME=/tmp/ocvec/home LANG=en_US.UTF-8 \
        RECONCLAW_STATE_DIR=/tmp/state bash /tmp/all <"$T/in" >"$T/said"
    jq -n --slurpfile said "$T/said" --slurpfile all "$ROOT/tests/vectors/$1.json" '[$said, $all[0]] | transpose' >"$T/out"
    is_json 'length > 0 and all(.[]; length == 2 and .[0] != null and .[1] != null)'
}
differs() {
    jq -c ".[] | $1" "$T/out" >"$T/differs"
    [ ! -s "$T/differs" ] || fail "$(head -c 3000 "$T/differs")"
}

@test "explain resolves each config as OpenClaw does" {
    explain_vectors resolve --agent
    : >"$T/err"
    # The owner of the workspace is filled in where no user is given.
    differs '. as [$is, $v] | def user($d): $d | if (.user // "" | test("^\\s*$")) then del(.user) else . end;
        def like($s): if ($v.resolved.docker.user // "" | test("^\\s*$")) then $s | del(.docker.user) else $s end;
        select(if $v.ok then (($is.out.sandbox // {}) | like(.)) != like($v.resolved) or
            ($is.code != 0 and ($is.out.create != null or ($is.out.diagnostics | length) == 0)) else $is.code != 78 end)
        | {name: $v.name, code: $is.code, err: $is.err}'
}

@test "explain takes a session key as OpenClaw does" {
    explain_vectors scope --session
    differs '. as [$is, $v] | [["agentId", "mainSessionKey", "sandboxed", "mode", "scope", "scopeKey", "workspaceAccess",
        "agentWorkspaceDir", "containerName"][] | select($v[.] != null and $is.out[.] != $v[.])] as $keys
        | select($is.code != 0 or $keys != [] or ($v.layout and $is.out.workspaceDir != $v.layout.workspaceDir))
        | {name: $v.name, $keys, code: $is.code, err: $is.err}'
}

@test "explain makes the container OpenClaw makes, hash and all" {
    explain_vectors context --session
    differs '. as [$is, $v] | def sets: del(.Labels["openclaw.createdAtMs"]) | .Env |= (map(select(test("^OPENCLAW_BROWSER_(CDP_SOURCE_RANGE|NOVNC_PASSWORD)=") | not)) | sort);
        select($is.out.containerName != $v.context.containerName
            or ($is.out.create | sets) != ($v.engineBodies[$v.context.containerName] | sets)
            or $is.out.configHash != $v.engineBodies[$v.context.containerName].Labels["openclaw.configHash"]
            or $is.out.workspaceDir != $v.context.workspaceDir
            or $is.out.browser.containerName != $v.context.browser.containerName
            or ($v.context.browser and ($is.out.browser.create | sets) != ($v.engineBodies[$v.context.browser.containerName] | sets)))
        | {name: $v.name, code: $is.code, err: $is.err}'
}

@test "config print shows JSON5, includes and variables as OpenClaw reads them" {
    mkdir "$T/c"
    printf '%s\n' '// base' "{ \$include: './b.json5', a: 0x10, e: '\${WHO}', f: '\$\${WHO}' }" >"$T/c/openclaw.json"
    echo "{a: 1, b: [+.5, 'x\\" >"$T/c/b.json5"
    echo "y',]}" >>"$T/c/b.json5"
    EXTRA_ENV=(WHO=me)
    rc config print "$T/c/openclaw.json"
    is_status 0
    err_is_empty
    is_json '. == {a: 16, b: [0.5, "xy"], e: "me", f: "${WHO}"}'
    EXTRA_ENV=()
    rc config print "$T/c/openclaw.json"
    cp "$T/err" "$T/first"
    [ "$status" -ne 0 ] || grep -q WHO "$T/first" || fail 'nothing told of WHO'
    echo '{a: ' >"$T/c/b.json5"
    rc config print "$T/c/openclaw.json"
    is_status 78
    err_has 'b.json5:'
}

# --- JSON ------------------------------------------------------------------------------------------------------------------

@test "the JSON of every command is as it was agreed" {
    mkdir -p "$HOME/.openclaw" "$HOME/.config/reconclaw"
    echo '{agents: {defaults: {sandbox: {mode: "off"}}}}' >"$HOME/.openclaw/openclaw.json"
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' 'spec: {}' >"$HOME/.config/reconclaw/oc.yaml"
    FILE=$HOME/.config/reconclaw/a.yaml
    sandbox one "workspaces: [{path: $WORK}]" 'env: {A: "1"}'
    rc validate -o json && golden validate
    rc version -o json && golden version
    rc schema -o json && golden schema
    rc config print -o json "$HOME/.openclaw/openclaw.json" && golden config-print
    rc status -o json
    is_status 1
    golden status-none
    rc history -o json && golden history-none
    rc plan -o json && golden plan-create
    rc apply --yes -o json && golden apply-create
    rc list -o json && golden list
    sed -i 's/A: "1"/A: "2"/' "$FILE"
    rc plan -o json && golden plan-drift
    rc pause one -o json --for 2h && golden pause
    rc plan -o json && golden plan-paused
    rc resume one -o json && golden resume
    rc recreate one --yes -o json && golden recreate
    sed -i 's/state: running//; $a \  state: absent' "$FILE"
    rc prune --yes -o json && golden prune
    rc history -o json && golden history
    # Whether limits can be had differs from machine to machine.
    rc doctor -o json
    jq '.findings |= map(select(.object | startswith("OpenClaw")))' "$T/out" >"$T/x" && mv "$T/x" "$T/out"
    golden doctor
    rc explain -o json
    is_status 0
    golden explain
    sed -i 's/kind: OpenClaw/kind: OpenClaws/' "$HOME/.config/reconclaw/oc.yaml"
    rc validate -o json
    is_status 78
    golden validate-bad
    rc apply -o json --yes
    is_status 78
    golden apply-bad
}

@test "the schema takes the samples and the demo" {
    rc schema
    is_status 0
    is_json '.["$schema"] | startswith("http://json-schema.org/")'
    is_json '[.definitions | keys[] | select(. == "OpenClaw" or . == "Sandbox" or . == "Policy")] | length == 3'
    EXTRA_ENV=(SCRATCH_TOKEN=x)
    rc validate "$ROOT/samples"
    is_status 0
}

# --- secrets in memory -------------------------------------------------------------------------------------------------------

@test "the process dumps no core, and keeps other processes of its user out" {
    some_specs
    cp "$RELEASE" "$T/reconclaw" # LeakSanitizer looks at the process from outside
    as_nobody
    rc_raw run "$SPECS" >"$T/log" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
    for ((i = 0; i < 100; i++)); do
        grep -q 'round' "$T/log" && break
        pause 0.1
    done
    cp "$T/log" "$T/out" && : >"$T/err"
    local pid
    rc status -o json
    pid=$(jq .report.service.pid "$T/out")
    [ "$pid" -gt 1 ]
    # What cannot be dumped belongs to root below /proc.
    same "$(stat -c %u "/proc/$pid/environ")" 0
    ! "${AS[@]}" cat "/proc/$pid/environ" >/dev/null 2>&1 || [ "${#AS[@]}" -eq 0 ] || fail 'its environment can be read'
    kill "$pid"
    for ((i = 0; i < 100; i++)); do
        kill -0 "$pid" 2>/dev/null || break
        pause 0.1
    done
    rc list -o json "$SPECS"
    is_json '.sandboxes[0].status == "running"'
}
