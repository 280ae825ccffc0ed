import Basics
import CHost
import FoundationEssentials
import Glibc

/// What worker and switch say to each other when a port is connected, on a stream socket that lives as long as the port.
///
/// ```
/// worker → switch   {u32 length, JSON PortSettings}, first time with the socket that wakes the worker; later ones change the port
/// switch → worker   {u32 length, JSON PortAnswer},   first time with the port's memory and the socket that wakes the switch
/// either closes     the port is gone
/// ```
package enum PortChannel {
    package static let socketName = "ports.sock"
    package static let lockName = "switch.lock"
    package static let logName = "switch.log"
    static let largestMessage = 256 << 10

    /// The message as it goes over the socket.
    package static func encode(_ value: some Encodable) throws -> [UInt8] {
        let body = Array(try JSONEncoder().encode(value))
        guard body.count <= largestMessage else {
            throw NetworkError("PortSettingsTooLarge", .invalidArgument, "The settings of a port take \(body.count) bytes.")
        }
        return [UInt8](littleEndian: UInt32(body.count)) + body
    }

    package static func decode<Value: Decodable>(_ type: Value.Type, _ body: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(body))
    }
}

/// A switch's answer to a port's settings.
package struct PortAnswer: Codable, Sendable {
    /// nil: the settings hold.
    package var error: String?
    package init(error: String? = nil) { self.error = error }
}

/// Collects messages and descriptors from a socket. Bounded: a peer that sends more is cut off.
package struct PortMessageReader: ~Copyable {
    private let socket: Int32
    private var waiting: [UInt8] = []
    private var descriptors: [Int32] = []

    package enum Outcome {
        case message([UInt8])
        case waiting, ended
    }

    /// `socket` stays the caller's.
    package init(socket: Int32) { self.socket = socket }

    deinit { for descriptor in descriptors { close(descriptor) } }

    /// The next message, if it is there; `ended` also for a peer that breaks the rules.
    package mutating func next() -> Outcome {
        if let message = cut() { return message }
        var buffer = [UInt8](repeating: 0, count: 16 << 10)
        while true {
            var received = [Int32](repeating: -1, count: 4)
            var count: Int32 = 0
            let size = lv_receive(socket, &buffer, buffer.count, &received, 4, &count)
            descriptors += received.prefix(Int(count))
            if size == -Int(EAGAIN) { return .waiting }
            guard size > 0, descriptors.count <= 4 else { return .ended }
            waiting += buffer[..<size]
            if let message = cut() { return message }
        }
    }

    private mutating func cut() -> Outcome? {
        guard waiting.count >= 4 else { return nil }
        let length = (0..<4).reduce(0) { $0 | Int(waiting[$1]) << (8 * $1) }
        guard length <= PortChannel.largestMessage else { return .ended }
        guard waiting.count >= 4 + length else { return nil }
        let body = Array(waiting[4..<4 + length])
        waiting.removeFirst(4 + length)
        return .message(body)
    }

    /// The oldest descriptor that came; the caller's from now on.
    package mutating func takeDescriptor() -> Int32? { descriptors.isEmpty ? nil : descriptors.removeFirst() }
}
