import Basics
import FoundationEssentials

/// The version of files of saved machines and checkpoints' memory, which is judged before anything is given up for the sake of one. What else
/// stands in them only the worker knows (SavedMachine).
package enum SavedStateVersion {
    package static let current = 2
    package static let magic = Array("LUNASAV1".utf8)
    /// Identifier of the error that `check` throws.
    package static let newer = "SavedStateNewer"
    private static let longestHeader = 16 << 20

    /// Identifier of the error that `check` throws for a file that was cut off.
    package static let truncated = "SavedStateTruncated"

    private struct Numbered: Decodable { var version: Int }
    /// Where version 2 says that its parts lie (SavedMachineFrame).
    private struct Parts: Decodable {
        struct Part: Decodable { var at: UInt64, bytes: UInt64 }
        var decided: Part, filled: Part, header: Part, sums: Part
    }

    /// nil: it is no such file, or damaged, which is said when it is used.
    package static func read(_ file: OpenFile) -> Int? {
        header(file).flatMap { try? JSONDecoder().decode(Numbered.self, from: $0).version }
    }

    private static func header(_ file: OpenFile) -> Data? {
        guard let start = try? file.read(at: 0, count: 12), start.starts(with: magic),
            let length = start.littleEndian(at: 8, as: UInt32.self).map(Int.init), length <= longestHeader,
            let header = try? file.read(at: 12, count: length)
        else { return nil }
        return Data(header)
    }

    /// Throws `SavedStateNewer` with both versions, `SavedStateTruncated` when the file ends before its parts do.
    package static func check(_ file: OpenFile) throws {
        if let version = read(file), version > current {
            throw PersistenceError.newerDocument(file.path, has: version, known: current, identifier: newer)
        }
        guard let parts = header(file).flatMap({ try? JSONDecoder().decode(Parts.self, from: $0) }) else { return }
        let size = UInt64(clamping: try file.status().st_size)
        for part in [parts.decided, parts.filled, parts.header, parts.sums] {
            let (end, overflow) = part.at.addingReportingOverflow(part.bytes)
            guard overflow || end > size else { continue }
            throw PersistenceError(
                truncated, .invalidData, "“\(file.path)” has only \(size) of the bytes that it had.", target: file.path)
        }
    }
}
