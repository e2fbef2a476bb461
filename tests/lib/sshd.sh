#!/bin/bash
# sshd.sh: a throw-away ssh server for tests: its own keys, account file, home and process namespace, on a port of 127.0.0.1,
# all below one directory. Any number at once.
#
#   sshd.sh run DIR [OPTION...]     makes DIR where it is missing and becomes the server; ends with the process that started it
#   sshd.sh start DIR [OPTION...]   the same in the background; returns when it answers, and prints its port
#   sshd.sh stop DIR                ends it, and all that was started through it, by pid. Removes nothing. No error where it is gone
#   sshd.sh port                    prints a free port
#
# Options: --port N (default: a free one, kept in DIR/port for the next start); --nobody (as an ordinary user, where we are root);
# --noise (start-up files that print, on both outputs); --busybox (nothing but busybox over there); --shell PATH (login shell);
# --tmpfs BYTES (a small file system at DIR/small); --home-at PATH (its home is seen there too, as any other server's may be);
# --read-only DIRECTORY; --path PATH (of the account); --max-sessions N; --listen ADDRESS; --also ADDRESS (listened on too);
# --auth-fails (no key is right).
#
# In DIR: id, id.pub (the client's key, accepted), other (a key that is not), host_key, host_key.pub, known_hosts, home, port, user, log.
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

die() {
    echo "sshd.sh: $*" >&2
    exit 1
}

pause() {
    read -r -t "$1" _ <> <(:) || true
}

# Below what the kernel gives to those who connect: nobody is given it between now and its use.
free_port() {
    python3 -c '
import random, socket
while True:
    try:
        s = socket.socket(); s.bind(("127.0.0.1", random.randrange(10240, 32000))); break
    except OSError: pass
print(s.getsockname()[1])'
}

prepare() {
    mkdir -p "$dir/home"
    chmod 755 "$dir"
    [ -f "$dir/host_key" ] || ssh-keygen -q -t ed25519 -N '' -f "$dir/host_key"
    [ -f "$dir/id" ] || ssh-keygen -q -t ed25519 -N '' -C test -f "$dir/id"
    [ -f "$dir/other" ] || ssh-keygen -q -t ed25519 -N '' -C other -f "$dir/other"
    if [ -n "$fails" ]; then : >"$dir/keys"; elif [ ! -f "$dir/keys" ]; then cp "$dir/id.pub" "$dir/keys"; fi
    [ -n "$port" ] || port=$(cat "$dir/port" 2>/dev/null) || port=$(free_port)
    echo "$port" >"$dir/port"
    uid=$(id -u) gid=$(id -g)
    user=$(id -un)
    if [ -n "$nobody" ] && [ "$uid" = 0 ]; then uid=4242 gid=4242 user=ordinary; fi
    echo "$user" >"$dir/user"
    [ -f "$dir/known_hosts" ] || printf '[127.0.0.1]:%s %s\n' "$port" "$(cut -d' ' -f1,2 "$dir/host_key.pub")" >"$dir/known_hosts"
    awk -F: -v OFS=: -v u="$user" -v h="$dir/home" -v s="$shell" '$1 == u {$2 = "*"; $6 = h; $7 = s} {print}' /etc/passwd >"$dir/passwd"
    if [ "$user" = ordinary ]; then echo "ordinary:*:4242:4242::$dir/home:$shell" >>"$dir/passwd"; fi
    : >"$dir/home/.hushlogin"
    if [ -n "$noise" ]; then
        printf 'echo "Welcome to this machine"; printf "no newline"; echo "warning: disk" >&2\n' >"$dir/home/.bashrc"
    fi
    cat >"$dir/config" <<CONFIG
ListenAddress $listen
Port $port
HostKey $dir/host_key
AuthorizedKeysFile $dir/keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
MaxSessions $sessions
MaxStartups 100
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
CONFIG
    if [ -n "$busybox" ]; then
        local applet
        mkdir -p "$dir/bin"
        [ -x "$dir/bin/busybox" ] || cp "$(command -v busybox)" "$dir/bin/busybox"
        for applet in mkdir mv rm find stat tar sha256sum sh cat ls sleep; do ln -sf busybox "$dir/bin/$applet"; done
        echo "SetEnv PATH=$dir/bin" >>"$dir/config"
    fi
    [ -z "$also" ] || echo "ListenAddress $also" >>"$dir/config"
    [ -z "$path" ] || echo "SetEnv PATH=$path" >>"$dir/config"
    if [ "$uid" != "$(id -u)" ]; then chown -R "$uid:$gid" "$dir"; fi
}

become() {
    local args=(--dev-bind / / --unshare-pid --proc /proc --tmpfs /run --dir /run/sshd --ro-bind "$dir/passwd" /etc/passwd)
    [ -z "$busybox" ] || args+=(--ro-bind "$dir/bin/busybox" "$(readlink -f /bin/sh)")
    if [ -n "$small" ]; then
        mkdir -p "$dir/small"
        args+=(--perms 0777 --size "$small" --tmpfs "$dir/small")
    fi
    if [ -n "$home_at" ]; then
        mkdir -p "$home_at"
        args+=(--bind "$dir/home" "$home_at")
    fi
    [ -z "$fixed" ] || args+=(--ro-bind "$fixed" "$fixed")
    [ "$mode" = start ] || args+=(--die-with-parent)
    local run=("$(command -v sshd)" -D -e -f "$dir/config")
    [ "$uid" = "$(id -u)" ] || run=(setpriv --reuid "$uid" --regid "$gid" --clear-groups "${run[@]}")
    echo $BASHPID >"$dir/pid"
    exec bwrap "${args[@]}" --chdir "$dir/home" -- "${run[@]}" </dev/null >>"$dir/log" 2>&1 9>&-
}

answers() {
    (exec 8<>"/dev/tcp/$1/$2") 2>/dev/null
}

stop() {
    local pid
    local -a inner
    pid=$(cat "$dir/pid" 2>/dev/null) || return 0
    rm -f "$dir/pid"
    # The number alone might have been given to another process since.
    grep -qzF -- "$dir/config" "/proc/$pid/cmdline" 2>/dev/null || return 0
    # The first process of the namespace takes all others with it.
    read -r -a inner <"/proc/$pid/task/$pid/children" || true
    [ "${#inner[@]}" = 0 ] || kill -KILL "${inner[@]}" 2>/dev/null || true
    kill -KILL "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
        [ -d "/proc/$pid" ] && ! grep -q '^State:[[:space:]]*Z' "/proc/$pid/status" 2>/dev/null || return 0
        pause 0.02
    done
    die "pid $pid does not end"
}

mode=${1-} dir=${2-}
[ "$mode" != port ] || { free_port; exit; }
[ -n "$dir" ] || die "usage: see the head of this file"
shift 2
port='' home_at='' nobody='' noise='' busybox='' small='' fails='' shell=/bin/bash listen=127.0.0.1 also='' path='' fixed='' sessions=20
while [ $# -gt 0 ]; do
    case $1 in
    --port) port=$2 && shift ;;
    --nobody) nobody=1 ;;
    --noise) noise=1 ;;
    --busybox) busybox=1 shell=/bin/sh ;;
    --shell) shell=$2 && shift ;;
    --tmpfs) small=$2 && shift ;;
    --home-at) home_at=$2 && shift ;;
    --read-only) fixed=$2 && shift ;;
    --path) path=$2 && shift ;;
    --max-sessions) sessions=$2 && shift ;;
    --listen) listen=$2 && shift ;;
    --also) also=$2 && shift ;;
    --auth-fails) fails=1 ;;
    *) die "$1: not an option" ;;
    esac
    shift
done
case $mode in
run)
    prepare
    become
    ;;
start)
    prepare
    (become) &
    started=$! # a process substitution would be next
    for _ in $(seq 1000); do
        if answers "$listen" "$port"; then
            echo "$port"
            exit 0
        fi
        [ -d "/proc/$started" ] || break
        pause 0.02
    done
    tail -n 5 "$dir/log" >&2
    die "the server does not answer on port $port"
    ;;
stop) stop ;;
*) die "$mode: not a command" ;;
esac
