#!/usr/bin/env bats
# The real OpenClaw 2026.5.3 and reconclaw on one state directory and one dockerd: each takes what the other made for its own,
# and neither undoes the other's work. Without npm this fails; it never skips.

LINE=2026.5
load openclaw

@test "what apply makes, OpenClaw lists as running and matching, and its own step adopts it" { it_apply_is_adopted; }
@test "what OpenClaw makes, reconclaw adopts: no act, no request that changes anything, the same records" { it_theirs_is_adopted; }
@test "after openclaw sandbox recreate: ensure: all makes all anew, ensure: existing leaves nothing" { it_after_recreate; }
@test "one agent taken down by openclaw sandbox recreate comes back alone" { it_one_recreated; }
@test "a changed config: held while OpenClaw uses the runtime, then recreated, then adopted; and the other way round" { it_changed_config; }
@test "a runtime that OpenClaw finds stopped or gone is made good by either, once" { it_stopped_or_gone; }
@test "both at work on the same runtimes for a minute: nothing lost, every record whole, no container twice" { it_both_at_once; }
@test "random configs: what either makes the other adopts, and nothing tells the two apart" { it_random; }

# --- the registry of an OpenClaw that is not known ------------------------------------------------------------------------------

@test "a registry of a newer release: no shard written, no container of it touched, told; own sandboxes still converge" {
    local before
    oc '{"agents": {"ownership": "explicit", "defaults": {"sandbox": {"mode": "all"}}, "entries": {"a": {}, "b": {}}}}'
    spec_openclaw
    sandbox own 'state: running'
    mkdir -p "$OC/state"
    d create --name openclaw-sbx-workspace-1 --label openclaw.sandbox=1 --label openclaw.sessionKey=agent:a:workspace:1 \
        --label openclaw.mountFormatVersion=4 --label openclaw.configHash=1 "$IMAGE" sleep infinity >/dev/null
    before=$(ids)
    sqlite3 "$OC/state/openclaw.sqlite" <"$ROOT/tests/data/openclaw-2026.9/schema.sql" >/dev/null
    sqlite3 "$OC/state/openclaw.sqlite" <<'SQL'
INSERT INTO sandbox_registry_entries (registry_kind, container_name, session_key, entry_json, updated_at)
    VALUES ('container', 'openclaw-sbx-workspace-1', 'agent:a:workspace:1', '{}', 1);
PRAGMA user_version = 19;
SQL
    apply
    is_status 3
    cat "$T/out" "$T/err"
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
  {"containerName": "far", "backendId": "ssh", "runtimeLabel": "host:/x", "sessionKey": "shared", "createdAtMs": 4, "lastUsedAtMs": 4, "image": "u@127.0.0.1:1", "configLabelKind": "Target"}
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
    # Nothing is left to mend; the alien file, and the host that a record names, are for their owner.
    rc doctor --fix "$SPEC"
    out_has 'alien:'
    out_has 'ssh:u@127.0.0.1:1: '
    out_has '2 problems, 0 mended'
    same "$(registry_tree "$ours")" "$(registry_tree "$HOME")"
}
