import DeviceModel

/// Where the pieces of a directly booted PC lie below 1 MiB, and the memory map that the guest is told.
///
///     0x00500  GDT            0x07000  boot_params or multiboot information    0x09000  identity page tables (6 pages)
///     0x10000  setup data     0x20000  command line   0x9fc00  (reserved) …  0xdf000  generation id    0xe0000  ACPI tables …  0x100000  kernel
package enum LowMemory {
    static let descriptorTable: UInt64 = 0x500
    static let bootParameters: UInt64 = 0x7000
    static let pageTables: UInt64 = 0x9000
    static let setupData: UInt64 = 0x1_0000
    static let commandLine: UInt64 = 0x2_0000
    static let modules: UInt64 = 0x8000
    package static let usableEnd: UInt64 = 0x9_fc00
    /// Sixteen bytes in a page of their own, which the memory map calls reserved, as the generation counter's specification asks.
    package static let generationId: UInt64 = 0xd_f000
    package static let acpiTables: UInt64 = 0xe_0000
    package static let end: UInt64 = 0x10_0000
}

/// One range of the e820 map (ACPI 6.4, 15).
struct AddressRange: Equatable {
    enum Kind: UInt32 {
        case usable = 1
        case reserved = 2
    }
    var base: UInt64, size: UInt64, kind: Kind
}

/// The map a guest gets: RAM but for the firmware area below 1 MiB.
func addressRanges(of memory: GuestMemory) -> [AddressRange] {
    var ranges = [
        AddressRange(base: 0, size: LowMemory.usableEnd, kind: .usable),
        AddressRange(base: LowMemory.usableEnd, size: LowMemory.end - LowMemory.usableEnd, kind: .reserved),
        AddressRange(base: LowMemory.end, size: memory.lowSize - LowMemory.end, kind: .usable),
    ]
    if memory.highSize > 0 { ranges.append(AddressRange(base: GuestMemory.highBase, size: memory.highSize, kind: .usable)) }
    return ranges
}
