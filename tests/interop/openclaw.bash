# Shared by the bats files of this room that run the real OpenClaw beside reconclaw, on one state directory and one dockerd: one file
# for each line of OpenClaw, and one for the way from one to the next.
#
#   LINE=2026.9; load openclaw
#   (and setup_file, teardown_file, setup and teardown of its own, where those of one line are not enough)
#
# The functions called it_... are the tests that hold for every line. LINE may change within a test.
# INTEROP_SECONDS: how long both work at once. RECONCLAW_SEED, INTEROP_ROUNDS: of the random configs.
# shellcheck shell=bash disable=SC2034

load ../e2e/lib
. "$ROOT/tests/lib/openclaw.sh"

declare -gA RELEASE=([2026.5]=2026.5.3 [2026.9]=2026.9.6)
PEER_FUNCTIONS=(createConfigIO resolveAgentWorkspaceDir resolveSandboxContext resolveSandboxRuntimeStatus registerSandboxCli
    listBundledChannelCatalogEntries)

setup_file() {
    peer_up "$LINE"
    engine_up
}
teardown_file() { engine_down; }
setup() {
    home_up
    line_home
}
teardown() {
    steps_end
    home_down
}

# --- the other party --------------------------------------------------------------------------------------------------------

peer_up() {
    local line=$1 dir name
    dir=$(openclaw_install "${RELEASE[$line]}")
    ln -sfn "$dir" "$BATS_FILE_TMPDIR/$line"
    for name in "${PEER_FUNCTIONS[@]}"; do echo "FN_$name=$(openclaw_dist "$dir" "$name")"; done >"$BATS_FILE_TMPDIR/$line.functions"
    make -s -C "$ROOT" MODE=asan build/asan/tests/tools/engine_proxy
}
# THEIR_HOST: where it runs, as words before a command; THEIR_ENV: more of its environment.
THEIR_HOST=(openclaw_host) THEIR_ENV=()
theirs() {
    local functions
    mapfile -t functions <"$BATS_FILE_TMPDIR/$LINE.functions"
    "${THEIR_HOST[@]}" env -i PATH="$PATH" HOME="$HOME" OPENCLAW_HOME="$HOME" OPENCLAW_STATE_DIR="$OC" LANG=C.UTF-8 TZ=UTC NO_COLOR=1 \
        RECONCLAW_STATE_DIR="$STATE" DOCKER_HOST="unix://$ENGINE/s.sock" LINE="$LINE" "${THEIR_ENV[@]}" "${functions[@]}" \
        "$BATS_FILE_TMPDIR/$LINE/node" "$@"
}
openclaw() { theirs "$BATS_FILE_TMPDIR/$LINE/node_modules/openclaw/openclaw.mjs" "$@"; }
# The same command within a process that loads no more than it needs.
openclaw_quick() { steps cli "$@"; }
# One of the steps of openclaw.mjs, all of a test in one process: to start is most of what a step costs.
STEPS_PID='' STEPS_LINE=''
steps() {
    local code
    [ "$STEPS_LINE" = "$LINE" ] || steps_begin
    jq -cn '$ARGS.positional' --args -- "$@" >&"$STEPS_TO"
    read -r code <&"$STEPS_FROM" || code=127
    cat "$T/steps.out"
    return "$code"
}
steps_begin() {
    steps_end
    rm -f "$T"/steps.*
    mkfifo "$T/steps.in" "$T/steps.done"
    # 8 is what upgrade.bats holds open for a process of its own, which ends when nobody else has it.
    theirs "$ROOT/tests/interop/openclaw.mjs" serve "$T/steps.out" <"$T/steps.in" >"$T/steps.done" 3>&- 8>&- &
    STEPS_PID=$! STEPS_LINE=$LINE
    exec {STEPS_TO}>"$T/steps.in" {STEPS_FROM}<"$T/steps.done"
}
steps_end() {
    [ -n "$STEPS_PID" ] || return 0
    exec {STEPS_TO}>&- {STEPS_FROM}<&-
    kill -KILL "$STEPS_PID" 2>/dev/null || true
    wait "$STEPS_PID" 2>/dev/null || true
    STEPS_PID='' STEPS_LINE=''
}
# A turn of each session. Tells what OpenClaw had to say, but for the variables that it never passes on.
use() {
    steps use "$@" >"$T/used" || fail "openclaw.mjs use: $(cat "$T/used")"
    [ "$(jq -s 'length' "$T/used")" = $# ] || fail "$(cat "$T/used")"
    jq -se 'all(.sandboxed and .error == null)' "$T/used" >/dev/null || fail "$(cat "$T/used")"
    said=$(jq -r '.said[] | select(startswith("[docker] Blocked sensitive") | not)' "$T/used")
}
use_quietly() {
    use "$@"
    same "$said" ''
}

# --- what the lines write differently ---------------------------------------------------------------------------------------

# The state directory as OpenClaw's first command leaves it: reconclaw makes no database.
line_home() {
    [ "$LINE" = 2026.9 ] || return 0
    if [ ! -e "$BATS_FILE_TMPDIR/first.sqlite" ]; then
        oc '{}'
        openclaw_quick sandbox explain --json >"$T/first"
        steps_end
        # What is in its -wal comes with it.
        sql ".backup '$BATS_FILE_TMPDIR/first.sqlite'"
        rm -rf "$OC"
    fi
    mkdir -p "$OC/state"
    chmod 700 "$OC/state"
    install -m 600 "$BATS_FILE_TMPDIR/first.sqlite" "$OC/state/openclaw.sqlite"
}

# The config of either line from one text: agents.list, or agents.entries with the owner that these need.
oc() {
    local text=$1
    [ "$LINE" != 2026.9 ] || text=$(jq 'if .agents.list then .agents |= (del(.list) + {ownership: "explicit",
        entries: (.list | map({key: .id, value: del(.id)}) | from_entries)}) else . end' <<<"$text")
    printf '%s\n' "$text" >"$OC/openclaw.json.new" && mv "$OC/openclaw.json.new" "$OC/openclaw.json"
}

sql() { sqlite3 -cmd '.timeout 10000' "$OC/state/openclaw.sqlite" "$@"; }
# All records of containers as a JSON list.
records() {
    case $LINE in
        2026.5) find "$OC/sandbox/containers" -name '*.json' -exec cat {} + 2>/dev/null | jq -sS 'sort_by(.containerName)' ;;
        2026.9) sql "SELECT json_group_array(json(entry_json)) FROM sandbox_registry_entries WHERE registry_kind = 'container'" |
            jq -S 'sort_by(.containerName)' ;;
    esac
}
n_records() { records | jq length; }
record() { records | jq --arg name "$1" '.[] | select(.containerName == $name)'; }
# Everything that is recorded, to the byte.
records_raw() {
    case $LINE in
        2026.5) md5sum "$OC"/sandbox/containers/* ;;
        2026.9) sql 'SELECT * FROM sandbox_registry_entries ORDER BY registry_kind, container_name' ;;
    esac
}
# Each record whole: no torn file, no column that says something else than the entry does.
records_whole() {
    case $LINE in
        2026.5) jq -se . "$OC"/sandbox/containers/*.json >/dev/null ;;
        2026.9) same "$(sql "SELECT container_name, entry_json FROM sandbox_registry_entries WHERE NOT (
            json_extract(entry_json, '\$.containerName') IS container_name AND json_extract(entry_json, '\$.sessionKey') IS session_key AND
            json_extract(entry_json, '\$.backendId') IS backend_id AND json_extract(entry_json, '\$.runtimeLabel') IS runtime_label AND
            json_extract(entry_json, '\$.image') IS image AND json_extract(entry_json, '\$.createdAtMs') IS created_at_ms AND
            json_extract(entry_json, '\$.lastUsedAtMs') IS last_used_at_ms AND json_extract(entry_json, '\$.configHash') IS config_hash AND
            json_extract(entry_json, '\$.configLabelKind') IS config_label_kind)")" '' ;;
    esac
}
record_remove() {
    case $LINE in
        2026.5) rm -f "$(shard "$1")" ;;
        2026.9) sql "DELETE FROM sandbox_registry_entries WHERE container_name = '$1'" ;;
    esac
}
# Nobody used it for so many seconds.
cold() {
    local at
    at=$(ago "$2")
    case $LINE in
        2026.5) shard_set "$1" ".lastUsedAtMs = $at" ;;
        2026.9) sql "UPDATE sandbox_registry_entries SET last_used_at_ms = $at, entry_json = json_set(entry_json, '\$.lastUsedAtMs', $at)
            WHERE container_name = '$1'" ;;
    esac
}
# The container of an agent's scope, whatever the line puts behind the agent.
box() {
    d ps -a --filter label=openclaw.sandbox=1 --format '{{.Names}} {{.Label "openclaw.sessionKey"}}' |
        awk -v key="agent:$1" '($2 == key || index($2, key ":workspace:") == 1) && $1 !~ /browser/ { print $1 }'
}

# Every record as OpenClaw's list shows it, with what it adds to each: running, and of the image that is wanted.
listed_as_recorded() {
    "${1:-openclaw_quick}" sandbox list --json >"$T/list"
    same "$(jq -S '[.containers[] | select(.running and .imageMatch) | del(.running, .imageMatch)] | sort_by(.containerName)' "$T/list")" \
        "$(records)"
}

# Agents with all that a container can be given; prefix distinguishes no two, scopes do.
many_agents() {
    local env='{"_C": "x"}' id=Per-Session
    mkdir -p "$T/data" "$T/cache" "$T/ws-rw" "$T/ws-ro"
    echo '{"defaultAction": "SCMP_ACT_ALLOW"}' >"$T/seccomp.json"
    # Names that are numbers, and ids that are none, are refused by the newer line.
    [ "$LINE" != 2026.5 ] || { env='{"10": "x", "9": "y"}' id='Per Session!'; }
    oc "$(jq -n --arg t "$T" --arg other "$OTHER" --argjson env "$env" --arg id "$id" '{agents: {defaults: {sandbox: {mode: "all", docker: {memory: "256m", env: ({LANG: "C", b: "1", A: "2", A_B: "3"} + $env)}}},
        list: [
            {id: "plain"},
            {id: "limits", sandbox: {docker: {memory: "64m", memorySwap: "128m", cpus: 0.25, pidsLimit: 99, ulimits: {nofile: {soft: 100, hard: 200}, nproc: 50, core: "0"}}}},
            {id: "open", sandbox: {docker: {readOnlyRoot: false, tmpfs: [], capDrop: ["NET_RAW", "CHOWN"], network: "bridge", dns: ["192.0.2.7"], extraHosts: ["db:192.0.2.8"]}}},
            {id: "bound", sandbox: {docker: {dangerouslyAllowExternalBindSources: true, binds: ["\($t)/data:/data:ro", "\($t)/cache:/cache"]}}},
            {id: "set-up", sandbox: {docker: {image: $other, setupCommand: ["echo one >/tmp/one", "echo two >/tmp/two"], tmpfs: ["/tmp:size=4m"], workdir: "/work", env: {SECRET_TOKEN: "hidden", MY_PATH: "~/bin", E: ""}}}},
            {id: "user", sandbox: {docker: {user: "1000:1000", seccompProfile: "\($t)/seccomp.json"}}},
            {id: "reader", workspace: "\($t)/ws-ro", sandbox: {workspaceAccess: "ro"}},
            {id: "writer", workspace: "\($t)/ws-rw", sandbox: {workspaceAccess: "rw"}},
            {id: "together", sandbox: {scope: "shared", docker: {memory: "1g"}}},
            {id: $id, sandbox: {scope: "session", docker: {containerPrefix: "other-prefix-"}}}
        ]}}')"
}
many_sessions=(agent:plain:main agent:limits:main agent:open:main agent:bound:main agent:set-up:main agent:user:main
    agent:reader:main agent:writer:main agent:together:main agent:per-session:main)

# --- ours, then theirs ------------------------------------------------------------------------------------------------------

it_apply_is_adopted() {
    local before name
    many_agents
    spec_openclaw
    apply
    is_status 0
    same "$(n_records)" 10
    listed_as_recorded openclaw
    # Nobody has used them for an hour: whatever differed, OpenClaw would make anew at once.
    for name in $(d ps -a --format '{{.Names}}'); do cold "$name" 3600; done
    before=$(ids)
    use_quietly "${many_sessions[@]}"
    same "$(ids)" "$before"
    same "$(n_records)" 10
    while read -r name _; do
        [ "$(d inspect -f '{{index .Config.Labels "openclaw.configHash"}}' "$name")" = "$(record "$name" | jq -r .configHash)" ] ||
            fail "$name: another hash"
    done <<<"$before"
    # And we do not mind that it was used.
    is_quiet
    listed_as_recorded
}

# --- theirs, then ours ------------------------------------------------------------------------------------------------------

it_theirs_is_adopted() {
    local before records_before ensure
    many_agents
    use_quietly "${many_sessions[@]}" agent:plain:second 'agent:per-session:Telegram:Group:-1' agent:per-session:main
    before=$(ids)
    [ "$(wc -l <<<"$before")" = 11 ] || fail "$before"
    records_before=$(records_raw)
    proxy_up
    for ensure in all existing; do
        spec_openclaw "ensure: $ensure" 'policy:'
        is_quiet
        apply
        is_status 0
        out_has "Nothing to do."
    done
    same "$(mutating)" ''
    same "$(ids)" "$before"
    same "$(records_raw)" "$records_before"
    rc list -o json "$SPEC"
    is_json '[.. | objects | select(has("containerName"))] | length == 11'
}

# --- one undoes, the other makes good ---------------------------------------------------------------------------------------

it_after_recreate() {
    local before ensure
    oc_three
    for ensure in all existing; do
        spec_openclaw "ensure: $ensure"
        use_quietly agent:a:main agent:b:main agent:c:main
        before=$(ids)
        is_quiet
        openclaw sandbox recreate --all --force
        [ -z "$(ids)" ] || fail "$(ids)"
        apply
        is_status 0
        if [ $ensure = all ]; then
            out_has '3 created.'
            [ "$(ids | cut -d' ' -f1)" = "$(cut -d' ' -f1 <<<"$before")" ] || fail "$(ids)"
            listed_as_recorded
            before=$(ids)
            use_quietly agent:a:main agent:b:main agent:c:main
            same "$(ids)" "$before"
        else
            out_has 'Nothing to do.'
            same "$(ids)" ''
            same "$(n_records)" 0
        fi
        is_quiet
    done
}

it_one_recreated() {
    local before
    oc_three
    spec_openclaw
    apply
    is_status 0
    before=$(ids)
    openclaw_quick sandbox recreate --agent b --force
    [ "$(ids | wc -l)" = 2 ] || fail "$(ids)"
    plan
    out_has 'Plan: 1 to create.'
    apply
    is_status 0
    [ "$(comm -12 <(ids) <(echo "$before") | wc -l)" = 2 ] || fail "$(ids)"
    [ "$(ids | wc -l)" = 3 ] || fail "$(ids)"
    listed_as_recorded
}

it_changed_config() {
    local first used second third until
    oc_three
    use_quietly agent:a:main
    spec_openclaw 'ensure: existing' 'policy:'
    oc_set '.agents.defaults.sandbox.docker.memory = "96m"'
    first=$(id_of "$(box a)")

    # In use a moment ago: both say so, and neither acts.
    rc plan -o json "$SPEC"
    is_json '.plan.acts | length == 1 and all(.act == "hold" and .held == "recreate" and .guard == "hot")'
    until=$(jq '.plan.acts[0].untilMs' "$T/out")
    used=$(record "$(box a)" | jq .lastUsedAtMs)
    [ "$until" = $((used + 300000)) ] || fail "held until $until, used $used"
    use agent:a:main
    [[ $said == *"Sandbox config changed for $(box a) (recently used)"* ]] || fail "said: $said"
    # Its use moves the time.
    apply
    is_status 3
    rc plan -o json "$SPEC"
    [ "$(jq '.plan.acts[0].untilMs' "$T/out")" -gt "$until" ] || fail "not later than $until"
    [ "$(id_of "$(box a)")" = "$first" ] || fail "not the same container"

    # Not used any more: we make it anew, and OpenClaw takes it.
    cold "$(box a)" 301
    apply
    is_status 0
    out_has '1 recreated.'
    second=$(id_of "$(box a)")
    [ "$second" != "$first" ] || fail "the same container"
    [ "$(d inspect -f '{{.HostConfig.Memory}}' "$second")" = $((96 << 20)) ]
    # A recreate is no use: what nobody has used stays unused.
    [ "$(record "$(box a)" | jq .lastUsedAtMs)" -lt "$(ago 300)" ]
    listed_as_recorded
    use_quietly agent:a:main
    [ "$(id_of "$(box a)")" = "$second" ] || fail "not adopted"

    # The other way round: OpenClaw makes it anew on its next use, and there is nothing left for us.
    oc_set '.agents.defaults.sandbox.docker.memory = "80m"'
    cold "$(box a)" 301
    use_quietly agent:a:main
    third=$(id_of "$(box a)")
    [ "$third" != "$second" ] || fail "the same container"
    is_quiet
    apply
    is_status 0
    out_has 'Nothing to do.'
    [ "$(id_of "$(box a)")" = "$third" ] || fail "not adopted"
}

it_stopped_or_gone() {
    local before
    oc_three
    spec_openclaw
    apply
    is_status 0
    d kill "$(box a)" >/dev/null
    d rm -f "$(box b)" >/dev/null
    before=$(id_of "$(box a)")
    use_quietly agent:a:main agent:b:main
    [ "$(id_of "$(box a)")" = "$before" ] || fail "made anew"
    is_quiet
    listed_as_recorded
    before=$(ids)
    d kill "$(box a)" >/dev/null
    apply
    is_status 0
    same "$(ids)" "$before"
    use_quietly agent:a:main agent:b:main agent:c:main
    same "$(ids)" "$before"
}

# --- both at once -----------------------------------------------------------------------------------------------------------

of_b_and_c() {
    local name
    for name in "$(box b)" "$(box c)"; do
        id_of "$name"
        record "$name" | jq -c 'del(.lastUsedAtMs)' 
    done
}

it_both_at_once() {
    local seconds=${INTEROP_SECONDS:-60} i n=0 pids=() keys=(agent:a:main agent:b:main agent:c:main) end before
    oc_three
    spec_openclaw
    apply
    is_status 0
    before=$(of_b_and_c)
    end=$((SECONDS + seconds))
    for i in 1 2; do
        theirs "$ROOT/tests/interop/openclaw.mjs" loop "$seconds" "${keys[@]}" >"$T/loop$i" 3>&- &
        pids+=($!)
    done
    while [ $SECONDS -lt $end ]; do
        # Every third time something of one agent is missing, so that both see it and go to make it.
        case $((n % 6)) in
            2) d rm -f "$(box a)" >/dev/null 2>&1 || true ;;
            5) record_remove "$(box a)" ;;
        esac
        n=$((n + 1))
        rc apply --yes "$SPEC"
        # A name in use, a container gone in mid-work: the other was faster.
        case $status in
            0 | 1 | 3) ;;
            *) fail "apply" ;;
        esac
        records_whole
    done
    for i in "${pids[@]}"; do wait "$i" || fail "$(cat "$T"/loop*)"; done
    [ "$n" -gt 5 ] || fail "only $n rounds of ours"
    cat "$T"/loop*
    jq -se 'all(length == 3 and all(.times > 2))' "$T"/loop1 "$T"/loop2 >/dev/null
    # Whatever one of them undid at the very end, one round of each makes whole again.
    apply
    is_status 0
    use "${keys[@]}"
    is_quiet
    same "$(n_records)" 3
    [ "$(ids | wc -l)" = 3 ] || fail "$(ids)"
    # What nobody touched is what it was, under both writers' hands all the time.
    same "$(of_b_and_c)" "$before"
    [ ! -d "$OC/sandbox" ] || [ -z "$(find "$OC/sandbox" -name '*.lock' -o -name '*.tmp')" ]
    listed_as_recorded
}

# --- what both say ------------------------------------------------------------------------------------------------------------

# Agents and sessions that a config may be asked about.
asks() {
    jq -cn --args '$ARGS.positional[] | {agent: .}' main a b work nobody 'Work Bot!' '  A ' ''
    jq -cn --args '$ARGS.positional[] | {session: .}' main global '  main ' agent:a:main agent:A:Main agent:a:MAIN agent:main:main \
        agent:nobody:main agent:a:telegram:group:-100 agent:b:discord:channel:7 agent:b:Signal:x agent:work:webchat:x \
        agent:work:subagent:9f agent:work-bot:whatsapp:1 agent::a:slack:x agent:a agent: subagent:agent:a:x cron:job a:b:c \
        'agent:a:telegram' 'agent: a :irc:1' agent:work:teams:x agent:b:main:thread:5 global:x 'AGENT:b:matrix:!r:s' 'agent:b:  nostr :1' ''
}
explains() {
    oc "$1"
    steps_end # its command line reads a config once
    spec_openclaw
    asks >"$T/asks"
    steps explain "$RECONCLAW" "$SPEC" "$T/asks" || fail "see above"
}

it_random() {
    local seed=${RECONCLAW_SEED:-1}
    echo "seed $seed"
    mkdir -p "$T/data/deep" "$T/data/x"
    echo x >"$T/data/file"
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}' >"$T/seccomp.json"
    d network create interop-net >/dev/null
    spec_openclaw
    steps random "$RECONCLAW" "$SPEC" "$seed" "${INTEROP_ROUNDS:-10}"
}
