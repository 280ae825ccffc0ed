import Foundation

/// Assembles the guest programs of Tests/GuestPrograms with nasm.
public enum Assembler {
    /// How an assembly failed.
    public struct Failure: Error, CustomStringConvertible {
        public var description: String
    }

    public static let isInstalled: Bool = FileManager.default.isExecutableFile(atPath: "/usr/bin/nasm")

    /// The bytes of a program given by its path below Tests/GuestPrograms; includes are found beside it.
    public static func assemble(_ path: String, defining symbols: [String: Int] = [:]) throws -> [UInt8] {
        let source = BuiltShell.repository.appendingPathComponent("Tests/GuestPrograms/\(path)")
        let image = FileManager.default.temporaryDirectory.appendingPathComponent("lunavisor-\(UUID().uuidString).bin")
        defer { try? FileManager.default.removeItem(at: image) }
        let outcome = try ForeignProgram.run(
            "/usr/bin/nasm",
            ["-f", "bin", "-I", source.deletingLastPathComponent().path + "/", "-o", image.path]
                + symbols.sorted { $0.key < $1.key }.map { "-D\($0.key)=\($0.value)" } + [source.path])
        guard outcome.status == 0 else { throw Failure(description: outcome.errors) }
        return [UInt8](try Data(contentsOf: image))
    }
}
