import Basics
import DeviceModel

/// The hardware that the ACPI tables tell of.
package struct ACPIHardware: Sendable {
    package var processors: Int
    package var ioapicAddress: UInt64 = 0xfec0_0000
    package var localAPICAddress: UInt32 = 0xfee0_0000
    /// First port of the fixed hardware: event block at +0, control block at +4, timer at +8, general-purpose
    /// events at +12.
    package var powerManagementPort: UInt16 = 0x600
    package var resetPort: UInt16 = 0xcf9
    package var resetValue: UInt8 = 6
    package var systemControlInterrupt: UInt8 = 9
    /// Declared only while a VMBus server runs: Linux waits for its answer without a time-out.
    package var hasVMBus = false
    /// The disks of a guest without enlightenments, where PCs have their first ATA channel.
    package var hasATAChannel = false
    /// What the virtual machine generation counter shows; nil: there is none.
    package var generationId: GUID?
    /// Memory windows for VMBus devices, below and above 4 GiB, outside RAM.
    package var vmbusLowWindow: (base: UInt64, size: UInt64) = (0xf800_0000, 0x400_0000)
    package var vmbusHighWindow: (base: UInt64, size: UInt64) = (0xf_e000_0000, 0x2000_0000)

    package init(processors: Int) { self.processors = processors }
}

/// The ACPI tables of the machine (ACPI 6.4, chapter 5), laid out from `LowMemory.acpiTables`.
///
///     RSDP → XSDT → FADT → DSDT, FACS
///                 → MADT
package struct ACPITables {
    /// All tables as they lie from `address`; the RSDP is first.
    package let bytes: [UInt8]
    package let address: UInt64
    /// Each description table by signature, for tests.
    package let tables: [(signature: String, bytes: [UInt8])]

    package init(_ hardware: ACPIHardware, at address: UInt64 = LowMemory.acpiTables) {
        self.address = address
        var image = ByteWriter(count: 0x40)
        var placed: [(signature: String, bytes: [UInt8])] = []
        func place(_ signature: String, _ table: [UInt8]) -> UInt64 {
            image.append(bytes: [UInt8](repeating: 0, count: (64 - image.bytes.count % 64) % 64))
            let position = address + UInt64(image.bytes.count)
            image.append(bytes: table)
            placed.append((signature, table))
            return position
        }
        let facs = place("FACS", Self.facs())
        let dsdt = place("DSDT", Self.table("DSDT", revision: 2, Self.dsdt(hardware)))
        let fadt = place("FACP", Self.table("FACP", revision: 6, Self.fadt(hardware, facs: facs, dsdt: dsdt)))
        let madt = place("APIC", Self.table("APIC", revision: 5, Self.madt(hardware)))
        var entries = ByteWriter()
        for entry in [fadt, madt] { entries.append(entry) }
        let xsdt = place("XSDT", Self.table("XSDT", revision: 1, entries.bytes))
        image.replace(at: 0, with: Self.rsdp(xsdt: xsdt))
        bytes = image.bytes
        tables = placed
    }

    /// Writes the tables; false where there is no RAM.
    package func write(to memory: GuestMemory) -> Bool { memory.write(address, bytes) }

    // MARK: The common header

    private static let manufacturer = "LUNAVR"

    /// Signature, length, revision, checksum, OEM ids, then the body.
    private static func table(_ signature: String, revision: UInt8, _ body: [UInt8]) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(text: signature, count: 4)
        writer.append(UInt32(36 + body.count))
        writer.append(bytes: [revision, 0])
        writer.append(text: manufacturer, count: 6)
        writer.append(text: "LUNAVISR", count: 8)
        writer.append(UInt32(1))
        writer.append(text: "LUNA", count: 4)
        writer.append(UInt32(1))
        writer.append(bytes: body)
        writer.set(checksum(writer.bytes), at: 9)
        return writer.bytes
    }

    /// The byte that makes the sum zero.
    private static func checksum(_ bytes: some Sequence<UInt8>) -> UInt8 { 0 &- bytes.reduce(0, &+) }

    private static func rsdp(xsdt: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(text: "RSD PTR ", count: 8)
        writer.append(UInt8(0))
        writer.append(text: manufacturer, count: 6)
        writer.append(UInt8(2))
        writer.append(UInt32(0))
        writer.append(UInt32(36))
        writer.append(xsdt)
        writer.append(UInt32(0))
        writer.set(checksum(writer.bytes.prefix(20)), at: 8)
        writer.set(checksum(writer.bytes), at: 32)
        return writer.bytes
    }

    private static func facs() -> [UInt8] {
        var writer = ByteWriter(count: 64)
        writer.replace(at: 0, with: Array("FACS".utf8))
        writer.set(UInt32(64), at: 4)
        writer.set(UInt8(2), at: 32)
        return writer.bytes
    }

    // MARK: FADT (5.2.9); offsets count from the table's first byte

    private enum Flag {
        static let wbinvd: UInt32 = 1 << 0, c1: UInt32 = 1 << 2, noPowerButton: UInt32 = 1 << 4, noSleepButton: UInt32 = 1 << 5
        static let clockWakeElsewhere: UInt32 = 1 << 6, timer32: UInt32 = 1 << 8, resetRegister: UInt32 = 1 << 10
    }
    private enum BootFlag { static let noVGA: UInt16 = 1 << 2, noMSI: UInt16 = 1 << 3, noASPM: UInt16 = 1 << 4 }

    private static func fadt(_ hardware: ACPIHardware, facs: UInt64, dsdt: UInt64) -> [UInt8] {
        let event = hardware.powerManagementPort
        var table = ByteWriter(count: 276)
        table.set(UInt32(truncatingIfNeeded: facs), at: 36)
        table.set(UInt32(truncatingIfNeeded: dsdt), at: 40)
        table.set(UInt16(hardware.systemControlInterrupt), at: 46)
        table.set(UInt32(event), at: 56)
        table.set(UInt32(event + 4), at: 64)
        table.set(UInt32(event + 8), at: 76)
        table.set(UInt32(event + 12), at: 80)
        table.replace(at: 88, with: [4, 2, 0, 4, 2])
        // No C2 and C3 states.
        table.set(UInt16(101), at: 96)
        table.set(UInt16(1001), at: 98)
        table.set(UInt8(0x32), at: 108)
        // IAPC_BOOT_ARCH without bit 0 (legacy devices) and bit 1: no 8042.
        table.set(BootFlag.noVGA | BootFlag.noASPM, at: 109)
        let flags: UInt32 =
            Flag.wbinvd | Flag.c1 | Flag.noPowerButton | Flag.noSleepButton | Flag.clockWakeElsewhere | Flag.timer32 | Flag.resetRegister
        table.set(flags, at: 112)
        table.replace(at: 116, with: portAddress(hardware.resetPort, bits: 8, access: 1))
        table.set(hardware.resetValue, at: 128)
        table.set(UInt8(4), at: 131)
        // X_FIRMWARE_CTRL stays 0, for the 32-bit field is in use (5.2.9, table 5.9).
        table.set(dsdt, at: 140)
        table.replace(at: 148, with: portAddress(event, bits: 32, access: 2))
        table.replace(at: 172, with: portAddress(event + 4, bits: 16, access: 2))
        table.replace(at: 208, with: portAddress(event + 8, bits: 32, access: 3))
        table.replace(at: 220, with: portAddress(event + 12, bits: 16, access: 1))
        return Array(table.bytes.dropFirst(36))
    }

    /// A generic address in the I/O space (5.2.3.2).
    private static func portAddress(_ port: UInt16, bits: UInt8, access: UInt8) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(bytes: [1, bits, 0, access])
        writer.append(UInt64(port))
        return writer.bytes
    }

    // MARK: MADT (5.2.12), without PCAT_COMPAT: there are no 8259s

    private static func madt(_ hardware: ACPIHardware) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(hardware.localAPICAddress)
        writer.append(UInt32(0))
        for id in 0..<hardware.processors {
            if id < 255 {
                writer.append(bytes: [0, 8, UInt8(id), UInt8(id), 1, 0, 0, 0])
            } else {
                writer.append(bytes: [9, 16, 0, 0])
                for value in [UInt32(id), 1, UInt32(id)] { writer.append(value) }
            }
        }
        writer.append(bytes: [1, 12, 0, 0])
        writer.append(UInt32(truncatingIfNeeded: hardware.ioapicAddress))
        writer.append(UInt32(0))
        // ISA interrupt 9 is level-triggered and active high; the others are wired one to one as the bus says.
        writer.append(bytes: [2, 10, 0, hardware.systemControlInterrupt])
        writer.append(UInt32(hardware.systemControlInterrupt))
        writer.append(UInt16(0x000d))
        // LINT1 is the NMI of every processor.
        writer.append(bytes: [4, 6, 0xff, 0, 0, 1])
        return writer.bytes
    }

    // MARK: DSDT

    private static func dsdt(_ hardware: ACPIHardware) -> [UInt8] {
        var system = [
            serialPort("COM1", number: 1, port: 0x3f8, interrupt: 4),
            serialPort("COM2", number: 2, port: 0x2f8, interrupt: 3),
            AML.device(
                "RTC",
                [
                    AML.name("_HID", AML.eisaID("PNP0B00")),
                    AML.name("_CRS", AML.resources([ACPIResource.ports(0x70, count: 2), ACPIResource.interrupt(8)])),
                ]),
        ]
        for id in 0..<hardware.processors { system.append(processor(id)) }
        if hardware.hasVMBus { system.append(vmbus(hardware)) }
        if hardware.hasATAChannel { system.append(ataChannel()) }
        let sleep = AML.package([AML.integer(5), AML.integer(0), AML.integer(0), AML.integer(0)])
        var events: AML.Term = []
        if hardware.generationId != nil {
            system.append(generationCounter())
            // General-purpose event 0, edge-triggered: ACPIPowerManagement.GeneralEvent.generationChanged.
            events = AML.scope("\\_GPE", [AML.method("_E00", [AML.notify("\\_SB.GENC", 0x80)])])
        }
        return AML.name("\\_S5", sleep) + AML.scope("\\_SB", system) + events
    }

    private static func serialPort(_ name: String, number: UInt64, port: UInt16, interrupt: Int) -> AML.Term {
        AML.device(
            name,
            [
                AML.name("_HID", AML.eisaID("PNP0501")),
                AML.name("_UID", AML.integer(number)),
                AML.name("_CRS", AML.resources([ACPIResource.ports(port, count: 8), ACPIResource.interrupt(interrupt)])),
            ])
    }

    /// Declared because Linux, which finds no 8259s, has no descriptor for an ISA interrupt that nothing names.
    private static func ataChannel() -> AML.Term {
        let resources = [ACPIResource.ports(0x1f0, count: 8), ACPIResource.ports(0x3f6, count: 1), ACPIResource.interrupt(14)]
        return AML.device("ATA0", [AML.name("_HID", AML.eisaID("PNP0600")), AML.name("_CRS", AML.resources(resources))])
    }

    /// A processor device; `_UID` is the MADT's processor id.
    private static func processor(_ id: Int) -> AML.Term {
        let digits = String(id, radix: 16, uppercase: true)
        return AML.device(
            "P" + String(repeating: "0", count: max(0, 3 - digits.count)) + digits,
            [AML.name("_HID", AML.string("ACPI0007")), AML.name("_UID", AML.integer(UInt64(id)))])
    }

    /// The virtual machine generation counter under the names by which Windows, Linux and FreeBSD look for it. `ADDR` gives the halves of
    /// the id's address, the low one first.
    private static func generationCounter() -> AML.Term {
        AML.device(
            "GENC",
            [
                AML.name("_HID", AML.string("MSFT1002")),
                AML.name("_CID", AML.package(["VM_Gen_Counter", "VMGENCTR", "Hyper_V_Gen_Counter_V1"].map(AML.string))),
                AML.name("_UID", AML.integer(0)),
                AML.name("_DDN", AML.string("VM_Gen_Counter")),
                AML.name(
                    "ADDR",
                    AML.package([AML.integer(LowMemory.generationId & 0xffff_ffff), AML.integer(LowMemory.generationId >> 32)])),
            ])
    }

    private static func vmbus(_ hardware: ACPIHardware) -> AML.Term {
        let windows = [hardware.vmbusLowWindow, hardware.vmbusHighWindow].map { ACPIResource.memoryWindow($0.base, size: $0.size) }
        return AML.device(
            "VMOD",
            [
                AML.name("_HID", AML.string("ACPI0004")),
                AML.name("_CRS", AML.resources(windows)),
                AML.device("VMBS", [AML.name("_HID", AML.string("VMBus")), AML.name("_UID", AML.integer(0))]),
            ])
    }
}
