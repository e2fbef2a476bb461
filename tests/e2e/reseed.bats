#!/usr/bin/env bats
# Workspaces on another host are filled anew from the local ones, and what was done there is not lost: the real program against a
# real ssh server of the test's own.
# shellcheck disable=SC2016,SC2030,SC2031,SC2034

load rc
load remote
setup() {
    STARTED=()
    place_up
    host_up h
    policy 'hotWindow: 0, removalCap: {percent: 100}'
}
teardown() {
    hosts_down
    place_down
}

# box NAME POLICY [FROM]: in a file of its own, seeded from $T/ws-NAME, which holds a file and a directory.
box() {
    mkdir -p "$T/ws-$1/sub"
    [ -e "$T/ws-$1/a" ] || { echo first >"$T/ws-$1/a" && echo deep >"$T/ws-$1/sub/b"; }
    printf '%s\n' 'apiVersion: reconclaw/v1' 'kind: Sandbox' "metadata: {name: $1}" 'spec:' '  backend: ssh' \
        "  ssh: {target: '$(at h)', workspaceRoot: $T/h/home/boxes, identityFile: $T/h/id, knownHostsFile: $T/h/known_hosts}" \
        "  workspaces: [{path: $T/ws-$1}]" "  seed: {policy: $2, from: ${3:-local}}" >"$T/.new"
    mv "$T/.new" "$SPECS/$1.yaml"
}
# there NAME [PATH]: in its workspace on the host.
there() { echo "$T/h/home/boxes/reconclaw-$1/workspace${2:+/$2}"; }
id_of() { jq -r .id "$T/h/home/boxes/reconclaw-$1/.reconclaw/owner.json"; }
record() { jq -s --arg n "reconclaw-$1" '.[] | select(.name == $n)' "$STATE"/records/*.json; }
snapshots() { find "$STATE/snapshots" -path "*/reconclaw-$1*/*.json" 2>/dev/null | wc -l; }
reseed() { rc reseed --yes "$@"; }
events() { rc history -o json && jq -r --arg r "reconclaw-$1" '.entries[] | select(.runtime == $r) | "\(.event) \(.act // "") \(.outcome // "")"' "$T/out"; }

@test "what was sent is on record: its manifest, its source, the host's key; a policy decides whether a local change goes there" {
    box once once
    box follow onChange
    box manual manual
    apply
    is_status 0
    record follow >"$T/rec"
    jq -e '.epoch == 1 and (.seedManifest | length == 64) and (.seedSource | length == 64) and (.hostKey | startswith("SHA256:")) and
        .seededAtMs > 0' "$T/rec" >/dev/null || fail "$(cat "$T/rec")"
    same "$(sha256sum <"$STATE/seeds/$(jq -r .seedManifest "$T/rec").manifest" | cut -c1-64)" "$(jq -r .seedManifest "$T/rec")"
    same "$(sha256sum <"$T/h/home/boxes/reconclaw-follow/.reconclaw/manifest" | cut -c1-64)" "$(jq -r .seedManifest "$T/rec")"
    same "$(find "$STATE/seeds" -type f | wc -l)" 3
    rc list -o json "$SPECS"
    is_json '.sandboxes | length == 3 and all(.seed | .epoch == 1 and (.hostKey | startswith("SHA256:")) and (.root | contains("/boxes/reconclaw-")))'
    # What a crash between a seed and its record has left.
    cp "$STATE/seeds/$(jq -r .seedManifest "$T/rec").manifest" "$STATE/seeds/$(printf '%064d' 7).manifest"
    rc doctor "$SPECS"
    is_status 1
    out_has '1 manifests of seeds that nothing records'
    rc doctor --fix "$SPECS"
    is_status 0
    same "$(find "$STATE/seeds" -type f | wc -l)" 3
    quiet
    for b in once follow manual; do echo second >"$T/ws-$b/a"; done
    picture "$STATE" >"$T/before"
    same "$(acts)" 'reconclaw-follow reseed'
    is_json '.plan.acts[0] | .snapshot and .seed.verdict == "remote-unchanged" and .seed.lost == 0'
    picture "$STATE" >"$T/after"
    cmp "$T/before" "$T/after" || fail 'a plan touches nothing'
    id=$(id_of follow)
    apply
    is_status 0
    out_has '1 reseeded'
    same "$(cat "$(there follow a)" "$(there once a)" "$(there manual a)" | xargs)" 'second first first'
    [ "$(id_of follow)" != "$id" ] || fail 'it is still the old tree'
    same "$(record follow | jq .epoch)" 2
    same "$(cat "$T/h/home/boxes/reconclaw-follow/.reconclaw/epoch")" 2
    same "$(find "$STATE/seeds" -type f | wc -l)" 3
    same "$(find "$T/h/home/boxes" -mindepth 1 -maxdepth 1 -name '.*' | wc -l)" 0
    quiet
    # By word, whatever the policy.
    reseed once manual
    is_status 0
    same "$(cat "$(there once a)" "$(there manual a)" | xargs)" 'second second'
    reseed once
    is_status 0
    out_has 'holds just what it would be seeded with'
    quiet
}

@test "a change there is held, listed and approved to the letter; another one asks again" {
    box one onChange
    apply
    echo second >"$T/ws-one/a"
    echo theirs >"$(there one work)"
    rm "$(there one sub/b)"
    same "$(acts)" 'reconclaw-one hold data'
    is_json '.plan.acts[0].remedy == "reconclaw approve reconclaw-one" and .plan.acts[0].seed.lost == 2 and
        .plan.acts[0].seed.verdict == "both-changed"'
    plan
    out_has '+ workspace/work (7 bytes)'
    out_has '- workspace/sub/b'
    apply
    is_status 3
    same "$(cat "$(there one work)")" theirs
    rc approve one
    is_status 3
    err_has 'give --yes'
    rc approve --yes -o json one
    is_status 0
    is_json '.approvals | length == 1 and .[0].result == "approved" and .[0].lost == 2 and (.[0].digest | length == 64)'
    err_has '+ workspace/work (7 bytes)'
    echo more >>"$(there one work)"
    apply
    is_status 3
    same "$(cat "$(there one work)" | xargs)" 'theirs more'
    same "$(acts)" 'reconclaw-one hold data'
    rc approve --yes one
    is_status 0
    out_has 'approved ssh:'
    rc approve --yes one
    is_status 0
    out_has 'undoes nothing that is not approved'
    same "$(acts)" 'reconclaw-one reseed'
    apply
    is_status 0
    same "$(cat "$(there one a)" "$(there one sub/b)" | xargs)" 'second deep'
    [ ! -e "$(there one work)" ]
    [ ! -e "$STATE/keys/approvals" ] || fail 'the approval is not used up'
    quiet
    # It is gone there, and in the snapshot.
    rc snapshots restore "$(basename "$STATE"/snapshots/reconclaw-one*)" --to "$T/back"
    same "$(cat "$T/back/workspace/work" | xargs)" 'theirs more'
    events one >"$T/events"
    grep -q '^approve reseed ok' "$T/events" && grep -q '^snapshot  ok' "$T/events" && grep -q '^act-end reseed ok' "$T/events" ||
        fail "$(cat "$T/events")"
}

@test "reseed --keep-remote: what was added or changed there comes here first, that alone, and is not lost" {
    box one manual
    apply
    echo theirs >"$(there one a)"
    mkdir "$(there one new)"
    printf 'x y' >"$(there one new/f)"
    chmod 750 "$(there one new/f)"
    ln -s ../a "$(there one new/l)"
    rm -r "$(there one sub)"
    reseed one
    is_status 3
    out_has 'reconclaw approve reconclaw-one'
    same "$(cat "$(there one a)")" theirs
    reseed --keep-remote -o json one
    is_status 0
    is_json '.results[0].result == "done" and (.pulled | length == 1)'
    kept=$(jq -r '.pulled[0].dir' "$T/out")
    same "${kept%.remote-*}" "$T/ws-one"
    same "$(cd "$kept" && find . -printf '%P %y %m %l\n' | sort)" "$(printf '%s\n' ' d 700 ' 'workspace d 755 ' 'workspace/a f 644 ' \
        'workspace/new d 755 ' 'workspace/new/f f 750 ' 'workspace/new/l l 777 ../a' | sort)"
    same "$(cat "$kept/workspace/a" "$kept/workspace/new/f")" "$(printf 'theirs\nx y')"
    same "$(cat "$(there one a)" "$(there one sub/b)" | xargs)" 'first deep'
    [ ! -e "$(there one new)" ]
    same "$(snapshots one)" 1
    same "$(find "$T" -maxdepth 1 -name '.ws-one*' | wc -l)" 0
    quiet
    # Nothing but a removal: there is nothing to bring.
    rm "$(there one a)"
    reseed --keep-remote one
    is_status 0
    same "$(cat "$(there one a)")" first
    same "$(find "$T" -maxdepth 1 -name 'ws-one.remote-*' | wc -l)" 1
}

@test "no room for a snapshot: nothing is destroyed, and no snapshot is skipped" {
    [ "$(id -u)" -eq 0 ] || fail 'a file system of its own needs root'
    box one manual
    mkdir "$STATE"
    chmod 700 "$STATE"
    mount -t tmpfs -o size=80m,mode=700 none "$STATE"
    apply
    is_status 0
    echo second >"$T/ws-one/a"
    head -c 20000000 /dev/urandom >"$(there one big)"
    rc approve --yes one
    reseed one
    echo "$status" >"$T/code"
    [ -e "$(there one big)" ] || { umount "$STATE"; fail 'it is gone'; }
    same "$(snapshots one)" 0
    cat "$T/out" "$T/err" >"$T/said"
    umount "$STATE"
    same "$(cat "$T/code")" 3
    grep -q 'room' "$T/said" || fail "$(cat "$T/said")"
    same "$(cat "$(there one a)")" first
}

@test "from: snapshot: made again it holds what was done there, and only what is changed here later is asked about" {
    box one onChange snapshot
    apply
    echo theirs >"$(there one work)"
    rc recreate --yes one
    is_status 0
    same "$(cat "$(there one work)" "$(there one a)" | xargs)" 'theirs first'
    quiet
    echo second >"$T/ws-one/a"
    same "$(acts)" 'reconclaw-one hold data'
    is_json '.plan.acts[0].seed.lost == 1 and (.plan.acts[0].seed.list | contains("workspace/work"))'
}

@test "the manifest kept here is lost: the one beside the tree serves, unless somebody wrote another" {
    box one manual
    apply
    rm "$STATE"/seeds/*
    echo second >"$T/ws-one/a"
    echo theirs >"$(there one work)"
    reseed one
    is_status 3
    out_has '+ workspace/work'
    out_has '1 change that was made there'
    sed -i 's/workspace/workplace/' "$T/h/home/boxes/reconclaw-one/.reconclaw/manifest"
    reseed one
    is_status 3
    out_has '+ workspace/a'
}

@test "the daemon follows a local change, holds one that would undo work there, and goes on once it is approved" {
    box one onChange
    rc_raw run "$SPECS" >"$T/log" 2>&1 </dev/null 3>&- &
    STARTED+=($!)
    within 5 pgrep -P "$!"
    STARTED+=("$(pgrep -P "$!")")
    within 20 test -f "$(there one a)"
    within 20 grep -q seedSource "$STATE"/records/*
    pause 0.5
    echo second >"$T/ws-one/a"
    within 20 grep -qx second "$(there one a)"
    echo theirs >"$(there one work)"
    echo third >"$T/ws-one/a"
    within 20 eval 'rc status; grep -q "would be undone" "$T/out"'
    same "$(cat "$(there one work)")" theirs
    within 10 eval 'rc approve --yes one && grep -q "^approved" "$T/out"'
    within 20 grep -qx third "$(there one a)"
    within 5 test ! -e "$(there one work)"
}

@test "kill -9 at any moment of a reseed: the old tree is there, or the new one, or a snapshot and the next round finishes" {
    box one manual
    head -c 3000000 /dev/urandom >"$T/ws-one/bulk"
    apply
    is_status 0
    for i in 1 2 3 4; do
        echo "round $i" >"$T/ws-one/a"
        echo "work $i" >"$(there one work)"
        rc approve --yes one
        is_status 0
        rc_raw reseed --yes one >"$T/log" 2>&1 </dev/null 3>&- &
        pid=$!
        pause "$(awk -v i="$i" 'BEGIN {print 0.3 * i - 0.1}')"
        # shellcheck disable=SC2046 # pids
        kill -KILL $(pgrep -P "$pid") "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
        if ! grep -qx "work $i" "$(there one work)" 2>/dev/null; then
            name=$(rc snapshots list -o json && jq -r '.snapshots | sort_by(.atMs) | last | .name' "$T/out")
            rm -rf "$T/back"
            rc snapshots restore "$name" --to "$T/back"
            is_status 0
            same "$(cat "$T/back/workspace/work")" "work $i"
        fi
        apply
        is_status 0
        rc approve --yes one
        reseed one
        is_status 0
        same "$(cat "$(there one a)")" "round $i"
        [ ! -e "$(there one work)" ]
        quiet
    done
    same "$(find "$T/h/home/boxes" -mindepth 1 -maxdepth 1 -name '.*' | wc -l)" 0
    same "$(find "$STATE/seeds" -type f | wc -l)" 1
}

@test "cut between its two renames a reseed is finished by the next round, and what it left beside the new tree goes" {
    box one manual
    apply
    R=$T/h/home/boxes id=$(id_of one) new=0123456789abcdef0123456789abcdef install=$(record one | jq -r .install)
    cp -a "$R/reconclaw-one" "$R/.reconclaw-one.seed-$new.$install"
    sed -i "s/$id/$new/" "$R/.reconclaw-one.seed-$new.$install/.reconclaw/owner.json" "$R/.reconclaw-one.seed-$new.$install/.reconclaw/manifest"
    mv "$R/reconclaw-one" "$R/.reconclaw-one.gone-$id.$install"
    apply
    is_status 0
    same "$(ls -A "$R")" reconclaw-one
    same "$(cat "$(there one a)")" first
    quiet
    cp -a "$R/reconclaw-one" "$R/.reconclaw-one.gone-$id.$install"
    same "$(acts)" 'reconclaw-one patch'
    is_json '.plan.acts[0].changes | map(.field) == ["leftovers"]'
    echo work >"$(there one work)"
    apply
    is_status 0
    same "$(ls -A "$R")" reconclaw-one
    same "$(cat "$(there one work)")" work
    quiet
}
