#!/usr/bin/env bats
# The daemon as a process: one per state directory, signals, what it tells the service manager, and that it sleeps, keeps its memory
# and its descriptors.
# shellcheck disable=SC2016

load lib
load daemon
setup() { daemon_home; }
teardown() {
    [ -z "${LISTENER:-}" ] || kill "$LISTENER" 2>/dev/null || true
    daemon_gone
}

start_with_one() {
    box_spec one
    daemon_start
    until_ok is_applied
    daemon_mark
}
fds() { find "/proc/$DAEMON/fd" -mindepth 1 | wc -l; }
rss_kb() { awk '/^VmRSS/ {print $2}' "/proc/$DAEMON/status"; }
ticks() { awk '{print $14 + $15}' "/proc/$DAEMON/stat"; }

@test "a second daemon on the same state directory is refused, with the pid of the first" {
    start_with_one
    rc run "$SPEC"
    [ "$status" != 0 ]
    err_has "in use by process $DAEMON"
    kill -0 "$DAEMON"
    # What the round made is counted.
    [ "$(rc_raw status -o json | jq '.report.endpoints[] | select(.name == "bubblewrap") | .runtimes')" = 1 ]
    daemon_kill TERM
    [ "$code" = 0 ] || daemon_fail "exit code $code"
    rc status
    is_status 1
    out_has 'not running'
    # and nothing stays behind that would keep a third from starting
    daemon_start
    until_ok eval 'rc_raw status -o json | jq -e .running'
}

@test "SIGHUP looks at everything again; SIGINT and SIGTERM end it, leaving the sandboxes" {
    start_with_one
    local n
    n=$(rounds)
    kill -HUP "$DAEMON"
    await 'asked to look'
    until_ok eval "[ \$(rounds) -gt $n ]"
    daemon_kill INT
    [ "$code" = 0 ]
    [ "$(inside one /bin/echo here)" = here ]
    daemon_start
    until_ok is_applied
    daemon_kill TERM
    [ "$code" = 0 ]
    said stopping
    [ "$(rc_raw history -o json | jq '[.. | objects | select(.event? == "act-end")] | length')" = 1 ]
}

@test "with nothing to do it sleeps" {
    start_with_one
    pause 3
    local before cpu
    before=$(switches) cpu=$(ticks)
    pause 5
    [ $(($(switches) - before)) -le 2 ] || daemon_fail "woken $(($(switches) - before)) times in five seconds"
    [ $(($(ticks) - cpu)) -le 1 ]
}

@test "memory and descriptors stay as they are over two hundred rounds" {
    DAEMON_BINARY=$RELEASE # asan keeps freed memory
    start_with_one
    local i n warm_rss warm_fds
    round_trip() {
        n=$(rounds)
        kill -HUP "$DAEMON"
        until [ "$(rounds)" -gt "$n" ]; do pause 0.02; done
    }
    many() { for ((i = 0; i < $1; i++)); do
        kill -HUP "$DAEMON"
        pause 0.03
    done; }
    many 60
    round_trip
    warm_rss=$(rss_kb) warm_fds=$(fds)
    n=$(rounds)
    until [ $(($(rounds) - n)) -ge 200 ]; do many 50; done
    round_trip
    [ "$(fds)" -le "$warm_fds" ] || daemon_fail "descriptors: $warm_fds, then $(fds)"
    # Two MB of slack for the allocator.
    [ "$(rss_kb)" -le $((warm_rss + 2048)) ] || daemon_fail "memory: $warm_rss KB, then $(rss_kb) KB"
}

@test "the service manager hears that it is ready, reloads, lives and stops" {
    python3 -c '
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(4096).decode().replace("\n", " "), flush=True)' "$T/notify" >"$T/heard" 3>&- &
    LISTENER=$!
    heard() { grep -qE "$1" "$T/heard"; }
    until_ok test -S "$T/notify"
    EXTRA_ENV=("NOTIFY_SOCKET=$T/notify" WATCHDOG_USEC=400000)
    box_spec one
    daemon_start
    until_ok heard '^READY=1'
    until_ok heard '^STATUS=generation 1 in force'
    until_ok heard '^WATCHDOG=1'
    kill -HUP "$DAEMON"
    until_ok heard '^RELOADING=1 MONOTONIC_USEC=[0-9]+'
    until_ok eval '[ "$(grep -c "^READY=1" "$T/heard")" = 2 ]'
    daemon_kill TERM
    heard '^STOPPING=1'
}
