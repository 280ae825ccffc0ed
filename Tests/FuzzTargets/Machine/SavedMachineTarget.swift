import Basics
import DeviceModel
import FoundationEssentials
import Glibc
import Worker

extension FuzzTarget {
    /// The file of a saved machine. An input stands for two files: itself, and one whose pages are left out of it, with right check sums.
    static let savedMachines = FuzzTarget(
        "saved-machines", "the file of a saved machine", maximumLength: 16384,
        seeds: { [firstVersion(), secondVersion()] },
        run: { bytes in
            for content in [[(0, bytes)], sealed(bytes)] {
                guard let memory = try? GuestMemory(size: memoryBytes), let stream = tmpfile() else { return }
                defer { fclose(stream) }
                let file = fileno(stream)
                for (offset, part) in content { _ = pwrite(file, part, part.count, off_t(offset)) }
                _ = try? SavedMachine.read(from: file, into: memory) { header in
                    _ = header.shape.difference(from: header.shape)
                    promise(header.units.count <= 16 << 20)
                }
                // Whatever was taken, it can be looked at and given back.
                memory.forEachUsedPage { _, _ in }
                memory.clear()
                promise(memory.load(0x3000, as: UInt64.self) == 0)
                _ = try? SavedMachine.verify(file)
            }
        })

    private static let memoryBytes: UInt64 = 1 << 20
    /// Where the pages begin and end.
    private static let (start, end) = (4096, 4096 + 1 << 20)
    private static let shape = MachineShape(
        generation: 2, processors: 1, model: "qemu64", memoryBytes: memoryBytes, timeMode: "Real", picosecondsPerInstruction: 1000)
    private static let header = SavedMachine.Header(
        shape: shape, units: [UnitState(name: "uart.com1", version: 1, payload: "{\"a\":1}")])

    private static func firstVersion() -> [UInt8] {
        var header = header
        header.version = 1
        guard let json = try? JSONEncoder().encode(header) else { return [] }
        var bytes = Array("LUNASAV1".utf8) + [UInt8](littleEndian: UInt32(json.count)) + Array(json)
        bytes += [UInt8](littleEndian: UInt64(3)) + [UInt8](littleEndian: UInt32(1)) + [UInt8](repeating: 7, count: 4096)
        bytes += [UInt8](littleEndian: UInt64.max) + [UInt8](littleEndian: UInt32(0))
        return bytes + [UInt8](littleEndian: hash(bytes))
    }

    /// The beginning and what follows the pages.
    private static func secondVersion() -> [UInt8] {
        guard let memory = try? GuestMemory(size: memoryBytes), let stream = tmpfile() else { return [] }
        defer { fclose(stream) }
        _ = memory.write(0x3000, [1, 2, 3])
        guard (try? SavedMachine.write(header, memory: memory, to: fileno(stream))) != nil else { return [] }
        var bytes = [UInt8](repeating: 0, count: end + 16384)
        let count = pread(fileno(stream), &bytes, bytes.count, 0)
        return Array(bytes[..<start] + bytes[end..<max(end, count)])
    }

    /// The file of `secondVersion`, as it is after mutations, whose check sums are right.
    private static func sealed(_ bytes: [UInt8]) -> [(Int, [UInt8])] {
        struct Part: Codable {
            var at: UInt64
            var bytes: Int
            var check: UInt64
        }
        struct Frame: Codable {
            var version: Int, pages: Int
            var decided: Part, filled: Part, header: Part, sums: Part
        }
        let rest = Array(bytes.dropFirst(start))
        func seal(_ part: inout Part) {
            guard part.at >= UInt64(end), part.at <= UInt64(end + rest.count), part.bytes >= 0 else { return }
            part.check = hash(Array(rest.dropFirst(Int(part.at) - end).prefix(part.bytes)))
        }
        guard let length = bytes.littleEndian(at: 8, as: UInt32.self), length < 4000,
            var frame = try? JSONDecoder().decode(Frame.self, from: Data(bytes.dropFirst(12).prefix(Int(length))))
        else { return [(0, Array(bytes.prefix(start))), (end, rest)] }
        seal(&frame.decided)
        seal(&frame.filled)
        seal(&frame.header)
        seal(&frame.sums)
        guard let json = try? JSONEncoder().encode(frame) else { return [] }
        let beginning = Array("LUNASAV1".utf8) + [UInt8](littleEndian: UInt32(json.count)) + Array(json)
        return [(0, beginning + [UInt8](littleEndian: hash(beginning))), (end, rest)]
    }

    private static func hash(_ bytes: [UInt8]) -> UInt64 {
        var hash = StateHash()
        bytes.withUnsafeBytes { hash.combine($0) }
        return hash.value
    }
}
