import DeviceModel
import Glibc
import Worker

extension FuzzTarget {
    /// The file of a saved machine: header, runs of pages, the check sum.
    static let savedMachines = FuzzTarget(
        "saved-machines", "the file of a saved machine", maximumLength: 16384,
        seeds: {
            guard let memory = try? GuestMemory(size: 4 << 20) else { return [] }
            _ = memory.write(0x3000, [1, 2, 3])
            guard let stream = tmpfile() else { return [] }
            defer { fclose(stream) }
            let file = fileno(stream)
            let shape = MachineShape(
                generation: 2, processors: 1, model: "qemu64", memoryBytes: 4 << 20, timeMode: "Real", picosecondsPerInstruction: 1000)
            let header = SavedMachine.Header(shape: shape, units: [UnitState(name: "uart.com1", version: 1, payload: "{\"a\":1}")])
            guard (try? SavedMachine.write(header, memory: memory, to: file)) != nil else { return [] }
            lseek(file, 0, SEEK_SET)
            var bytes = [UInt8](repeating: 0, count: 16384)
            let count = read(file, &bytes, bytes.count)
            return [Array(bytes.prefix(max(0, count)))]
        },
        run: { bytes in
            guard let memory = try? GuestMemory(size: 4 << 20) else { return }
            guard let stream = tmpfile() else { return }
            defer { fclose(stream) }
            let file = fileno(stream)
            _ = write(file, bytes, bytes.count)
            lseek(file, 0, SEEK_SET)
            _ = try? SavedMachine.read(from: file, into: memory) { header in
                _ = header.shape.difference(from: header.shape)
                promise(header.units.count <= 16 << 20)
            }
        })
}
