// Asks a language model behind an endpoint in OpenAI's style, and prints the answer as it comes.
//
//     OPENAI_API_KEY=... chat BASE_URL PROMPT [MODEL]
//
// The answer is asked for once, because to ask again would cost again. The end marker tells a complete answer from one that
// was cut.
import Foundation
import LibEventSource

struct Question: Encodable {
    struct Message: Encodable {
        let role = "user"
        let content: String
    }
    let stream = true
    let model: String
    let messages: [Message]
}

struct Answer: Decodable {
    struct Problem: Decodable, Error { let message: String }
    struct Choice: Decodable {
        struct Delta: Decodable { let content: String? }
        let delta: Delta
    }
    let error: Problem?
    let choices: [Choice]?
}

func write(_ text: String, to file: FileHandle) {
    file.write(Data(text.utf8))
}

func ask(_ prompt: String, of model: String, at url: String) async throws {
    var settings = EventStream.Settings()
    settings.method = "POST"
    settings.body = Array(try JSONEncoder().encode(Question(model: model, messages: [.init(content: prompt)])))
    settings.headers["Content-Type"] = "application/json"
    if let key = ProcessInfo.processInfo.environment["OPENAI_API_KEY"] {
        settings.headers.set("Authorization", "Bearer \(key)", sensitive: true)
    }
    settings.mode = .once
    settings.endMarker = "[DONE]"
    settings.readTimeout = .seconds(300)
    for try await event in EventStream(url, settings: settings) {
        let answer = try JSONDecoder().decode(Answer.self, from: Data(event.data.utf8))
        if let problem = answer.error { throw problem }  // it went wrong after the 200
        for choice in answer.choices ?? [] { write(choice.delta.content ?? "", to: .standardOutput) }
    }
    write("\n", to: .standardOutput)
}

@main
struct Chat {
    static func main() async {
        let given = CommandLine.arguments
        guard given.count >= 3 else {
            write("Usage: chat BASE_URL PROMPT [MODEL]\n", to: .standardError)
            exit(2)
        }
        do {
            try await ask(given[2], of: given.count > 3 ? given[3] : "gpt-4o-mini", at: given[1] + "/chat/completions")
        } catch let problem as Answer.Problem {
            write("\(problem.message)\n", to: .standardError)
            exit(1)
        } catch let failure as EventStream.Failure {
            write("\(failure)\n", to: .standardError)
            let told = ["x-request-id", "retry-after", "x-ratelimit-"]
            for field in failure.headers where told.contains(where: field.name.lowercased().hasPrefix) {
                write("\(field.name): \(field.value)\n", to: .standardError)
            }
            exit(1)
        } catch {
            write("\(error)\n", to: .standardError)
            exit(1)
        }
    }
}
