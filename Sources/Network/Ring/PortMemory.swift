import CHost
import Glibc

/// The memory that a port and its switch share.
///
/// ```
/// memfd (sealed against shrinking and growing)
/// 0        control words of the ring from worker to switch, each in a cache line of its own
///            0 head (bytes ever put)   128 tail (bytes ever taken)   256 taker sleeps   384 putter waits for room
/// 1024     the same for the ring from switch to worker
/// 4096     ring from worker to switch: records {16 bytes of header, frame}, padded to 16 bytes
/// +2 MiB   ring from switch to worker
/// ```
/// Each ring is mapped twice in a row, so a record never wraps. Each side keeps its own position where the other cannot reach it and
/// believes the other's only within bounds: whatever the other side writes, no access leaves the mapping.
package final class PortMemory: @unchecked Sendable {
    package static let ringSize = 2 << 20
    static let controlSize = 4096
    static let size = controlSize + 2 * ringSize

    package let descriptor: Int32
    // Valid for this object's life; `FrameRing` computes every offset modulo the ring's size and below twice of it.
    private let base: UnsafeMutableRawPointer

    /// New memory, for the switch's side.
    package convenience init() throws {
        let descriptor = lv_port_memory(Self.size)
        guard descriptor >= 0 else { throw NetworkError.system(-descriptor, "get memory for a port") }
        try self.init(descriptor: descriptor)
    }

    /// Takes over a descriptor, as it came from the other side: refused unless it is sealed memory of the right size.
    package init(descriptor: Int32) throws {
        let failure = lv_port_memory_check(descriptor, Self.size)
        guard failure == 0, let base = lv_port_map(descriptor, Self.controlSize, Self.ringSize) else {
            let code = failure == 0 ? errno : -failure
            close(descriptor)
            throw NetworkError.system(code, "map a port's memory")
        }
        (self.descriptor, self.base) = (descriptor, base)
    }

    deinit {
        lv_port_unmap(base, Self.controlSize, Self.ringSize)
        close(descriptor)
    }

    /// Control words and data of a ring: 0 from worker to switch, 1 back.
    func ring(_ number: Int) -> (control: UnsafeMutableRawPointer, data: UnsafeMutableRawPointer) {
        (base + number * 1024, base + Self.controlSize + number * 2 * Self.ringSize)
    }

    /// For tests that play a hostile peer.
    package var control: UnsafeMutableRawPointer { base }
}
