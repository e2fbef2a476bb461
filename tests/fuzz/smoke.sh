#!/usr/bin/env bash
# Every fuzz target: first its regressions and corpus, then new inputs for a short while. TAP. FUZZ_SECONDS (default 5) per target.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${FUZZ_SECONDS:-5}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 failed=0
for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    topic=${name#fuzz_}
    target=${BUILD:-build}/fuzz/tests/fuzz/$name
    n=$((n + 1))
    mkdir -p "$work/$name/corpus" "$work/$name/found"
    cp -r "tests/fuzz/corpus/$topic/." "$work/$name/corpus/" 2>/dev/null
    cp -r "tests/fuzz/regressions/$topic/." "$work/$name/corpus/" 2>/dev/null
    if [ ! -x "$target" ]; then
        echo "not ok $n - $name was not built"
        failed=1
    elif [ -z "$(ls -A "$work/$name/corpus")" ]; then
        echo "not ok $n - $name has no corpus in tests/fuzz/corpus/$topic"
        failed=1
    elif "$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=3000 -artifact_prefix="$work/$name/found/" -print_final_stats=1 \
        "$work/$name/corpus" >"$work/$name/log" 2>&1; then
        echo "ok $n - $name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$work/$name/log") inputs, none breaks it"
    else
        failed=1
        echo "not ok $n - $name"
        grep -vE '^(#[0-9]|INFO|NEW|REDUCE)' "$work/$name/log" | tail -n 40 | sed 's/^/# /'
        for f in "$work/$name/found/"*; do
            [ -f "$f" ] && echo "# the input, in base64: $(base64 -w0 "$f" | head -c 4000)"
        done
    fi
done
echo "1..$n"
exit $failed
