import Basics

/// One virtual switch's configuration: the versioned JSON document `switch.json` in its folder. Fields are only ever added, as Optionals.
public struct SwitchConfiguration: Codable, Equatable, Sendable {
    /// Version of this document's format; a newer one is refused with both numbers.
    public static let currentVersion = 1

    public enum Kind: String, Codable, Sendable, CaseIterable {
        /// VMs only.
        case `private` = "Private"
        /// VMs and this host.
        case `internal` = "Internal"
        /// The network of a bridge or TAP device of this host.
        case external = "External"
        /// VMs reach what this host reaches; nobody reaches them but through forwarded ports.
        case nat = "NAT"
    }

    public var version = Self.currentVersion
    public var id: GUID
    public var name: String
    public var switchType: Kind
    public var notes = ""
    /// Nanoseconds since the Unix epoch.
    public var creationTime: Int64
    /// NAT: the network behind it, like `192.168.100.0/24`.
    public var natSubnet: String?
    /// External: the bridge or TAP device.
    public var netAdapterName: String?
    /// External, a team of several: all bridges and TAP devices; nil: `netAdapterName` alone.
    public var netAdapterNames: [String]?
    /// NAT: the host's ports that lead to guests.
    public var mappings: [Mapping]?
    /// Whether every frame is written into `capture.pcap`; nil: no.
    public var isCapturing: Bool?
    /// Bytes after which `capture.pcap` begins anew; nil: 64 MiB.
    public var captureFileBytes: Int?
    /// Bytes of each frame that are written; nil: all.
    public var captureFrameBytes: Int?
    /// Whether the port that leads out is a source or a destination of mirrored frames (Source, Destination); nil: neither.
    public var externalMirroring: String?
    /// The host's own adapters on the switch; nil: one on an internal switch, none on others.
    public var hostAdapters: [VirtualMachineConfiguration.NetworkAdapter]?

    public init(id: GUID, name: String, switchType: Kind, creationTime: Int64) {
        (self.id, self.name, self.switchType, self.creationTime) = (id, name, switchType, creationTime)
    }

    /// A port of the host that leads to a guest (`Add-NetNatStaticMapping`).
    public struct Mapping: Codable, Equatable, Sendable {
        /// Unique within the switch.
        public var id: Int
        /// TCP or UDP.
        public var transport: String
        /// An IPv4 address of the host; 0.0.0.0: all of them.
        public var externalAddress: String
        public var externalPort: Int
        public var internalAddress: String
        public var internalPort: Int

        public init(id: Int, transport: String, externalAddress: String, externalPort: Int, internalAddress: String, internalPort: Int) {
            (self.id, self.transport, self.externalAddress, self.externalPort) = (id, transport, externalAddress, externalPort)
            (self.internalAddress, self.internalPort) = (internalAddress, internalPort)
        }
    }

    /// The devices that lead out of an external switch.
    public var uplinkNames: [String] { netAdapterNames ?? netAdapterName.map { [$0] } ?? [] }

    /// The host's adapters that there are: an internal switch has one from the beginning, with the switch's own id and name.
    public var adaptersOfHost: [VirtualMachineConfiguration.NetworkAdapter] {
        if let hostAdapters { return hostAdapters }
        guard switchType == .internal else { return [] }
        var adapter = VirtualMachineConfiguration.NetworkAdapter(id: id, macAddress: "")
        adapter.name = name
        return [adapter]
    }

    /// The host's interface of one of its adapters: at most 15 bytes, from the adapter's id, so that it is the same at each start.
    public static func interfaceName(of adapter: GUID) -> String { "lv" + String(adapter.description.filter { $0 != "-" }.prefix(10)) }

    /// True when the host itself is on the switch.
    public var allowManagementOS: Bool { switchType == .external || !adaptersOfHost.isEmpty }

    /// Gives the host one adapter on the switch, or takes all it has there.
    public mutating func allow(host isAllowed: Bool) {
        guard isAllowed == adaptersOfHost.isEmpty else { return }
        guard isAllowed else {
            hostAdapters = []
            return
        }
        var adapter = VirtualMachineConfiguration.NetworkAdapter(id: id, macAddress: "")
        adapter.name = name
        hostAdapters = [adapter]
    }

    /// Throws when the name or another field cannot be.
    public func check() throws {
        func refuse(_ identifier: String, _ message: String, _ action: String) -> PersistenceError {
            PersistenceError(identifier, .invalidArgument, message, action: action, target: name)
        }
        let flaw =
            NameRule.flaw(of: name) ?? (name.utf8.count > 255 ? "it has \(name.utf8.count) bytes" : nil)
            ?? (name.contains(where: { "*?[]/".contains($0) || $0.isNewline }) ? "* ? [ ] / stand for something else" : nil)
        if let flaw {
            throw refuse(
                "SwitchNameInvalid", "“\(name.prefix(120))” cannot be a switch's name: \(flaw).",
                "Use 1 to 255 bytes without control characters and * ? [ ] /.")
        }
        guard notes.utf8.count <= 64 << 10 else { throw refuse("NotesTooLong", "The notes are too long.", "Use at most 64 KiB.") }
        for mapping in mappings ?? [] {
            guard 1...65535 ~= mapping.externalPort, 1...65535 ~= mapping.internalPort else {
                throw refuse("PortOutOfRange", "A port number is not within 1 to 65535.", "Use 1 to 65535.")
            }
            guard ["TCP", "UDP"].contains(mapping.transport) else {
                throw refuse("ProtocolInvalid", "“\(mapping.transport)” is no protocol of a mapping.", "Use TCP or UDP.")
            }
        }
        if let names = netAdapterNames, switchType == .external {
            guard 1...8 ~= names.count, Set(names).count == names.count, names.first == netAdapterName, !names.contains("") else {
                throw refuse(
                    "TeamInvalid", "A team has one to eight different adapters, and “\(name)” has \(names.count).",
                    "Name each once with -NetAdapterName.")
            }
        }
        if let bytes = captureFileBytes, !(1 << 20...1 << 40).contains(bytes) {
            throw refuse("CaptureSettingsInvalid", "A capture file of \(bytes) bytes is out of range.", "Use 1 MB to 1 TB.")
        }
        if let bytes = captureFrameBytes, !(64...262_144).contains(bytes) {
            throw refuse("CaptureSettingsInvalid", "\(bytes) bytes of each frame are out of range.", "Use 64 to 262144.")
        }
        if let mode = externalMirroring {
            guard ["Source", "Destination"].contains(mode) else {
                throw refuse("PortMirroringInvalid", "“\(mode)” is no kind of mirroring.", "Use Source or Destination.")
            }
            guard switchType == .external || switchType == .nat else {
                throw refuse(
                    "SwitchKindInvalid", "“\(name)” is \(switchType.rawValue): it has no external port.", "Use an external or NAT switch.")
            }
        }
        if switchType == .external, netAdapterName?.isEmpty ?? true {
            throw refuse("NetAdapterMissing", "An external switch needs an adapter of this host.", "Name it with -NetAdapterName.")
        }
    }
}
