/// Receive-side scaling: which channel a received flow goes to (NDIS 6.30; the hash is Toeplitz's, as Microsoft's RSS documents it).
struct ReceiveScaling: Codable, Equatable, Sendable {
    static let keySize = 40
    static let mostEntries = 128

    /// Hash types (NDIS_HASH_…).
    static let version4: UInt32 = 0x100
    static let tcpVersion4: UInt32 = 0x200
    static let version6: UInt32 = 0x400
    static let tcpVersion6: UInt32 = 0x1000

    var isEnabled = false
    var hashTypes: UInt32 = 0
    var key: [UInt8] = []
    /// Channel indices; the hash's low bits choose an entry.
    var table: [UInt16] = []

    /// OID_GEN_RECEIVE_SCALE_CAPABILITIES (revision 2).
    static func capabilities(queues: Int) -> [UInt8] {
        var object = NetworkMessageBuilder()
        object.add(UInt8(0x88))
        object.add(UInt8(2))
        object.add(UInt16(18))
        // Hash of TCP over IPv4 and IPv6, Toeplitz.
        object.add(UInt32(0x301))
        object.add(UInt32(1))
        object.add(UInt32(queues))
        object.add(UInt16(mostEntries))
        return object.bytes
    }

    /// Takes OID_GEN_RECEIVE_SCALE_PARAMETERS; gives the status. Nothing changes unless all of it is right.
    mutating func take(_ object: NetworkMessageFields, queues: Int) -> UInt32 {
        guard let flags: UInt16 = object.load(4), let hash: UInt32 = object.load(8) else { return RNDIS.invalidLength }
        if flags & 0x10 != 0 || (flags & 2 == 0 && hash & 0xff == 0) {
            isEnabled = false
            return RNDIS.success
        }
        var next = self
        if flags & 2 == 0 {
            guard hash & 0xff == 1 else { return RNDIS.notSupported }
            next.hashTypes = hash & ~0xff
        }
        if flags & 4 == 0 {
            guard let size: UInt16 = object.load(12), let offset: UInt32 = object.load(16), size >= 4, size % 4 == 0,
                Int(size) <= Self.mostEntries * 4, let entries = object.part(Int(offset), count: Int(size))
            else { return RNDIS.invalidData }
            next.table = []
            for position in stride(from: 0, to: Int(size), by: 4) {
                guard let entry: UInt32 = entries.load(position), entry < UInt32(queues) else { return RNDIS.invalidData }
                next.table.append(UInt16(entry))
            }
        }
        if flags & 8 == 0 {
            guard let size: UInt16 = object.load(20), let offset: UInt32 = object.load(24), Int(size) == Self.keySize,
                let key = object.part(Int(offset), count: Self.keySize)
            else { return RNDIS.invalidData }
            next.key = Array(key.bytes)
        }
        next.isEnabled = next.key.count == Self.keySize && !next.table.isEmpty
        self = next
        return RNDIS.success
    }

    /// The channel of a hash. Precondition: enabled.
    func channel(_ hash: UInt32) -> Int { table.isEmpty ? 0 : Int(table[Int(hash) % table.count]) }
}

/// Toeplitz's hash by a table per byte of input: one look-up and one XOR a byte.
struct ToeplitzHash {
    /// The longest input: two IPv6 addresses and two ports.
    static let longestInput = 36
    let key: [UInt8]
    private let tables: [UInt32]

    /// Precondition: a key of forty bytes.
    init(key: [UInt8]) {
        self.key = key
        var tables = [UInt32](repeating: 0, count: Self.longestInput * 256)
        for position in 0..<Self.longestInput {
            // The 32 key bits from each bit of this byte on.
            var windows = [UInt32](repeating: 0, count: 8)
            for bit in 0..<8 {
                for place in 0..<32 {
                    let index = position * 8 + bit + place
                    let set = index / 8 < key.count && key[index / 8] >> (7 - index % 8) & 1 == 1
                    windows[bit] = windows[bit] << 1 | (set ? 1 : 0)
                }
            }
            for value in 1..<256 {
                for bit in 0..<8 where value >> (7 - bit) & 1 == 1 { tables[position * 256 + value] ^= windows[bit] }
            }
        }
        self.tables = tables
    }

    /// The hash of the bytes of `input`, at most `longestInput`.
    func hash(_ input: UnsafeRawBufferPointer) -> UInt32 {
        var result: UInt32 = 0
        for position in 0..<min(input.count, Self.longestInput) { result ^= tables[position * 256 + Int(input[position])] }
        return result
    }

    /// The hash of a frame of whose beginning `start` is a copy; nil: it is not IP, or of a type that is not asked for.
    func hash(_ start: UnsafeRawBufferPointer, transport: (offset: Int, isTCP: Bool)?, types: UInt32) -> UInt32? {
        guard start.count >= 34 else { return nil }
        let kind = Int(start[12]) << 8 | Int(start[13])
        let (first, count, tcpType, plainType): (Int, Int, UInt32, UInt32)
        switch kind {
        case 0x0800: (first, count, tcpType, plainType) = (26, 8, ReceiveScaling.tcpVersion4, ReceiveScaling.version4)
        case 0x86dd: (first, count, tcpType, plainType) = (22, 32, ReceiveScaling.tcpVersion6, ReceiveScaling.version6)
        default: return nil
        }
        guard first + count <= start.count else { return nil }
        let addresses = hash(UnsafeRawBufferPointer(rebasing: start[first..<first + count]))
        if let transport, transport.isTCP, types & tcpType != 0, transport.offset + 4 <= start.count {
            // The ports follow the addresses in the hash's input.
            var result = addresses
            for position in 0..<4 { result ^= tables[(count + position) * 256 + Int(start[transport.offset + position])] }
            return result
        }
        return types & plainType != 0 ? addresses : nil
    }
}
