# The engine over TCP: with TLS and certificates on both sides, as DOCKER_HOST, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say; and
# what does not hold up is unknown, never absent.
load engine
load daemon

setup_file() {
    # A port that is free now; whoever takes it before the engine does makes its start fail, and another is tried.
    local try
    for try in 1 2 3; do
        PORT=$("$ROOT/tests/lib/sshd.sh" port)
        engine_up --tls "$PORT" && break
        engine_down
    done
    export PORT
}
setup() {
    home_up
    spec_openclaw
    oc_three
    over_tls "$ENGINE/tls"
}

over_tls() {
    ENDPOINT=tcp://127.0.0.1:$PORT
    EXTRA_ENV=(DOCKER_TLS_VERIFY=1 "DOCKER_CERT_PATH=$1")
}
ids() { d ps -aq --no-trunc | sort; }
# Three sandboxes; then their records and ids must stand whatever is tried, and it must be told as unknown.
three() {
    apply
    is_status 0
    [ "$(ids | wc -l)" = 3 ]
    BEFORE=$(ids)
    oc_set '.agents.defaults.sandbox.mode = "off"'
}
is_unknown() {
    plan
    is_status 3
    out_has 'unknown'
    apply --allow-removals --allow-in-use
    is_status 3
    same "$BEFORE" "$(ids)"
    [ "$(find "$OC/sandbox/containers" -name '*.json' | wc -l)" = 3 ]
    ! grep -q 'PRIVATE KEY' "$T/out" "$T/err" || fail 'a key is shown'
}

@test "with certificates on both sides it converges, and then has nothing to do" {
    apply
    is_status 0
    [ "$(ids | wc -l)" = 3 ]
    plan --detailed-exitcode
    is_status 0
    oc_set '.agents.list |= map(select(.id != "b"))'
    apply
    is_status 0
    [ "$(ids | wc -l)" = 2 ]
}
@test "the daemon follows the engine's events over TLS" {
    local id
    daemon_start
    until_ok eval '[ "$(ids | wc -l)" = 3 ]'
    until_ok is_applied
    id=$(ids | head -n 1)
    d rm -f "$id" >/dev/null
    until_ok eval '[ "$(ids | wc -l)" = 3 ]'
    [ "$(ids | grep -c "$id")" = 0 ]
}
@test "an engine whose certificate is of an authority that is not known is unknown" {
    three
    over_tls "$ENGINE/stranger"
    is_unknown
}
@test "a client without a certificate is refused by the engine: unknown" {
    three
    mkdir "$T/certs"
    cp "$ENGINE/tls/ca.pem" "$T/certs/"
    over_tls "$T/certs"
    is_unknown
}
@test "an engine that goes by another name than its certificate's is unknown" {
    three
    ENDPOINT=tcp://localhost:$PORT
    is_unknown
}
@test "no TLS to a port that wants it is unknown" {
    three
    EXTRA_ENV=()
    is_unknown
}
