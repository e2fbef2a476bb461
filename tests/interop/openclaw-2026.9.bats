#!/usr/bin/env bats
# As openclaw.bats, with OpenClaw 2026.9.6: its registry in SQLite, agents.entries, names by workspace, mounts of skills.

LINE=2026.9
load openclaw

@test "what apply makes, OpenClaw lists as running and matching, and its own step adopts it" { it_apply_is_adopted; }
@test "what OpenClaw makes, reconclaw adopts: no act, no request that changes anything, the same records" { it_theirs_is_adopted; }
@test "after openclaw sandbox recreate: ensure: all makes all anew, ensure: existing leaves nothing" { it_after_recreate; }
@test "one agent taken down by openclaw sandbox recreate comes back alone" { it_one_recreated; }
@test "a changed config: held while OpenClaw uses the runtime, then recreated, then adopted; and the other way round" { it_changed_config; }
@test "a runtime that OpenClaw finds stopped or gone is made good by either, once" { it_stopped_or_gone; }
@test "both at work on the same runtimes for a minute: nothing lost, every record whole, no container twice" { it_both_at_once; }
@test "random configs: what either makes the other adopts, and nothing tells the two apart" { it_random; }

# --- what both say ------------------------------------------------------------------------------------------------------------

@test "explain answers as OpenClaw: an empty config, one agent, and many of them" {
    explains '{}'
    explains '{"agents": {"defaults": {"sandbox": {"mode": "all"}}, "entries": {"work": {"sandbox": {"scope": "agent"}}}}}'
    explains '{"agents": {"defaults": {"sandbox": {"mode": "non-main", "scope": "session", "workspaceAccess": "ro"}}, "list": [
        {"id": "work", "sandbox": {"scope": "agent"}}, {"id": "a", "sandbox": {"mode": "all"}, "tools": {"elevated": {"enabled": false}}},
        {"id": "b", "sandbox": {"workspaceAccess": "rw", "workspaceRoot": "~/boxes"}}, {"id": "work-bot", "sandbox": {"scope": "shared"}}]}}'
}

@test "explain answers as OpenClaw: where the files are, and what is mounted" {
    mkdir -p "$T/ws/skills" "$T/ws/.agents/skills" "$T/data"
    explains "$(jq -n --arg t "$T" '{agents: {defaults: {sandbox: {mode: "non-main", docker: {workdir: "/box/", dangerouslyAllowExternalBindSources: true, dangerouslyAllowReservedContainerTargets: true,
            binds: ["\($t)/data:/data:ro", "\($t)/data:/data/", "\($t)/data:/agent:z, RO", "\($t)/./data/../data:/box/skills", "\($t)/data:/other"]}}},
        list: [{id: "a", workspace: "\($t)/ws", sandbox: {workspaceAccess: "rw"}}, {id: "b", workspace: "\($t)/ws", sandbox: {workspaceAccess: "ro"}},
            {id: "work", workspace: "\($t)/ws", sandbox: {scope: "shared", docker: {binds: ["\($t)/data:/box:ro"]}}},
            {id: "main", sandbox: {mode: "off"}}, {id: "work-bot", sandbox: {backend: "podman", scope: "session"}}]}}')"
}

@test "explain answers as OpenClaw: tool policies, elevated gates, sessions that are global" {
    explains '{"tools": {"sandbox": {"tools": {"alsoAllow": ["browser", "group:web"], "deny": ["Exec", "canvas", "tele*"]}},
                         "elevated": {"allowFrom": {"telegram": [5, " x ", ""], "discord": ["*"], "webchat": []}}},
        "agents": {"defaults": {"sandbox": {"mode": "non-main"}}, "list": [
            {"id": "a", "tools": {"sandbox": {"tools": {"allow": []}}, "elevated": {"allowFrom": {"telegram": ["5"], "discord": []}}}},
            {"id": "b", "tools": {"sandbox": {"tools": {"allow": ["bash", "group:fs"], "deny": []}}, "elevated": {"allowFrom": {"discord": ["*"]}}}},
            {"id": "work", "tools": {"sandbox": {"tools": {"alsoAllow": ["apply-patch", "cron"], "deny": ["image"]}}}}]}}'
    explains '{"session": {"scope": "global", "mainKey": "other"}, "tools": {"elevated": {"enabled": false}},
        "agents": {"defaults": {"sandbox": {"mode": "non-main"}}, "list": [{"id": "a"}, {"id": "b", "sandbox": {"mode": "off"}}]}}'
}
