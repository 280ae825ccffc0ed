import Basics
import DeviceModel

/// Loads a multiboot 1 program (Multiboot Specification 0.6.96): an ELF32 image entered in flat 32-bit protected mode with
/// EAX = 0x2BADB002 and EBX at the information structure. A ramdisk becomes its only module.
struct MultibootLoader {
    private enum Header { static let magic: UInt32 = 0x1bad_b002, searched = 8192 }
    private enum Information {
        static let flags = 0, memoryLower = 4, memoryUpper = 8, commandLine = 16, moduleCount = 20, modules = 24
        static let mapLength = 44, map = 48, size = 128
        static let hasMemory: UInt32 = 1, hasCommandLine: UInt32 = 4, hasModules: UInt32 = 8, hasMap: UInt32 = 64
    }
    /// ELF32 file header and program header (System V ABI).
    private enum ELF {
        static let headerSize = 52, entry = 24, programOffset = 28, programEntrySize = 42, programCount = 44
        static let load: UInt32 = 1
    }
    private static let mapOffset: UInt64 = 0x100

    let memory: GuestMemory

    /// True when the file's first 8 KiB hold a multiboot header.
    static func isMultiboot(_ file: any BootFile) throws(BootError) -> Bool { try header(of: file) != nil }

    /// Flags of the multiboot header.
    private static func header(of file: any BootFile) throws(BootError) -> UInt32? {
        let head = try file.bytes(at: 0, count: Header.searched)
        for offset in stride(from: 0, to: max(0, head.count - 11), by: 4) where head.littleEndian(at: offset) == Header.magic {
            guard let flags: UInt32 = head.littleEndian(at: offset + 4), let checksum: UInt32 = head.littleEndian(at: offset + 8) else {
                continue
            }
            if Header.magic &+ flags &+ checksum == 0 { return flags }
        }
        return nil
    }

    func load(kernel: any BootFile, ramdisk: (any BootFile)?, arguments: String) throws(BootError) -> BootState {
        guard let flags = try Self.header(of: kernel) else {
            throw BootError(.notBootable, file: kernel.name, detail: "it has no multiboot header")
        }
        // Bits 0-15 are requirements; alignment and memory information are met.
        guard flags & 0xfffc == 0 else {
            let detail = "its multiboot header asks for what is not there (flags \(flags & 0xffff))"
            throw BootError(.notBootable, file: kernel.name, detail: detail)
        }
        let (entry, end) = try loadImage(kernel)
        let module = try loadModule(ramdisk, above: (end + 0xfff) & ~0xfff)
        try writeInformation(arguments, module: module)
        var state = BootState(
            instructionPointer: UInt64(entry), cr0: 0x31,
            code: BootState.Segment(selector: 0x10, attributes: 0xc09b, limit: 0xffff_ffff),
            data: BootState.Segment(selector: 0x18, attributes: 0xc093, limit: 0xffff_ffff))
        state.general[0] = 0x2bad_b002
        state.general[3] = LowMemory.bootParameters
        return state
    }

    /// Copies the loadable segments; returns the entry point and the end of the highest one.
    private func loadImage(_ file: any BootFile) throws(BootError) -> (entry: UInt32, end: UInt64) {
        let head = try file.bytes(at: 0, count: ELF.headerSize)
        guard head.count == ELF.headerSize, Array(head[0..<6]) == [0x7f, 0x45, 0x4c, 0x46, 1, 1],
            let entry: UInt32 = head.littleEndian(at: ELF.entry), let table: UInt32 = head.littleEndian(at: ELF.programOffset),
            let entrySize: UInt16 = head.littleEndian(at: ELF.programEntrySize),
            let count: UInt16 = head.littleEndian(at: ELF.programCount),
            entrySize >= 32
        else { throw BootError(.notBootable, file: file.name, detail: "it is no little-endian 32-bit ELF program") }
        let headers = try file.bytes(at: UInt64(table), count: Int(entrySize) * Int(count))
        guard headers.count == Int(entrySize) * Int(count) else {
            throw BootError(.kernelTruncated, file: file.name, detail: "its program headers are cut off")
        }
        var end: UInt64 = 0
        for number in 0..<Int(count) {
            let fields = (0..<8).map { (headers.littleEndian(at: number * Int(entrySize) + 4 * $0) as UInt32?) ?? 0 }
            guard fields[0] == ELF.load else { continue }
            let (offset, address, fileSize, memorySize) = (UInt64(fields[1]), UInt64(fields[3]), UInt64(fields[4]), UInt64(fields[5]))
            guard offset + fileSize <= file.size else { throw BootError(.kernelTruncated, file: file.name, detail: "a segment is cut off") }
            guard fileSize <= memorySize else {
                throw BootError(.notBootable, file: file.name, detail: "a segment is larger in the file than in memory")
            }
            guard address >= LowMemory.end, memory.contains(address, count: memorySize) else {
                throw BootError(.kernelTooLarge, file: file.name, detail: "a segment lies outside RAM above 1 MiB")
            }
            try copy(file, offset: offset, count: fileSize, to: address)
            end = max(end, address + memorySize)
        }
        guard end > 0 else { throw BootError(.notBootable, file: file.name, detail: "it has nothing to load") }
        return (entry, end)
    }

    private func copy(_ file: any BootFile, offset: UInt64, count: UInt64, to address: UInt64) throws(BootError) {
        var failure: BootError?
        memory.withWritable(address, count: Int(count)) { buffer in
            do throws(BootError) { try file.read(at: offset, into: buffer) } catch { failure = error }
        }
        if let failure { throw failure }
    }

    private func loadModule(_ file: (any BootFile)?, above start: UInt64) throws(BootError) -> Range<UInt64>? {
        guard let file else { return nil }
        guard memory.contains(start, count: file.size), start + file.size <= memory.lowSize else {
            throw BootError(.ramdiskTooLarge, file: file.name, detail: "it has \(file.size) bytes")
        }
        try copy(file, offset: 0, count: file.size, to: start)
        return start..<start + file.size
    }

    private func writeInformation(_ arguments: String, module: Range<UInt64>?) throws(BootError) {
        let line = Array(arguments.utf8) + [0]
        guard line.count <= 0x1000 else { throw BootError(.argumentsTooLong, detail: "\(line.count - 1) bytes") }
        var page = ByteWriter(count: Information.size)
        var flags = Information.hasMemory | Information.hasCommandLine | Information.hasMap
        page.set(UInt32(LowMemory.usableEnd >> 10), at: Information.memoryLower)
        page.set(UInt32((memory.lowSize - LowMemory.end) >> 10), at: Information.memoryUpper)
        page.set(UInt32(LowMemory.commandLine), at: Information.commandLine)
        if let module {
            flags |= Information.hasModules
            page.set(UInt32(1), at: Information.moduleCount)
            page.set(UInt32(LowMemory.modules), at: Information.modules)
            var entry = ByteWriter()
            for value in [module.lowerBound, module.upperBound, 0, 0] { entry.append(UInt32(truncatingIfNeeded: value)) }
            _ = memory.write(LowMemory.modules, entry.bytes)
        }
        var map = ByteWriter()
        for range in addressRanges(of: memory) {
            map.append(UInt32(20))
            map.append(range.base)
            map.append(range.size)
            map.append(range.kind.rawValue)
        }
        page.set(UInt32(map.bytes.count), at: Information.mapLength)
        page.set(UInt32(LowMemory.bootParameters + Self.mapOffset), at: Information.map)
        page.set(flags, at: Information.flags)
        _ = memory.write(LowMemory.commandLine, line)
        _ = memory.write(LowMemory.bootParameters + Self.mapOffset, map.bytes)
        _ = memory.write(LowMemory.bootParameters, page.bytes)
    }
}
