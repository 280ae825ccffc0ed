import Glibc

/// A file with a log replayed over it in memory: read-only parents and examinations of images that were not closed.
///
/// Safe to send: nothing changes once `VHDXReplay` has made it, apart from `slicer`, which the image's one thread uses.
final class VHDXReplayedFile: DiskFile, @unchecked Sendable {
    private let base: any DiskFile
    private let replayedSize: UInt64
    private var pages: [UInt64: [UInt8]] = [:]
    /// Numbers of pages that the log clears; `VHDXLayout.maximumReplayedZeros` bounds them.
    private var zeros: Set<UInt64> = []
    private let slicer = SegmentSlicer()

    init(_ base: any DiskFile, size: UInt64) { (self.base, replayedSize) = (base, size) }

    func set(_ bytes: [UInt8], at offset: UInt64) { pages[offset] = bytes }

    func clear(_ range: Range<UInt64>) {
        for number in range.lowerBound / 4096..<range.upperBound / 4096 {
            pages[number * 4096] = nil
            zeros.insert(number)
        }
    }

    var name: String { base.name }
    var isReadOnly: Bool { true }
    func size() throws(DiskError) -> UInt64 { replayedSize }

    func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        guard let count = SegmentSlicer.count(segments), count > 0 else { return }
        // Data lies apart from the tables; most requests touch nothing that was replayed.
        let touched = offset / 4096...(offset + count - 1) / 4096
        let isTouched = !(pages.isEmpty && zeros.isEmpty) && touched.contains { pages[$0 * 4096] != nil || zeros.contains($0) }
        guard isTouched else { return try base.read(into: segments, at: offset) }
        var position = SegmentSlicer.Position()
        var place = offset
        while place < offset + count {
            let page = place / 4096 * 4096
            let part = min(page + 4096, offset + count) - place
            let target = slicer.take(part, of: segments, &position)
            if let bytes = pages[page] {
                var start = Int(place - page)
                for segment in target {
                    let target = UnsafeMutableRawBufferPointer(start: segment.iov_base, count: segment.iov_len)
                    bytes.withUnsafeBytes { target.copyBytes(from: $0[start..<start + segment.iov_len]) }
                    start += segment.iov_len
                }
            } else if zeros.contains(page / 4096) {
                SegmentSlicer.fillWithZeros(target)
            } else {
                try base.read(into: target, at: place)
            }
            place += part
        }
    }

    private var refusal: DiskError { DiskError(.readOnly, "“\(name)” is open for reading only.", file: name) }
    func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) { throw refusal }
    func truncate(to size: UInt64) throws(DiskError) { throw refusal }
    func allocate(at offset: UInt64, count: UInt64) throws(DiskError) { throw refusal }
    func punchHole(at offset: UInt64, count: UInt64) throws(DiskError) { throw refusal }
    func synchronise() throws(DiskError) {}
    func close() { base.close() }
}
