#!/usr/bin/env bats
# The stand-in `openshell` keeps the contract that the driver is tested against: each row and each switch, in the releases where it
# holds. What it answers was read in OpenShell's own sources at those tags.

bats_require_minimum_version 1.5.0

setup() {
    cd "$BATS_TEST_DIRNAME/../.." || return 1
    O=$PWD/build/asan/tests/tools/openshell
    export OPENSHELL_STANDIN=$BATS_TEST_TMPDIR/world XDG_CONFIG_HOME=$BATS_TEST_TMPDIR/config HOME=$BATS_TEST_TMPDIR/home
    unset OPENSHELL_GATEWAY OPENSHELL_GATEWAY_ENDPOINT
    mkdir -p "$OPENSHELL_STANDIN" "$HOME"
    gateway g1 https://127.0.0.1:17670
    echo g1 >"$XDG_CONFIG_HOME/openshell/active_gateway"
}

gateway() {
    mkdir -p "$XDG_CONFIG_HOME/openshell/gateways/$1"
    printf '{"name":"%s","gateway_endpoint":"%s"}' "$1" "$2" >"$XDG_CONFIG_HOME/openshell/gateways/$1/metadata.json"
}

release() { "$O" standin set version "\"$1\""; }
switch() { "$O" standin set "$1" "$2"; }
make() { run -0 "$O" sandbox create --name "$1" --detach "${@:2}" -- sleep infinity; }
make_old() { run -0 "$O" sandbox create --name "$1" "${@:2}" -- true; }
says() { [[ ${output//$'\n  │ '/} == *"$1"* ]] || { echo "'$1' is not in: $output" >&2; return 1; }; }
phase_of() { "$O" sandbox list | awk -v n="$1" '$1 == n {print $NF}'; }

@test "stand-in: it says its release" {
    for v in 0.0.36 0.0.37 0.0.88 0.0.111; do
        release "$v"
        run -0 "$O" --version
        [ "$output" = "openshell $v" ]
    done
}

@test "stand-in: no gateway, an unknown one, one that is down" {
    run -1 "$O" -g nope sandbox list
    says "Unknown gateway 'nope'."
    rm "$XDG_CONFIG_HOME/openshell/active_gateway"
    run -1 "$O" sandbox list
    says "No active gateway."
    run -0 "$O" --gateway g1 sandbox list
    run -0 "$O" --gateway-endpoint https://127.0.0.1:17670 sandbox list
    switch down true
    run -1 "$O" -g g1 sandbox list
    says "Connection refused"
    run -1 "$O" -g g1 sandbox create --name a -- true
    says "failed to connect to gateway 'g1' at https://127.0.0.1:17670"
    run -0 "$O" -g g1 status -o json
    [ "$(jq -r .status <<<"$output")" = disconnected ]
    switch down '"https://other"'
    run -0 "$O" -g g1 sandbox list
}

@test "stand-in: a release that can start a gateway by itself does so unless told not to" {
    release 0.0.36
    switch down true
    run -1 "$O" sandbox create --name a --no-bootstrap -- true
    run "$O" standin show
    [ "$(jq .bootstrapped <<<"$output")" = null ]
    run -1 "$O" sandbox create --name a -- true
    run "$O" standin show
    [ "$(jq .bootstrapped <<<"$output")" = true ]
    release 0.0.37
    run -2 "$O" sandbox create --name a --no-bootstrap -- true
}

@test "stand-in: JSON comes verb by verb, and what is not known is a usage error" {
    while read -r v list get status policy; do
        release "$v"
        make_old "a${v//./}"
        run -"$list" "$O" sandbox list -o json
        run -"$get" "$O" sandbox get "a${v//./}" -o json
        run -"$status" "$O" status -o json
        run -"$policy" "$O" policy get "a${v//./}" -o json
    done <<<"0.0.36 2 2 2 2
0.0.37 2 2 2 2
0.0.44 0 2 2 2
0.0.88 0 2 2 0"
    says '"config_revision": 1'
    release 0.0.111
    make a111
    for verb in "sandbox list" "sandbox get a111" status "policy get a111"; do
        # shellcheck disable=SC2086 # words
        run -0 "$O" $verb -o json
    done
    run -2 "$O" sandbox list --nonsense
    says "error: unexpected argument '--nonsense' found"
}

@test "stand-in: what a listing shows in each release" {
    release 0.0.36
    run -0 "$O" sandbox list
    [ "$output" = "No sandboxes found." ]
    make_old a
    run -0 "$O" sandbox list
    [[ ${lines[0]} =~ ^NAME\ +NAMESPACE\ +CREATED\ +PHASE$ ]]
    [[ ${lines[1]} =~ ^a\ +default\ +[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9:]{8}\ +Ready$ ]]
    release 0.0.111
    run -0 "$O" sandbox list
    [[ ${lines[0]} =~ ^NAME\ +CREATED\ +PHASE$ ]]
    run -0 "$O" sandbox list -o json
    [ "$(jq -c '.[0] | keys' <<<"$output")" = '["annotations","created_at","current_policy_version","id","labels","name","phase","resource_version","workspace"]' ]
    id=$(jq -r '.[0].id' <<<"$output")
    run -0 "$O" sandbox list --ids
    [ "$output" = "$id" ]
    run -0 "$O" sandbox list --names
    [ "$output" = a ]
    run -0 "$O" sandbox get a -o json
    [ "$(jq -r '.id + .policy_source + (.revision | tostring) + (.policy.version | tostring)' <<<"$output")" = "${id}sandbox11" ]
    [ "$(jq 'has("from") or has("providers") or has("image")' <<<"$output")" = false ]
}

@test "stand-in: pages and selectors" {
    for n in a b c; do make "$n" --label "k=$n" --label all=1; done
    run -0 "$O" sandbox list --names --limit 2
    [ "$output" = $'a\nb' ]
    run -0 "$O" sandbox list --names --limit 2 --offset 2
    [ "$output" = c ]
    run -0 "$O" sandbox list --names --selector k=b,all=1
    [ "$output" = b ]
    run -1 "$O" sandbox list --selector k
    says "expected 'key=value'"
}

@test "stand-in: labels have Kubernetes' syntax, and 0.0.36 has none" {
    run -1 "$O" sandbox create --name a --label "k=$(printf 'a%.0s' {1..64})" -- sleep 1
    says "label value exceeds 63 characters"
    run -1 "$O" sandbox create --name a --label k=a/b -- sleep 1
    says "label value contains invalid characters"
    make a --label "reconclaw.x=$(printf 'a%.0s' {1..63})"
    run -0 "$O" sandbox get a
    says "    reconclaw.x: aaa"
    release 0.0.36
    run -2 "$O" sandbox create --name b --label k=v -- true
}

@test "stand-in: names are short since 0.0.88" {
    for v in 0.0.88 0.0.111; do
        release "$v"
        run -1 "$O" sandbox create --name openclaw-agent-main-25bffc4d -- sleep 1
        says "name exceeds maximum length (28 > 19)"
        for bad in A-b a_b -ab a--b; do
            run -1 "$O" sandbox create "--name=$bad" -- sleep 1
            says "name must"
        done
    done
    make 1234567890123456789
    release 0.0.37
    make_old openclaw-agent_a.b--25bffc4d
}

@test "stand-in: what a create refuses leaves nothing" {
    make a
    run -1 "$O" sandbox create --name a -- sleep 1
    says "sandbox 'a' already exists"
    run -1 "$O" sandbox create --name b --provider x -- sleep 1
    says "provider 'x' not found"
    run -1 "$O" sandbox create --name b --policy /nope -- sleep 1
    run -1 "$O" sandbox create --name b --from "$HOME" -- sleep 1
    says "No Dockerfile found in directory"
    run -0 "$O" sandbox list --names
    [ "$output" = a ]
    switch providers '["x"]'
    make b --provider x
    run -0 "$O" sandbox get b --policy-only
    says "_provider_x:"
    run -0 "$O" policy get b --base -o json
    [ "$(jq '.policy | has("network_policies")' <<<"$output")" = false ]
}

@test "stand-in: a name of the community's is taken over by a directory here" {
    mkdir -p "$HOME/base"
    cd "$HOME"
    run -1 "$O" sandbox create --name a --from base -- sleep 1
    says "No Dockerfile found in directory: base"
    touch base/Dockerfile
    make a --from base
    run "$O" standin show
    [ "$(jq -r '.sandboxes[0].from' <<<"$output")" = build:base/Dockerfile ]
}

@test "stand-in: the main process of 0.0.111 has to stay" {
    run -1 "$O" sandbox create --name a -- true
    says "sandbox entered error phase while provisioning: MainProcessExited"
    [ "$(phase_of a)" = Error ]
    run -1 "$O" sandbox exec -n a -- true
    says "sandbox is not ready"
    release 0.0.88
    make_old b
    [ "$(phase_of b)" = Ready ]
    run -2 "$O" sandbox create --name c --detach -- true
}

@test "stand-in: a create that takes too long leaves its sandbox, which may become ready" {
    switch provisionPolls 2
    run -1 "$O" sandbox create --name a -- sleep 1
    says "sandbox provisioning timed out"
    [ "$(phase_of a)" = Provisioning ]
    [ "$(phase_of a)" = Provisioning ]
    [ "$(phase_of a)" = Ready ]
}

@test "stand-in: what is deleted is there for a while" {
    switch deletingPolls 2
    make a
    run -0 "$O" sandbox delete a
    [ "$output" = "✓ Deleted sandbox a" ]
    [ "$(phase_of a)" = Deleting ]
    run -0 "$O" sandbox delete a
    [ "$(phase_of a)" = Deleting ]
    [ "$(phase_of a)" = "" ]
    run -1 "$O" sandbox delete a
    says "sandbox not found"
}

@test "stand-in: not found and refused read as their releases write them" {
    run -1 "$O" sandbox get a
    says "code: 'Some requested entity was not found', message: \"sandbox not found\""
    switch authExpired true
    run -1 "$O" sandbox list
    says "invalid token: ExpiredSignature"
    run -0 "$O" status -o json
    [ "$(jq -r '.status + .authentication.status' <<<"$output")" = connectedfailed ]
    switch authExpired false
    release 0.0.36
    run -1 "$O" sandbox get a
    says 'status: NotFound, message: "sandbox not found", details: []'
}

@test "stand-in: switches: fail-next, an empty list, a phase, slowness" {
    make a
    switch fail '{"list":{"times":1,"text":"database is locked"},"delete":{"times":1,"after":true}}'
    run -1 "$O" sandbox list
    says "database is locked"
    run -0 "$O" sandbox list
    run -1 "$O" sandbox delete a
    [ "$(phase_of a)" = Deleting ]
    "$O" standin reset
    make a
    switch emptyList 1
    [ "$(phase_of a)" = "" ]
    switch phases '{"a":"Starting"}'
    [ "$(phase_of a)" = Starting ]
    switch slowMs 300
    SECONDS=0
    run -124 timeout 0.2 "$O" sandbox list
}

@test "stand-in: stop and start are of 0.0.105, and keep the files" {
    make a
    run -0 "$O" sandbox exec -n a -- sh -c 'echo x >/sandbox/f'
    run -0 "$O" sandbox stop a
    [ "$(phase_of a)" = Stopped ]
    run -0 "$O" sandbox start a
    run -0 "$O" sandbox exec -n a -- cat f
    [ "$output" = x ]
    release 0.0.88
    run -2 "$O" sandbox stop a
}

@test "stand-in: exec gives status, streams and input, and old releases take no line breaks" {
    make a
    run -7 "$O" sandbox exec -n a --workdir /tmp -- sh -c 'pwd; exit 7'
    [ "$output" = /tmp ]
    [ "$(echo given | "$O" sandbox exec -n a -- cat)" = given ]
    run -127 "$O" sandbox exec -n a -- no-such-command
    run -124 "$O" sandbox exec -n a --timeout 1 -- sleep 60
    run -0 "$O" sandbox exec -n a -- printf 'a\nb'
    release 0.0.36
    run -1 "$O" sandbox exec -n a -- printf $'a\nb'
    says "contains newline"
}

@test "stand-in: where an upload lands" {
    mkdir -p "$HOME/up/sub"
    echo 1 >"$HOME/up/f"
    echo 2 >"$HOME/up/sub/g"
    ln -s f "$HOME/up/l"
    release 0.0.36
    make_old a
    "$O" sandbox upload --no-git-ignore a "$HOME/up" /sandbox/old
    run -0 "$O" sandbox exec -n a -- sh -c 'cat old/sub/g; test -L old/l || echo followed'
    [ "$output" = $'2\nfollowed' ]
    release 0.0.111
    "$O" sandbox upload --no-git-ignore a "$HOME/up" /sandbox/new
    (cd "$HOME/up" && "$O" sandbox upload --no-git-ignore a . /sandbox/flat)
    run -0 "$O" sandbox exec -n a -- sh -c 'cat new/up/sub/g flat/sub/g; readlink flat/l'
    [ "$output" = $'2\n2\nf' ]
    "$O" sandbox upload a "$HOME/up/f" /sandbox/into/
    "$O" sandbox upload a "$HOME/up/f" /sandbox/deep/named
    "$O" sandbox upload a "$HOME/up/f" /sandbox
    run -0 "$O" sandbox exec -n a -- cat into/f deep/named f
    [ "$output" = $'1\n1\n1' ]
    run -1 "$O" sandbox upload a "$HOME/up/f" /sandbox/flat/sub
    says "ssh tar extract exited with status"
    run -1 "$O" sandbox upload a /nope /sandbox
    says "local path does not exist"
}

@test "stand-in: what a download gives, and where it is refused" {
    make a
    "$O" sandbox exec -n a -- sh -c 'mkdir d; echo 1 >d/f; ln -s /usr u'
    "$O" sandbox download a /sandbox/d "$HOME/down"
    [ "$(cat "$HOME/down/f")" = 1 ]
    "$O" sandbox download a /sandbox/d/f "$HOME/named"
    [ "$(cat "$HOME/named")" = 1 ]
    run -1 "$O" sandbox download a /agent "$HOME/no"
    says "is outside the sandbox workspace (/sandbox)"
    run -1 "$O" sandbox download a /sandbox/u "$HOME/no"
    says "resolves to '/usr', outside"
    run -1 "$O" sandbox download a /sandbox/nope "$HOME/no"
    says "does not exist"
    release 0.0.36
    run -0 "$O" sandbox download a /agent "$HOME/agent"
}

@test "stand-in: policies: the static part stays, the dynamic one changes, and --wait tells what became of it" {
    cat >"$HOME/p.yaml" <<'END'
version: 1
filesystem_policy: {include_workdir: true, read_only: [/opt], read_write: [/sandbox]}
landlock: {compatibility: best_effort}
network_policies:
  web: {endpoints: [{host: example.com, port: 443}]}
END
    make a --policy "$HOME/p.yaml"
    run -0 "$O" sandbox get a --policy-only
    says "- /dev/null"
    sed -i s/example.com/example.org/ "$HOME/p.yaml"
    run -0 "$O" policy set a --policy "$HOME/p.yaml" --wait
    says "Policy version 2 submitted (hash: "
    says "Policy version 2 loaded (active version: 2)"
    run -0 "$O" policy set a --policy "$HOME/p.yaml" --wait
    says "Policy unchanged (version 2"
    sed s,/opt,/srv, "$HOME/p.yaml" >"$HOME/static.yaml"
    run -1 "$O" policy set a --policy "$HOME/static.yaml"
    says "filesystem read_only path '/opt' cannot be removed on a live sandbox"
    sed s/best_effort/hard_requirement/ "$HOME/p.yaml" >"$HOME/static.yaml"
    run -1 "$O" policy set a --policy "$HOME/static.yaml"
    says "landlock policy cannot be changed on a live sandbox"
    echo 'more: 1' >>"$HOME/static.yaml"
    run -1 "$O" policy set a --policy "$HOME/static.yaml"
    says "unknown field"
    for then in failed:1 superseded:0 timeout:124; do
        switch policyWait "\"${then%:*}\""
        sed -i "s/host: [a-z.]*/host: ${then%:*}.example/" "$HOME/p.yaml"
        run -"${then#*:}" "$O" policy set a --policy "$HOME/p.yaml" --wait
    done
}

@test "stand-in: ssh-config never asks, in both shapes" {
    switch down true
    run -0 "$O" sandbox ssh-config nobody
    [ "${lines[0]}" = "Host openshell-nobody.default" ]
    says "User sandbox"
    says "ssh-proxy --gateway-name 'g1' --name 'nobody' --workspace 'default'"
    release 0.0.37
    switch ssh '{"shape":"host","host":"127.0.0.1","port":2222,"user":"me"}'
    run -0 "$O" sandbox ssh-config nobody
    [ "${lines[0]}" = "Host openshell-nobody" ]
    says "HostName 127.0.0.1"
    says "Port 2222"
}

@test "stand-in: a gateway that is only an endpoint is none to ssh" {
    run -0 "$O" --gateway-endpoint https://127.0.0.1:17670 sandbox ssh-config a
    says "--gateway-name 'https://127.0.0.1:17670'"
    run -1 "$O" ssh-proxy --gateway-name https://127.0.0.1:17670 --name a
    says "Unknown gateway"
}

@test "stand-in: both shapes of ssh-config lead a real ssh to a real sshd" {
    tests/lib/sshd.sh start "$BATS_TEST_TMPDIR/sshd" >"$BATS_TEST_TMPDIR/port"
    port=$(cat "$BATS_TEST_TMPDIR/port")
    make a
    for shape in proxy host; do
        switch ssh "{\"shape\":\"$shape\",\"host\":\"127.0.0.1\",\"port\":$port,\"user\":\"$(id -un)\"}"
        "$O" sandbox ssh-config a >"$BATS_TEST_TMPDIR/ssh.$shape"
        run -0 ssh -F "$BATS_TEST_TMPDIR/ssh.$shape" -i "$BATS_TEST_TMPDIR/sshd/id" -o BatchMode=yes openshell-a.default 'echo over there'
        [ "${lines[-1]}" = "over there" ] || break
    done
    tests/lib/sshd.sh stop "$BATS_TEST_TMPDIR/sshd"
    [ "${lines[-1]}" = "over there" ]
}

@test "stand-in: without one, ssh-config leads a real ssh into the sandbox, which asks for no key" {
    make a
    "$O" sandbox ssh-config a >"$BATS_TEST_TMPDIR/ssh"
    run -7 ssh -F "$BATS_TEST_TMPDIR/ssh" -o BatchMode=yes openshell-a.default 'cat >f; echo err >&2; pwd; exit 7' <<<given
    [ "$output" = $'err\n/sandbox' ] || [ "$output" = $'/sandbox\nerr' ]
    run -0 "$O" sandbox exec -n a -- cat f
    [ "$output" = given ]
    head -c 3000000 /dev/urandom >"$HOME/big"
    [ "$(ssh -F "$BATS_TEST_TMPDIR/ssh" openshell-a.default 'cat' <"$HOME/big" | sha256sum)" = "$(sha256sum <"$HOME/big")" ]
    switch sshCut 2000
    run -255 ssh -F "$BATS_TEST_TMPDIR/ssh" openshell-a.default 'cat >g' <"$HOME/big"
    switch phases '{"a":"Stopped"}'
    run -255 ssh -F "$BATS_TEST_TMPDIR/ssh" openshell-a.default true
    says 'sandbox is not ready'
}
