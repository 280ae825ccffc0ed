import CHost
import Glibc

/// The two ends of one ring in a `PortMemory`. Positions count bytes ever put and taken.
///
/// Signals are saved by two words: a taker that found nothing says that it sleeps and looks again; a putter that found no room says that it
/// waits and looks again. The other side signals only when the word is set, once per `flush`.
package enum FrameRing {
    /// Largest frame: 64 KiB of payload, an Ethernet header, some slack.
    package static let largestFrame = 65_536 + 14 + 12
    package static let smallestFrame = 14
    static let headerSize = 16
    static let size = UInt64(PortMemory.ringSize)

    enum Word {
        static let head = 0, tail = 128, sleeps = 256, waits = 384
    }

    static func recordSize(_ frame: Int) -> UInt64 { UInt64((headerSize + frame + 15) & ~15) }
}

/// Puts frames into a ring. One thread.
struct FramePutter {
    private let control: UnsafeMutableRawPointer
    private let data: UnsafeMutableRawPointer
    private var head: UInt64 = 0
    private var tail: UInt64 = 0
    private var announced: UInt64 = 0
    /// The other side wrote a position that cannot be.
    private(set) var isBroken = false

    init(_ ring: (control: UnsafeMutableRawPointer, data: UnsafeMutableRawPointer)) { (control, data) = (ring.control, ring.data) }

    /// false: no room. A frame that is too short or too long is dropped, which is true.
    mutating func put(_ header: FrameHeader, _ segments: UnsafeBufferPointer<iovec>) -> Bool {
        var count = 0
        for segment in segments { count &+= min(segment.iov_len, FrameRing.largestFrame + 1) }
        guard count >= FrameRing.smallestFrame, count <= FrameRing.largestFrame, !isBroken else { return true }
        let record = FrameRing.recordSize(count)
        if head &- tail &+ record > FrameRing.size, !hasRoom(record) { return isBroken }
        let place = data + Int(head % FrameRing.size)
        var at = FrameRing.headerSize
        for segment in segments {
            guard let from = segment.iov_base, segment.iov_len > 0 else { continue }
            memcpy(place + at, from, segment.iov_len)
            at += segment.iov_len
        }
        header.store(count: count, at: place)
        head &+= record
        lv_shared_store(control + FrameRing.Word.head, head)
        return true
    }

    private mutating func hasRoom(_ record: UInt64) -> Bool {
        guard look(), head &- tail &+ record > FrameRing.size else { return !isBroken }
        lv_shared_store(control + FrameRing.Word.waits, 1)
        lv_ring_fence()
        guard look(), head &- tail &+ record <= FrameRing.size else { return false }
        lv_shared_store(control + FrameRing.Word.waits, 0)
        return true
    }

    private mutating func look() -> Bool {
        let now = lv_shared_load(control + FrameRing.Word.tail)
        if head &- now > FrameRing.size || now % 16 != 0 { isBroken = true } else { tail = now }
        return !isBroken
    }

    /// True when the taker must be signalled.
    mutating func announce() -> Bool {
        guard head != announced else { return false }
        announced = head
        lv_ring_fence()
        guard lv_shared_load(control + FrameRing.Word.sleeps) != 0 else { return false }
        lv_shared_store(control + FrameRing.Word.sleeps, 0)
        return true
    }
}

/// Takes frames out of a ring. One thread.
struct FrameTaker {
    private let control: UnsafeMutableRawPointer
    private let data: UnsafeMutableRawPointer
    private var head: UInt64 = 0
    private var tail: UInt64 = 0
    private var announced: UInt64 = 0
    /// The other side wrote a position or a length that cannot be.
    private(set) var isBroken = false

    init(_ ring: (control: UnsafeMutableRawPointer, data: UnsafeMutableRawPointer)) { (control, data) = (ring.control, ring.data) }

    /// nil: nothing waits, and the other side will signal when something does. The bytes may change while `body` runs.
    mutating func take(_ body: (FrameHeader, UnsafeRawBufferPointer) -> Bool) -> Bool? {
        guard !isBroken else { return nil }
        if head == tail, !hasFrames() { return nil }
        let place = data + Int(tail % FrameRing.size)
        let count = Int(place.load(as: UInt32.self))
        guard count >= FrameRing.smallestFrame, count <= FrameRing.largestFrame, FrameRing.recordSize(count) <= head &- tail else {
            isBroken = true
            return nil
        }
        let header = FrameHeader(at: place, frame: count)
        guard body(header, UnsafeRawBufferPointer(start: place + FrameRing.headerSize, count: count)) else { return false }
        tail &+= FrameRing.recordSize(count)
        lv_shared_store(control + FrameRing.Word.tail, tail)
        return true
    }

    private mutating func hasFrames() -> Bool {
        guard look(), head == tail else { return !isBroken }
        lv_shared_store(control + FrameRing.Word.sleeps, 1)
        lv_ring_fence()
        guard look(), head != tail else { return false }
        lv_shared_store(control + FrameRing.Word.sleeps, 0)
        return true
    }

    private mutating func look() -> Bool {
        let now = lv_shared_load(control + FrameRing.Word.head)
        if now &- tail > FrameRing.size || now % 16 != 0 { isBroken = true } else { head = now }
        return !isBroken
    }

    /// True when the putter waits for room and enough was freed: a quarter of the ring, so that a full ring costs few signals.
    mutating func announce() -> Bool {
        guard tail != announced else { return false }
        announced = tail
        lv_ring_fence()
        guard lv_shared_load(control + FrameRing.Word.waits) != 0 else { return false }
        let used = lv_shared_load(control + FrameRing.Word.head) &- tail
        guard used <= FrameRing.size / 4 * 3 else { return false }
        lv_shared_store(control + FrameRing.Word.waits, 0)
        return true
    }
}

extension FrameHeader {
    /// Record header: u32 bytes of frame │ u16 tag │ u8 bit 0 tagged, bits 1–2 checksum │ u8 0 │ u16 start, offset, segment size, headers.
    func store(count: Int, at place: UnsafeMutableRawPointer) {
        place.storeBytes(of: UInt32(truncatingIfNeeded: count), as: UInt32.self)
        place.storeBytes(of: tag ?? 0, toByteOffset: 4, as: UInt16.self)
        place.storeBytes(of: UInt16(tag == nil ? 0 : 1) | UInt16(checksum.rawValue) << 1, toByteOffset: 6, as: UInt16.self)
        place.storeBytes(of: checksumStart, toByteOffset: 8, as: UInt16.self)
        place.storeBytes(of: checksumOffset, toByteOffset: 10, as: UInt16.self)
        place.storeBytes(of: segmentSize, toByteOffset: 12, as: UInt16.self)
        place.storeBytes(of: headerCount, toByteOffset: 14, as: UInt16.self)
    }

    /// Read once, then made to fit the frame: an offload that points outside the frame's bytes is none.
    init(at place: UnsafeMutableRawPointer, frame count: Int) {
        self.init()
        let flags = place.load(fromByteOffset: 6, as: UInt8.self)
        if flags & 1 != 0 { tag = place.load(fromByteOffset: 4, as: UInt16.self) }
        checksum = Checksum(rawValue: flags >> 1 & 3) ?? .complete
        checksumStart = place.load(fromByteOffset: 8, as: UInt16.self)
        checksumOffset = place.load(fromByteOffset: 10, as: UInt16.self)
        segmentSize = place.load(fromByteOffset: 12, as: UInt16.self)
        headerCount = place.load(fromByteOffset: 14, as: UInt16.self)
        fit(frame: count)
    }

    /// Drops offloads that the frame's bytes cannot mean.
    package mutating func fit(frame count: Int) {
        if checksum == .partial, Int(checksumStart) + Int(checksumOffset) + 2 > count || checksumStart < 14 { checksum = .complete }
        if segmentSize != 0, checksum != .partial || headerCount <= checksumStart || Int(headerCount) >= count { segmentSize = 0 }
        if segmentSize == 0 { headerCount = 0 }
        if checksum != .partial { (checksumStart, checksumOffset) = (0, 0) }
    }
}
