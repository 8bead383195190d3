//! A language model's endpoint, as OpenAI's are: it answers a prompt with that prompt, piece by piece.

use crate::Exchange;

use super::{Outcome, quoted};

/// The key that it takes.
const KEY: &str = "Bearer test-key";

/// What each answer to a good question has, for those who ask about it later.
const REQUEST_ID: (&str, &str) = ("x-request-id", "req_7");

pub fn answer(exchange: &mut Exchange) -> Outcome {
    let request = &exchange.request;
    let refuse = |exchange: &mut Exchange, status, message: &str| {
        let body = error(message);
        exchange.respond(
            status,
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        Ok(())
    };
    if request.header("Authorization") != Some(KEY) {
        return refuse(exchange, 401, "Incorrect API key \"provided\".");
    }
    let body = String::from_utf8_lossy(&request.body).into_owned();
    if request.method != "POST" || !body.contains("\"stream\":true") {
        return refuse(exchange, 400, "A POST with stream:true, please.");
    }
    let Some(prompt) = last_content(&body) else {
        return refuse(exchange, 400, "There is no message.");
    };

    match prompt {
        "busy" => {
            let headers = [
                ("Content-Type", "application/json"),
                REQUEST_ID,
                ("x-ratelimit-remaining-requests", "0"),
                ("Retry-After", "1"),
                ("retry-after-ms", "20"),
            ];
            exchange.respond(429, &headers, error("Too many requests.").as_bytes());
            return Ok(());
        }
        "overloaded" => {
            let headers = [("Content-Type", "application/json"), REQUEST_ID];
            exchange.respond(529, &headers, error("Overloaded.").as_bytes());
            return Ok(());
        }
        _ => {}
    }

    let headers = [
        ("Content-Type", "text/event-stream"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        REQUEST_ID,
    ];
    exchange.head(200, &headers);
    exchange.event(r#"{"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#);
    // A literal may be cut where no escape is.
    for piece in [
        r"You said: \u0022",
        prompt,
        r#"\"\u000a\ud83d\uDE00\/\t\u00e9 é"#,
    ] {
        exchange.event(&format!(
            "{{\"id\":\"x\", \"choices\" : [ {{\"index\":0,\"logprobs\":{{\"content\":[\"}}\"]}}, \
             \"delta\":{{\"content\":\"{piece}\"}}}} ]}}"
        ));
    }
    match prompt {
        "error" => exchange.chunk(format!(
            "event: error\ndata: {}\n\n",
            error("The server had an error.")
        )),
        "fail" => exchange.event(&error("The model is overloaded.")),
        "break" => {
            exchange.abort();
            return Ok(());
        }
        "end" => true,
        _ => {
            exchange.event(r#"{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}"#);
            exchange.event(r#"{"choices":[],"usage":{"total_tokens":7}}"#);
            exchange.event("[DONE]")
        }
    };
    exchange.end();
    Ok(())
}

fn error(message: &str) -> String {
    format!(
        "{{\"error\":{{\"type\":\"x\",\"message\":{}}}}}",
        quoted(message)
    )
}

/// The literal of the last `content`, without its quotes.
fn last_content(body: &str) -> Option<&str> {
    let literal = body.rsplit_once("\"content\":\"")?.1;
    let mut escaped = false;
    let end = literal.find(|character| {
        let is_end = character == '"' && !escaped;
        escaped = character == '\\' && !escaped;
        is_end
    })?;
    Some(&literal[..end])
}
