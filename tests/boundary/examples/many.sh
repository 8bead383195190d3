# sh many.sh MANY URL: every event of every stream is counted.
set -eu
events=$("$1" 50 "$2")
echo "$events"
[ "$events" = "200 events of 50 streams" ]
