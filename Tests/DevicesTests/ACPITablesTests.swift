import Basics
import Boot
import DeviceModel
import Testing

#if canImport(Glibc)
    import Glibc
#endif

@Suite struct ACPITablesTests {
    private func integer(_ bytes: [UInt8], _ offset: Int, _ size: Int) -> UInt64 {
        (0..<size).reversed().reduce(0) { $0 << 8 | UInt64(bytes[offset + $1]) }
    }

    @Test func sumsAreZeroAndPointersHold() throws {
        let tables = ACPITables(ACPIHardware(processors: 4))
        let image = tables.bytes
        #expect(String(decoding: image[0..<8], as: UTF8.self) == "RSD PTR ")
        #expect(image[0..<20].reduce(0, &+) == 0)
        #expect(image[0..<36].reduce(0, &+) == 0)
        for table in tables.tables where table.signature != "FACS" {
            #expect(table.bytes.reduce(0, &+) == 0, "checksum of \(table.signature)")
            #expect(integer(table.bytes, 4, 4) == UInt64(table.bytes.count))
        }
        let root = Int(integer(image, 24, 8) - tables.address)
        #expect(String(decoding: image[root..<root + 4], as: UTF8.self) == "XSDT")
        let found = stride(from: root + 36, to: root + Int(integer(image, root + 4, 4)), by: 8).map { entry -> String in
            let offset = Int(integer(image, entry, 8) - tables.address)
            return String(decoding: image[offset..<offset + 4], as: UTF8.self)
        }
        #expect(found == ["FACP", "APIC"])
    }

    @Test func theATAChannelIsDeclaredWhereItIs() throws {
        var hardware = ACPIHardware(processors: 1)
        func isDeclared() -> Bool {
            ACPITables(hardware).tables.contains { $0.signature == "DSDT" && $0.bytes.contains(Array("ATA0".utf8)) }
        }
        #expect(!isDeclared())
        hardware.hasATAChannel = true
        #expect(isDeclared())
    }

    @Test func thereAreNoLegacyControllers() throws {
        let tables = ACPITables(ACPIHardware(processors: 2))
        let fadt = try #require(tables.tables.first { $0.signature == "FACP" }?.bytes)
        #expect(fadt.count == 276)
        #expect(integer(fadt, 109, 2) & 0x3 == 0, "no legacy devices, no 8042")
        #expect(integer(fadt, 109, 2) & 0x4 != 0, "no VGA")
        #expect(integer(fadt, 112, 4) & 1 << 10 != 0, "reset register")
        #expect(integer(fadt, 80, 4) == 0x60c && fadt[92] == 2, "two bytes of general-purpose events")
        #expect(fadt[220] == 1 && fadt[221] == 16 && integer(fadt, 224, 8) == 0x60c)
        let madt = try #require(tables.tables.first { $0.signature == "APIC" }?.bytes)
        #expect(integer(madt, 40, 4) & 1 == 0, "PCAT_COMPAT")
    }

    @Test(
        "iasl reads our AML back", .enabled(if: access("/usr/bin/iasl", X_OK) == 0, "acpica-tools is not installed"),
        arguments: [(false, false), (false, true), (true, true)])
    func disassembles(hasVMBus: Bool, hasCounter: Bool) throws {
        var hardware = ACPIHardware(processors: 8)
        hardware.hasVMBus = hasVMBus
        hardware.generationId = hasCounter ? GUID() : nil
        let tables = ACPITables(hardware)
        var template = Array("/tmp/lunavisor-acpi-XXXXXX".utf8CString)
        let folder = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer { _ = system("rm -r \(folder)") }
        for table in tables.tables {
            let path = "\(folder)/\(table.signature).aml"
            let file = try #require(fopen(path, "w"))
            _ = table.bytes.withUnsafeBytes { fwrite($0.baseAddress, 1, $0.count, file) }
            fclose(file)
            #expect(system("cd \(folder) && iasl -d \(table.signature).aml >\(table.signature).log 2>&1") == 0, "\(table.signature)")
            #expect(system("! grep -iE 'error|invalid|incorrect checksum|warning' \(folder)/\(table.signature).log") == 0)
        }
        // The disassembly compiles again, so the namespace is sound; the compiler objects only to Hyper-V's own five-letter "VMBus".
        #expect(hasVMBus || system("cd \(folder) && iasl -p again DSDT.dsl >again.log 2>&1 && grep -q ' 0 Errors' again.log") == 0)
        #expect(system("grep -q 'PNP0501' \(folder)/DSDT.dsl && grep -q '_S5' \(folder)/DSDT.dsl") == 0)
        #expect((system("grep -q '\"VMBus\"' \(folder)/DSDT.dsl") == 0) == hasVMBus)
        let counter = ["MSFT1002", "VM_Gen_Counter", "VMGENCTR", "Hyper_V_Gen_Counter_V1", "0x000DF000", "_E00", "Notify (.*GENC, 0x80)"]
        for part in counter { #expect((system("grep -q '\(part)' \(folder)/DSDT.dsl") == 0) == hasCounter, "\(part)") }
    }

    @Test func theGenerationIdLiesInReservedMemory() {
        #expect(LowMemory.generationId % 8 == 0)
        #expect(LowMemory.generationId >= LowMemory.usableEnd && LowMemory.generationId + 4096 <= LowMemory.acpiTables)
    }
}
