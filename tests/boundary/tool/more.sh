# eventsource tail's options for scripts: which events, in what form, to whom, and where the next run continues.
# sh more.sh PROGRAM URL
. "$(dirname "$0")/../../support/check.sh"
command=tail
quiet="$url/events?count=7&per_connection=2&retry=10&then=204"

check '--version names the program and the library'
seen=$(run --version)
case $seen in
eventsource*' (libeventsource '*')') seen=both ;;
esac
verdict both "$seen"

expect '--once ends after the first event' --once --data-only "$url/events" <<'END'
event 1
exit 0
END

mixed=$(stream 'event: a\nid: 1\ndata: one\n\nevent: b\nid: 2\ndata: two\ndata: lines\n\ndata: three\n\n')
expect '--type lets only these events through, and --count counts them' --data-only --type b --type message --count 2 "$mixed" <<'END'
two
lines
three
exit 0
END

check '--data-only gives another program the bytes as they are'
run --data-only --once "$(stream 'data: \033[2J\t\302\233\n\n')" >"$scratch/raw" 2>&1
verdict "$(printf '\033[2J\t\302\233')" "$(cat "$scratch/raw")"

# ---- What is read from files, so that it is not on the command line ----

printf 'X-Secret: from a file\r\nX-Other: \351\n' | tr -d '\351' >"$scratch/headers"
printf 'us:p:w\n' >"$scratch/user"
printf 'a\nbody' >"$scratch/body"
expect '-H, -u and -d take @FILE' --once --data-only -H "@$scratch/headers" -H 'X-Last: c' -u "@$scratch/user" -d "@$scratch/body" \
    "$url/echo" <<'END'
{"method":"POST","target":"/echo","headers":[["host","HOST"],
["accept","text/event-stream"],
["cache-control","no-cache"],
["user-agent","libeventsource/VERSION"],
["authorization","Basic dXM6cDp3"],
["x-secret","from a file"],
["x-other",""],
["x-last","c"],
["content-length","6"]],"body":"a\u000abody"}
exit 0
END
for stdin in - @-; do
    check "-d $stdin reads standard input"
    seen=$(printf 'from stdin' | "$program" tail --once --data-only -d "$stdin" "$url/echo" | sed 's/.*"body":/body:/')
    verdict 'body:"from stdin"}' "$seen"
done

# ---- --state ----

for count in 3 4; do
    run --data-only --count "$count" --state "$scratch/id" --delay 10 "$quiet" 2>/dev/null
done >"$scratch/events"
check '--state FILE: two runs see the events as one would'
verdict "$(printf 'event %d\n' 1 2 3 4 5 6 7)" "$(cat "$scratch/events")"
check 'the file has the last id and nothing else, and nothing is left beside it'
verdict '7 id' "$(cat "$scratch/id") $(cd "$scratch" && echo id*)"
check 'an id with a line end that an editor has added is the same id'
printf '5\n' >"$scratch/id"
verdict 'event 6' "$(run --data-only --once --state "$scratch/id" "$quiet" 2>/dev/null)"
check 'whatever an event has for an id, the next run begins'
for id in 'a\tb' 'a\001b' "$(printf '%05000d' 7)"; do
    run --once --state "$scratch/odd" "$(stream "id: $id\ndata: x\n\n")" >/dev/null 2>&1 || echo "refused after $id"
    run --once --state "$scratch/odd" "$(stream "id: $id\ndata: x\n\n")" >/dev/null 2>&1 || echo "refused with $id"
done >"$scratch/said"
verdict '' "$(cat "$scratch/said")"

# ---- --cookies ----

# sent ARGUMENTS...: the cookies that the request for /echo has.
sent() {
    run --once --data-only "$@" 2>/dev/null | sed -n 's/.*\["cookie","\([^"]*\)"\].*/\1/p'
}
login="$url/status/302?header=Location:/echo&header=Set-Cookie:login%3Dtoken;Path%3D/"
check 'without --cookies none is kept'
verdict '' "$(sent "$login")"
check '--cookies FILE keeps those of a redirect, and sends them to where it leads'
verdict 'login=token' "$(sent --cookies "$scratch/jar" "$login")"
check 'and the next run sends them'
verdict 'login=token' "$(sent --cookies "$scratch/jar" "$url/echo")"
check 'those of an error are kept, too, and one that has expired is not'
run --cookies "$scratch/jar" "$url/status/404?header=Set-Cookie:last%3Dseen;Path%3D/&header=Set-Cookie:login%3D;Path%3D/;Max-Age%3D0" >/dev/null 2>&1
verdict 'last=seen' "$(sent --cookies "$scratch/jar" "$url/echo")"
check 'the file is for its owner alone, and nothing is left beside it'
(umask 0 && chmod 644 "$scratch/jar" && sent --cookies "$scratch/jar" "$login") >/dev/null
verdict '-rw------- jar' "$(ls -l "$scratch/jar" | cut -c 1-10) $(cd "$scratch" && echo jar*)"
check 'it is written after each attempt, so that it is right also if the program is killed'
run --once --cookies "$scratch/early" --exec "cat >/dev/null; cp '$scratch/early' '$scratch/copy'" "$login" >/dev/null 2>&1
verdict 'login=token' "$(sent --cookies "$scratch/copy" "$url/echo")"
check 'a file of curl is read'
printf '# Netscape HTTP Cookie File\n\n#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t0\tby\tcurl\nother.example\tFALSE\t/\tFALSE\t0\tno\tno\n' >"$scratch/jar"
verdict 'by=curl' "$(sent --cookies "$scratch/jar" "$url/echo")"
check 'and a line stays for a server that was not asked'
verdict 1 "$(grep -c '^other.example' "$scratch/jar")"
check 'a file that cannot be written ends the program with 1'
run --cookies "$scratch/none/jar" "$url/events" >/dev/null 2>"$scratch/stderr"
verdict "1 --cookies: cannot write $scratch/none/jar: " "$? $(grep -o "^--cookies: .*jar: " "$scratch/stderr")"

# ---- --exec ----

check '--exec COMMAND gets the data on standard input, type and id in its environment; one command at a time'
run --count 3 --exec "sleep 0.1; echo \"\$EVENTSOURCE_TYPE \$EVENTSOURCE_ID: \$(cat)\" >>$scratch/executed" "$url/events" 2>/dev/null
verdict "$(printf 'message %d: event %d\n' 1 1 2 2 3 3)" "$(cat "$scratch/executed")"
check '--exec with --json gets the object'
run --once --json --exec "cat >$scratch/executed" "$url/events" >/dev/null
verdict '{"kind":"event","type":"message","data":"event 1","id":"1"}' "$(cat "$scratch/executed")"
check 'a command that does not read its input is no failure'
run --count 2 --exec true "$url/blast?bytes=2000000&size=1000000" >/dev/null 2>&1
verdict 0 "$?"
check 'what is in an event is no part of the command'
run --once --exec 'cat >/dev/null; echo "$EVENTSOURCE_TYPE"' "$(stream 'event: $(touch hacked);`x`\ndata: $(x)\n\n')" >"$scratch/executed" 2>/dev/null
verdict '$(touch hacked);`x`' "$(cat "$scratch/executed")"
rm -f "$scratch/id"
expect 'a command that fails ends the program with 1, and the event counts as not dealt with' --state "$scratch/id" \
    --exec 'read line; [ "$line" != "event 2" ]' "$url/events" <<'END'
exit 1
stderr: open: 200 from URL/events
stderr: --exec: the command failed: exit status: 1
stderr: closed
END
check 'so the next run begins with it'
verdict 'event 2' "$(run --once --data-only --state "$scratch/id" "$url/events" 2>/dev/null)"

# ---- Looking on ----

check '--stats tells at the end what was received'
verdict 'stats: 2 events' "$(run --count 2 --stats "$url/events" 2>&1 >/dev/null | grep -o 'stats: 2 events')"
check 'with --json as a line'
verdict '{"kind":"stats","events":2' "$(run --count 2 --stats --json "$url/events" | tail -n 1 | cut -d, -f1,2)"

check '--trace shows heads and when events came, and masks what looks like a secret or came from a file'
printf 'X-Plain: secret\n' >"$scratch/headers"
query='header=Content-Type:text/event-stream&header=Set-Cookie:hidden&header=Location:/%3Fkey%3Dcovert&body=id:7%0Adata:four%0A%0A:hi%0A%0A&api_key=secret'
run --once --trace -H 'X-Api-Key: secret' -H 'X-Shown: yes' -H "@$scratch/headers" \
    "$(echo "$url" | sed 's,//,//us:secret@,')/status/200?$query" 2>"$scratch/stderr" >/dev/null
seen=$(grep -e secret -e '< set-cookie: hidden' -e '< location: .*covert' "$scratch/stderr")
for line in '> GET http://127' 'api_key=\*\*\* (attempt 1)' '> authorization: \*\*\*' '> x-api-key: \*\*\*' '> x-plain: \*\*\*' \
    '> x-shown: yes' '< HTTP/1.1 200 from' '< set-cookie: \*\*\*' '< location: /?key=\*\*\*' '< event message, id 7, 4 bytes' '^ *[0-9]*\.[0-9]* \* GET'; do
    grep -qi "$line" "$scratch/stderr" || seen="$seen no $line"
done
verdict '' "$seen"

check '-v tells what the client does'
verdict 1 "$(run --once -v "$url/events" 2>&1 >/dev/null | grep -c '^log: .*open')"

conclude
