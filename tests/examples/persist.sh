# sh persist.sh PERSIST URL: two runs see the events as one would.
set -eu
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for events in 3 4; do
    "$1" "$scratch/id" "$2" "$events"
done >"$scratch/events"
cat "$scratch/events"
for id in 1 2 3 4 5 6 7; do
    echo "$id: event $id"
done | cmp - "$scratch/events"
