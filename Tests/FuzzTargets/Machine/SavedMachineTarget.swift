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
            let file = Glibc.memfd_create("saved", UInt32(MFD_CLOEXEC))
            defer { close(file) }
            let shape = MachineShape(
                generation: 2, processors: 1, model: "qemu64", memoryBytes: 4 << 20, timeMode: "Real", picosecondsPerInstruction: 1000)
            let header = SavedMachine.Header(shape: shape, units: [UnitState(name: "uart.com1", version: 1, payload: "{\"a\":1}")])
            guard (try? SavedMachine.write(header, memory: memory, to: file)) != nil else { return [] }
            lseek(file, 0, SEEK_SET)
            var bytes = [UInt8](repeating: 0, count: 16384)
            let count = read(file, &bytes, bytes.count)
            return [Array(bytes.prefix(max(0, count)))]
        }
    ) { bytes in
        guard let memory = try? GuestMemory(size: 4 << 20) else { return }
        let file = Glibc.memfd_create("saved", UInt32(MFD_CLOEXEC))
        guard file >= 0 else { return }
        defer { close(file) }
        _ = write(file, bytes, bytes.count)
        lseek(file, 0, SEEK_SET)
        _ = try? SavedMachine.read(from: file, into: memory) { header in
            _ = header.shape.difference(from: header.shape)
            precondition(header.units.count <= 16 << 20)
        }
    }
}
