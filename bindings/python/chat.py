"""Asks a language model behind an endpoint in OpenAI's style, and prints the answer as it comes.

OPENAI_API_KEY=... python3 chat.py BASE_URL PROMPT [MODEL]

The answer is asked for once, because to ask again would cost again. The end marker tells a complete answer from one that was cut.
"""

import json
import os
import sys

from libeventsource import Stream, StreamError


def main(base, prompt, model="gpt-4o-mini"):
    question = {"stream": True, "model": model, "messages": [{"role": "user", "content": prompt}]}
    # Without spaces, as other clients of such endpoints send it.
    body = json.dumps(question, separators=(",", ":"))
    key = os.environ.get("OPENAI_API_KEY")
    stream = Stream(
        base.rstrip("/") + "/chat/completions",
        method="POST",
        body=body,
        headers={"Content-Type": "application/json"},
        sensitive_headers={"Authorization": f"Bearer {key}"} if key else None,
        mode="once",
        end_marker="[DONE]",
        read_timeout=300,
    )
    try:
        with stream:
            for event in stream:
                answer = json.loads(event.data)
                if "error" in answer:  # it went wrong after the 200
                    return answer["error"]["message"]
                for choice in answer["choices"]:
                    print(choice["delta"].get("content") or "", end="", flush=True)
    except StreamError as error:
        told = ("x-request-id", "retry-after")
        facts = [f"{name}: {value}" for name, value in error.headers if name.startswith(("x-ratelimit-", *told))]
        return "\n".join([str(error), *facts])
    print()
    return None


sys.exit(main(*sys.argv[1:]))
