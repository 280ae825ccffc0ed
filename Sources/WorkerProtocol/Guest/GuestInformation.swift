import Basics

/// What a running guest reports through its integration services, and counters of its devices, at one moment.
public struct GuestInformation: Codable, Equatable, Sendable {
    /// The real module's words: `OkApplicationsHealthy`, `OkApplicationsUnknown`, `OkApplicationsCritical`, `NoContact`,
    /// `LostCommunication`, `Error`, `Disabled`.
    public var heartbeat = "NoContact"
    public var services: [Service] = []
    /// Guest-to-host pairs of the key-value exchange: `OSName`, `OSVersion`, `FullyQualifiedDomainName` …; hostile text.
    public var keyValues: [String: String] = [:]
    /// The same pairs and those of the host, with the pools they are in; nil: from a worker that does not tell.
    public var pairs: [Pair]?
    public var adapters: [Adapter] = []
    public var disks: [Disk] = []
    public var memory = Memory()
    /// Version that the guest's drivers negotiated, like `4.0`; empty before they have.
    public var integrationServicesVersion = ""
    /// `UpToDate`, `UpdateRequired`, or empty before the guest's drivers have said anything.
    public var integrationServicesState = ""
    /// How often the guest was reset or restarted since its worker began.
    public var resets: UInt64 = 0
    public init() {}

    /// One integration service.
    public struct Service: Codable, Equatable, Sendable {
        /// The module's name: `Heartbeat`, `Shutdown`, `Time Synchronization`, `Key-Value Pair Exchange`, `VSS`, `Guest Service Interface`.
        public var name: String
        public var isEnabled: Bool
        /// `Ok`, `NoContact`, `LostCommunication`, `ProtocolMismatch`, `Error`, `Disabled`.
        public var primaryStatus: String
        /// One sentence.
        public var description: String
        /// As negotiated, like `3.0`; nil before.
        public var protocolVersion: String?
        public init(name: String, isEnabled: Bool, primaryStatus: String, description: String, protocolVersion: String? = nil) {
            (self.name, self.isEnabled, self.primaryStatus) = (name, isEnabled, primaryStatus)
            (self.description, self.protocolVersion) = (description, protocolVersion)
        }
    }

    /// One pair of the key-value exchange; key and value are hostile text.
    public struct Pair: Codable, Equatable, Sendable {
        public enum Pool: String, Codable, Sendable {
            /// What the guest's daemon knows of its system.
            case intrinsic = "Intrinsic"
            /// What programs of the guest put there.
            case guest = "Guest"
            /// What this host gave the guest.
            case host = "Host"
        }
        public var pool: Pool
        public var key: String
        public var value: String
        public init(pool: Pool, key: String, value: String) { (self.pool, self.key, self.value) = (pool, key, value) }
    }

    /// One network adapter.
    public struct Adapter: Codable, Equatable, Sendable {
        public var id: GUID
        /// As the guest reports them for this adapter's MAC address, IPv4 first.
        public var ipAddresses: [String] = []
        /// The port is connected to a switch that runs.
        public var isLinkUp = false
        /// The guest's driver has opened it.
        public var isOpen = false
        /// The address the guest uses, twelve hexadecimal digits; nil: its own.
        public var macAddress: String?
        public var receivedPackets: UInt64 = 0
        public var receivedBytes: UInt64 = 0
        public var sentPackets: UInt64 = 0
        public var sentBytes: UInt64 = 0
        public var droppedPackets: UInt64 = 0
        public init(id: GUID) { self.id = id }
    }

    /// One drive.
    public struct Disk: Codable, Equatable, Sendable {
        public var controller: GUID
        public var location: Int
        public var readOperations: UInt64 = 0
        public var readBytes: UInt64 = 0
        public var writeOperations: UInt64 = 0
        public var writtenBytes: UInt64 = 0
        public var flushes: UInt64 = 0
        public init(controller: GUID, location: Int) { (self.controller, self.location) = (controller, location) }
    }

    public struct Memory: Codable, Equatable, Sendable {
        /// Bytes the guest has now, its balloon subtracted.
        public var assigned: UInt64 = 0
        /// Bytes the guest asks for; 0: it reports nothing.
        public var demand: UInt64 = 0
        /// `OK`, `Low`, `Warning`; empty: it reports nothing.
        public var status = ""
        /// The guest's memory driver is there, so that memory can be added and taken.
        public var isReady = false
        public init() {}
    }
}

/// The part of `GuestInformation` that lists of VMs show.
public struct GuestSummary: Codable, Equatable, Sendable {
    public var heartbeat: String
    public var integrationServicesVersion: String
    public var integrationServicesState: String
    public var memoryDemand: UInt64
    public var memoryStatus: String
    /// The guest-to-host pairs, long ones shortened; hostile text.
    public var keyValues: [String: String]

    public init(_ information: GuestInformation) {
        heartbeat = information.heartbeat
        integrationServicesVersion = information.integrationServicesVersion
        integrationServicesState = information.integrationServicesState
        memoryDemand = information.memory.demand
        memoryStatus = information.memory.status
        let few = information.keyValues.sorted { $0.key < $1.key }.prefix(64)
        keyValues = Dictionary(few.map { (String($0.key.prefix(128)), String($0.value.prefix(512))) }) { first, _ in first }
    }
}

package struct GuestInformationRequest: WorkerRequest {
    package typealias Reply = GuestInformation
    package static let name = "guestInformation"
    package init() {}
}
