# OpenClaw's config, judged and resolved by the real OpenClaw 2026.5.3 and by us. Without npm this fails; it never skips.

LINE=2026.5
load config

@test "config: the real OpenClaw takes the same configs and resolves the same sandboxes" { it_resolves 4000 validateConfigObjectRaw; }
