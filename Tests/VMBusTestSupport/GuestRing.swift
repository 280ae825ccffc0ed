import CHost
import DeviceModel
import VMBus

/// One ring as a guest's driver keeps it (Linux drivers/hv/ring_buffer.c), written apart from the host's side.
package final class GuestRing {
    package let memory: GuestMemory
    /// Guest-physical addresses: the header's page, then the data's.
    package let pages: [UInt64]
    /// Bytes of data.
    package var size: Int { (pages.count - 1) * 4096 }
    /// Read index that the host cannot see yet.
    private var privateRead = 0

    package init(memory: GuestMemory, pages: [UInt64]) {
        (self.memory, self.pages) = (memory, pages)
        writeIndex = 0
        readIndex = 0
        features = 1
    }

    /// The same ring in the memory of a machine that was restored.
    package init(copying other: GuestRing, memory: GuestMemory) {
        (self.memory, pages, privateRead) = (memory, other.pages, other.privateRead)
    }

    private func field(_ offset: UInt64) -> UInt32 { memory.load(pages[0] + offset, as: UInt32.self) ?? 0 }
    private func setField(_ offset: UInt64, _ value: UInt32) { _ = memory.store(pages[0] + offset, value) }

    package var writeIndex: UInt32 {
        get { field(0) }
        set { setField(0, newValue) }
    }
    package var readIndex: UInt32 {
        get { field(4) }
        set { setField(4, newValue) }
    }
    package var interruptMask: UInt32 {
        get { field(8) }
        set { setField(8, newValue) }
    }
    package var pendingSendSize: UInt32 {
        get { field(12) }
        set {
            setField(12, newValue)
            // Who waits for room looks once more, behind this.
            lv_fence()
        }
    }
    package var features: UInt32 {
        get { field(64) }
        set { setField(64, newValue) }
    }

    package var bytesToRead: Int {
        Int(writeIndex) >= Int(readIndex) ? Int(writeIndex) - Int(readIndex) : size - Int(readIndex) + Int(writeIndex)
    }
    package var bytesToWrite: Int { size - bytesToRead }

    private func pieces(_ position: Int, _ count: Int) -> [(address: UInt64, count: Int)] {
        var result: [(UInt64, Int)] = []
        var (position, left) = (position % size, count)
        while left > 0 {
            let length = min(left, 4096 - position % 4096)
            result.append((pages[1 + position / 4096] + UInt64(position % 4096), length))
            position = (position + length) % size
            left -= length
        }
        return result
    }

    package func put(_ bytes: [UInt8], at position: Int) {
        var done = 0
        for piece in pieces(position, bytes.count) {
            _ = memory.write(piece.address, bytes[done..<done + piece.count])
            done += piece.count
        }
    }

    package func get(_ count: Int, at position: Int) -> [UInt8] {
        pieces(position, count).flatMap { memory.read($0.address, count: $0.count) ?? [] }
    }

    /// Puts a whole packet (descriptor, lists, data, padded) into the ring. nil: full; else whether the host is to be signalled.
    package func write(_ packet: [UInt8]) -> Bool? {
        let total = packet.count + 8
        guard bytesToWrite > total else { return nil }
        let old = writeIndex
        put(packet, at: Int(old))
        put(GuestRing.little(UInt64(old) << 32), at: Int(old) + packet.count)
        writeIndex = UInt32((Int(old) + total) % size)
        lv_fence()
        return interruptMask == 0 && old == readIndex
    }

    /// Takes the next packet's bytes with its descriptor, leaving the room for `closeReading` to give back. nil: none.
    package func next() -> [UInt8]? {
        let write = Int(writeIndex)
        let available = write >= privateRead ? write - privateRead : size - privateRead + write
        guard available >= 16 else { return nil }
        let length = Int(GuestRing.integer(get(8, at: privateRead), at: 4, UInt16.self)) * 8
        precondition(length >= 16 && length + 8 <= available, "the host wrote a packet that is none")
        let packet = get(length, at: privateRead)
        let trailer = GuestRing.integer(get(8, at: privateRead + length), at: 0, UInt64.self)
        precondition(trailer == UInt64(privateRead) << 32, "the host wrote a wrong trailer")
        privateRead = (privateRead + length + 8) % size
        return packet
    }

    /// Wants signals again; true: more has come meanwhile.
    package func unmask() -> Bool {
        interruptMask = 0
        lv_fence()
        return bytesToRead > 0
    }

    /// Gives the room of what was taken back; true: the host waits for it and is to be signalled.
    package func closeReading() -> Bool {
        let former = Int(readIndex)
        readIndex = UInt32(privateRead)
        lv_fence()
        let pending = Int(pendingSendSize)
        guard features & 1 != 0, pending != 0 else { return false }
        // As Linux' hv_pkt_iter_close: by the write index behind the host's wish.
        let given = privateRead >= former ? privateRead - former : privateRead - former + size
        let room = bytesToWrite
        return room - given <= pending && room > pending
    }

    package static func little<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.littleEndian, Array.init) }

    package static func integer<Value: FixedWidthInteger>(_ bytes: [UInt8], at offset: Int, _ type: Value.Type) -> Value {
        bytes[offset..<offset + MemoryLayout<Value>.size].reversed().reduce(Value(0)) { $0 << 8 | Value($1) }
    }
}
