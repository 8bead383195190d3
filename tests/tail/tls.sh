# tail and https, against a server whose authority nobody trusts.
# sh tls.sh TAIL URL CA, where CA is a file with the certificate of the server's authority.
. "$(dirname "$0")/check.sh"
ca=$3

check 'an authority that is not trusted is refused'
# The words for it are the verifier's.
output=$(run --json "$url/events" 2>"$scratch/stderr"; echo "exit $?")
output=$(transcript "$output" | sed 's/"message":"[^"][^"]*"/"message":"WORDS"/')
verdict '{"kind":"error","code":"EVENTSOURCE_ERR_TLS","status":0,"message":"WORDS","will_retry":false,"delay_ms":0}
{"kind":"closed"}
exit 1' "$output"

expect '--cacert trusts it' --json --count 1 --cacert "$ca" "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

expect '--insecure trusts anybody' --json --count 1 --insecure "$url/events" <<END
$open
{"kind":"event","type":"message","data":"event 1","id":"1"}
{"kind":"closed"}
exit 0
END

conclude
