import Basics
import Glibc
import Management
import Persistence
import Testing

/// Documents of each version that ever was, as they lay on disks.
@Suite struct VersionTests {
    private static let samples = String(#filePath.dropLast("VersionTests.swift".count)) + "Samples"

    @Test(arguments: ["configuration-1.json"]) func everyOldConfigurationOpens(name: String) throws {
        let test = try TestHost()
        let bytes = try Folder(path: Self.samples).readFile(name)
        let head = try Document.decode(
            VirtualMachineConfiguration.self, from: bytes, currentVersion: VirtualMachineConfiguration.currentVersion, path: name,
            corrupt: "Corrupt", newer: "Newer")
        try Folder.make(path: test.host.storePath + "/vms/\(head.id)")
        try Folder(path: test.host.storePath + "/vms/\(head.id)").replaceFile("configuration.json", with: bytes)
        let machine = try test.host.machine(named: "sample")
        let configuration = try machine.configuration()
        #expect(configuration.checkpoints.map(\.name) == ["first"])
        #expect(configuration.drives.count == 1 && configuration.adapters.count == 1)
        try configuration.check()
        #expect(try !machine.updateVersion(), "it is the newest")
    }

    @Test func aNewerConfigurationIsRefusedWithBothNumbers() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let folder = try Folder(path: test.path(machine, ""))
        let text = String(decoding: try folder.readFile("configuration.json"), as: UTF8.self)
        let newer = text.split(separator: "\n", omittingEmptySubsequences: false)
            .map { $0.contains("\"version\" : 1") ? $0.replacing("1", with: "9") : $0 }.joined(separator: "\n")
        try folder.replaceFile("configuration.json", with: Array(newer.utf8))
        let error = #expect(throws: PersistenceError.self) { try machine.updateVersion() }
        #expect(error?.identifier == "ConfigurationNewer")
        #expect(error?.message.contains("version 9") == true && error?.message.contains("up to 1") == true)
        #expect(try folder.readFile("configuration.json") == Array(newer.utf8))
    }

    @Test func anOlderConfigurationIsUpgraded() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let folder = try Folder(path: test.path(machine, ""))
        let text = String(decoding: try folder.readFile("configuration.json"), as: UTF8.self)
        try folder.replaceFile("configuration.json", with: Array(text.replacing("\"version\" : 1", with: "\"version\" : 0").utf8))
        #expect(try machine.status().version == "0.0")
        #expect(try machine.updateVersion())
        #expect(try machine.status().version == "1.0")
    }
}
