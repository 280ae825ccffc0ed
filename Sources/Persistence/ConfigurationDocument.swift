import Basics
import Synchronization

/// The document of a configuration with checkpoints. Each checkpoint that is made has the document written three times, and most of it are
/// the checkpoints before, each a configuration of its own; so what those look like is kept, and only the rest is encoded.
final class ConfigurationDocument: Sendable {
    static let shared = ConfigurationDocument()

    private struct Known {
        var checkpoint: VirtualMachineConfiguration.Checkpoint
        var text: [UInt8]
    }
    /// Checkpoints that are kept.
    private static let most = 1024
    private let known: Mutex<[GUID: Known]> = Mutex([:])

    /// The same bytes as `Document.encode`.
    func encode(_ configuration: VirtualMachineConfiguration) throws -> [UInt8] {
        let checkpoints = configuration.checkpoints
        guard !checkpoints.isEmpty else { return try Document.encode(configuration) }
        var rest = configuration
        rest.past?.checkpoints = []
        let text = try Document.encode(rest)
        // No string of a document has a quotation mark of its own without a backslash before it, so this is the list's place.
        let head = Array("\n    \"checkpoints\" : [".utf8)
        guard let start = text.firstRange(of: head)?.upperBound, let end = text[start...].firstIndex(of: UInt8(ascii: "]")),
            text[start..<end].allSatisfy({ $0 == 10 || $0 == 32 })
        else { return try Document.encode(configuration) }
        var result = Array(text[..<start])
        for (number, checkpoint) in checkpoints.enumerated() {
            result += Array((number == 0 ? "\n" : ",\n").utf8)
            result += try self.text(of: checkpoint)
        }
        return result + Array("\n    ".utf8) + text[end...]
    }

    /// A checkpoint as it stands in the list, without a newline at the end.
    private func text(of checkpoint: VirtualMachineConfiguration.Checkpoint) throws -> [UInt8] {
        if let known = known.withLock({ $0[checkpoint.id] }), known.checkpoint == checkpoint { return known.text }
        let indentation = [UInt8](repeating: 32, count: 6)
        let lines = try Document.encode(checkpoint).split(separator: 10)
        let text = Array(lines.map { indentation + $0 }.joined(separator: [10]))
        known.withLock { known in
            if known.count >= Self.most { known = [:] }
            known[checkpoint.id] = Known(checkpoint: checkpoint, text: text)
        }
        return text
    }
}
