#!/usr/bin/env bash
# What `make lint` proves, as TAP: layers, purity, headers, format, static analysis, banned words.
# Wants the release objects built (OUT, default build/release).
set -u
cd "$(dirname "$0")/.." || exit 1
out=${OUT:-build/release}
n=0 failed=0

# report NAME OUTPUT: passes where OUTPUT is empty
report() {
    n=$((n + 1))
    if [ -z "$2" ]; then
        echo "ok $n - $1"
    else
        failed=1
        echo "not ok $n - $1"
        printf '%s\n' "$2" | head -n 40 | sed 's/^/# /'
    fi
}

sources=$(git ls-files -co --exclude-standard '*.c' '*.h')
rooms=$(printf '%s\n' "$sources" | grep -E '^(spec|state|backends|watch|reconciler)/')

# forbid DIR PATTERN: #includes in DIR that match
forbid() {
    printf '%s\n' "$rooms" | grep -E "^$1/" | xargs -r grep -nE "^ *# *include *\"($2)/" /dev/null
}
report 'layers: spec includes only spec' "$(forbid spec 'state|backends|watch|reconciler|tests')"
report 'layers: state, backends and watch never include one another or the reconciler' "$(
    forbid state 'backends|watch|reconciler|tests'
    forbid backends 'state|watch|reconciler|tests'
    forbid watch 'state|backends|reconciler|tests'
)"
report 'layers: reconciler/core includes only spec and itself' "$(
    printf '%s\n' "$rooms" | grep '^reconciler/core/' | xargs -r grep -nE '^ *# *include *"' /dev/null |
        grep -vE '"(spec|reconciler/core)/'
)"
report 'layers: no product file includes tests' "$(forbid reconciler tests)"

# Whatever a pure room takes from outside must be on this list: no file, clock, environment, log or thread is. Memory comes from
# spec/base alone. Names are compared without the fortified (__x_chk) and ISO C99 (__isoc99_) forms.
pure='memcpy|memmove|memset|memcmp|memchr|memrchr|memmem|strlen|strnlen|strcmp|strncmp|strcasecmp|strncasecmp|strchr|strrchr|strstr|strcasestr|strspn|strcspn|strpbrk|strchrnul|rawmemchr|strtod|strtol|strtoul|strtoll|strtoull|snprintf|vsnprintf|qsort|bsearch|abort|explicit_bzero|strerror_r|__xpg_strerror_r|__errno_location|__ctype_b_loc|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_|__memcpy_chk|free'
pure="$pure|isnan|isinf|floor|ceil|trunc|round|fmod|pow|log10|ldexp|frexp|modf|lround|llround|nearbyint|rint|fabs"
pure="$pure|SHA256_(Init|Update|Final)|yaml_[a-z_]+|json_(loads|loadb|delete|object|array|string|integer|real|number|decref|incref|true|false|null|typeof)[a-z_]*|u(col|_|str|loc|c|iter|case)[A-Za-z0-9_]*_[0-9]+"
memory='malloc|realloc|calloc'
impure() {
    local defined
    defined=$(find "$out/obj/spec" "$out/obj/reconciler/core" -name '*.o' -print0 2>/dev/null | xargs -0r nm --defined-only 2>/dev/null |
        awk 'NF == 3 {print $3}' | sort -u)
    find "$out/obj/spec" "$out/obj/reconciler/core" -name '*.o' 2>/dev/null | while read -r o; do
        local allowed=$pure
        case $o in */spec/base/*) allowed="$pure|$memory" ;; esac
        nm -u "$o" | awk '{print $2}' | sed -E 's/^__(.*)_chk$/\1/; s/^__isoc99_//; s/@.*//' | sort -u |
            grep -vxE "$allowed" | grep -vxF "$defined" | sed "s,^,$o takes ,"
    done
    # Writable statics would be hidden state.
    find "$out/obj/spec" "$out/obj/reconciler/core" -name '*.o' 2>/dev/null | while read -r o; do
        objdump -t "$o" | awk -v o="$o" '/ O (\.data|\.bss|\*COM\*)[ \t]/ {print o " keeps state in " $NF}'
    done
}
if [ -d "$out/obj/spec" ]; then
    report 'purity: spec and reconciler/core take nothing from the system, and keep no state' "$(impure)"
else
    report 'purity: spec and reconciler/core take nothing from the system, and keep no state' "no objects in $out: make first"
fi

flags=(-std=gnu17 -I. -D_GNU_SOURCE '-DRECONCLAW_VERSION="0"' -Wall -Wextra -Wno-unused-parameter)
# shellcheck disable=SC2207 # words
flags+=($(pkg-config --cflags yaml-0.1 jansson libcurl libsystemd libcrypto libarchive libssh sqlite3 icu-i18n))
report 'headers: each compiles alone' "$(
    printf '%s\n' "$rooms" | grep '\.h$' | while read -r h; do
        gcc "${flags[@]}" -fsyntax-only -x c "$h" 2>&1 | head -n 3
    done
)"
report 'format: clang-format has nothing to change' "$(printf '%s\n' "$sources" | xargs clang-format --dry-run -Werror 2>&1 | grep -E 'error:' | head -n 20)"

banned='strcpy|strcat|strncat|sprintf|vsprintf|gets|strtok|strtok_r|atoi|atol|atof|system|popen|alloca|sleep|usleep|nanosleep|tmpnam|mktemp|rand|srand|signal|setjmp|longjmp|vfork|localtime|gmtime|ctime|asctime'
report 'banned functions are not called' "$(
    printf '%s\n' "$sources" | xargs grep -nE "(^|[^A-Za-z0-9_.>\"])($banned) *\(" | grep -vE '^[^:]*:[0-9]+: *(/?\*|//)' | grep -v '^tests/.*setjmp.h'
)"
report 'below the reconciler nothing reads the environment, logs or looks at the wall clock' "$(
    printf '%s\n' "$rooms" | grep -E '^(spec|state|backends|watch)/' |
        xargs grep -nE '(^|[^A-Za-z0-9_])(getenv|secure_getenv|sd_journal_[a-z]+|syslog|printf|fprintf *\( *std(out|err)|perror|time|gettimeofday) *\(|CLOCK_REALTIME' |
        grep -vE '^[^:]*:[0-9]+: *(/?\*|//)'
)"
report 'no unfinished work is left in the code' "$(printf '%s\n' "$sources" | xargs grep -nE 'TO''DO|FIX''ME|X''XX[^X]|not implem''ented' | grep -v 'XXXXXX')"
report 'files stay under 800 lines' "$(printf '%s\n' "$rooms" | xargs wc -l | awk '$2 != "total" && $1 > 800')"
report 'every directory says in at most 40 lines what lives there' "$(
    for d in spec state backends watch reconciler tests samples; do
        if [ ! -f "$d/README.md" ]; then
            echo "$d/README.md is missing"
        elif [ "$(wc -l <"$d/README.md")" -gt 40 ]; then
            echo "$d/README.md is longer than 40 lines"
        fi
    done
)"
report 'shellcheck' "$(
    git ls-files -co --exclude-standard | grep -E '\.sh$|^tests/run$|^tests/bench/run$|^samples/.*/run$|^\.ci/run$' | xargs -r shellcheck -x -S warning 2>&1
    # What `load` brings in is not followed: the variables and functions that are shared through it look unused.
    git ls-files -co --exclude-standard | grep -E '\.(bats|bash)$' | xargs -r shellcheck -s bats -S warning -e SC2034,SC2120,SC2154 2>&1
)"
report 'cppcheck' "$(
    cppcheck --quiet --std=c11 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem --suppress=nullPointerRedundantCheck \
        --suppress=ctunullpointer --suppress=unknownMacro --suppress=varFuncNullUB -j 2 -I. -D_GNU_SOURCE spec state backends watch reconciler 2>&1
)"
# The analyser's default of 225000 nodes per function takes five times as long, and found nothing more.
flags+=(-Xclang -analyzer-config -Xclang max-nodes=50000)
report 'clang-tidy' "$(
    printf '%s\n' "$rooms" | grep '\.c$' |
        xargs -P 2 -n 1 sh -c 'clang-tidy --quiet "$@" -- '"$(printf "'%s' " "${flags[@]}")"' 2>/dev/null' sh | grep -E 'warning:|error:' | sort -u
)"
echo "1..$n"
exit $failed
