import Foundation
import Testing

/// The picture of README ("The house") as data: who may import whom. The compiler lets a transitive import through; this test does not.
private let layout: [String: Set<String>] = [
    "lunavisor": ["Shell", "Cmdlets", "Management", "Worker", "SwitchHost", "DiskHost", "WorkerProtocol", "Persistence"],
    "Shell": ["Cmdlets", "Management", "CLua", "CLuaSystem", "CRegex", "CEdit"],
    "Cmdlets": ["Management", "WorkerProtocol", "Persistence", "Storage"],
    "Management": ["WorkerProtocol", "Persistence", "Storage"],
    "Worker": [
        "WorkerProtocol", "Persistence", "Services", "VMBus", "Storage", "Network", "Boot", "HypervisorCore", "Processor", "Devices",
        "DeviceModel",
    ],
    "Services": ["VMBus", "Storage", "Network", "DeviceModel"],
    "VMBus": ["DeviceModel"],
    "SwitchHost": ["Network", "WorkerProtocol", "Persistence"],
    "DiskHost": ["WorkerProtocol", "Persistence", "Storage"],
    "Network": ["CSlirp"],
    "Boot": ["DeviceModel"],
    "HypervisorCore": ["Processor", "DeviceModel"],
    "Processor": ["DeviceModel"],
    "Devices": ["DeviceModel"],
    "DeviceModel": [],
    "WorkerProtocol": [],
    "Persistence": [],
    "Storage": [],
    "Basics": [],
]
/// What every module may import besides.
private let common: Set<String> = ["Basics", "CHost", "Glibc", "FoundationEssentials", "Synchronization"]
/// Packages of others.
private let packages: [String: Set<String>] = ["lunavisor": ["ArgumentParser"], "Management": ["Crypto"]]

private struct Import {
    let module: String
    let imported: String
    let place: String
}

private let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

private func imports() throws -> [Import] {
    var found: [Import] = []
    let sources = repository.appendingPathComponent("Sources").resolvingSymlinksInPath()
    for module in layout.keys.sorted() {
        let folder = sources.appendingPathComponent(module)
        guard let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil) else { continue }
        for case let file as URL in files where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                var words = line.split(separator: " ").map(String.init)
                while let first = words.first,
                    first.hasPrefix("@") || ["package", "public", "private", "internal", "fileprivate"].contains(first)
                {
                    words.removeFirst()
                }
                guard words.first == "import", words.count >= 2 else { continue }
                let kinds: Set<String> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
                let name = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
                let imported = String(name.split(separator: ".")[0])
                found.append(Import(module: module, imported: imported, place: "\(file.lastPathComponent):\(number + 1)"))
            }
        }
    }
    return found
}

@Suite("Layout")
struct LayoutTests {
    @Test("every import follows the picture")
    func importsFollowThePicture() throws {
        let all = try imports()
        #expect(all.count > 50, "the test reads the sources")
        for one in all {
            let allowed = (layout[one.module] ?? []).union(common).union(packages[one.module] ?? [])
            #expect(allowed.contains(one.imported), "\(one.module) may not import \(one.imported) (\(one.place))")
        }
    }

    @Test("no public type carries its module's name")
    func noTypeCarriesItsModulesName() throws {
        let sources = repository.appendingPathComponent("Sources").resolvingSymlinksInPath()
        for module in layout.keys where module != "lunavisor" {
            guard let files = FileManager.default.enumerator(at: sources.appendingPathComponent(module), includingPropertiesForKeys: nil)
            else { continue }
            for case let file as URL in files where file.pathExtension == "swift" {
                let text = try String(contentsOf: file, encoding: .utf8)
                for kind in ["class", "struct", "enum", "protocol"] {
                    #expect(
                        !text.contains("public \(kind) \(module) ") && !text.contains("public \(kind) \(module):"),
                        "\(file.lastPathComponent): \(kind) \(module)")
                }
            }
        }
    }
}

/// What Get-TrustedComputingBase tells of the modules' sizes is about what they have; Scripts/generate writes it anew.
@Test func linesOfModulesAreAboutRight() throws {
    let sources = repository.appendingPathComponent("Sources").resolvingSymlinksInPath()
    let table = try String(contentsOf: sources.appendingPathComponent("Cmdlets/Architecture/ModuleLines.swift"), encoding: .utf8)
    var told: [String: Int] = [:]
    for match in table.matches(of: /"(\w+)": (\d+),/) { told[String(match.1)] = Int(match.2) }
    for module in try FileManager.default.contentsOfDirectory(at: sources, includingPropertiesForKeys: nil) {
        var lines = 0
        guard let files = FileManager.default.enumerator(at: module, includingPropertiesForKeys: nil) else { continue }
        for case let file as URL in files where ["swift", "c", "h"].contains(file.pathExtension) {
            let text = try String(contentsOf: file, encoding: .utf8)
            lines +=
                text.split(separator: "\n").filter { line in
                    let content = line.drop { $0 == " " || $0 == "\t" }
                    return !content.isEmpty && !content.hasPrefix("//")
                }.count
        }
        let name = module.lastPathComponent
        let known = told[name] ?? 0
        #expect(abs(known - lines) <= max(20, lines / 10), "\(name) has \(lines) lines, the table says \(known): run Scripts/generate")
    }
}
