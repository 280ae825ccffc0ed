import Basics
import Persistence
import Storage

/// `lunavisor-import.json`: what a user writes beside VHD and VHDX files that others made, so that Import-VM takes the folder.
///
///     { "version": 1, "name": "web01", "memoryStartupBytes": 1073741824, "processorCount": 2,
///       "disks": ["web01.vhdx"], "switchName": "inside", "kernelPath": "vmlinuz" }
struct ImportDescription: Codable {
    static let currentVersion = 1
    static let fileName = "lunavisor-import.json"

    var version: Int
    var name: String
    var generation: Int?
    var memoryStartupBytes: UInt64?
    var processorCount: Int?
    var notes: String?
    /// By their places on the controller; paths beneath the folder. Parents need no mention.
    var disks: [String]?
    var dvd: String?
    var switchName: String?
    var kernelPath: String?
    var initialRamdiskPath: String?
    var kernelArguments: String?

    private enum CodingKeys: String, CodingKey, CaseIterable {
        case version, name, generation, memoryStartupBytes, processorCount, notes, disks, dvd, switchName, kernelPath, initialRamdiskPath,
            kernelArguments
    }

    /// The names of the fields that a document has.
    private struct Fields: Decodable {
        var names: [String]

        private struct Name: CodingKey {
            var stringValue: String
            var intValue: Int? { nil }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { return nil }
        }

        init(from decoder: any Decoder) throws { names = try decoder.container(keyedBy: Name.self).allKeys.map(\.stringValue).sorted() }
    }

    static func read(_ folder: Folder) throws -> (VirtualMachineConfiguration, [ExportManifest.File]) {
        let bytes = try folder.readFile(fileName, limit: 1 << 20)
        let fields: Fields = try ImportSource.read(fileName, bytes, folder, currentVersion, "ExportNewer")
        try check(fields.names, folder.path)
        let description: ImportDescription = try ImportSource.read(fileName, bytes, folder, currentVersion, "ExportNewer")
        let configuration = try description.configuration(folder.path)
        return (configuration, try description.files(of: configuration, folder))
    }

    /// A field that nothing reads is most likely one with a slip in its name.
    private static func check(_ names: [String], _ folder: String) throws {
        let known = CodingKeys.allCases.map(\.rawValue)
        guard let other = names.first(where: { !known.contains($0) }) else { return }
        let shown = String(other.prefix(60))
        let hint = Spelling.hint(shown, among: known) + " Its fields are \(Spelling.list(known, "and"))."
        throw wrong("there is no field “\(shown)”", folder, hint: hint)
    }

    /// The error of a description that cannot be used. `what` may be a sentence already.
    static func wrong(_ what: String, _ folder: String, hint: String = "") -> ManagementError {
        let path = folder + "/" + fileName
        return ManagementError(
            "ExportUnreadable", .invalidData,
            "The description “\(path)” cannot be used: \(what.hasSuffix(".") ? String(what.dropLast()) : what).\(hint)",
            action: "Correct the file (`help about_Export` explains it); nothing was changed.", target: folder)
    }

    private func configuration(_ folder: String) throws -> VirtualMachineConfiguration {
        for path in (disks ?? []) + [dvd, kernelPath, initialRamdiskPath].compactMap(\.self) where !ExportManifest.isInside(path) {
            throw Self.wrong("“\(path.prefix(200))” is no path inside the folder", folder)
        }
        var new = VirtualMachineConfiguration(id: GUID(), name: name, creationTime: HostTime.wall())
        new.generation = generation ?? 2
        new.notes = notes ?? ""
        if let memoryStartupBytes {
            new.memory.startupBytes = memoryStartupBytes
            new.memory.minimumBytes = min(512 << 20, memoryStartupBytes)
        }
        new.processor.count = processorCount ?? 1
        new.firmware.kernelPath = kernelPath
        new.firmware.initialRamdiskPath = initialRamdiskPath
        new.firmware.kernelArguments = kernelArguments
        new.controllers = []
        new.addController()
        for path in disks ?? [] { try add(path, .hardDisk, to: &new) }
        if let dvd { try add(dvd, .dvd, to: &new) }
        new.addAdapter(named: "Network Adapter", except: [])
        if let switchName { (new.adapters[0].switchId, new.adapters[0].switchName) = (GUID(), switchName) }
        return new
    }

    private func add(
        _ path: String, _ kind: VirtualMachineConfiguration.Drive.Kind, to configuration: inout VirtualMachineConfiguration
    ) throws {
        var drive = try VirtualMachineConfiguration.Drive(kind: kind, location: 0, imagePath: path)
        drive.path = path
        try configuration.add(drive, controller: 0, location: nil)
    }

    /// What is named, and the parents of disks beneath the folder.
    private func files(of configuration: VirtualMachineConfiguration, _ folder: Folder) throws -> [ExportManifest.File] {
        var paths = [dvd, kernelPath, initialRamdiskPath].compactMap(\.self)
        for disk in disks ?? [] {
            paths.append(disk)
            guard let format = DiskFormat.of(fileName: disk),
                let chain = try? DiskChain.resolve(path: folder.path(of: disk), format: format, readOnly: true)
            else { continue }
            defer { chain.close() }
            let start = DiskOperations.absolutePath(folder.path) + "/"
            paths += chain.entries.dropFirst().map(\.path).filter { $0.hasPrefix(start) }.map { String($0.dropFirst(start.count)) }
        }
        var known: Set<String> = []
        return paths.filter { known.insert($0).inserted }.map { ExportManifest.File(path: $0, size: 0, sha256: nil) }
    }
}
