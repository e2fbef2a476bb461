# Other hosts for end-to-end tests: ssh servers of the test's own, by name, below $T. Loaded after rc.
#
#   setup() { place_up; host_up h; }   teardown() { hosts_down; place_down; }
# shellcheck shell=bash

HOSTS=()
host_up() {
    HOSTS+=("$1")
    "$ROOT/tests/lib/sshd.sh" start "$T/$1" "${@:2}" >/dev/null
}
host_down() { "$ROOT/tests/lib/sshd.sh" stop "$T/$1"; }
at() { echo "$(cat "$T/$1/user")@127.0.0.1:$(cat "$T/$1/port")"; }
logins() { grep -c 'Accepted publickey' "$T/$1/log" || true; }
hosts_down() {
    for h in "${HOSTS[@]}"; do "$ROOT/tests/lib/sshd.sh" stop "$T/$h"; done
}

quiet() {
    plan --detailed-exitcode
    is_status 0
    out_has 'nothing to do'
}
acts() { plan -o json && jq -r '.plan.acts[] | "\(.name) \(.act) \(.guard // "")"' "$T/out" | sed 's/ *$//' | sort; }
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "never so: $*: $(tail -n 20 "$T/log" 2>/dev/null)" || return 1
        pause 0.1
    done
}
