#!/usr/bin/env bats
# The running daemon and the files it reads: however they are written, the sandboxes follow, and what does not load changes nothing.
# shellcheck disable=SC2016

load lib
load daemon
setup() { daemon_home; }
teardown() { daemon_gone; }

# What the journal says was done to a sandbox: "create recreate ...".
acts() { rc_raw history -o json 2>/dev/null | jq -r --arg n "$1" '[.. | objects | select(.event? == "act-end" and .outcome == "ok" and .runtime == $n) | .act] | join(" ")'; }
did_now() { [ "$(acts "$1")" = "$2" ]; }
# An act is seen from inside a moment before its end is in the journal.
did() { until_ok did_now "$1" "$2"; }
hello() { box_text "$1" "env: {GREETING: $2}"; }
write_in_place() { cat >"$1"; }
start_with_one() {
    hello one first >"$SPEC/one.yaml"
    daemon_start "$@"
    until_ok is_applied
    until_ok greets one first
    daemon_mark
}

@test "a rename over the file is seen" {
    start_with_one
    hello one second >"$SPEC/.tmp" && mv "$SPEC/.tmp" "$SPEC/one.yaml"
    await 'recreated bubblewrap/one: .*GREETING'
    greets one second
    until_ok is_applied
    did one 'create recreate'
}

@test "a write in place is seen, in a file that was named itself, too" {
    start_with_one "$SPEC/one.yaml"
    hello one second | write_in_place "$SPEC/one.yaml"
    until_ok greets one second
}

@test "a writer that never closes is seen" {
    start_with_one
    exec 7>"$SPEC/one.yaml"
    hello one second >&7
    until_ok greets one second
    exec 7>&-
}

@test "a directory that is swapped by a symbolic link, as ConfigMaps are, is seen" {
    mkdir "$SPEC/..1" && hello one first >"$SPEC/..1/one.yaml"
    ln -s ..1 "$SPEC/..data" && ln -s ..data/one.yaml "$SPEC/one.yaml"
    daemon_start
    until_ok greets one first
    mkdir "$SPEC/..2" && hello one second >"$SPEC/..2/one.yaml"
    ln -s ..2 "$SPEC/..tmp" && mv -T "$SPEC/..tmp" "$SPEC/..data" && rm -r "$SPEC/..1"
    until_ok greets one second
    # and once more: the new links are watched
    mkdir "$SPEC/..3" && hello one third >"$SPEC/..3/one.yaml"
    ln -s ..3 "$SPEC/..tmp" && mv -T "$SPEC/..tmp" "$SPEC/..data" && rm -r "$SPEC/..2"
    until_ok greets one third
}

@test "a spec directory that appears later is seen, and one that is moved away and comes back" {
    rm -r "$SPEC"
    daemon_start
    await 'config: .*specs'
    mkdir "$T/made"
    hello one first >"$T/made/one.yaml"
    mv "$T/made" "$SPEC"
    until_ok greets one first
    mv "$SPEC" "$T/gone"
    await 'the last good one stays in force'
    [ "$(inside one /bin/sh -c 'echo $GREETING')" = first ]
    hello one second >"$T/gone/one.yaml"
    mv "$T/gone" "$SPEC"
    until_ok greets one second
    did one 'create recreate'
}

@test "a spec file that is deleted takes its sandbox with it, and brings it back" {
    start_with_one
    hello two kept >"$SPEC/two.yaml"
    until_ok greets two kept
    mv "$SPEC/one.yaml" "$T/one.yaml"
    await 'pruned bubblewrap/one'
    until_ok is_applied
    mv "$T/one.yaml" "$SPEC/one.yaml"
    until_ok greets one first
    did two create
}

@test "a half-written file changes nothing; status tells the generation in force and the error; the rest is then applied" {
    start_with_one
    hello one second >"$T/whole"
    head -c $(($(wc -c <"$T/whole") - 9)) "$T/whole" >"$SPEC/one.yaml"
    await 'one.yaml:[0-9]+:[0-9]+: '
    await 'the last good one stays in force'
    until_ok status_is .report.service.lastGood true
    status_is .report.service.generation 1
    rc status
    [[ $output == *'generation 1 in force'* ]] || fail generation
    [[ $output == *'does not load'*one.yaml:* ]] || fail 'no error in status'
    rc history
    [[ $output =~ config-error\ +.*/one\.yaml:[0-9]+:[0-9]+:\  ]] || fail 'history does not tell where'
    [ "$(inside one /bin/sh -c 'echo $GREETING')" = first ]
    cat "$T/whole" >"$SPEC/one.yaml"
    until_ok greets one second
    await 'good again'
    until_ok is_applied
    status_is .report.service.lastGood false
    did one 'create recreate'
}

@test "a file that was cut to nothing wants nothing gone" {
    start_with_one
    : >"$SPEC/one.yaml"
    await 'one.yaml: is empty'
    until_ok status_is .report.service.lastGood true
    hello one second >"$SPEC/one.yaml"
    until_ok greets one second
    did one 'create recreate'
}

@test "another error in a file that is broken already is told; the same one is not told twice" {
    start_with_one
    { hello one first && echo '  netwrok: x'; } >"$SPEC/one.yaml"
    await 'netwrok'
    daemon_mark
    { hello one first && echo '  netwrok: x' && echo '# the same again'; } >"$SPEC/one.yaml"
    { hello one first && echo '  limtis: x'; } >"$SPEC/one.yaml"
    await 'limtis'
    not_said 'netwrok'
    until_ok eval '[[ "$(rc_raw status)" == *limtis* ]]'
}

@test "an edit that changes no wish does nothing" {
    start_with_one
    local n
    n=$(rounds)
    { hello one first && echo '# a remark'; } >"$SPEC/one.yaml"
    until_ok eval "[ \$(rounds) -gt $n ]"
    touch "$SPEC/one.yaml"
    cat "$SPEC/one.yaml" >"$T/same" && mv "$T/same" "$SPEC/one.yaml"
    hello one first >"$SPEC/one.yaml"
    until_ok is_applied
    did one create
    not_said 'round'
}

@test "edits that follow one another are read once they are quiet; without end, after two seconds" {
    start_with_one
    local i quiet texts=()
    for i in 1 2 3 4 5; do texts+=("$(hello one "quick-$i")"); done
    exec {quiet}<> <(:)
    # Nothing is started in between: on a busy machine that may take longer than edits are waited for.
    for i in "${texts[@]}"; do
        echo "$i" >"$SPEC/one.yaml"
        read -r -t 0.03 _ <&"$quiet" || true
    done
    exec {quiet}>&-
    until_ok greets one quick-5
    did one 'create recreate'
    ( while echo '# on and on' >>"$SPEC/more.yaml"; do pause 0.05; done ) 2>/dev/null 3>&- &
    local writer=$!
    hello two there >"$T/two" && mv "$T/two" "$SPEC/two.yaml"
    # Were it not read before the end of them, it would never be.
    await 'created bubblewrap/two'
    kill $writer
}

@test "a burst that overflows the kernel's queue loses nothing" {
    local was
    was=$(cat /proc/sys/fs/inotify/max_queued_events)
    # Where the limit cannot be lowered, more files than it holds are written.
    echo 16 2>/dev/null >/proc/sys/fs/inotify/max_queued_events || true
    start_with_one
    echo "$was" 2>/dev/null >/proc/sys/fs/inotify/max_queued_events || true
    kill -STOP "$DAEMON"
    local i n=100
    [ -w /proc/sys/fs/inotify/max_queued_events ] || n=$((was + 10))
    for ((i = 0; i < n; i++)); do : >"$SPEC/.x$((i % 2))"; done
    hello one second >"$T/one" && mv "$T/one" "$SPEC/one.yaml"
    rm "$SPEC"/.x*
    kill -CONT "$DAEMON"
    until_ok greets one second
}
