#!/usr/bin/env bats
# As openclaw.bats, with OpenClaw 2026.9.6: its registry in SQLite, agents.entries, names by workspace, mounts of skills.

LINE=2026.9
load openclaw

setup_file() {
    peer_up "$LINE"
    engine_up
}
teardown_file() { engine_down; }
setup() {
    home_up
    line_home
}
teardown() { home_down; }

@test "what apply makes, OpenClaw lists as running and matching, and its own step adopts it" { it_apply_is_adopted; }
@test "what OpenClaw makes, reconclaw adopts: no act, no request that changes anything, the same records" { it_theirs_is_adopted; }
@test "after openclaw sandbox recreate: ensure: all makes all anew, ensure: existing leaves nothing" { it_after_recreate; }
@test "one agent taken down by openclaw sandbox recreate comes back alone" { it_one_recreated; }
@test "a changed config: held while OpenClaw uses the runtime, then recreated, then adopted; and the other way round" { it_changed_config; }
@test "a runtime that OpenClaw finds stopped or gone is made good by either, once" { it_stopped_or_gone; }
@test "both at work on the same runtimes for a minute: nothing lost, every record whole, no container twice" { it_both_at_once; }
@test "random configs: what either makes the other adopts, and nothing tells the two apart" { it_random; }
