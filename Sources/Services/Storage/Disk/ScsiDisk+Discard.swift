import Glibc
import Storage

/// Giving room back and writing one block many times: UNMAP, WRITE SAME (SBC-3 5.28, 5.43).
extension ScsiDisk {
    func unmap(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        guard disk.canDiscard else { return .check(.invalidOpcode) }
        guard block[1] & 1 == 0 else { return .check(.invalidFieldInBlock) }
        if disk.isReadOnly { return .check(.writeProtected) }
        let length = Int(block.word(7))
        guard length > 0 else { return .good }
        guard length >= 8 else { return .check(.parameterListLength) }
        guard length <= 8 + 16 * Self.maximumUnmapRanges else { return .check(.invalidFieldInParameters) }
        guard let list = exchange.parameters(length) else { return .check(.parameterListLength) }
        let bytes = min(Int(list.big(2, as: UInt16.self)), length - 8)
        // All ranges are looked at before the first is given up.
        var ranges: [BlockRange] = []
        var total: UInt64 = 0
        for position in stride(from: 8, to: 8 + bytes / 16 * 16, by: 16) {
            let range = BlockRange(first: list.big(position, as: UInt64.self), count: UInt64(list.big(position + 8, as: UInt32.self)))
            guard range.lies(in: sectorCount) else { return .check(.addressOutOfRange) }
            total += range.count
            guard total <= UInt64(Self.maximumUnmapSectors) else { return .check(.invalidFieldInParameters) }
            ranges.append(range)
        }
        do {
            for range in ranges where range.count > 0 {
                try disk.discard(at: range.first * sectorSize, count: range.count * sectorSize)
            }
        } catch { return .of(error, writing: true) }
        counters.countDiscard()
        return .good
    }

    func writeSame(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        let range = BlockRange(block)
        let givesUp = block.bit(3, of: 1)
        let isZero = block.opcode == .writeSame16 && block.bit(0, of: 1)
        // Protection, anchor, and the obsolete ways to write addresses into the blocks.
        guard block[1] & 0xF6 == 0, block.opcode == .writeSame16 || block[1] & 1 == 0 else { return .check(.invalidFieldInBlock) }
        guard !givesUp || disk.canDiscard else { return .check(.invalidFieldInBlock) }
        guard range.lies(in: sectorCount) else { return .check(.addressOutOfRange) }
        guard range.count > 0, range.count <= Self.maximumWriteSame / sectorSize else { return .check(.invalidFieldInBlock) }
        if disk.isReadOnly { return .check(.writeProtected) }
        var content = [UInt8](repeating: 0, count: disk.logicalSectorSize)
        if !isZero {
            guard let sent = exchange.parameters(disk.logicalSectorSize) else { return .check(.invalidFieldInBlock) }
            content = sent
        }
        let (offset, count) = (range.first * sectorSize, range.count * sectorSize)
        do {
            if givesUp, content.allSatisfy({ $0 == 0 }) {
                try disk.discard(at: offset, count: count)
                try clear(offset, count)
            } else {
                try fill(offset, count, with: content)
            }
        } catch { return .of(error, writing: true) }
        counters.countDiscard()
        return .good
    }

    private static let stripe = 64 << 10

    /// Writes `content` (one sector) over and over: many segments on one stripe of copies.
    private func fill(_ offset: UInt64, _ count: UInt64, with content: [UInt8]) throws(DiskError) {
        makeStripe(of: content)
        var (position, left) = (offset, count)
        while left > 0 {
            let bytes = min(left, 16 * UInt64(Self.stripe))
            try onStripe(Int(bytes)) { (segments) throws(DiskError) in try disk.write(from: segments, at: position) }
            position += bytes
            left -= bytes
        }
    }

    /// After a discard, which may leave the old content where it gives back only whole blocks of the format: makes the rest zero.
    private func clear(_ offset: UInt64, _ count: UInt64) throws(DiskError) {
        var (position, left) = (offset, count)
        while left > 0 {
            let bytes = Int(min(left, UInt64(Self.stripe)))
            pattern = [UInt8](repeating: 0xFF, count: bytes)
            try onStripe(bytes) { (segments) throws(DiskError) in try disk.read(into: segments, at: position) }
            if pattern.contains(where: { $0 != 0 }) {
                pattern = [UInt8](repeating: 0, count: bytes)
                try onStripe(bytes) { (segments) throws(DiskError) in try disk.write(from: segments, at: position) }
            }
            position += UInt64(bytes)
            left -= UInt64(bytes)
        }
    }

    private func makeStripe(of content: [UInt8]) {
        pattern = []
        pattern.reserveCapacity(Self.stripe)
        while pattern.count < Self.stripe { pattern += content }
    }

    /// Runs `body` on segments of `bytes` bytes together that all lie on the stripe; the pointers live only inside.
    private func onStripe(_ bytes: Int, _ body: (UnsafeBufferPointer<iovec>) throws(DiskError) -> Void) throws(DiskError) {
        var failure: DiskError?
        pattern.withUnsafeMutableBytes { stripe in
            guard let base = stripe.baseAddress else { return }
            var segments: [iovec] = []
            var left = bytes
            while left > 0 {
                segments.append(iovec(iov_base: base, iov_len: min(left, stripe.count)))
                left -= min(left, stripe.count)
            }
            segments.withUnsafeBufferPointer { list in
                do throws(DiskError) { try body(list) } catch { failure = error }
            }
        }
        if let failure { throw failure }
    }
}
