#!/usr/bin/env bats
# Directories on other hosts, end to end: the real program against real ssh servers of the test's own.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

load rc
load remote
setup() {
    STARTED=()
    place_up
    host_up h
    echo mine >"$WORK/AGENTS.md"
    policy 'hotWindow: 0, removalCap: {percent: 100}'
}
teardown() {
    hosts_down
    place_down
}

# box NAME HOST [LINE...]: in a file of its own. $KEYS: how the host is reached.
box() {
    local name=$1 host=$2
    local keys=${KEYS:-"identityFile: $T/$host/id, knownHostsFile: $T/$host/known_hosts"}
    shift 2
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' "metadata: {name: $name}" 'spec:' '  backend: ssh' \
        "  ssh: {target: '$(at "$host")', workspaceRoot: $T/$host/home/boxes, $keys}" "  workspaces: [{path: $WORK}]" >"$T/.new"
    [ $# -eq 0 ] || printf '  %s\n' "$@" >>"$T/.new"
    mv "$T/.new" "$SPECS/$name.yaml"
}
tree() { echo "$T/$1/home/boxes/reconclaw-$2"; }
id_of() { jq -r .id "$(tree "$1" "$2")/.reconclaw/owner.json"; }
@test "a sandbox on another host, from nothing: seeded once, then nothing to do" {
    box one h 'env: {GREETING: hello}' 'setup: "echo made >made"'
    rc validate "$SPECS"
    is_status 0
    plan --detailed-exitcode
    is_status 2
    out_has '1 to create'
    [ ! -e "$T/h/home/boxes" ] || fail 'a plan touches nothing'
    apply
    is_status 0
    out_has '1 created'
    same "$(cat "$(tree h one)/workspace/AGENTS.md")" mine
    same "$(cat "$(tree h one)/workspace/made")" made
    same "$(ls -A "$T/h/home/boxes")" reconclaw-one
    id=$(id_of h one)
    quiet
    apply
    is_status 0
    rc list -o json "$SPECS"
    is_json '.sandboxes | length == 1 and .[0].containerName == "reconclaw-one" and .[0].status == "running"'
    rc doctor "$SPECS"
    out_has 'answers: version OpenSSH'
    # By its name alone: what it needs stands in the spec that it was made from.
    status=0
    printf 'in\n' | rc_raw exec one -- /bin/sh -c 'read x; echo "$x $GREETING $(pwd)"; exit 7' >"$T/out" 2>"$T/err" || status=$?
    is_status 7
    same "$(cat "$T/out")" "in hello $(tree h one)/workspace"
    # What is written there is nobody's to undo.
    echo theirs >"$(tree h one)/workspace/AGENTS.md"
    echo changed >"$WORK/AGENTS.md"
    quiet
    same "$(cat "$(tree h one)/workspace/AGENTS.md")" theirs
    # A field that is changed in place.
    box one h 'env: {GREETING: hello}' 'setup: "echo made >made"' 'seed: {policy: manual}'
    same "$(acts)" 'reconclaw-one patch'
    is_json '.plan.acts[0].changes | map(.field) == ["seed.policy"]'
    apply
    is_status 0
    quiet
    same "$(id_of h one)" "$id"
    same "$(cat "$(tree h one)/workspace/AGENTS.md")" theirs
}

@test "a changed identity alone recreates nothing, and is what is used from then on" {
    box one h
    apply
    is_status 0
    id=$(id_of h one)
    # A key that does not serve, while the one that it was made by does: nothing is in the way, but doctor tells.
    KEYS="identityFile: $T/h/other, knownHostsFile: $T/h/known_hosts" box one h
    quiet
    rc doctor "$SPECS"
    out_has 'reached only by other settings of the same host'
    cp "$T/h/other.pub" "$T/h/keys" # the first key is not accepted any more
    KEYS="identityFile: $T/h/id, knownHostsFile: $T/h/known_hosts" box one h
    plan
    err_lacks 'nothing to do'
    same "$(acts)" ''
    rc list "$SPECS"
    out_has 'unknown'
    KEYS="identityFile: $T/h/other, knownHostsFile: $T/h/known_hosts" box one h
    quiet
    same "$(id_of h one)" "$id"
}

@test "what copies nothing is refused before any host is asked" {
    box one h
    sed -i '/workspaces/d' "$SPECS/one.yaml"
    rc validate "$SPECS"
    is_status 78
    err_has 'spec.workspaces: backend ssh needs it'
    same "$(logins h)" 0
}

@test "a host that is down: its runtimes are unknown, all others go on, and it comes back as it was" {
    host_up g
    box one h
    box two g
    apply
    is_status 0
    host_down h
    box three g
    plan
    out_has reconclaw-three
    apply
    [ -f "$(tree g three)/workspace/AGENTS.md" ] || fail 'the other host did not go on'
    rc list "$SPECS"
    out_has 'unknown'
    rc recreate one --yes
    err_has 'reconclaw-one: not recreated: its endpoint is unknown'
    rm "$SPECS/one.yaml" # not wanted any more, and not known to be gone
    plan
    apply
    [ -d "$(tree h one)" ]
    [ "$(grep -l reconclaw-one "$STATE"/records/* | wc -l)" = 1 ] || fail 'its record went'
    box one h
    "$ROOT/tests/lib/sshd.sh" start "$T/h" >/dev/null
    quiet
}

# mute NAME: a host that takes connections and stays silent.
mute() {
    python3 -c 'import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(16)
print(s.getsockname()[1], flush=True); time.sleep(300)' >"$T/$1.port" 3>&- &
    STARTED+=($!)
    within 5 test -s "$T/$1.port"
    mkdir "$T/$1"
    cp "$T/h/id" "$T/h/known_hosts" "$T/$1/"
    cp "$T/$1.port" "$T/$1/port"
    id -un >"$T/$1/user"
}
# timed NAME: an apply of $T/NAME.specs with a state of its own; leaves how long it took, in ms.
timed() {
    local begun
    begun=$(date +%s%3N)
    STATE=$T/$1.state rc_raw apply --yes "$T/$1.specs" >"$T/$1.out" 2>&1 </dev/null 3>&- || true
    echo $(($(date +%s%3N) - begun)) >"$T/$1.ms"
}

@test "hosts that accept and say nothing: the sandboxes of others are made, and many such hosts cost no more time than one" {
    for name in m1 m2 m3 m4; do mute "$name"; done
    mkdir "$T/control.specs" "$T/many.specs"
    SPECS=$T/control.specs
    box one h
    box quiet m1
    SPECS=$T/many.specs
    box two h
    for name in m2 m3 m4; do
        box "$name-a" "$name"
        box "$name-b" "$name"
    done
    timed control &
    timed many
    wait "$!"
    [ -f "$(tree h one)/workspace/AGENTS.md" ] || fail "$(cat "$T/control.out")"
    [ -f "$(tree h two)/workspace/AGENTS.md" ] || fail "$(cat "$T/many.out")"
    [ "$(cat "$T/many.ms")" -lt $(($(cat "$T/control.ms") * 3 / 2)) ] ||
        fail "$(cat "$T/many.ms") ms with six sandboxes on three such hosts, $(cat "$T/control.ms") ms with one"
}

@test "a changed host key is refused with a line that says so, until its owner takes it" {
    box one h
    apply
    is_status 0
    id=$(id_of h one)
    host_down h
    rm "$T/h/host_key" "$T/h/host_key.pub"
    "$ROOT/tests/lib/sshd.sh" start "$T/h" >/dev/null
    plan
    cat "$T/out" "$T/err" >"$T/all"
    grep -qi 'host key' "$T/all" || fail 'the plan does not say why'
    apply
    same "$(grep -c 'Accepted publickey' "$T/h/log")" "$(logins h)"
    same "$(id_of h one)" "$id"
    printf '[127.0.0.1]:%s %s\n' "$(cat "$T/h/port")" "$(cut -d' ' -f1,2 "$T/h/host_key.pub")" >"$T/h/known_hosts"
    quiet
    same "$(id_of h one)" "$id"
}

@test "the daemon follows an edited spec, over one kept session" {
    box one h
    rc_raw run "$SPECS" >"$T/log" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
    within 5 pgrep -P "$!"
    STARTED+=("$(pgrep -P "$!")")
    within 20 test -f "$(tree h one)/workspace/AGENTS.md"
    for name in two three four; do
        box "$name" h
        within 20 test -f "$(tree h "$name")/workspace/AGENTS.md"
    done
    [ "$(logins h)" = 1 ] || fail "$(logins h) sessions for four rounds"
    # It comes back over a session of its own, once the first is lost.
    host_down h
    "$ROOT/tests/lib/sshd.sh" start "$T/h" >/dev/null
    box five h
    within 40 test -f "$(tree h five)/workspace/AGENTS.md"
}

@test "halves that a crash left: of what is wanted, of what is not, and beside what is whole; none stays" {
    box one h
    box two h
    apply
    is_status 0
    local dir=$T/h/home/boxes install
    install=$(jq -r .install "$(tree h one)/.reconclaw/owner.json")
    # Of one the seed was not seen to end, of two the removal; three is beside them, with half of another seed of it.
    box three h
    apply
    mv "$dir/reconclaw-one" "$dir/.reconclaw-one.seed-$(id_of h one).$install"
    mv "$dir/reconclaw-two" "$dir/.reconclaw-two.gone-$(id_of h two).$install"
    rm -r "$dir/.reconclaw-two.gone-"*/.reconclaw
    cp -a "$dir/reconclaw-three" "$dir/.reconclaw-three.seed-00ff.$install"
    cp -a "$dir/reconclaw-three" "$dir/.reconclaw-three.seed-00ff.another"
    rm "$SPECS/two.yaml"
    same "$(acts)" 'reconclaw-one recreate
reconclaw-three patch
reconclaw-two prune'
    apply
    is_status 0
    same "$(ls -A "$dir")" '.reconclaw-three.seed-00ff.another
reconclaw-one
reconclaw-three'
    same "$(cat "$(tree h one)/workspace/AGENTS.md")" mine
    ! compgen -G "$STATE/snapshots/*/*" >/dev/null || fail 'what is half is nobody'"'"'s to save'
    quiet
}

# --- OpenClaw's --------------------------------------------------------------------------------------------------------------

# oc ENSURE [AGENT...]: agents whose sandboxes are on host h, and work on the agent's own directory.
oc() {
    local ensure=$1 agents
    shift
    agents=$(for a in "$@"; do printf '{"id": "%s", "workspace": "%s/ws-%s"},' "$a" "$T" "$a"; done)
    mkdir -p "$HOME/.openclaw"
    cat >"$HOME/.openclaw/openclaw.json" <<JSON
{"agents": {"defaults": {"sandbox": {"mode": "all", "backend": "ssh", "workspaceAccess": "rw",
  "ssh": {"target": "$(at h)", "workspaceRoot": "$T/h/home/oc", "identityFile": "$T/h/id", "knownHostsFile": "$T/h/known_hosts"}}},
  "list": [${agents%,}]}}
JSON
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: OpenClaw' 'metadata: {name: home}' \
        "spec: {config: $HOME/.openclaw/openclaw.json, stateDir: $HOME/.openclaw, ensure: $ensure, policy: {hotWindow: 0}}" >"$SPECS/oc.yaml"
}
rows() { cat "$HOME"/.openclaw/sandbox/containers/*.json 2>/dev/null | jq -r '"\(.backendId) \(.image) \(.configLabelKind) \(.configHash)"' | sort; }

@test "OpenClaw's agents on another host: made beforehand where OpenClaw has laid the workspace out, and recorded as OpenClaw does" {
    mkdir "$T/ws-a" "$T/ws-b"
    echo a >"$T/ws-a/AGENTS.md" # of b OpenClaw has not laid out anything yet
    oc all a b
    apply
    is_status 0
    out_has '1 created'
    same "$(cat "$T/h/home/oc/"openclaw-ssh-agent-a-*/workspace/AGENTS.md)" a
    same "$(find "$T/h/home/oc" -mindepth 1 -maxdepth 1 | wc -l)" 1
    same "$(rows)" "ssh $(at h) Target null"
    quiet
    rc list "$SPECS"
    out_has "  Target:   $(at h)"
    # The agent goes: its workspace exists nowhere else, and does not go with it unasked.
    oc all b
    plan
    out_has openclaw-ssh-agent-a-
    out_has 'snapshot first'
    compgen -G "$T/h/home/oc/*" >/dev/null || fail 'a plan touches nothing'
    ! compgen -G "$STATE/snapshots/*" >/dev/null || fail 'a plan saves nothing'
    apply
    is_status 0
    ! compgen -G "$T/h/home/oc/*" >/dev/null || fail 'left there: ' "$T"/h/home/oc/*
    compgen -G "$STATE/snapshots/openclaw-ssh-agent-a-*/*.tar.zst" >/dev/null || fail 'it is gone, and no snapshot of it is kept'
    rc snapshots restore "$(basename "$STATE"/snapshots/openclaw-ssh-agent-a-*)" --to "$T/back"
    is_status 0
    same "$(cat "$T/back/workspace/AGENTS.md")" a
    same "$(rows)" ''
}

@test "OpenClaw's agents on another host, ensure: existing: what is recorded and was lost is made again, no other" {
    mkdir "$T/ws-a" "$T/ws-b"
    echo a >"$T/ws-a/AGENTS.md"
    echo b >"$T/ws-b/AGENTS.md"
    oc all a
    apply
    is_status 0
    rm -rf "$T/h/home/oc/"openclaw-ssh-agent-a-*
    oc existing a b
    plan
    out_has openclaw-ssh-agent-a-
    out_lacks openclaw-ssh-agent-b-
}

# --- figures ---------------------------------------------------------------------------------------------------------------

@test "the bench of other hosts does its work" {
    (cd "$ROOT" && timeout 60 build/asan/tests/bench/bench_remote 1 2 20) >"$T/out" 2>"$T/err" || fail "$(tail -n 3 "$T/err")"
    same "$(grep -cE '^[a-z].* +[0-9.]+x ' "$T/out")" 8
}

# --- secrets -----------------------------------------------------------------------------------------------------------------

# Until $T/stop is there: every command line and environment that holds one of the canaries, but for those of $T/mine.
watch_processes() {
    while [ ! -e "$T/stop" ]; do
        grep -lsaF -f "$T/canaries" /proc/[0-9]*/cmdline >>"$T/seen" 2>/dev/null || true
        grep -lsaF -f "$T/canary-key" /proc/[0-9]*/environ >>"$T/seen" 2>/dev/null || true
        pause 0.02
    done
}

@test "a key and a variable that are secret stand in no command line, environment, log, journal, record, plan or file" {
    # A line from the middle of the key itself.
    sed -n 3p "$T/h/id" >"$T/canary-key"
    [ "$(wc -c <"$T/canary-key")" -gt 40 ]
    { cat "$T/canary-key" && echo canary-5d1f3a; } >"$T/canaries"
    printf canary-5d1f3a >"$T/token"
    : >"$T/seen"
    touch "$T/before"
    KEYS="identityData: {fromFile: $T/h/id}, knownHostsFile: $T/h/known_hosts" box one h "env: {TOKEN: {fromFile: $T/token}}" \
        'setup: "sleep 1"'
    watch_processes 3>&- &
    watcher=$!
    STARTED+=("$watcher")
    : >"$T/told"
    for c in "validate $SPECS" "plan -o json $SPECS" "apply --yes -o json $SPECS" "list -o json $SPECS" "plan $SPECS" "status -o json" \
        "history -o json"; do
        # shellcheck disable=SC2086 # words
        rc $c
        cat "$T/out" "$T/err" >>"$T/told"
    done
    rc exec one -- /bin/sh -c 'sleep 1; test "$TOKEN" = canary-5d1f3"a"'
    is_status 0
    # And where it fails.
    KEYS="identityData: {fromFile: $T/h/other}, knownHostsFile: $T/h/known_hosts" box one h "env: {TOKEN: {fromFile: $T/token}}"
    plan
    cat "$T/out" "$T/err" >>"$T/told"
    : >"$T/stop"
    wait "$watcher"
    [ ! -s "$T/seen" ] || fail "seen: $(sort -u "$T/seen")"
    ! grep -aF -f "$T/canaries" "$T/told" || fail 'it was told'
    ! grep -rlaF -f "$T/canaries" "$STATE" "$T/h/log" "$T/h/home" || fail 'it is in a file'
    ! find /tmp -xdev -newer "$T/before" -type f ! -path "$T/*" -print0 2>/dev/null | xargs -0r grep -lsaF -f "$T/canary-key" ||
        fail 'it is in a file'
}

@test "what ssh is started for, an alias and a jump, is told no variable of ours" {
    mkdir -p "$HOME/.ssh"
    cat >"$HOME/.ssh/config" <<CONFIG
Match exec "env >>$T/children"
Host near far
    HostName 127.0.0.1
    Port $(cat "$T/h/port")
    User $(cat "$T/h/user")
    IdentityFile $T/h/id
    UserKnownHostsFile $T/h/known_hosts
Host far
    ProxyJump near
CONFIG
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' 'metadata: {name: one}' 'spec:' '  backend: ssh' \
        "  ssh: {target: far, workspaceRoot: $T/h/home/boxes}" "  workspaces: [{path: $WORK}]" '  env: {TOKEN: {fromEnv: MINE_API_KEY}}' \
        >"$SPECS/one.yaml"
    EXTRA_ENV=(MINE_API_KEY=canary-5d1f3a SSH_AUTH_SOCK="$T/no-agent")
    # ssh asks the account file for its user's home, not the environment.
    awk -F: -v OFS=: -v u="$(id -un)" -v h="$HOME" '$1 == u {$6 = h} {print}' /etc/passwd >"$T/passwd"
    AS=(bwrap --dev-bind / / --ro-bind "$T/passwd" /etc/passwd --)
    apply
    is_status 0
    [ -f "$(tree h one)/workspace/AGENTS.md" ] || fail 'it was not seeded'
    [ "$(logins h)" = 2 ] || fail "$(logins h) logins: one of them is the jump's"
    [ "$(grep -c '^HOME=' "$T/children")" -ge 2 ] || fail "ssh was started $(grep -c ^HOME= "$T/children") times, not for the alias and for the jump"
    ! grep -v -E '^(PATH|HOME|USER|LOGNAME|LC_ALL|LANG|SSH_ASKPASS_REQUIRE|SSH_AUTH_SOCK|SHELL|PWD|OLDPWD|SHLVL|_)=' "$T/children" || fail 'it is told more'
}

# As $T/reconclaw: the release build, which may write a core, in a directory of its own. Its pid is in $T/pid; how it ended, and
# whether the kernel says that it dumped, in $T/ended.
cores_allowed() {
    mkdir "$T/cores"
    cat >"$T/watched" <<'PYTHON'
import os, resource, sys
top = os.path.dirname(os.path.realpath(sys.argv[0]))
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
os.chdir(top + "/cores")
pid = os.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
open(top + "/pid", "w").write(str(pid))
status = os.waitpid(pid, 0)[1]
open(top + "/ended", "w").write("%d %s" % (os.WTERMSIG(status), "core" if os.WCOREDUMP(status) else "none"))
PYTHON
    cp "$RELEASE" "$T/reconclaw"
    AS=(python3 "$T/watched")
}
begun() {
    rm -f "$T/pid" "$T/ended"
    rc_raw "$@" "$SPECS" >"$T/log" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
}
logged_in() { [ "$(logins h)" -ge "$1" ]; }
aborted() {
    STARTED+=("$(cat "$T/pid")")
    kill -ABRT "$(cat "$T/pid")"
    within 20 test -s "$T/ended"
    same "$(cat "$T/ended")" '6 none'
}

@test "killed where a core would be written, the daemon and an apply write none: on a session, after it, in a seed" {
    sed -n 3p "$T/h/id" >"$T/canary-key"
    cores_allowed
    # What a process without a guard leaves here. Where this machine writes no core at all, nothing is shown but the flag itself.
    "${AS[@]}" sh -c 'kill -ABRT $$' 2>/dev/null || true
    echo "# without a guard: $(cat "$T/ended")"
    rm -f "$T/cores"/*
    KEYS="identityData: {fromFile: $T/h/id}, knownHostsFile: $T/h/known_hosts" box one h
    begun run
    within 20 test -f "$(tree h one)/workspace/AGENTS.md"
    aborted
    begun run
    within 20 logged_in 2
    host_down h
    box two h
    within 20 grep -qi 'refused' "$T/log"
    aborted
    rm "$SPECS/two.yaml"
    "$ROOT/tests/lib/sshd.sh" start "$T/h" >/dev/null
    KEYS="identityData: {fromFile: $T/h/id}, knownHostsFile: $T/h/known_hosts" box three h 'setup: "sleep 30"'
    begun apply --yes
    within 20 test -f "$(tree h three)/workspace/AGENTS.md"
    same "$(stat -c %u "/proc/$(cat "$T/pid")/environ")" 0
    aborted
    same "$(ls -A "$T/cores")" ''
    ! grep -rlaF -f "$T/canary-key" "$STATE" "$T/log" || fail 'it is in a file'
}
