import CHost
import DeviceModel

/// The guest-to-host ring: packets come out.
///
///     packet   u16 type │ u16 data offset/8 │ u16 length/8 │ u16 flags │ u64 transaction │ … up to the data offset │ data │ u64 trailer
///
/// The room of what was read is given back in one store (`publish`): at the end of a batch, when the ring is found empty, and after each
/// quarter of the ring. The guest signals when it fills a ring that it saw empty; before the early stores we mask that.
struct IncomingRing {
    enum Outcome {
        case empty, packet
        case corrupt(String)
    }

    let ring: RingMemory
    /// Private: the guest's copy is only ever written.
    private var read: Int
    private var published: Int
    /// Write index as last seen.
    private var write: Int
    private var isMasked = false
    /// Reused for page lists, so that a packet allocates nothing.
    private var lists: [UInt8] = []

    /// nil: the header holds indices that cannot be.
    init?(_ ring: RingMemory) {
        guard let read = ring.index(.read), ring.index(.write) != nil else { return nil }
        self.ring = ring
        (self.read, published, write) = (read, read, read)
        isMasked = ring.load(.interruptMask) != 0
    }

    /// Bytes read and not given back.
    private var held: Int { read >= published ? read - published : read - published + ring.size }
    var hasUnpublished: Bool { read != published }

    /// The next packet, or `empty` after the room was given back and the guest told to signal again.
    mutating func next(into packet: inout ReceivedPacket, needsSignal: inout Bool) -> Outcome {
        if read == write {
            guard let index = ring.index(.write) else { return .corrupt("its write index is \(ring.load(.write))") }
            write = index
            if read == write {
                if publish() { needsSignal = true }
                if isMasked {
                    ring.store(.interruptMask, 0)
                    isMasked = false
                }
                // What the guest wrote before it saw the mask gone or the ring empty has no signal: look again.
                lv_fence()
                guard let again = ring.index(.write) else { return .corrupt("its write index is \(ring.load(.write))") }
                write = again
                if read == write { return .empty }
            }
        } else if held > ring.size / 4 {
            if !isMasked {
                ring.store(.interruptMask, 1)
                isMasked = true
            }
            if publish() { needsSignal = true }
        }
        return take(into: &packet)
    }

    private mutating func take(into packet: inout ReceivedPacket) -> Outcome {
        let available = write >= read ? write - read : write - read + ring.size
        guard available >= 24 else { return .corrupt("\(available) bytes are no packet") }
        let descriptor = ring.load64(read)
        let transaction = ring.load64(ring.wrapped(read + 8))
        let start = Int(UInt16(truncatingIfNeeded: descriptor >> 16)) * 8
        let length = Int(UInt16(truncatingIfNeeded: descriptor >> 32)) * 8
        guard start >= 16, start <= length, length + 8 <= available else {
            return .corrupt("a packet of \(length) bytes with data at \(start) in \(available) bytes")
        }
        packet.kind = PacketKind(rawValue: UInt16(truncatingIfNeeded: descriptor))
        packet.transaction = transaction
        packet.completionRequested = descriptor >> 48 & 1 != 0
        packet.payload.removeAll(keepingCapacity: true)
        packet.ranges.removeAll(keepingCapacity: true)
        packet.transferRanges.removeAll(keepingCapacity: true)
        packet.transferSet = 0
        ring.read(ring.wrapped(read + start), count: length - start, appendingTo: &packet.payload)
        if packet.kind == .direct || packet.kind == .transferPages {
            lists.removeAll(keepingCapacity: true)
            ring.read(ring.wrapped(read + 16), count: start - 16, appendingTo: &lists)
            let isWhole = packet.kind == .direct ? takeDirect(&packet) : takeTransferPages(&packet)
            guard isWhole else { return .corrupt("a packet's page lists are malformed or name no memory") }
        }
        read = ring.wrapped(read + length + 8)
        return .packet
    }

    /// u32 reserved │ u32 lists │ { u32 bytes │ u32 offset │ u64 page … }
    private func takeDirect(_ packet: inout ReceivedPacket) -> Bool {
        lists.withUnsafeBytes { bytes in
            guard bytes.count >= 8 else { return false }
            var left = bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self)
            var position = 8
            while left > 0 {
                guard bytes.count - position >= 8 else { return false }
                var count = Int(bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
                var offset = Int(bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self))
                position += 8
                guard offset < 4096 else { return false }
                let pages = (offset + count + 4095) / 4096
                guard pages <= (bytes.count - position) / 8 else { return false }
                let first = packet.ranges.count
                for _ in 0..<pages {
                    let page = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                    position += 8
                    let length = min(4096 - offset, count)
                    guard page <= UInt64.max >> 12, ring.memory.contains(page << 12, count: 4096) else { return false }
                    let address = page << 12 + UInt64(offset)
                    let last = packet.ranges.count - 1
                    // Neighbours become one range, which must not reach over the hole below 4 GiB: RAM ends in front of it.
                    if last >= first, packet.ranges[last].address + UInt64(packet.ranges[last].count) == address {
                        packet.ranges[last].count += length
                    } else if length > 0 {
                        packet.ranges.append(GuestRange(address: address, count: length))
                    }
                    count -= length
                    offset = 0
                }
                left -= 1
            }
            return true
        }
    }

    /// u16 set │ u16 │ u32 ranges │ { u32 bytes │ u32 offset }
    private func takeTransferPages(_ packet: inout ReceivedPacket) -> Bool {
        lists.withUnsafeBytes { bytes in
            guard bytes.count >= 8 else { return false }
            packet.transferSet = bytes.loadUnaligned(as: UInt16.self)
            let count = Int(bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
            guard count <= (bytes.count - 8) / 8 else { return false }
            for index in 0..<count {
                let bytesCount = bytes.loadUnaligned(fromByteOffset: 8 + index * 8, as: UInt32.self)
                let offset = bytes.loadUnaligned(fromByteOffset: 12 + index * 8, as: UInt32.self)
                packet.transferRanges.append((offset: offset, count: bytesCount))
            }
            return true
        }
    }

    /// Gives back what was read. true: the guest waits for as much room as there is now, and wants a signal.
    mutating func publish() -> Bool {
        guard read != published else { return false }
        let given = held
        ring.store(.read, UInt32(read))
        published = read
        lv_fence()
        let pending = Int(ring.load(.pendingSend))
        guard pending != 0 else { return false }
        // The write index is read behind the size: what the guest wrote before it began to wait was in its way.
        let room = ring.size - bytes(from: read)
        return room - given <= pending && room >= pending
    }

    private func bytes(from index: Int) -> Int {
        let write = ring.index(.write) ?? self.write
        return write >= index ? write - index : write - index + ring.size
    }
}
