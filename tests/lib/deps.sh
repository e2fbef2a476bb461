#!/usr/bin/env bash
# Installs what a set of targets needs from Debian's packages, and only what is missing.
#
#   tests/lib/deps.sh build    to build reconclaw and run the demo
#   tests/lib/deps.sh test     also to run every test and lint
#
# Needs root or sudo only where something is missing. Anything newer than Debian 12 works as well.
set -eu

build="gcc make pkg-config libyaml-dev libjansson-dev libcurl4-openssl-dev libsystemd-dev libssl-dev libsqlite3-dev
    libicu-dev libarchive-dev libssh-dev bubblewrap"
test="$build git ca-certificates curl libcmocka-dev bats clang clang-format clang-tidy cppcheck shellcheck docker.io podman runc catatonit uidmap
    iproute2 busybox-static openssh-server openssh-client openssl jq util-linux procps sqlite3 docker-compose python3 rsync strace"
# libFuzzer and the sanitizers come with the runtime of the installed clang.
clang_runtime() {
    local version
    version=$(clang --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p' | head -n 1)
    [ -n "$version" ] || version=$(apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/\1/p' | head -n 1)
    [ -z "$version" ] || echo "libclang-rt-$version-dev"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "deps: root or sudo is needed for: $*" >&2
        return 1
    fi
}

missing() {
    local p
    for p in "$@"; do
        dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' || echo "$p"
    done
}

case ${1-} in
build) want=$build ;;
test) want=$test ;;
*)
    echo "usage: $0 build|test" >&2
    exit 64
    ;;
esac
# shellcheck disable=SC2086 # lists of words
lacking=$(missing $want)
if [ "$1" = test ]; then
    command -v npm >/dev/null || lacking="$lacking nodejs npm"
fi
# Programs that came by another way than Debian's packages are as good.
for pair in clang:clang clang-format:clang-format clang-tidy:clang-tidy cppcheck:cppcheck gcc:gcc make:make git:git; do
    if command -v "${pair#*:}" >/dev/null; then
        lacking=$(printf '%s\n' $lacking | grep -vx "${pair%%:*}" || true)
    fi
done
if [ -n "$lacking" ]; then
    export DEBIAN_FRONTEND=noninteractive
    echo "deps: installing:" $lacking
    as_root apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $lacking >/dev/null
fi
if [ "$1" = test ]; then
    # shellcheck disable=SC2046 # a list of words
    runtime=$(missing $(clang_runtime))
    [ -z "$runtime" ] || as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$runtime" >/dev/null
fi
