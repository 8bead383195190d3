# sh log.sh PROGRAM URL: each line of the log names its client, the attempt and the origin.
set -eu
said=$("$1" "$2/events?count=4&per_connection=2&retry=10&then=204" 2>&1 >/dev/null)
echo "$said"
for attempt in 1 2; do
    echo "$said" | grep -q "^log: info: client [0-9]* (prices), attempt $attempt, http://127\.0\.0\.1:[0-9]*: "
done
! echo "$said" | grep -v "(prices)"
sh "$(dirname "$0")/minimal.sh" "$@"
