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

    private struct Numbered: Decodable { var version: Int }

    /// nil: it is no such file, or damaged, which is said when it is used.
    package static func read(_ file: OpenFile) -> Int? {
        guard let start = try? file.read(at: 0, count: 12), start.starts(with: magic),
            let length = start.littleEndian(at: 8, as: UInt32.self).map(Int.init), length <= longestHeader,
            let header = try? file.read(at: 12, count: length)
        else { return nil }
        return (try? JSONDecoder().decode(Numbered.self, from: Data(header)))?.version
    }

    /// Throws `SavedStateNewer` with both versions.
    package static func check(_ file: OpenFile) throws {
        guard let version = read(file), version > current else { return }
        throw PersistenceError.newerDocument(file.path, has: version, known: current, identifier: newer)
    }
}
