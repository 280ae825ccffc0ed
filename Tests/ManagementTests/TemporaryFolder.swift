import Glibc
import Persistence

/// A folder for one test, removed with everything in it at the end.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/lunavisor-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw PersistenceFailure() }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        let parent = try? Folder(path: "/tmp")
        try? parent?.removeTree(String(path.dropFirst("/tmp/".count)))
    }

    struct PersistenceFailure: Error {}

    func write(_ name: String, _ text: String) throws -> String {
        let folder = try Folder(path: path)
        try folder.replaceFile(name, with: Array(text.utf8))
        return "\(path)/\(name)"
    }
}
