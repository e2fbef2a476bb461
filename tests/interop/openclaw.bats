#!/usr/bin/env bats
# The real OpenClaw 2026.5.3 and reconclaw on one state directory and one dockerd: each takes what the other made for its own,
# and neither undoes the other's work. Without npm this fails; it never skips.
# INTEROP_SECONDS: how long both work at once. RECONCLAW_SEED, INTEROP_ROUNDS: of the random configs.

load ../e2e/lib

setup_file() {
    local name
    . tests/lib/openclaw.sh
    PEER=$(openclaw_install)
    export PEER
    for name in createConfigIO resolveAgentWorkspaceDir resolveSandboxContext resolveSandboxRuntimeStatus registerSandboxCli \
        listBundledChannelCatalogEntries; do
        export "FN_$name=$(openclaw_dist "$PEER" "$name")"
    done
    make -s MODE=asan build/asan/tests/tools/engine_proxy
    engine_up
}
teardown_file() { engine_down; }
setup() { home_up; }
teardown() { home_down; }

# --- the other party --------------------------------------------------------------------------------------------------------

theirs() {
    local name pass=()
    for name in "${!FN_@}"; do pass+=("$name=${!name}"); done
    env -i PATH="$PATH" HOME="$HOME" OPENCLAW_HOME="$HOME" OPENCLAW_STATE_DIR="$OC" LANG=C.UTF-8 TZ=UTC NO_COLOR=1 \
        RECONCLAW_STATE_DIR="$STATE" DOCKER_HOST="unix://$ENGINE/s.sock" "${pass[@]}" "$PEER/node" "$@"
}
openclaw() { theirs "$PEER/node_modules/openclaw/openclaw.mjs" "$@"; }
steps() { theirs "$ROOT/tests/interop/openclaw.mjs" "$@"; }
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
# Every shard as OpenClaw's list shows it, with what it adds to each.
listed_as_shards() {
    openclaw sandbox list --json >"$T/list"
    same "$(jq -S '[.containers[] | select(.running and .imageMatch) | del(.running, .imageMatch)] | sort_by(.containerName)' "$T/list")" \
        "$(jq -sS 'sort_by(.containerName)' "$OC"/sandbox/containers/*.json)"
}
# Nobody used it for so many seconds.
cold() { local now; now=$(ago "$2"); shard_set "$1" ".lastUsedAtMs = $now"; }

# Agents with all that a container can be given; prefix distinguishes no two, scopes do.
many_agents() {
    mkdir -p "$T/data" "$T/cache" "$T/ws-rw" "$T/ws-ro"
    echo '{"defaultAction": "SCMP_ACT_ALLOW"}' >"$T/seccomp.json"
    oc "$(jq -n --arg t "$T" --arg other "$OTHER" '{agents: {defaults: {sandbox: {mode: "all", docker: {memory: "256m", env: {LANG: "C", b: "1", A: "2", A_B: "3", "10": "x", "9": "y"}}}},
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
            {id: "Per Session!", sandbox: {scope: "session", docker: {containerPrefix: "other-prefix-"}}}
        ]}}')"
}
many_sessions=(agent:plain:main agent:limits:main agent:open:main agent:bound:main agent:set-up:main agent:user:main
    agent:reader:main agent:writer:main agent:together:main agent:per-session:main)

# --- ours, then theirs ------------------------------------------------------------------------------------------------------

@test "what apply makes, OpenClaw lists as running and matching, and its own step adopts it" {
    local before name
    many_agents
    spec_openclaw
    apply
    is_status 0
    [ "$(shards)" = 10 ] || fail "$(shards) shards"
    listed_as_shards
    # Nobody has used them for an hour: whatever differed, OpenClaw would make anew at once.
    for name in $(d ps -a --format '{{.Names}}'); do cold "$name" 3600; done
    before=$(ids)
    use_quietly "${many_sessions[@]}"
    same "$(ids)" "$before"
    [ "$(shards)" = 10 ] || fail "$(shards) shards"
    while read -r name _; do
        [ "$(d inspect -f '{{index .Config.Labels "openclaw.configHash"}}' "$name")" = "$(jq -r .configHash "$(shard "$name")")" ] ||
            fail "$name: another hash"
    done <<<"$before"
    # And we do not mind that it was used.
    is_quiet
    listed_as_shards
}

# --- theirs, then ours ------------------------------------------------------------------------------------------------------

@test "what OpenClaw makes, reconclaw adopts: no act, no request that changes anything, the same shards" {
    local before shards_before ensure
    many_agents
    use_quietly "${many_sessions[@]}" agent:plain:second 'agent:per-session:Telegram:Group:-1' agent:per-session:main
    before=$(ids)
    [ "$(wc -l <<<"$before")" = 11 ] || fail "$before"
    shards_before=$(md5sum "$OC"/sandbox/containers/*)
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
    same "$(md5sum "$OC"/sandbox/containers/*)" "$shards_before"
    rc list -o json "$SPEC"
    is_json '[.. | objects | select(has("containerName"))] | length == 11'
}

# --- one undoes, the other makes good ---------------------------------------------------------------------------------------

@test "after openclaw sandbox recreate: ensure: all makes all anew, ensure: existing leaves nothing" {
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
            listed_as_shards
            before=$(ids)
            use_quietly agent:a:main agent:b:main agent:c:main
            same "$(ids)" "$before"
        else
            out_has 'Nothing to do.'
            same "$(ids)" ''
            [ "$(shards)" = 0 ] || fail "$(shards) shards"
        fi
        is_quiet
    done
}

@test "one session taken down by openclaw sandbox recreate comes back alone" {
    local before
    oc_three
    spec_openclaw
    apply
    is_status 0
    before=$(ids)
    openclaw sandbox recreate --session agent:b --force
    [ "$(ids | wc -l)" = 2 ] || fail "$(ids)"
    plan
    out_has 'Plan: 1 to create.'
    apply
    is_status 0
    [ "$(comm -12 <(ids) <(echo "$before") | wc -l)" = 2 ] || fail "$(ids)"
    [ "$(ids | wc -l)" = 3 ] || fail "$(ids)"
    listed_as_shards
}

@test "a changed config: held while OpenClaw uses the runtime, then recreated, then adopted; and the other way round" {
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
    used=$(jq .lastUsedAtMs "$(shard "$(box a)")")
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
    [ "$(jq .lastUsedAtMs "$(shard "$(box a)")")" -lt "$(ago 300)" ]
    listed_as_shards
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

@test "a runtime that OpenClaw finds stopped or gone is made good by either, once" {
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
    listed_as_shards
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
        jq -c 'del(.lastUsedAtMs)' "$(shard "$name")"
    done
}

@test "both at work on the same runtimes for a minute: nothing lost, every shard whole, no container twice" {
    local seconds=${INTEROP_SECONDS:-60} i n=0 pids=() keys=(agent:a:main agent:b:main agent:c:main) end before
    oc_three
    spec_openclaw
    apply
    is_status 0
    before=$(of_b_and_c)
    end=$((SECONDS + seconds))
    for i in 1 2; do
        steps loop "$seconds" "${keys[@]}" >"$T/loop$i" 3>&- &
        pids+=($!)
    done
    while [ $SECONDS -lt $end ]; do
        # Every third time something of one agent is missing, so that both see it and go to make it.
        case $((n % 6)) in
            2) d rm -f "$(box a)" >/dev/null 2>&1 || true ;;
            5) rm -f "$(shard "$(box a)")" ;;
        esac
        n=$((n + 1))
        rc apply --yes "$SPEC"
        # A name in use, a container gone in mid-work: the other was faster.
        case $status in
            0 | 1 | 3) ;;
            *) fail "apply" ;;
        esac
        jq -se . "$OC"/sandbox/containers/*.json >/dev/null || fail "a torn shard"
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
    [ "$(shards)" = 3 ] || fail "$(shards) shards"
    [ "$(ids | wc -l)" = 3 ] || fail "$(ids)"
    # What nobody touched is what it was, under both writers' hands all the time.
    same "$(of_b_and_c)" "$before"
    [ -z "$(find "$OC/sandbox" -name '*.lock' -o -name '*.tmp')" ]
    listed_as_shards
}

# --- a newer OpenClaw's registry ----------------------------------------------------------------------------------------------

@test "a registry in SQLite: no shard written, no container of it touched, told; own sandboxes still converge" {
    local before
    oc_three
    spec_openclaw
    sandbox own 'state: running'
    mkdir -p "$OC/state"
    d create --name openclaw-sbx-workspace-1 --label openclaw.sandbox=1 --label openclaw.sessionKey=agent:a:workspace:1 \
        --label openclaw.mountFormatVersion=4 --label openclaw.configHash=1 "$IMAGE" sleep infinity >/dev/null
    before=$(ids)
    sqlite3 "$OC/state/openclaw.sqlite" <<'SQL'
PRAGMA journal_mode = WAL;
PRAGMA user_version = 18;
CREATE TABLE schema_meta (meta_key TEXT PRIMARY KEY, role TEXT, schema_version INTEGER, agent_id TEXT, app_version TEXT, created_at INTEGER, updated_at INTEGER) STRICT;
INSERT INTO schema_meta VALUES ('primary', 'global', 18, '', '2026.9.6', 1, 1);
CREATE TABLE sandbox_registry_entries (registry_kind TEXT NOT NULL, container_name TEXT NOT NULL, session_key TEXT, backend_id TEXT,
    runtime_label TEXT, image TEXT, created_at_ms INTEGER, last_used_at_ms INTEGER, config_label_kind TEXT, config_hash TEXT,
    cdp_port INTEGER, no_vnc_port INTEGER, entry_json TEXT NOT NULL, updated_at INTEGER NOT NULL, PRIMARY KEY (registry_kind, container_name)) STRICT;
INSERT INTO sandbox_registry_entries VALUES ('containers', 'openclaw-sbx-workspace-1', 'agent:a:workspace:1', 'docker', 'openclaw-sbx-workspace-1',
    'openclaw-sandbox:bookworm-slim', 1, 1, 'Image', '1', NULL, NULL, '{}', 1);
SQL
    apply
    is_status 3
    err_has "keeps 1 sandbox in its database '$OC/state/openclaw.sqlite' (made by 2026.9.6)"
    [ "$(d inspect -f '{{.State.Running}}' reconclaw-own)" = true ]
    same "$(ids | grep -v '^reconclaw-own ')" "$before"
    [ "$(shards)" = 0 ] || fail "$(shards) shards"
    [ "$(sqlite3 "$OC/state/openclaw.sqlite" 'SELECT count(*) FROM sandbox_registry_entries')" = 1 ]
    # Nor are the records of before taken for anything any more.
    mkdir -p "$OC/sandbox/containers"
    echo '{"containerName": "openclaw-sbx-workspace-1", "sessionKey": "agent:gone", "createdAtMs": 1, "lastUsedAtMs": 1, "image": "x"}' \
        >"$(shard openclaw-sbx-workspace-1)"
    before=$(ids)
    apply
    is_status 3
    same "$(ids)" "$before"
    [ "$(shards)" = 1 ] || fail "$(shards) shards"
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
    spec_openclaw
    asks >"$T/asks"
    steps explain "$RECONCLAW" "$SPEC" <"$T/asks" || fail "see above"
}

@test "explain answers as OpenClaw: an empty config, and one of many agents" {
    explains '{}'
    explains '{agents: {defaults: {sandbox: {mode: "non-main", scope: "session", workspaceAccess: "ro"}},
        list: [{id: "work", sandbox: {scope: "agent"}}, {id: "a", sandbox: {mode: "all"}, tools: {elevated: {enabled: false}}},
               {id: "b", default: true, sandbox: {workspaceAccess: "rw", workspaceRoot: "~/boxes"}}, {id: "Work Bot!"}]}}'
}

@test "explain answers as OpenClaw: tool policies, elevated gates, sessions that are global" {
    explains '{tools: {sandbox: {tools: {alsoAllow: ["browser", "group:web"], deny: ["Exec", "canvas", "tele*"]}},
                       elevated: {allowFrom: {telegram: [5, " x ", ""], discord: ["*"], webchat: []}}},
        agents: {defaults: {sandbox: {mode: "non-main"}},
            list: [{id: "a", tools: {sandbox: {tools: {allow: []}}, elevated: {allowFrom: {telegram: ["5"], discord: []}}}},
                   {id: "b", tools: {sandbox: {tools: {allow: ["bash", "group:fs"], deny: []}}, elevated: {allowFrom: {discord: ["*"]}}}},
                   {id: "work", tools: {sandbox: {tools: {alsoAllow: ["apply-patch", "cron"], deny: ["image"]}}}}]}}'
    explains '{session: {scope: "global", mainKey: "other"}, tools: {elevated: {enabled: false}},
        agents: {defaults: {sandbox: {mode: "non-main"}}, list: [{id: "a"}, {id: "b", sandbox: {mode: "off"}}]}}'
}

# --- what older releases left ---------------------------------------------------------------------------------------------------

# Every file below sandbox/ with its mode and content; when a quarantined file was set aside is no part of it.
registry_tree() {
    (cd "$1/.openclaw/sandbox" && find . -mindepth 1 -printf '%P %y %m\n' | sort && find . -type f | sort | sed 'p; s/.*/cat "&"/e') |
        sed -E 's/invalid-[0-9]{13}/invalid-T/'
}

@test "doctor --fix leaves the same registry as OpenClaw's" {
    local ours=$T/ours s
    oc '{agents: {defaults: {sandbox: {mode: "off"}}}}'
    mkdir -p "$OC/sandbox/containers"
    # One that has a shard already, one twice, one of another backend, with keys that nobody knows, in an order of its own.
    cat >"$OC/sandbox/containers.json" <<'JSON'
{"entries": [
  {"containerName": "openclaw-sbx-agent-a", "sessionKey": "agent:a", "createdAtMs": 1700000000000, "lastUsedAtMs": 1700000000001, "image": "i:1", "configHash": "aa"},
  {"sessionKey": "agent:b", "containerName": "b \u00e9\u2028 \"x\"", "more": {"z": [1, 2.50, 1e21, null], "10": true, "2": "x/y"}, "createdAtMs": 0, "lastUsedAtMs": -1, "image": ""},
  {"containerName": "twice", "sessionKey": "first", "createdAtMs": 1, "lastUsedAtMs": 1, "image": "i"},
  {"containerName": "twice", "sessionKey": "second", "createdAtMs": 2, "lastUsedAtMs": 2, "image": "i"},
  {"containerName": "there", "sessionKey": "old", "createdAtMs": 3, "lastUsedAtMs": 3, "image": "i"},
  {"containerName": "torn", "sessionKey": "old", "createdAtMs": 3, "lastUsedAtMs": 3, "image": "i"},
  {"containerName": "far", "backendId": "ssh", "runtimeLabel": "host:/x", "sessionKey": "shared", "createdAtMs": 4, "lastUsedAtMs": 4, "image": "t", "configLabelKind": "Target"}
]}
JSON
    echo '{"containerName": "there", "sessionKey": "new", "createdAtMs": 9, "lastUsedAtMs": 9, "image": "n"}' >"$(shard there)"
    echo '{"containerName": "to' >"$(shard torn)"
    echo 'not ours' >"$OC/sandbox/containers/README"
    # One bad entry spoils a file.
    echo '{"entries": [{"containerName": "w", "sessionKey": "agent:w", "createdAtMs": 1, "lastUsedAtMs": 1, "image": "i", "cdpPort": 1}, {"containerName": 5}]}' \
        >"$OC/sandbox/browsers.json"
    cp -a "$HOME" "$ours"
    openclaw doctor --fix --non-interactive >"$T/doctor" 2>&1 || fail "$(cat "$T/doctor")"
    [ ! -e "$OC/sandbox/containers.json" ] || fail "OpenClaw's doctor did not migrate: $(cat "$T/doctor")"

    # Without --fix: told, and nothing changed.
    spec_openclaw
    sed -i "s|$OC|$ours/.openclaw|" "$SPEC"
    s=$(registry_tree "$ours")
    rc doctor "$SPEC"
    is_status 1
    out_has "$ours/.openclaw/sandbox/containers.json"
    out_has "$ours/.openclaw/sandbox/browsers.json"
    same "$(registry_tree "$ours")" "$s"
    rc doctor --fix "$SPEC"
    is_status 1
    out_has '1 problem, 2 mended'
    same "$(registry_tree "$ours")" "$(registry_tree "$HOME")"
    # Nothing is left to mend; the alien file is for its owner.
    rc doctor --fix "$SPEC"
    out_has 'alien:'
    out_has '1 problem, 0 mended'
    same "$(registry_tree "$ours")" "$(registry_tree "$HOME")"
}

@test "random configs: what either makes the other adopts, and nothing tells the two apart" {
    local seed=${RECONCLAW_SEED:-$RANDOM$RANDOM}
    echo "seed $seed"
    mkdir -p "$T/data/deep" "$T/data/x"
    echo x >"$T/data/file"
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": []}' >"$T/seccomp.json"
    d network create interop-net >/dev/null
    spec_openclaw
    steps random "$RECONCLAW" "$SPEC" "$seed" "${INTEROP_ROUNDS:-10}"
}
