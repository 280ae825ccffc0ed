/// One message on the control channel.
///
/// ```
/// u32 length of the JSON, little-endian, ≤ 1 MiB │ u8 kind │ u32 request id │ JSON
/// ```
package struct Frame: Equatable, Sendable {
    package enum Kind: UInt8, Sendable {
        case hello = 1
        case request, reply, error, event, data, cancel
    }

    package static let headerSize = 9

    package var kind: Kind
    /// Chosen by who asks; the answer carries the same. 0 for hello.
    package var request: UInt32
    package var body: [UInt8]

    package init(_ kind: Kind, request: UInt32, body: [UInt8] = []) { (self.kind, self.request, self.body) = (kind, request, body) }

    /// The bytes on the wire.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerSize + body.count)
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: body.count >> shift)) }
        bytes.append(kind.rawValue)
        for shift in stride(from: 0, to: 32, by: 8) { bytes.append(UInt8(truncatingIfNeeded: request >> shift)) }
        return bytes + body
    }
}

/// Cuts a byte stream into frames. After it has thrown, the stream is of no more use.
package struct FrameDecoder: Sendable {
    private var waiting: [UInt8] = []
    private var taken = 0

    package init() {}

    package mutating func append(_ bytes: some Collection<UInt8>) {
        if taken > 0 {
            waiting.removeFirst(taken)
            taken = 0
        }
        waiting += bytes
    }

    /// The next complete frame, or nil until more bytes come.
    package mutating func next() throws -> Frame? {
        guard waiting.count - taken >= Frame.headerSize else { return nil }
        let length = word(taken)
        guard length <= ProtocolLimits.largestFrame else { throw ProtocolError.malformed("a frame of \(length) bytes") }
        guard let kind = Frame.Kind(rawValue: waiting[taken + 4]) else {
            throw ProtocolError.malformed("a frame of kind \(waiting[taken + 4])")
        }
        let end = taken + Frame.headerSize + length
        guard waiting.count >= end else { return nil }
        let frame = Frame(
            kind, request: UInt32(truncatingIfNeeded: word(taken + 5)), body: Array(waiting[(taken + Frame.headerSize)..<end]))
        taken = end
        return frame
    }

    private func word(_ at: Int) -> Int { (0..<4).reduce(0) { $0 | Int(waiting[at + $1]) << (8 * $1) } }
}
