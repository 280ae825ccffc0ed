import Glibc
import Network
import TestSupport
import Testing

@Suite("Checksums and segmentation of frames")
struct SegmentationTests {
    @Test("sums agree with sums by the book, at any place and length")
    func sums() {
        var state: UInt64 = 0x5eed
        func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return state >> 33
        }
        for _ in 0..<500 {
            let bytes = (0..<Int(next() % 300)).map { _ in UInt8(truncatingIfNeeded: next()) }
            let skip = Int(next() % 3)
            let folded = bytes.withUnsafeBytes { all in
                InternetChecksum.fold(InternetChecksum.sum(UnsafeRawBufferPointer(rebasing: all[min(skip, all.count)...])))
            }
            let expected = PlainFrame.checksum(Array(bytes.dropFirst(skip)))
            #expect(folded.bigEndian == expected || (folded.bigEndian % 0xffff == 0 && expected % 0xffff == 0))
        }
    }

    /// Segments of a frame as bytes.
    private func segments(_ frame: FakePort.Frame) -> [[UInt8]]? {
        frame.bytes.withUnsafeBytes { bytes in
            guard let segmenter = FrameSegmenter(frame.header, frame: bytes) else { return nil }
            return (0..<segmenter.count).map { index in
                var head = [UInt8](repeating: 0, count: segmenter.headerCount)
                head.withUnsafeMutableBytes { segmenter.writeHeader(of: index, into: $0) }
                return head + bytes[segmenter.payload(of: index)]
            }
        }
    }

    @Test("segments are what a sender without the offload would have sent", arguments: [false, true], [1, 1448, 1449, 2896, 9001, 65000])
    func model(version6: Bool, payload: Int) throws {
        // FIN, PSH, ACK, and CWR.
        let plain = PlainFrame.tcp(version6: version6, payload: payload, flags: 0x99)
        let cut = try #require(segments(PlainFrame.partial(plain, segment: 1448)))
        #expect(cut.count == (payload + 1447) / 1448)
        let start = PlainFrame.transport(plain)
        let headers = start + 32
        for (index, segment) in cut.enumerated() {
            let data = Array(plain[headers...].dropFirst(index * 1448).prefix(1448))
            // CWR only in the first, FIN and PSH only in the last.
            let flags: UInt8 = 0x10 | (index == 0 ? 0x80 : 0) | (index == cut.count - 1 ? 0x09 : 0)
            var expected = PlainFrame.tcp(
                version6: version6, payload: 0, flags: flags, sequence: 0xffff_fa00 &+ UInt32(index * 1448))
            expected = Array(expected[..<headers]) + data
            if version6 {
                PlainFrame.put(&expected, 18, 32 + data.count)
            } else {
                PlainFrame.put(&expected, 16, 52 + data.count)
                PlainFrame.put(&expected, 18, (0xfffe + index) & 0xffff)
                PlainFrame.put(&expected, 24, 0)
                PlainFrame.put(&expected, 24, Int(~PlainFrame.checksum(Array(expected[14..<34]))))
            }
            #expect(segment == PlainFrame.finished(expected))
            #expect(PlainFrame.isGood(segment))
        }
    }

    @Test("what is no TCP frame is not cut")
    func refused() {
        #expect(segments(PlainFrame.partial(PlainFrame.udp(payload: 5000), segment: 1400)) == nil)
        #expect(segments(PlainFrame.partial(PlainFrame.tcp(payload: 5000), segment: 47)) == nil)
        var fragment = PlainFrame.partial(PlainFrame.tcp(payload: 5000), segment: 1400)
        fragment.bytes[20] = 0x20
        #expect(segments(fragment) == nil)
        var long = PlainFrame.partial(PlainFrame.tcp(payload: 5000), segment: 1400)
        PlainFrame.put(&long.bytes, 16, 6000)
        #expect(segments(long) == nil)
        #expect(segments(FakePort.Frame(header: long.header, bytes: [])) == nil)
    }

    @Test("broken frames are refused or cut, never a trap")
    func broken() {
        var state: UInt64 = 77
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var cut = 0
        for round in 0..<20_000 {
            var frame = PlainFrame.partial(PlainFrame.tcp(version6: round % 2 == 0, payload: next(300)), segment: 48 + next(100))
            for _ in 0..<next(6) { frame.bytes[next(min(90, frame.bytes.count))] = UInt8(next(256)) }
            frame.bytes = Array(frame.bytes.prefix(next(frame.bytes.count) + 30))
            frame.header.checksumStart = UInt16(next(400))
            frame.header.checksumOffset = UInt16(next(40))
            if let result = segments(frame) {
                cut += 1
                #expect(result.count <= 8 && result.allSatisfy { $0.count <= 256 + 148 })
            }
            _ = frame.bytes.withUnsafeMutableBytes { frame.header.completeChecksum(in: $0) }
        }
        #expect(cut > 100)
    }

    @Test("tshark finds every checksum good", .enabled(if: access("/usr/bin/tshark", X_OK) == 0))
    func foreign() throws {
        var frames: [[UInt8]] = []
        for version6 in [false, true] {
            frames += try #require(segments(PlainFrame.partial(PlainFrame.tcp(version6: version6, payload: 20_001), segment: 1448)))
            for payload in [0, 1, 33, 1000] {
                for plain in [PlainFrame.tcp(version6: version6, payload: payload), PlainFrame.udp(version6: version6, payload: payload)] {
                    var partial = PlainFrame.partial(plain)
                    #expect(partial.bytes.withUnsafeMutableBytes { partial.header.completeChecksum(in: $0) })
                    frames.append(partial.bytes)
                }
            }
        }
        // A pcap file: its header, then each frame with time, captured and real length.
        let little = { (value: UInt32) in (0..<4).map { UInt8(value >> ($0 * 8) & 255) } }
        var file = little(0xa1b2_c3d4) + [2, 0, 4, 0] + [UInt8](repeating: 0, count: 8) + little(65535) + little(1)
        for frame in frames { file += little(0) + little(0) + little(UInt32(frame.count)) + little(UInt32(frame.count)) + frame }
        var name = Array("/tmp/segments-XXXXXX".utf8CString)
        let descriptor = mkstemp(&name)
        try #require(descriptor >= 0)
        defer {
            close(descriptor)
            unlink(name)
        }
        #expect(write(descriptor, file, file.count) == file.count)
        let path = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let command =
            "tshark -r \(path) -o ip.check_checksum:TRUE -o tcp.check_checksum:TRUE -o udp.check_checksum:TRUE -T fields "
            + "-e ip.checksum.status -e tcp.checksum.status -e udp.checksum.status 2>/dev/null"
        let pipe = try #require(popen(command, "r"))
        var lines: [String] = []
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, pipe) != nil {
            lines.append(String(decoding: line.prefix { $0 != 10 && $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
        }
        #expect(pclose(pipe) == 0)
        #expect(lines.count == frames.count)
        // 1 is good, 0 bad; a column is empty where the protocol is not there.
        for text in lines { #expect(text.contains("1") && !text.contains("0") && !text.contains("2")) }
    }
}
