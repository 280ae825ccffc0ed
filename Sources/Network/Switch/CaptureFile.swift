import CHost
import Glibc

/// Mirrored traffic as a capture file (pcap 2.4 with nanoseconds, link type Ethernet), readable by tshark. Tags stand in the frames.
///
/// Checksums that a guest left to its adapter are as the guest left them, and large segments are whole, as in a capture on any host. At
/// `limit` bytes the file becomes NAME.1, and a new one begins.
package final class CaptureFile {
    package static let usualLimit = 64 << 20
    /// The greatest frame that is written whole (what tcpdump's MAXIMUM_SNAPLEN says).
    package static let longestFrame = 262_144

    /// Bytes of the file.
    package var limit = usualLimit
    /// Bytes of each frame; what is behind them is left out.
    package var frameBytes = longestFrame

    private let folder: Int32
    private let name: String
    private var descriptor: Int32 = -1
    private var size = 0
    private var buffer: [UInt8] = []

    /// `folder` stays the caller's.
    package init(folder: Int32, name: String) { (self.folder, self.name) = (folder, name) }

    deinit {
        flush()
        if descriptor >= 0 { close(descriptor) }
    }

    package func append(_ head: UnsafeRawBufferPointer, _ rest: UnsafeRawBufferPointer, tag: UInt16?, wallTime: Int64) {
        guard head.count >= 12 else { return }
        let count = head.count + rest.count + (tag == nil ? 0 : 4)
        let kept = min(count, max(frameBytes, 16))
        for word in [wallTime / 1_000_000_000, wallTime % 1_000_000_000, Int64(kept), Int64(count)] {
            put(UInt32(truncatingIfNeeded: word))
        }
        buffer += head[..<12]
        if let tag { buffer += [0x81, 0x00, UInt8(tag >> 8), UInt8(truncatingIfNeeded: tag)] }
        buffer += head[12...]
        buffer += rest
        buffer.removeLast(count - kept)
        if buffer.count >= 1 << 20 { flush() }
    }

    private func put(_ word: UInt32) {
        for shift in stride(from: UInt32(0), to: 32, by: 8) { buffer.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }

    /// Writes what waits. A file that cannot be written is given up until the next flush; what waited is lost.
    package func flush() {
        guard !buffer.isEmpty else { return }
        defer { buffer.removeAll(keepingCapacity: true) }
        if descriptor < 0 || size >= limit {
            guard begin() else { return }
        }
        var written = 0
        while written < buffer.count {
            let done = buffer.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress?.advanced(by: written), buffer.count - written) }
            if done < 0, errno == EINTR { continue }
            guard done > 0 else {
                // A torn record would spoil what follows it.
                ftruncate(descriptor, off_t(size))
                lseek(descriptor, off_t(size), SEEK_SET)
                return
            }
            written += done
        }
        size += written
    }

    private func begin() -> Bool {
        if descriptor >= 0 {
            close(descriptor)
            descriptor = -1
        }
        renameat(folder, name, folder, name + ".1")
        descriptor = openat(folder, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return false }
        // Magic of nanosecond captures, version 2.4, no zone, snapshot length, link type 1.
        let waiting = buffer
        buffer = []
        for word: UInt32 in [0xA1B2_3C4D, 0x0004_0002, 0, 0, UInt32(Self.longestFrame), 1] { put(word) }
        buffer += waiting
        size = 0
        return true
    }
}
