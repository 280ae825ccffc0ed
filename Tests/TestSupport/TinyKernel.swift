/// A multiboot ELF32 program of a few bytes, for tests that need a guest but not an operating system.
public struct TinyKernel: Sendable {
    private static let loadAddress: UInt32 = 0x10_0000
    /// ELF header, one program header, multiboot header.
    private static let codeOffset: UInt32 = 52 + 32 + 12

    /// 32-bit machine code, entered in flat protected mode with interrupts off.
    public var code: [UInt8]

    public init(code: [UInt8]) { self.code = code }

    /// Counts for ever.
    public static let counting = TinyKernel(code: [0x40, 0xeb, 0xfd])  // l: inc eax; jmp l
    /// Halts with interrupts off.
    public static let halting = TinyKernel(code: [0xfa, 0xf4, 0xeb, 0xfc])  // l: cli; hlt; jmp l
    /// Raises an exception that no gate can take.
    public static let tripleFaulting = TinyKernel(
        code: [
            0x6a, 0x00, 0x6a, 0x00,  // push 0; push 0 (the stack pointer is set first, below)
            0x0f, 0x01, 0x1c, 0x24,  // lidt [esp]
            0x0f, 0x0b,  // ud2
        ].withStack)
    /// Writes a text to COM1, then counts for ever.
    public static func saying(_ text: String) -> TinyKernel {
        let output = text.utf8.flatMap { [0xb0, $0, 0xee] as [UInt8] }  // mov al, character; out dx, al
        return TinyKernel(code: [0x66, 0xba, 0xf8, 0x03] + output + counting.code)  // mov dx, 3f8
    }

    /// The file.
    public var image: [UInt8] {
        func half(_ value: UInt16) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8)] }
        func word(_ value: UInt32) -> [UInt8] { half(UInt16(value & 0xffff)) + half(UInt16(value >> 16)) }
        let size = Self.codeOffset + UInt32(code.count)
        let identification: [UInt8] = [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1] + Array(repeating: 0, count: 9)
        let header =
            identification + half(2) + half(3) + word(1) + word(Self.loadAddress + Self.codeOffset) + word(52) + word(0) + word(0)
            + half(52) + half(32) + half(1) + half(0) + half(0) + half(0)
        let segment: [UInt32] = [1, 0, Self.loadAddress, Self.loadAddress, size, size, 7, 0x1000]
        let multiboot: [UInt32] = [0x1bad_b002, 0, 0 &- 0x1bad_b002]
        return header + (segment + multiboot).flatMap(word) + code
    }
}

extension [UInt8] {
    /// Behind `mov esp, 0x180000`.
    fileprivate var withStack: [UInt8] { [0xbc, 0x00, 0x00, 0x18, 0x00] + self }
}
