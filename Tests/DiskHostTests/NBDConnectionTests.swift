import DiskHost
import Foundation
import Storage
import Testing

/// A raw disk in a file that goes with it, and one client's connection to it.
private final class Bench {
    let path: String
    let disk: any Disk
    let connection: NBDConnection

    init(size: Int = 1 << 20, readOnly: Bool = false) throws {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-nbd-\(UUID().uuidString).raw").path
        try Data((0..<size).map { UInt8(truncatingIfNeeded: $0 / 512 + $0) }).write(to: URL(fileURLWithPath: path))
        disk = try DiskChain.resolve(path: path, format: .raw, readOnly: readOnly).disk(readOnly: readOnly)
        connection = NBDConnection(DiskExport(disk, name: "disk.raw"))
    }

    deinit {
        try? disk.close()
        try? FileManager.default.removeItem(atPath: path)
    }

    /// What comes back for these bytes.
    func say(_ bytes: [UInt8]) -> [UInt8] {
        connection.receive(bytes)
        var answer: [UInt8] = []
        repeat { answer += connection.output.take(connection.output.count) } while connection.step()
        return answer + connection.output.take(connection.output.count)
    }

    /// Past the handshake by NBD_OPT_GO, with simple replies.
    func transmitting() throws -> Self {
        _ = say([])
        _ = say(big(UInt32(3)))
        let answer = say(option(7, big(UInt32(0)) + big(UInt16(0))))
        #expect(connection.isTransmitting)
        #expect(answer.count == 20 + 12 + 20)
        return self
    }
}

private func big<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

private func option(_ number: UInt32, _ data: [UInt8] = []) -> [UInt8] {
    Array("IHAVEOPT".utf8) + big(number) + big(UInt32(data.count)) + data
}

private func request(_ command: UInt16, _ offset: UInt64, _ count: UInt32, flags: UInt16 = 0, _ payload: [UInt8] = []) -> [UInt8] {
    big(UInt32(0x2560_9513)) + big(flags) + big(command) + Array("cookie00".utf8) + big(offset) + big(count) + payload
}

private func simple(_ failure: UInt32 = 0) -> [UInt8] { big(UInt32(0x6744_6698)) + big(failure) + Array("cookie00".utf8) }

@Suite("NBD")
struct NBDConnectionTests {
    @Test("The greeting offers fixed newstyle, and an export's size and flags follow its name")
    func handshake() throws {
        let bench = try Bench()
        #expect(bench.say([]) == Array("NBDMAGICIHAVEOPT".utf8) + big(UInt16(3)))
        #expect(bench.say(big(UInt32(3))) == [])
        let magic = big(UInt64(0x0003_e889_0455_65a9))
        // NBD_OPT_LIST: one export, then NBD_REP_ACK.
        #expect(
            bench.say(option(3)) == magic + big(UInt32(3)) + big(UInt32(2)) + big(UInt32(12)) + big(UInt32(8)) + Array("disk.raw".utf8)
                + magic + big(UInt32(3)) + big(UInt32(1)) + big(UInt32(0)))
        // NBD_OPT_STARTTLS is not known: NBD_REP_ERR_UNSUP.
        #expect(Array(bench.say(option(5))[8..<16]) == big(UInt32(5)) + big(UInt32(1 << 31 | 1)))
        // NBD_OPT_INFO of another name: NBD_REP_ERR_UNKNOWN.
        #expect(Array(bench.say(option(6, big(UInt32(1)) + [65] + big(UInt16(0))))[12..<16]) == big(UInt32(1 << 31 | 6)))
        // NBD_OPT_EXPORT_NAME without zeroes behind.
        let flags = bench.say(option(1, Array("disk.raw".utf8)))
        #expect(Array(flags.prefix(8)) == big(UInt64(1 << 20)) && flags.count == 10)
        #expect(bench.connection.isTransmitting)
    }

    @Test("Reads and writes of any bytes, beside whole sectors")
    func bytes() throws {
        let bench = try Bench().transmitting()
        let before = [UInt8](try Data(contentsOf: URL(fileURLWithPath: bench.path)))
        #expect(bench.say(request(0, 510, 700)) == simple() + before[510..<1210])
        let payload = (0..<1500).map { UInt8(truncatingIfNeeded: $0 * 7) }
        let whole = request(1, 1001, 1500, flags: 1, payload)
        // A request may come in any pieces.
        #expect(bench.say(Array(whole.prefix(30))) == [])
        #expect(bench.say(Array(whole.dropFirst(30))) == simple())
        #expect(bench.say(request(0, 0, 4096)) == simple() + before[..<1001] + payload + before[2501..<4096])
        // Write zeroes over parts of sectors, then flush.
        #expect(bench.say(request(6, 5000, 10_000) + request(3, 0, 0)) == simple() + simple())
        var expected = before
        expected.replaceSubrange(1001..<2501, with: payload)
        expected.replaceSubrange(5000..<15_000, with: [UInt8](repeating: 0, count: 10_000))
        #expect([UInt8](try Data(contentsOf: URL(fileURLWithPath: bench.path))) == expected)
    }

    @Test("What lies outside the disk, is too long or is not known fails, and the next request is understood")
    func refusals() throws {
        let bench = try Bench().transmitting()
        #expect(bench.say(request(0, 1 << 20, 1)) == simple(22))
        #expect(bench.say(request(0, .max, .max)) == simple(22))
        #expect(bench.say(request(1, (1 << 20) - 1, 2, [1, 2])) == simple(28))
        #expect(bench.say(request(99, 0, 1)) == simple(22))
        #expect(bench.say(request(0, 0, 1, flags: 1 << 9)) == simple(22))
        // Block status without a context that was agreed on.
        #expect(bench.say(request(7, 0, 512)) == simple(22))
        // A payload beyond the limit is read over.
        let long = 33 << 20
        #expect(bench.say(request(1, 0, UInt32(long))) == simple(22))
        #expect(bench.say([UInt8](repeating: 0xff, count: long)) == [])
        #expect(bench.say(request(3, 0, 0)) == simple())
        #expect(bench.say(big(UInt32(0)) + [UInt8](repeating: 0, count: 24)) == [])
        #expect(bench.connection.isOver)
    }

    @Test("A read-only disk refuses every change")
    func readOnly() throws {
        let bench = try Bench(readOnly: true).transmitting()
        #expect(bench.say(request(1, 0, 1, [1])) == simple(1))
        #expect(bench.say(request(4, 0, 512)) == simple(1))
        #expect(bench.say(request(6, 0, 512)) == simple(1))
        #expect(bench.say(request(3, 0, 0)) == simple())
    }

    @Test("No bytes of a client make a trap or unbounded answers", arguments: 0..<64)
    func noise(seed: UInt64) throws {
        let bench = try Bench(size: 64 << 10)
        var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
        func random() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
        _ = bench.say([])
        _ = bench.say(big(UInt32(3)))
        for _ in 0..<400 where !bench.connection.isOver {
            let noise = (0..<random() % 40).map { _ in UInt8(truncatingIfNeeded: random() % 5) }
            var bytes: [UInt8]
            if bench.connection.isTransmitting {
                bytes = request(
                    UInt16(random() % 9), random() % 3 == 0 ? random() : random() % (80 << 10), UInt32(random() % (20 << 10)),
                    flags: UInt16(random() % 16))
            } else {
                bytes = option(UInt32(random() % 12), noise)
            }
            if random() % 16 == 0 { bytes[Int(random() % UInt64(bytes.count))] ^= UInt8(truncatingIfNeeded: random()) }
            #expect(bench.say(bytes).count < 4 << 20)
        }
    }
}
