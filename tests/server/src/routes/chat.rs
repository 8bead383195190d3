//! A language model's endpoint, as OpenAI's are: it answers a prompt with that prompt, piece by piece.

use test_server::Exchange;

use super::{Outcome, quoted};

/// The key that it takes.
const KEY: &str = "Bearer test-key";

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

    exchange.event_stream();
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
