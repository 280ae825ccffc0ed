import Boot
import DeviceModel

extension FuzzTarget {
    /// Kernels as files: the Linux boot protocol's header, multiboot and ELF headers.
    static let bootFiles = FuzzTarget(
        "boot-files", "size of the ramdisk, length of the arguments, then the kernel's file", maximumLength: 8192,
        seeds: {
            var linux = [UInt8](repeating: 0, count: 4096)
            linux[0x1F1] = 1
            linux.overwrite(0x1FE, with: [0x55, 0xAA, 0xEB, 0x66] + Array("HdrS".utf8) + [0x0F, 2])
            linux.overwrite(0x211, with: [1])
            linux.overwrite(
                0x22C, with: little(UInt32(0x7FFF_FFFF)) + little(UInt32(0x20_0000)) + [1, 0x15] + little(UInt16(3)) + little(UInt32(255)))
            linux.overwrite(0x258, with: little(UInt64(0x100_0000)) + little(UInt32(0x1000)))
            var elf = [UInt8](repeating: 0, count: 512)
            elf.overwrite(0, with: [0x7F, 0x45, 0x4C, 0x46, 1, 1, 1])
            elf.overwrite(16, with: [2, 0, 3, 0, 1, 0, 0, 0] + little(UInt32(0x10_0000)) + little(UInt32(52)))
            elf.overwrite(42, with: [32, 0, 1, 0])
            elf.overwrite(
                52,
                with: [1, 0, 0, 0].map { UInt8($0) } + little(UInt32(128)) + little(UInt32(0x10_0000)) + little(UInt32(0x10_0000))
                    + little(UInt32(64)) + little(UInt32(4096)) + [7, 0, 0, 0])
            elf.overwrite(128, with: little(UInt32(0x1BAD_B002)) + little(UInt32(3)) + little(UInt32(0) &- 0x1BAD_B002 &- 3))
            return [[0, 10] + linux, [3, 200] + linux, [1, 10] + elf]
        },
        run: { bytes in
            guard let memory = try? GuestMemory(size: 32 << 20) else { return }
            var input = FuzzInput(bytes)
            let ramdisk = Int(input.byte()) * 4096
            let arguments = String(repeating: "a", count: Int(input.byte()) * 20)
            let boot = DirectBoot(
                kernel: MemoryBootFile(name: "kernel", bytes: input.rest()),
                ramdisk: ramdisk == 0 ? nil : MemoryBootFile(name: "ramdisk", bytes: [UInt8](repeating: 1, count: ramdisk)),
                arguments: arguments)
            _ = try? boot.load(into: memory, hardware: ACPIHardware(processors: 2), randomSeed: [UInt8](repeating: 4, count: 32))
        })
}
