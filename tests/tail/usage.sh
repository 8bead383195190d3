# tail refuses bad usage: exit status 2, nothing on stdout, and a message that says what is wrong.
. "$(dirname "$0")/check.sh"

# refuses MESSAGE ARGUMENTS...; in MESSAGE a * stands for the library's own words, or the system's.
refuses() {
    message=$1
    shift
    check "$message"
    seen=$(run "$@" 2>"$scratch/stderr"; echo "exit $?"; cat "$scratch/stderr")
    expected="exit 2
tail: $message; --help tells more"
    # shellcheck disable=SC2254
    case $seen in
    $expected) seen=$expected ;;
    esac
    verdict "$expected" "$seen"
}

refuses 'there is no URL'
refuses 'there is no URL' --json
refuses 'there is no URL' --
refuses "one URL is enough: \"b\" comes after \"$url\"" "$url" b
refuses 'one URL is enough: "--json" comes after "a"' -- a --json
refuses 'expected an http or https URL, not "" (EVENTSOURCE_ERR_URL)' ''
refuses 'expected an http or https URL, not "-" (EVENTSOURCE_ERR_URL)' -
refuses 'expected an http or https URL, not "events" (EVENTSOURCE_ERR_URL)' events
refuses 'expected an http or https URL, not "ftp://localhost/" (EVENTSOURCE_ERR_URL)' ftp://localhost/
refuses 'expected an http or https URL, not "http://" (EVENTSOURCE_ERR_URL)' http://
refuses 'expected an http or https URL, not "http://localhost:65536" (EVENTSOURCE_ERR_URL)' http://localhost:65536
refuses "expected an http or https URL, not \"$(printf 'http://a/\377')\" (EVENTSOURCE_ERR_UTF8)" "$(printf 'http://a/\377')"

refuses 'there is no option --what' --what "$url"
refuses 'there is no option --what' --what=1 "$url"
refuses 'there is no option --coun' --coun 1 "$url"
refuses 'there is no option --counts' --counts 1 "$url"
refuses 'there is no option -x' -x "$url"
refuses 'there is no option -xyz' -xyz "$url"
refuses 'there is no option -json' -json "$url"
refuses '--json takes no value' --json=yes "$url"
refuses '--no-reconnect takes no value' --no-reconnect= "$url"

refuses "-H expects 'NAME: VALUE'" "$url" -H
refuses '-X expects METHOD' "$url" -X
refuses '-d expects BODY' "$url" -d
refuses '-u expects USER:PASSWORD' "$url" -u
refuses '--last-event-id expects ID' "$url" --last-event-id
refuses '--connect-timeout expects SECONDS' "$url" --connect-timeout
refuses '--response-timeout expects SECONDS' "$url" --response-timeout
refuses '--read-timeout expects SECONDS' "$url" --read-timeout
refuses '--delay expects MS' "$url" --delay
refuses '--max-delay expects MS' "$url" --max-delay
refuses '--max-redirects expects N' "$url" --max-redirects
refuses '--max-event-size expects BYTES' "$url" --max-event-size
refuses '--proxy expects URL' "$url" --proxy
refuses '--noproxy expects HOSTS' "$url" --noproxy
refuses '--unix-socket expects PATH' "$url" --unix-socket
refuses '--resolve expects HOST:PORT:ADDRESS' "$url" --resolve
refuses '--cacert expects FILE' "$url" --cacert
refuses '--cert expects FILE' "$url" --cert
refuses '--key expects FILE' "$url" --key
refuses '--pinnedpubkey expects PINS' "$url" --pinnedpubkey
refuses '--count expects N' "$url" --count

for value in '' x 1x '1 ' ' 1' +1 -1 0x10 1.5 1e3 0 9223372036854775808 99999999999999999999; do
    refuses "--count expects a whole number from 1 to 9223372036854775807, not \"$value\"" --count "$value" "$url"
done
for option in --delay --max-delay --max-event-size; do
    refuses "$option expects a whole number from 1 to *, not \"0\"" "$option" 0 "$url"
    refuses "$option expects a whole number from 1 to *, not \"5x\"" "$option=5x" "$url"
    refuses "$option expects a whole number from 1 to *, not \"9223372036854775808\"" "$option=9223372036854775808" "$url"
done
for value in -1 1x 2147483648; do
    refuses "--max-redirects expects a whole number from 0 to 2147483647, not \"$value\"" --max-redirects "$value" "$url"
done
for option in --connect-timeout --response-timeout --read-timeout; do
    for value in '' . x 1s '1 ' ' 1' -1 +1 1e3 0x1 1.2.3 1,5 inf nan 1000000000001 99999999999999999999; do
        refuses "$option expects seconds, as 2 or 0.5, not \"$value\"" "$option" "$value" "$url"
    done
done

refuses "-H expects 'NAME: VALUE', but there is no colon" -H Name "$url"
refuses '-H: *' -H ': value' "$url"
refuses '-H: *' -H 'A name: value' "$url"
refuses '-H: *' -H 'Name : value' "$url"
refuses '-H: *' -H "$(printf 'Name: a\r\nOther: b')" "$url"
refuses '-H: *' -H "$(printf 'Name: a\001')" "$url"
refuses '-H: *' -H "$(printf 'Name: \377')" "$url"
refuses '-H: *' -H 'Name: fine' -H 'Connection: close' "$url"
refuses '-X: *' -X '' "$url"
refuses '-X: *' -X 'GET IT' "$url"
refuses '-X: *' -X CONNECT "$url"
refuses '-u expects USER:PASSWORD, but there is no colon' -u user "$url"
refuses '-u: *' -u "$(printf 'user:\001')" "$url"
refuses '--last-event-id: *' --last-event-id "$(printf 'a\nb')" "$url"
refuses '--last-event-id: *' --last-event-id "$(printf '\377')" "$url"

refuses "--cacert: cannot read $scratch/none: *" --cacert "$scratch/none" "$url"
refuses '--proxy: *' --proxy ftp://proxy "$url"
refuses '--proxy: *' --proxy 'http://proxy:port' "$url"
refuses '--noproxy: *' --noproxy "$(printf '\377')" "$url"
refuses '--unix-socket: *' --unix-socket "$(printf '%0200d' 0)" "$url"
refuses '--resolve: *' --resolve localhost:80 "$url"
refuses '--resolve: *' --resolve localhost:80:127.0.0.1 --resolve localhost:80:name "$url"

refuses "--cacert: cannot read $scratch: *" --cacert "$scratch" "$url"
: >"$scratch/empty"
refuses "--cacert: $scratch/empty: it holds no certificate in PEM form" --cacert "$scratch/empty" "$url"
refuses "--cacert: $0: it holds no certificate in PEM form" --cacert "$0" "$url"
refuses "--cert: cannot open $scratch/none: *" --cert "$scratch/none" "$url"
refuses "--cert: cannot read $scratch: *" --cert "$scratch" "$url"
refuses "--cert: $scratch/empty is empty" --cert "$scratch/empty" "$url"
refuses '--cert: the PEM text holds no private key' --cert "$0" "$url"
refuses "--key: cannot open $scratch/none: *" --cert "$0" --key "$scratch/none" "$url"
refuses '--key is of no use without --cert' --key "$0" "$url"
refuses '--pinnedpubkey: a pinned key is sha256//*' --pinnedpubkey 'sha256//AAAA' "$url"

conclude
