import DeviceModel

/// Long mode as the 64-bit boot protocol wants it: flat segments from a GDT with __BOOT_CS (0x10) and __BOOT_DS (0x18), the first
/// 4 GiB identity mapped by 2 MiB pages, interrupts off.
struct LongModeEntry {
    private enum Page { static let present: UInt64 = 1, writable: UInt64 = 2, large: UInt64 = 0x80 }
    private static let descriptors: [UInt64] = [0, 0, 0x00af_9a00_0000_ffff, 0x00cf_9200_0000_ffff]

    let memory: GuestMemory

    func state(entry: UInt64, parameters: UInt64) throws(BootError) -> BootState {
        guard memory.write(LowMemory.pageTables, Self.pageTables()), memory.write(LowMemory.descriptorTable, Self.descriptorTable()) else {
            throw BootError(.memoryTooSmall, detail: "\(memory.size >> 20) MiB")
        }
        var state = BootState(
            instructionPointer: entry, cr0: 0x8000_0031,
            code: BootState.Segment(selector: 0x10, attributes: 0xa09b, limit: 0xffff_ffff),
            data: BootState.Segment(selector: 0x18, attributes: 0xc093, limit: 0xffff_ffff))
        state.cr3 = LowMemory.pageTables
        // PAE; long mode enabled and active.
        state.cr4 = 0x20
        state.efer = 0x500
        state.general[6] = parameters
        state.descriptorTableBase = LowMemory.descriptorTable
        state.descriptorTableLimit = UInt16(Self.descriptors.count * 8 - 1)
        return state
    }

    private static func descriptorTable() -> [UInt8] {
        var writer = ByteWriter()
        for descriptor in descriptors { writer.append(descriptor) }
        return writer.bytes
    }

    /// One PML4, one page directory pointer table, four page directories.
    private static func pageTables() -> [UInt8] {
        let base = LowMemory.pageTables
        var writer = ByteWriter(count: 6 * 4096)
        writer.set(base + 0x1000 | Page.present | Page.writable, at: 0)
        for directory in 0..<4 {
            writer.set(base + 0x2000 + UInt64(directory) * 0x1000 | Page.present | Page.writable, at: 0x1000 + 8 * directory)
            for entry in 0..<512 {
                let address = UInt64(directory) << 30 | UInt64(entry) << 21
                writer.set(address | Page.present | Page.writable | Page.large, at: 0x2000 + directory * 0x1000 + 8 * entry)
            }
        }
        return writer.bytes
    }
}
