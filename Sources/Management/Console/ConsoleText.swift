/// Where reading of a console begins.
public enum ConsoleStart: Sendable {
    /// What was printed since the VM's last start or reset.
    case lastStart
    /// What was printed since then (nanoseconds since the Unix epoch), to within a fiftieth of a second.
    case time(Int64)
    /// An offset from an earlier `ConsoleText`.
    case offset(UInt64)
    /// The oldest text kept.
    case beginning
    /// Nothing of what is there already.
    case end
}

/// A piece of what a guest wrote to a COM port: raw bytes of a hostile writer, to be escaped when printed.
public struct ConsoleText: Sendable {
    /// Position of the first byte, counted from the VM's creation.
    public var offset: UInt64
    public var bytes: [UInt8]
    /// Bytes between where reading began and `offset` that were overwritten by newer text.
    public var dropped: UInt64

    public init(offset: UInt64, bytes: [UInt8], dropped: UInt64 = 0) {
        self.offset = offset
        self.bytes = bytes
        self.dropped = dropped
    }

    /// Position after the last byte: where to go on.
    public var end: UInt64 { offset + UInt64(bytes.count) }

    /// As UTF-8; what is none is replaced.
    public var text: String { String(decoding: bytes, as: UTF8.self) }
}
