import FoundationEssentials

/// Something a client asks a worker, with the type of the answer. Unknown fields are ignored; unknown requests are refused by name.
package protocol WorkerRequest: Codable, Sendable {
    associatedtype Reply: Codable & Sendable
    static var name: String { get }
}

/// A request's name and deadline, read before its parameters.
package struct RequestHead: Codable, Sendable {
    package var request: String
    /// Milliseconds after which nobody waits for the answer any more.
    package var deadline: Int
}

/// JSON bodies of frames.
package enum ProtocolCodec {
    private struct Body<Parameters: Codable>: Codable {
        var request: String
        var deadline: Int
        var parameters: Parameters
    }

    private struct Parameters<Value: Codable>: Codable { var parameters: Value }

    package static func encode(_ value: some Encodable) throws -> [UInt8] { Array(try JSONEncoder().encode(value)) }

    package static func decode<Value: Decodable>(_ type: Value.Type, from body: [UInt8]) throws -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(body))
        } catch {
            throw ProtocolError.malformed("a message that is not understood")
        }
    }

    package static func frame<Request: WorkerRequest>(_ request: Request, id: UInt32, deadline seconds: Double) throws -> Frame {
        let body = Body(request: Request.name, deadline: Int(min(seconds, 86_400) * 1000), parameters: request)
        return Frame(.request, request: id, body: try encode(body))
    }

    package static func parameters<Request: WorkerRequest>(_ type: Request.Type, of body: [UInt8]) throws -> Request {
        try decode(Parameters<Request>.self, from: body).parameters
    }
}
