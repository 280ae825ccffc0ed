import DeviceModel

/// Loads a bzImage by the 64-bit boot protocol (Linux, Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"): the kernel is
/// entered 0x200 behind its load address in long mode, identity mapped, with RSI at boot_params.
struct LinuxLoader {
    /// boot_params, the zero page (Documentation/arch/x86/zero-page.rst).
    private enum Parameter {
        static let acpiRSDP = 0x70, addressRangeCount = 0x1e8, addressRanges = 0x2d0, size = 4096
    }
    private static let commandLineLimit = 0x1_0000

    let memory: GuestMemory
    /// Physical address of the ACPI root pointer.
    let rootPointer: UInt64
    /// Entropy for the kernel (setup_data of type SETUP_RNG_SEED); it forgets the bytes after use.
    let randomSeed: [UInt8]
    private static let randomSeedType: UInt32 = 9

    func load(kernel: any BootFile, ramdisk: (any BootFile)?, arguments: String) throws(BootError) -> BootState {
        let header = try LinuxHeader(kernel)
        let top = memory.lowSize
        let start = header.preferredAddress
        let (end, overflow) = start.addingReportingOverflow(header.initSize)
        guard start >= LowMemory.end, !overflow, end <= top else {
            let detail = "it needs \(end >> 20) MiB to start, the VM has \(memory.size >> 20) MiB"
            throw BootError(.kernelTooLarge, file: kernel.name, detail: detail)
        }
        try copy(kernel, from: header.payloadOffset, count: header.payloadSize, to: start)
        let ramdiskStart = try place(ramdisk, header: header, above: end)
        try writeCommandLine(arguments, limit: header.commandLineSize)
        try writeParameters(header, ramdiskStart: ramdiskStart, ramdiskSize: ramdisk?.size ?? 0)
        return try LongModeEntry(memory: memory).state(entry: start + 0x200, parameters: LowMemory.bootParameters)
    }

    private func copy(_ file: any BootFile, from offset: UInt64, count: UInt64, to address: UInt64) throws(BootError) {
        var failure: BootError?
        let done: Void? = memory.withWritable(address, count: Int(count)) { buffer in
            do throws(BootError) { try file.read(at: offset, into: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
        guard done != nil else { throw BootError(.memoryTooSmall, file: file.name, detail: "“\(file.name)” reaches beyond RAM") }
    }

    /// Puts the ramdisk as high in low RAM as the kernel allows; 0: there is none.
    private func place(_ ramdisk: (any BootFile)?, header: LinuxHeader, above end: UInt64) throws(BootError) -> UInt64 {
        guard let ramdisk, ramdisk.size > 0 else { return 0 }
        let limit = min(memory.lowSize, header.ramdiskLimit + 1)
        guard ramdisk.size <= limit, (limit - ramdisk.size) & ~0xfff >= end else {
            throw BootError(
                .ramdiskTooLarge, file: ramdisk.name,
                detail: "it has \(ramdisk.size >> 20) MiB, beside the kernel \((limit > end ? limit - end : 0) >> 20) MiB are free")
        }
        let start = (limit - ramdisk.size) & ~0xfff
        try copy(ramdisk, from: 0, count: ramdisk.size, to: start)
        return start
    }

    private func writeCommandLine(_ arguments: String, limit: Int) throws(BootError) {
        let bytes = Array(arguments.utf8)
        let limit = min(limit, Self.commandLineLimit - 1)
        guard bytes.count <= limit else {
            throw BootError(.argumentsTooLong, detail: "\(bytes.count) bytes, this kernel takes \(limit)")
        }
        guard !bytes.contains(0) else { throw BootError(.argumentsTooLong, detail: "a zero byte is among them") }
        _ = memory.write(LowMemory.commandLine, bytes + [0])
    }

    private func writeParameters(_ header: LinuxHeader, ramdiskStart: UInt64, ramdiskSize: UInt64) throws(BootError) {
        var page = ByteWriter(count: Parameter.size)
        page.replace(at: LinuxHeader.Field.start, with: header.raw)
        page.set(UInt8(0xff), at: LinuxHeader.Field.loaderType)
        page.set(UInt32(truncatingIfNeeded: ramdiskStart), at: LinuxHeader.Field.ramdiskImage)
        page.set(UInt32(truncatingIfNeeded: ramdiskSize), at: LinuxHeader.Field.ramdiskSize)
        page.set(UInt32(LowMemory.commandLine), at: LinuxHeader.Field.commandLinePointer)
        page.set(rootPointer, at: Parameter.acpiRSDP)
        if !randomSeed.isEmpty {
            var data = ByteWriter()
            data.append(UInt64(0))
            data.append(Self.randomSeedType)
            data.append(UInt32(randomSeed.count))
            data.append(bytes: randomSeed)
            _ = memory.write(LowMemory.setupData, data.bytes)
            page.set(LowMemory.setupData, at: LinuxHeader.Field.setupData)
        }
        let ranges = addressRanges(of: memory)
        page.set(UInt8(ranges.count), at: Parameter.addressRangeCount)
        for (number, range) in ranges.enumerated() {
            let offset = Parameter.addressRanges + 20 * number
            page.set(range.base, at: offset)
            page.set(range.size, at: offset + 8)
            page.set(range.kind.rawValue, at: offset + 16)
        }
        guard memory.write(LowMemory.bootParameters, page.bytes) else {
            throw BootError(.memoryTooSmall, detail: "\(memory.size >> 20) MiB")
        }
    }
}
