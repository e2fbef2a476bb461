# Our loading of a config against OpenClaw 2026.9.6's own functions, over random homes: the places of the state directory and the
# config, $include with links and roots, the env block, ${NAME}. Without npm this fails; it never skips.

LINE=2026.9
load config

@test "a config loads to the same value, or not at all, as in OpenClaw" { it_loads; }
