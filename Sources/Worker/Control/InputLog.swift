import FoundationEssentials
import Glibc
import Persistence
import Synchronization

/// What entered an Exact machine from outside, so that its run can be repeated: `inputs.jsonl` in the VM's folder, a line per input in the
/// order they came. A start from Off begins it anew, one from saved state goes on with it.
final class InputLog: Sendable {
    static let fileName = "inputs.jsonl"
    /// Bytes of the file at most.
    static let limit = 1 << 30

    private struct Contents {
        nonisolated(unsafe) var file: OpenFile?
        var size = 0
    }
    private let contents = Mutex(Contents())

    /// One line; bytes in Base64.
    private struct Line: Encodable {
        var count: UInt64
        var kind: String
        var port: Int?
        var device: String?
        var bytes: String
    }

    /// Opens the file. Until then nothing is kept.
    func begin(in folder: Folder, anew: Bool) throws {
        let file = try folder.open(Self.fileName, O_WRONLY | O_CREAT | O_APPEND | (anew ? O_TRUNC : 0), doing: "write")
        let size = Int(try file.status().st_size)
        contents.withLock { $0 = Contents(file: file, size: size) }
    }

    /// Throws once when the line cannot be kept; nothing is kept from then on.
    func append(_ input: MachineInput) throws {
        try contents.withLock { contents in
            guard let file = contents.file else { return }
            let line = Line(
                count: input.count, kind: input.kind.rawValue, port: input.port == 0 ? nil : input.port, device: input.device?.description,
                bytes: Data(input.bytes).base64EncodedString())
            do {
                let text = try Document.encodeLine(line) + [10]
                guard contents.size + text.count <= Self.limit else {
                    throw WorkerError("InputLogFull", .resourceUnavailable, "The log of inputs has reached \(Self.limit >> 20) MiB.")
                }
                try file.write(text)
                contents.size += text.count
            } catch {
                contents.file = nil
                throw error
            }
        }
    }
}
