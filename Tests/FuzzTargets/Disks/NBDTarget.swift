import DiskHost
import Storage

extension FuzzTarget {
    /// What a client of a mounted disk says.
    static let nbd = FuzzTarget(
        "nbd", "the disk's trouble, how long pieces are, then a client's side of a connection",
        maximumLength: 4096,
        seeds: {
            let flags = big(UInt32(3))
            let go = option(7, big(UInt32(0)) + big(UInt16(1)) + big(UInt16(3)))
            let query = Array("base:allocation".utf8)
            let context = big(UInt32(0)) + big(UInt32(1)) + big(UInt32(query.count)) + query
            let write = request(1, 700, 8, flags: 1) + [1, 2, 3, 4, 5, 6, 7, 8]
            let requests =
                write + request(0, 510, 1000) + request(6, 0, 20_000) + request(4, 512, 4096) + request(3, 0, 0) + request(7, 0, 32768)
            return [
                [0, 0] + flags + go + requests, [1, 7] + flags + option(8) + option(10, context) + go + requests,
                [2, 3] + flags + go + requests,
                [3, 0] + flags + option(3) + option(6, big(UInt32(1)) + [65, 0, 0]) + option(1, []) + requests,
                [0, 40] + flags + option(2),
            ]
        },
        run: { bytes in
            var input = FuzzInput(bytes)
            let disk = MemoryDisk(sectors: 64, sectorSize: bytes.count % 2 == 0 ? 512 : 4096)
            switch input.byte() & 3 {
            case 1: disk.failure = DiskError(.full, "full")
            case 2: disk.readFailure = DiskError(.failed, "torn")
            case 3: disk.isReadOnly = true
            default: break
            }
            let piece = Int(input.byte()) + 1
            let connection = NBDConnection(DiskExport(disk, name: "disk.raw"))
            while !input.isEmpty, !connection.isOver {
                connection.receive(input.take(piece))
                var steps = 0
                repeat {
                    promise(connection.output.count <= 40 << 20, "\(connection.output.count) bytes wait to be sent")
                    connection.output.drop(connection.output.count)
                    steps += 1
                    promise(steps < 1 << 20, "the work on \(piece) bytes does not end")
                } while connection.step()
            }
        })
}

private func big<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { little(value.byteSwapped) }

private func option(_ number: UInt32, _ data: [UInt8] = []) -> [UInt8] {
    Array("IHAVEOPT".utf8) + big(number) + big(UInt32(data.count)) + data
}

private func request(_ command: UInt16, _ offset: UInt64, _ count: UInt32, flags: UInt16 = 0) -> [UInt8] {
    big(UInt32(0x2560_9513)) + big(flags) + big(command) + big(UInt64(7)) + big(offset) + big(count)
}
