import Boot
import DeviceModel
import Testing

@Suite struct BootTests {
    private let hardware = ACPIHardware(processors: 1)

    /// A bzImage with one setup sector and `code` bytes of code; it is only ever loaded.
    private func kernel(code: Int = 0x10000, change: (inout [UInt8]) -> Void = { _ in }) -> [UInt8] {
        var file = [UInt8](repeating: 0, count: 1024 + code)
        func put(_ value: UInt64, _ offset: Int, _ size: Int) {
            for position in 0..<size { file[offset + position] = UInt8(truncatingIfNeeded: value >> (8 * UInt64(position))) }
        }
        file[0x1f1] = 1
        put(UInt64(code / 16), 0x1f4, 4)
        put(0xaa55, 0x1fe, 2)
        file[0x201] = 0x6a
        put(0x5372_6448, 0x202, 4)
        put(0x020f, 0x206, 2)
        file[0x211] = 1
        put(0x7fff_ffff, 0x22c, 4)
        put(1, 0x236, 2)
        put(2047, 0x238, 4)
        put(0x100_0000, 0x258, 8)
        put(0x200_0000, 0x260, 4)
        file[1024 + 0x200] = 0xf4
        change(&file)
        return file
    }

    private func load(_ bytes: [UInt8], ramdisk: [UInt8]? = nil, arguments: String = "quiet", megabytes: UInt64 = 64) throws -> (
        GuestMemory, BootState
    ) {
        let memory = try GuestMemory(size: megabytes << 20)
        let boot = DirectBoot(
            kernel: MemoryBootFile(name: "vmlinuz", bytes: bytes), ramdisk: ramdisk.map { MemoryBootFile(name: "initrd", bytes: $0) },
            arguments: arguments)
        return (memory, try boot.load(into: memory, hardware: hardware, randomSeed: [1, 2, 3]))
    }

    private func code(of body: () throws -> Void) -> BootError.Code? {
        do { try body() } catch let error as BootError { return error.code } catch {}
        return nil
    }

    @Test func entersInLongMode() throws {
        let (memory, state) = try load(kernel(), ramdisk: [UInt8](repeating: 0x5a, count: 5000))
        #expect(state.instructionPointer == 0x100_0200)
        #expect(memory.load(0x100_0200, as: UInt8.self) == 0xf4)
        #expect(state.efer == 0x500 && state.cr4 & 0x20 != 0 && state.cr0 & 0x8000_0001 == 0x8000_0001)
        let parameters = state.general[6]
        #expect(memory.load(parameters + 0x202, as: UInt32.self) == 0x5372_6448)
        let ramdisk = UInt64(memory.load(parameters + 0x218, as: UInt32.self) ?? 0)
        #expect(ramdisk == (64 << 20) - 8192)
        #expect(memory.read(ramdisk, count: 5000)?.allSatisfy { $0 == 0x5a } == true)
        let line = UInt64(memory.load(parameters + 0x228, as: UInt32.self) ?? 0)
        #expect(memory.read(line, count: 6) == Array("quiet".utf8) + [0])
        #expect(memory.load(parameters + 0x70, as: UInt64.self) == 0xe0000)
        #expect(memory.load(parameters + 0x1e8, as: UInt8.self) == 3)
        // The identity map of the last page below 4 GiB.
        let root = memory.load(state.cr3, as: UInt64.self) ?? 0
        let pointer = memory.load((root & ~0xfff) + 3 * 8, as: UInt64.self) ?? 0
        #expect(memory.load((pointer & ~0xfff) + 511 * 8, as: UInt64.self) == 0xffe0_0083)
    }

    @Test func namesWhatIsWrongWithAKernel() throws {
        #expect(code { _ = try load(Array("#!/bin/sh\n".utf8)) } == .notBootable)
        #expect(code { _ = try load([UInt8](repeating: 0, count: 4096)) } == .notBootable)
        #expect(code { _ = try load(Array(kernel().dropLast(100))) } == .kernelTruncated)
        #expect(code { _ = try load(kernel { $0[0x236] = 0 }) } == .notBootable)
        #expect(code { _ = try load(kernel { $0[0x211] = 0 }) } == .notBootable)
        #expect(code { _ = try load(kernel(), megabytes: 32) } == .kernelTooLarge)
        #expect(code { _ = try load(kernel(), ramdisk: [UInt8](repeating: 1, count: 17 << 20)) } == .ramdiskTooLarge)
        #expect(code { _ = try load(kernel(), arguments: String(repeating: "x", count: 2048)) } == .argumentsTooLong)
        #expect(code { _ = try DescriptorBootFile(path: "/nonexistent/vmlinuz") } == .fileMissing)
        #expect(code { _ = try DescriptorBootFile(path: "/") } == .fileUnreadable)
    }

    @Test func rubbishIsRefusedAndNeverTraps() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            let bytes = kernel { file in
                for _ in 0..<8 { file[Int.random(in: 0x1f1..<0x268, using: &generator)] = .random(in: .min ... .max, using: &generator) }
            }
            _ = try? load(bytes)
        }
    }

    @Test func loadsAMultibootProgram() throws {
        var file = [UInt8](repeating: 0, count: 0x1100)
        func put(_ value: UInt32, _ offset: Int) {
            for byte in 0..<4 { file[offset + byte] = UInt8(truncatingIfNeeded: value >> (8 * UInt32(byte))) }
        }
        file.replaceSubrange(0..<7, with: [0x7f, 0x45, 0x4c, 0x46, 1, 1, 1])
        put(0x10_000c, 24)
        put(52, 28)
        file[42] = 32
        file[44] = 1
        let segment: [UInt32] = [1, 0x1000, 0x10_0000, 0x10_0000, 0x100, 0x2000, 7, 0x1000]
        for (position, value) in segment.enumerated() { put(value, 52 + 4 * position) }
        put(0x1bad_b002, 0x1000)
        put(3, 0x1004)
        put(0 &- 0x1bad_b002 &- 3, 0x1008)
        file[0x100c] = 0xf4
        let (memory, state) = try load(file, ramdisk: [9, 9], arguments: "abc")
        #expect(state.instructionPointer == 0x10_000c && state.general[0] == 0x2bad_b002 && state.cr0 == 0x31)
        #expect(memory.load(0x10_000c, as: UInt8.self) == 0xf4)
        let information = state.general[3]
        #expect(memory.load(information, as: UInt32.self) == 0x4d)
        let module = UInt64(memory.load(information + 24, as: UInt32.self) ?? 0)
        #expect(memory.load(module, as: UInt32.self) == 0x10_2000)
        #expect(memory.load(0x10_2000, as: UInt16.self) == 0x909)
        #expect(code { _ = try load(Array(file.dropLast(0x20))) } == .kernelTruncated)
    }
}
