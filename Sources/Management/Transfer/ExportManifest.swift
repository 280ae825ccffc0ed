import Basics
import Glibc
import Persistence

/// What an exported VM's folder says of itself: `export.json`, written last. A folder without it is not an export.
///
/// ```
/// web01/export.json                      this: every file with its size and hash
///       Virtual Machines/<id>.json       the configuration; its paths are relative to the folder
///       Virtual Hard Disks/              every image of every disk, those of checkpoints and all parents included
///       Snapshots/                       memory of checkpoints, and what the VM goes on from
///       Boot/                            kernel and initial ramdisk
/// ```
struct ExportManifest: Codable, Equatable {
    static let currentVersion = 1
    static let fileName = "export.json"
    static let machinesName = "Virtual Machines"
    static let disksName = "Virtual Hard Disks"
    static let memoryName = "Snapshots"
    static let bootName = "Boot"
    /// More files than any VM has; a longer list is a lie.
    static let mostFiles = 10_000

    struct File: Codable, Equatable {
        /// Relative to the folder.
        var path: String
        /// Bytes.
        var size: UInt64
        /// Of the whole content, holes as zeros; 64 hexadecimal digits. nil: others made the file, and nobody said.
        var sha256: String?
    }

    var version = Self.currentVersion
    var id: GUID
    var name: String
    /// Nanoseconds since the Unix epoch.
    var exportTime: Int64
    /// The program that wrote it.
    var program: String
    /// The file of the configuration.
    var configuration: String
    var files: [File]

    /// Throws `ExportUnreadable` for anything that the export itself cannot have written.
    func check(in folder: String) throws {
        guard files.count <= Self.mostFiles else { throw Self.lie("it lists \(files.count) files", folder) }
        var paths: Set<String> = []
        for file in files {
            guard Self.isInside(file.path) else { throw Self.lie("“\(file.path.prefix(200))” is no path inside the folder", folder) }
            guard paths.insert(file.path).inserted else { throw Self.lie("it lists “\(file.path)” twice", folder) }
            guard let hash = file.sha256, hash.utf8.count == 64, hash.allSatisfy(\.isHexDigit) else {
                throw Self.lie("the hash of “\(file.path)” is none", folder)
            }
        }
        guard paths.contains(configuration) else {
            throw Self.lie("it does not list the configuration “\(configuration.prefix(200))”", folder)
        }
    }

    /// Relative, and without a part that leads elsewhere.
    static func isInside(_ path: String) -> Bool {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        return !path.isEmpty && path.utf8.count < 1024 && !path.utf8.contains(0)
            && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
    }

    static func lie(_ what: String, _ folder: String) -> ManagementError {
        ManagementError(
            "ExportUnreadable", .invalidData, "The export in “\(folder)” cannot be used: \(what).",
            action: "Export the virtual machine anew; nothing was changed.", target: folder)
    }
}
