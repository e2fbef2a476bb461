# What tests expect of the last run: $status, $T/out and $T/err. Of lib.bash and rc.bash, which say how it is run.
# shellcheck shell=bash disable=SC2154

pause() { read -r -t "$1" _ <> <(:) || true; }

fail() {
    printf '%s\n' "$*" "status: ${status-}" "stdout:" "$(head -c 6000 "$T/out")" "stderr:" "$(head -c 3000 "$T/err")" >&2
    return 1
}
is_status() { [ "$status" -eq "$1" ] || fail "exit status $status, not $1"; }
out_has() { grep -qF -- "$1" "$T/out" || fail "not on stdout: $1"; }
out_lacks() { ! grep -qF -- "$1" "$T/out" || fail "on stdout: $1"; }
err_has() { grep -qF -- "$1" "$T/err" || fail "not on stderr: $1"; }
err_lacks() { ! grep -qF -- "$1" "$T/err" || fail "on stderr: $1"; }
err_is_empty() { [ ! -s "$T/err" ] || fail "on stderr: $(cat "$T/err")"; }
is_json() { jq -e "$@" "$T/out" >/dev/null || fail "not so in the JSON: $*"; }
same() { [ "$1" = "$2" ] || fail "$(diff <(printf '%s\n' "$1") <(printf '%s\n' "$2"))"; }
