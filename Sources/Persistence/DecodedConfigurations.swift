import Basics
import Synchronization

/// What configuration documents said when they were decoded last. One command reads a document many times, and to decode it costs a hundred
/// times more than to read and compare its bytes.
final class DecodedConfigurations: Sendable {
    static let shared = DecodedConfigurations()

    private struct Known {
        var bytes: [UInt8]
        var configuration: VirtualMachineConfiguration
    }
    /// VMs whose documents are kept; with more, a list of all reads each once.
    private static let most = 16
    private let known: Mutex<[GUID: Known]> = Mutex([:])

    /// The configuration in `bytes`, the document at `path` of the VM `id`.
    func decode(_ bytes: [UInt8], path: String, of id: GUID) throws -> VirtualMachineConfiguration {
        if let known = known.withLock({ $0[id] }), known.bytes == bytes { return known.configuration }
        let configuration = try Document.decode(
            VirtualMachineConfiguration.self, from: bytes, currentVersion: VirtualMachineConfiguration.currentVersion, path: path,
            corrupt: "ConfigurationUnreadable", newer: "ConfigurationNewer")
        keep(configuration, as: bytes)
        return configuration
    }

    /// The document of a configuration that was decoded or written just now.
    func keep(_ configuration: VirtualMachineConfiguration, as bytes: [UInt8]) {
        known.withLock { known in
            if known.count >= Self.most { known = [:] }
            known[configuration.id] = Known(bytes: bytes, configuration: configuration)
        }
    }
}
