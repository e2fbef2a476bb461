# As config.bats, with OpenClaw 2026.9.6 and its own loading of the file.

LINE=2026.9
load config

@test "config: the real OpenClaw takes the same configs and resolves the same sandboxes" { it_resolves 500 createConfigIO; }
