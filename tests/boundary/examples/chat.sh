# What examples-c/chat.c makes of a language model's answers; as tests/support/check.sh says.
. "$(dirname "$0")/../../support/check.sh"
export OPENAI_API_KEY=test-key

expect 'the answer is printed as it comes, with its escapes decoded, up to [DONE]' "$url/v1" 'a "b"\
é' <<'END'
You said: "a "b"\
é"
😀/	é é
exit 0
END

expect 'a base URL may end in a slash, and the model be named' --model 'm"1' "$url/v1/" hello <<'END'
You said: "hello"
😀/	é é
exit 0
END

expect 'an error within the stream is told, after what came before it' "$url/v1" fail <<'END'
You said: "fail"
😀/	é é
exit 1
stderr: chat: The model is overloaded.
stderr: chat: x-request-id: req_7
END

expect 'an event of the type error is told' "$url/v1" error <<'END'
You said: "error"
😀/	é é
exit 1
stderr: chat: The server had an error.
stderr: chat: x-request-id: req_7
END

expect 'a 429 is told with what the endpoint says of its limits' "$url/v1" busy <<'END'

exit 1
stderr: chat: the server answered 429
stderr: chat: Too many requests.
stderr: chat: x-request-id: req_7
stderr: chat: x-ratelimit-remaining-requests: 0
stderr: chat: retry-after: 1
stderr: chat: retry-after-ms: 20
END

expect 'a 529 is told' "$url/v1" overloaded <<'END'

exit 1
stderr: chat: the server answered 529
stderr: chat: Overloaded.
stderr: chat: x-request-id: req_7
END

expect 'an answer that breaks off is an error, and not asked for again' "$url/v1" break <<'END'
You said: "break"
😀/	é é
exit 1
stderr: chat: the connection ended before the response was complete
stderr: chat: x-request-id: req_7
END

expect 'an answer that ends without [DONE] is not whole' "$url/v1" end <<'END'
You said: "end"
😀/	é é
exit 1
stderr: chat: the server ended the stream without its end marker
stderr: chat: x-request-id: req_7
END

expect "an error's body is told" "$url/status/500?body=out%20of%20order&x=" hello <<'END'

exit 1
stderr: chat: the server answered 500
stderr: chat: out of order
END

OPENAI_API_KEY=wrong
expect 'a refused key is told in the words of the server' "$url/v1" hello <<'END'

exit 1
stderr: chat: the server answered 401
stderr: chat: Incorrect API key "provided".
END

OPENAI_API_KEY=$(printf 'a\nb')
expect 'a key that cannot be sent is refused, and not shown' "$url/v1" hello <<'END'
exit 2
stderr: chat: OPENAI_API_KEY: the value of authorization has control characters
END

expect 'a URL that is none is refused' nonsense hello <<'END'
exit 2
stderr: chat: nonsense: the URL has no scheme; did you mean http://nonsense/...?
END

expect 'without a prompt there is nothing to ask' "$url/v1" <<'END'
exit 2
stderr: Usage: [OPENAI_API_KEY=KEY] chat [--model NAME] BASE_URL PROMPT
END

conclude
