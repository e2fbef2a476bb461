#!/usr/bin/env bats
# What older releases left beside OpenClaw 2026.9's database, in the cases that its own doctor was shown, before and after it: named
# one by one, never touched, and no runtime is taken for recorded but by the database. No engine.
# shellcheck disable=SC2030,SC2031,SC2034

load rc
setup() { STARTED=() && place_up; }
teardown() { place_down; }

VECTORS=$ROOT/tests/vectors/2026.9/doctor.json

# A state directory of the case, as it was "before" or "after": its files, and its rows in a database of 2026.9.6.
state_of() {
    local name=$1 when=$2 rows=$3 dir=$HOME/.openclaw path
    rm -rf "$dir"
    mkdir -p "$dir/state"
    echo '{"agents": {"defaults": {"sandbox": {"mode": "off"}}}, "meta": {"lastTouchedVersion": "2026.9.6"}}' >"$dir/openclaw.json"
    jq -r --arg name "$name" --arg when "$when" '.[] | select(.name == $name) | .[$when] | to_entries[] | [.key, .value == null] | @tsv' "$VECTORS" >"$T/files"
    while IFS=$'\t' read -r path is_dir; do
        if [ "$is_dir" = true ]; then
            mkdir -p "$dir/$path"
        else
            mkdir -p "$(dirname "$dir/$path")"
            jq -j --arg name "$name" --arg when "$when" --arg path "$path" '.[] | select(.name == $name) | .[$when][$path]' "$VECTORS" >"$dir/$path"
        fi
    done <"$T/files"
    # The link itself is no file of the list.
    [ "$name $when" != 'symlink-dir before' ] || { mkdir -p "$dir/sandbox" && ln -s ../real "$dir/sandbox/containers"; }
    sqlite3 "$dir/state/openclaw.sqlite" <"$ROOT/tests/data/openclaw/state-18.sql" >/dev/null
    jq -r --arg name "$name" --arg rows "$rows" '.[] | select(.name == $name) | .[$rows] // [] | .[] |
        def cell: if . == null then "NULL" elif type == "number" then tostring else "'\''" + gsub("'\''"; "'\'\''") + "'\''" end;
        (.updated_at = 1) as $row | ($row | keys_unsorted) as $columns |
        "INSERT INTO sandbox_registry_entries (\($columns | join(", "))) VALUES (\([$columns[] as $c | $row[$c] | cell] | join(", ")));"' \
        "$VECTORS" | sqlite3 "$dir/state/openclaw.sqlite"
}
picture() { (cd "$HOME/.openclaw" && find . -printf '%P %y %m %s %T@ %l\n' | sort; find . -type f | sort | xargs -d '\n' md5sum); }
# Names of the containers and browsers that a database records.
rows_of() { jq -cS --arg name "$1" --arg rows "$2" '.[] | select(.name == $name) | [.[$rows] // [] | .[].container_name] | sort' "$VECTORS"; }
listed() { jq -cS '[.. | objects | select(has("containerName")) | .containerName] | unique' "$T/out"; }

@test "each file that an older release left is named, and stays; only the database's rows are listed" {
    local name file before n=0
    while IFS= read -r name; do
        echo "# $name"
        state_of "$name" before rowsBefore
        before=$(picture)
        rc doctor --fix
        cp "$T/out" "$T/told"
        # Whatever OpenClaw's doctor would read: what it took for a shard or a monolith.
        while IFS= read -r file; do
            grep -qF "$file" "$T/told" || fail "$name: $file is not named: $(cat "$T/told")"
            n=$((n + 1))
        done < <(cd "$HOME/.openclaw" && find -L sandbox -name '*.json' -type f 2>/dev/null)
        rc list -o json
        same "$(listed)" "$(rows_of "$name" rowsBefore)"
        same "$(picture)" "$before"
    done < <(jq -r '.[].name' "$VECTORS")
    [ "$n" -ge 30 ] || fail "only $n files"
}

@test "what OpenClaw's doctor has migrated is listed, and what it set aside is no leftover" {
    local name
    while IFS= read -r name; do
        echo "# $name"
        state_of "$name" after rowsAfter
        rc list -o json
        same "$(listed)" "$(rows_of "$name" rowsAfter)"
        rc doctor
        # One with a fraction in it keeps the doctor from coming to its end.
        if [ "$name" = types ]; then out_has 'not migrated'; else ! grep -q 'not migrated' "$T/out" || fail "$name: $(cat "$T/out")"; fi
    done < <(jq -r '.[].name' "$VECTORS")
}
