#!/bin/bash
# engine.sh: a private docker or podman engine for tests. Never the user's: its own data, socket, containerd and networks, all
# below one directory, ended by pid, with nothing left behind.
#
#   engine.sh start DIR [--podman [--rootless]] [--bridge] [--tls PORT] [--with-pid PID] [IMAGE...]
#       Starts dockerd in DIR (made where missing; must be empty otherwise), waits until it answers, loads the test image under
#       each name (default: openclaw-sandbox:bookworm-slim and openclaw-sandbox:other, which differ in content), and prints
#       DOCKER_HOST ("unix://DIR/s.sock"). --bridge gives it a default bridge of its own; without, networks made by name and
#       published ports still work, only the default network is missing. --with-pid stops it when that process has ended.
#       --tls lets it listen on 127.0.0.1:PORT as well, for clients with a certificate: ca.pem, cert.pem and key.pem in DIR/tls,
#       and in DIR/stranger those of an authority that the engine does not know.
#       --podman starts podman's API service in place of dockerd; everything else is spoken to in the same words. --rootless runs
#       it as a user made for it, whose name stands in DIR/user. With CONTAINERS_CONF=DIR/containers.conf and
#       CONTAINERS_STORAGE_CONF=DIR/storage.conf the podman command works on the same containers.
#   engine.sh image DIR NAME:TAG [MARK]   loads the image under a name; another MARK is another content. Prints the image's id
#   engine.sh kill DIR                    SIGKILL, as a crash: containers go on running
#   engine.sh restart DIR                 starts it again after kill
#   engine.sh stop DIR                    removes its containers and networks, ends it, removes DIR. No error where it is gone
#
# Several test files of one run share an engine: start it once, then export RECONCLAW_TEST_ENGINE=DIR.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

die() {
    echo "engine.sh: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

# A wait without sleep(1): nobody ever writes to the pipe.
pause() {
    read -r -t "$1" _ <> <(:) || true
}

alive() {
    [ -n "${1:-}" ] && [ -d "/proc/$1" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null
}

engine_pid() {
    cat "$dir/pid" 2>/dev/null || true
}

docker_cli() {
    DOCKER_CONFIG="$dir/cli" docker -H "unix://$dir/s.sock" "$@"
}

is_podman() {
    [ -f "$dir/containers.conf" ]
}

# The pid of an engine that is ours: the number alone might have been given to another process since.
our_pid() {
    local pid
    pid=$(engine_pid)
    if alive "$pid" && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF -- "$dir/exec"; then echo "$pid"; fi
}

podman_args() {
    # The directories are in storage.conf, too: here they tell our service from others.
    args=(env "CONTAINERS_CONF=$dir/containers.conf" "CONTAINERS_STORAGE_CONF=$dir/storage.conf" podman --root "$dir/data"
        --runroot "$dir/exec")
    if [ -f "$dir/user" ]; then
        args=(setpriv --reuid "$(cat "$dir/user")" --regid "$(cat "$dir/user")" --init-groups env "HOME=$dir/home" "XDG_RUNTIME_DIR=$dir/xdg"
            "${args[@]}")
    fi
}

# Its own default for processes is more than a machine without CAP_SYS_RESOURCE may give, and crun, unlike runc, asks for more than
# every test machine allows.
podman_conf() {
    cat >"$dir/containers.conf" <<END
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "$(command -v runc)"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "$dir/tmp"
[network]
network_config_dir = "$dir/net"
END
    cat >"$dir/storage.conf" <<END
[storage]
driver = "vfs"
graphroot = "$dir/data"
runroot = "$dir/exec"
END
}

# Descriptors of the test runner (bats waits for its own to be closed) are not handed down.
drop_fds() {
    local fd
    for fd in /proc/self/fd/*; do
        fd=${fd##*/}
        [ "$fd" -le 2 ] || eval "exec $fd>&-"
    done
}

launch_podman() {
    local args
    podman_args
    (
        drop_fds
        # The first word is of the shell that tells its pid and becomes the service.
        # shellcheck disable=SC2016 # that shell's own variables
        set -- setsid sh -c 'echo $$ >"$0" && exec "$@"' "$dir/pid" "${args[@]}" system service -t 0 "unix://$dir/s.sock"
        if [ "$(id -u)" != 0 ]; then set -- sudo -n "$@"; fi
        exec "$@" </dev/null >>"$dir/log" 2>&1 &
    ) 2>/dev/null
}

launch_docker() {
    local args=(--data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" --config-file "$dir/daemon.json"
        -H "unix://$dir/s.sock" --group "$(id -g)" --iptables=false --ip6tables=false --log-level warn)
    if [ -f "$dir/bridge" ]; then args+=(--bridge "$(cat "$dir/bridge")"); else args+=(--bridge none); fi
    if [ -d "$dir/tls" ]; then
        args+=(-H "tcp://127.0.0.1:$(cat "$dir/tls/port")" --tlsverify --tlscacert "$dir/tls/ca.pem" --tlscert "$dir/tls/server.pem"
            --tlskey "$dir/tls/server-key.pem")
    fi
    (
        drop_fds
        if [ "$(id -u)" = 0 ]; then args=(dockerd "${args[@]}"); else args=(sudo -n dockerd "${args[@]}"); fi
        exec setsid "${args[@]}" </dev/null >>"$dir/log" 2>&1 &
    ) 2>/dev/null
}

launch() {
    local i
    if is_podman; then launch_podman; else launch_docker; fi
    for ((i = 0; i < 600; i++)); do
        if [ -S "$dir/s.sock" ] && docker_cli version >/dev/null 2>&1; then return 0; fi
        if [ $i -gt 100 ] && [ -z "$(our_pid)" ]; then break; fi
        pause 0.1
    done
    tail -n 20 "$dir/log" >&2
    echo "engine.sh: the engine did not come up in $dir" >&2
    return 1
}

# After a crash of dockerd: its containerd goes with it, but not at once, and a dockerd that finds the dying one waits for it
# in vain.
relaunch() {
    local pid
    pid=$(cat "$dir/exec/containerd/containerd.pid" 2>/dev/null || true)
    if [ -n "$pid" ] && ! wait_gone "$pid" 5; then
        as_root kill -KILL "$pid" 2>/dev/null || true
        wait_gone "$pid" 5 || true
    fi
    as_root rm -f "$dir/exec/containerd/containerd.pid" "$dir/pid" "$dir/s.sock"
    launch
}

# An authority for a day, and certificates of it: of the engine (server.pem) and of a client (cert.pem).
certificates() {
    mkdir "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 1 -subj '/CN=test authority' \
        -keyout "$1/ca-key.pem" -out "$1/ca.pem" 2>/dev/null
    certificate "$1" server server-key 'subjectAltName=IP:127.0.0.1'
    certificate "$1" cert key 'extendedKeyUsage=clientAuth'
}
certificate() { # DIR NAME KEY EXTENSION
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$2" -keyout "$1/$3.pem" -out "$1/$2.csr" 2>/dev/null
    openssl x509 -req -in "$1/$2.csr" -CA "$1/ca.pem" -CAkey "$1/ca-key.pem" -CAcreateserial -days 1 \
        -extfile <(echo "$4") -out "$1/$2.pem" 2>/dev/null
}

start() {
    local bridge=false podman=false rootless=false tls='' owner='' images=()
    while [ $# -gt 0 ]; do
        case $1 in
            --podman) podman=true ;;
            --rootless) rootless=true ;;
            --bridge) bridge=true ;;
            --tls) tls=$2 && shift ;;
            --with-pid) owner=$2 && shift ;;
            *) images+=("$1") ;;
        esac
        shift
    done
    command -v docker >/dev/null || die "no docker here: apt-get install docker.io"
    if $podman; then
        { command -v podman && command -v runc; } >/dev/null || die "no podman here: apt-get install podman runc"
    fi
    command -v busybox >/dev/null || die "no busybox here: apt-get install busybox-static"
    [ ${#dir} -le 90 ] || die "$dir is too long for a socket's path"
    mkdir -p "$dir"
    [ -z "$(ls -A "$dir")" ] || die "$dir is not empty"
    mkdir "$dir/cli"
    # Containers outlive a killed engine, and a restart does not take ten seconds to end them.
    echo '{"live-restore": true}' >"$dir/daemon.json"
    if $podman; then podman_conf; fi
    if [ -n "$tls" ]; then
        certificates "$dir/tls"
        certificates "$dir/stranger"
        echo "$tls" >"$dir/tls/port"
    fi
    if $rootless; then
        as_root useradd --no-create-home --home-dir "$dir/home" --user-group "rct$$"
        echo "rct$$" >"$dir/user"
        mkdir -m 0700 "$dir/home" "$dir/xdg"
        chmod 0711 "$dir"
        as_root chown "rct$$:rct$$" "$dir" "$dir/home" "$dir/xdg"
    fi
    if $bridge; then
        # Address and name follow from our pid, so that two engines side by side do not meet.
        local name="rct$$"
        as_root ip link add name "$name" type bridge
        echo "$name" >"$dir/bridge"
        as_root ip addr add "10.$((100 + $$ / 250 % 100)).$(($$ % 250)).1/24" dev "$name"
        as_root ip link set "$name" up
    fi
    launch
    if [ -n "$owner" ]; then
        (
            drop_fds
            cd /
            exec </dev/null >/dev/null 2>&1
            while alive "$owner" && [ -d "$dir" ]; do pause 1; done
            if [ -d "$dir" ]; then stop; fi
        ) 2>/dev/null &
    fi
    [ ${#images[@]} -gt 0 ] || images=(openclaw-sandbox:bookworm-slim openclaw-sandbox:other)
    local image
    for image in "${images[@]}"; do load_image "$image" "$image" >/dev/null; done
    echo "unix://$dir/s.sock"
}

# busybox-static and a link for every applet: everything that a sandbox's commands and setups need, 2 MB.
load_image() {
    local root applet
    root=$(mktemp -d "$dir/image.XXXXXX")
    chmod 0755 "$root" # of the image's root, too
    mkdir -p "$root/bin" "$root/tmp" "$root/etc" "$root/usr/bin"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    ln -s /bin/env "$root/usr/bin/env"
    echo 'root:x:0:0:root:/root:/bin/sh' >"$root/etc/passwd"
    echo "${2:-}" >"$root/etc/test-image"
    tar -C "$root" --owner=0 --group=0 -c . | docker_cli import - "$1"
    rm -rf "$root"
}

wait_gone() {
    local i
    for ((i = 0; i < $2 * 10; i++)); do
        alive "$1" || return 0
        pause 0.1
    done
    return 1
}

# Whatever of ours still runs: containerd, shims, conmons and what they started, known by our directory in their command lines.
kill_rest() {
    local p pids=() child
    for p in /proc/[0-9]*; do
        p=${p#/proc/}
        # The engine, containerd, the shims and conmons alone: never a shell or a test that merely names the directory.
        case $( (tr '\0' ' ' <"/proc/$p/cmdline") 2>/dev/null || true) in
            *dockerd\ *"$dir/exec"* | *containerd\ *"$dir/exec"* | *containerd-shim*"$dir/exec"*) pids+=("$p") ;;
            podman\ *"$dir/exec"* | *conmon\ *"$dir/exec"*) pids+=("$p") ;;
        esac
    done
    for p in "${pids[@]}"; do
        for child in $(cat "/proc/$p/task/"*/children 2>/dev/null || true); do as_root kill -KILL "$child" 2>/dev/null || true; done
        as_root kill -KILL "$p" 2>/dev/null || true
    done
}

stop() {
    [ -d "$dir" ] || return 0
    local pid ids
    # One that was killed is started once more, since it knows best what it left behind.
    if [ -z "$(our_pid)" ] && [ -d "$dir/data" ]; then relaunch >/dev/null 2>&1 || true; fi
    pid=$(our_pid)
    if [ -n "$pid" ]; then
        ids=$(docker_cli ps -aq 2>/dev/null || true)
        # shellcheck disable=SC2086 # a list of ids
        [ -z "$ids" ] || timeout 60 env DOCKER_CONFIG="$dir/cli" docker -H "unix://$dir/s.sock" rm -f $ids >/dev/null 2>&1 || true
        docker_cli network prune -f >/dev/null 2>&1 || true
        as_root kill -TERM "$pid" 2>/dev/null || true
        wait_gone "$pid" 20 || as_root kill -KILL "$pid" 2>/dev/null || true
    fi
    kill_rest
    local m
    if [ -f "$dir/user" ]; then
        pid=$(id -u "$(cat "$dir/user")")
        for m in /proc/[0-9]*; do
            [ "$(stat -c %u "$m" 2>/dev/null)" != "$pid" ] || as_root kill -KILL "${m#/proc/}" 2>/dev/null || true
        done
        as_root userdel --force "$(cat "$dir/user")" 2>/dev/null || true
    fi
    # Deepest first; the data root is mounted over itself by dockerd.
    awk -v d="$dir/" 'index($5, d) == 1 { print $5 }' /proc/self/mountinfo | sort -r | while read -r m; do
        as_root umount -l "$m" 2>/dev/null || true
    done
    if [ -f "$dir/bridge" ]; then as_root ip link del "$(cat "$dir/bridge")" 2>/dev/null || true; fi
    as_root rm -rf "$dir"
}

[ $# -ge 2 ] || die "usage: engine.sh start|image|kill|restart|stop DIR ..."
verb=$1
dir=$(realpath -m -- "$2")
shift 2
case $verb in
    start) start "$@" ;;
    image) load_image "$1" "${2:-$1}" ;;
    kill)
        pid=$(our_pid)
        [ -n "$pid" ] || die "not running in $dir"
        as_root kill -KILL "$pid"
        wait_gone "$pid" 10
        ;;
    restart)
        relaunch
        echo "unix://$dir/s.sock"
        ;;
    stop) stop ;;
    *) die "no such verb: $verb" ;;
esac
