import DeviceModel

/// What a VM without firmware starts from: a Linux bzImage or a multiboot program, told apart by their headers.
package struct DirectBoot: Sendable {
    package var kernel: any BootFile
    package var ramdisk: (any BootFile)?
    package var arguments: String

    package init(kernel: any BootFile, ramdisk: (any BootFile)? = nil, arguments: String = "") {
        (self.kernel, self.ramdisk, self.arguments) = (kernel, ramdisk, arguments)
    }

    /// Writes ACPI tables, generation id, kernel and ramdisk into RAM that is all zeros and says how the first processor begins. Linux stirs
    /// `randomSeed` into its entropy.
    package func load(into memory: GuestMemory, hardware: ACPIHardware, randomSeed: [UInt8] = []) throws(BootError) -> BootState {
        guard memory.lowSize >= 2 << 20 else { throw BootError(.memoryTooSmall, detail: "\(memory.size >> 10) KiB") }
        let tables = ACPITables(hardware)
        guard LowMemory.acpiTables + UInt64(tables.bytes.count) <= LowMemory.end, tables.write(to: memory) else {
            throw BootError(.memoryTooSmall, detail: "the ACPI tables of \(hardware.processors) processors do not fit")
        }
        if let id = hardware.generationId { _ = memory.write(LowMemory.generationId, id.bytes) }
        if try MultibootLoader.isMultiboot(kernel) {
            return try MultibootLoader(memory: memory).load(kernel: kernel, ramdisk: ramdisk, arguments: arguments)
        }
        return try LinuxLoader(memory: memory, rootPointer: tables.address, randomSeed: randomSeed)
            .load(kernel: kernel, ramdisk: ramdisk, arguments: arguments)
    }
}
