import Basics

/// The setup header of a bzImage (Linux, Documentation/arch/x86/boot.rst). Offsets count from the file's first byte.
struct LinuxHeader: Equatable {
    enum Field {
        static let start = 0x1f1
        static let setupSectors = 0x1f1, systemSize = 0x1f4, bootFlag = 0x1fe, jump = 0x200, magic = 0x202, version = 0x206
        static let loaderType = 0x210, loadFlags = 0x211, ramdiskImage = 0x218, ramdiskSize = 0x21c
        static let commandLinePointer = 0x228, ramdiskLimit = 0x22c, alignment = 0x230, relocatable = 0x234
        static let extendedLoadFlags = 0x236, commandLineSize = 0x238, setupData = 0x250, preferredAddress = 0x258, initSize = 0x260
    }
    /// Bytes to read for all fields.
    static let size = 0x268
    /// 2.12 brought the 64-bit entry point.
    static let oldestVersion: UInt16 = 0x020c

    /// Header bytes that go into boot_params, from `Field.start`.
    var raw: [UInt8]
    /// Where the protected-mode part begins in the file, and its length.
    var payloadOffset: UInt64
    var payloadSize: UInt64
    var version: UInt16
    /// Highest address the ramdisk may reach.
    var ramdiskLimit: UInt64
    /// Longest command line without its zero.
    var commandLineSize: Int
    var preferredAddress: UInt64
    /// Memory the kernel needs from its load address until it reads the memory map.
    var initSize: UInt64

    /// Checks what the 64-bit boot protocol needs.
    init(_ file: some BootFile) throws(BootError) {
        let head = try file.bytes(at: 0, count: Self.size)
        // What begins like a kernel is cut off; anything else shorter than a header is no kernel at all.
        let looksLikeKernel = head.littleEndian(at: 0) == (0x5a4d as UInt16) || head.littleEndian(at: Field.bootFlag) == (0xaa55 as UInt16)
        guard head.count == Self.size || !looksLikeKernel else {
            throw BootError(.kernelTruncated, file: file.name, detail: "it has \(file.size) bytes, less than a kernel's header")
        }
        func field<Value: FixedWidthInteger>(_ offset: Int, _ type: Value.Type) -> Value { head.littleEndian(at: offset) ?? 0 }
        guard head.count == Self.size, field(Field.bootFlag, UInt16.self) == 0xaa55, field(Field.magic, UInt32.self) == 0x5372_6448 else {
            throw BootError(.notBootable, file: file.name, detail: "it is neither a Linux bzImage nor a multiboot program")
        }
        version = field(Field.version, UInt16.self)
        guard version >= Self.oldestVersion, field(Field.extendedLoadFlags, UInt16.self) & 1 != 0 else {
            let detail = "it has no 64-bit entry point (boot protocol \(version >> 8).\(version & 255))"
            throw BootError(.notBootable, file: file.name, detail: detail)
        }
        guard field(Field.loadFlags, UInt8.self) & 1 != 0 else {
            throw BootError(.notBootable, file: file.name, detail: "it is a zImage; only bzImages are loaded")
        }
        let sectors = field(Field.setupSectors, UInt8.self)
        payloadOffset = (UInt64(sectors == 0 ? 4 : sectors) + 1) * 512
        payloadSize = UInt64(field(Field.systemSize, UInt32.self)) * 16
        guard payloadSize > 0x200 else { throw BootError(.notBootable, file: file.name, detail: "it holds no code") }
        // syssize counts whole paragraphs: the last one may be cut short.
        guard file.size + 15 >= payloadOffset + payloadSize else {
            throw BootError(
                .kernelTruncated, file: file.name, detail: "it has \(file.size) bytes, its header says \(payloadOffset + payloadSize)")
        }
        payloadSize = min(payloadSize, file.size - payloadOffset)
        ramdiskLimit = UInt64(field(Field.ramdiskLimit, UInt32.self))
        commandLineSize = Int(field(Field.commandLineSize, UInt32.self))
        preferredAddress = field(Field.preferredAddress, UInt64.self)
        initSize = max(UInt64(field(Field.initSize, UInt32.self)), payloadSize)
        // The header ends where the jump at 0x200 leads.
        let end = min(Field.magic + Int(head[Field.jump + 1]), Self.size)
        raw = Array(head[Field.start..<max(end, Field.start)])
    }
}
