import Storage

/// One client's side of the NBD protocol, without its socket: bytes come in, work is done on the disk, bytes go out.
///
/// ```
/// greeting → flags → options (NBDConnection+Options) → requests (NBDConnection+Requests) → over
/// ```
/// What a client says is checked before anything is done with it. A connection holds at most one long payload in each direction: `wantsInput`
/// is false while its answers wait to be read.
package final class NBDConnection {
    enum Phase { case flags, options, transmission, over }

    let export: DiskExport
    var phase = Phase.flags
    var input = ByteQueue()
    package var output = ByteQueue()
    /// Bytes that `input` must hold for the next step.
    var needed = 4
    /// Bytes of a refused payload that are still to come.
    var skipping: UInt64 = 0
    var isWithoutZeroes = false
    var hasStructuredReplies = false
    var hasAllocationContext = false
    /// A request that takes more than one step.
    var long: LongRequest?

    struct LongRequest {
        var request: Request
        /// How far it is.
        var position: UInt64
    }

    struct Request {
        var flags: UInt16
        var command: UInt16
        var cookie: UInt64
        var offset: UInt64
        var count: UInt32

        var end: UInt64 { offset + UInt64(count) }
        func has(_ flag: UInt16) -> Bool { flags & flag != 0 }
    }

    /// `isTransmitting`: the peer is a kernel's device, which knows what there is and says no greeting.
    package init(_ export: DiskExport, isTransmitting: Bool = false) {
        self.export = export
        guard !isTransmitting else {
            (phase, needed) = (.transmission, Self.requestSize)
            return
        }
        output.append(NBD.greeting)
        output.append(NBD.optionMagic)
        output.append(NBD.fixedNewstyle | NBD.noZeroes)
    }

    static let requestSize = 28
    private static let mostWaiting = 1 << 20

    /// Nothing more is read; what waits in `output` is still to be sent.
    package var isOver: Bool { phase == .over }
    /// The client has got as far as requests.
    package var isTransmitting: Bool { phase == .transmission }
    package var wantsInput: Bool {
        !isOver && output.count < Self.mostWaiting && (skipping > 0 || input.count < max(needed, Self.requestSize))
    }

    package func receive(_ bytes: some Collection<UInt8>) {
        if !isOver { input.append(bytes) }
    }

    /// Does one piece of work; false: there is nothing to do until more bytes come or waiting ones are sent.
    package func step() -> Bool {
        guard !isOver, output.count < Self.mostWaiting else { return false }
        if long != nil { return goOn() }
        if skipping > 0 {
            let count = Int(min(skipping, UInt64(input.count)))
            input.drop(count)
            skipping -= UInt64(count)
            return count > 0
        }
        guard input.count >= needed else { return false }
        switch phase {
        case .flags: readFlags()
        case .options: readOption()
        case .transmission: readRequest()
        case .over: return false
        }
        return true
    }

    private func readFlags() {
        let flags = input.integer(at: 0, as: UInt32.self) ?? 0
        input.drop(4)
        // A client that knows more than was offered cannot be understood.
        guard flags & ~UInt32(NBD.fixedNewstyle | NBD.noZeroes) == 0 else { return end() }
        isWithoutZeroes = flags & UInt32(NBD.noZeroes) != 0
        (phase, needed) = (.options, 16)
    }

    func end() {
        phase = .over
        input = ByteQueue()
        long = nil
    }
}
