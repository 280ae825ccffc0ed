import Basics
import FoundationEssentials

/// What a starter tells a worker on its command line: `worker NAME JSON`. Descriptor numbers are the worker's own.
public struct WorkerOptions: Codable, Equatable, Sendable {
    public var storeId: GUID
    public var virtualMachineId: GUID
    /// Drawn under the store's lock; never used by another running partition.
    public var partitionId: UInt64
    /// User, process and program that asked for the start, for the event.
    public var startedByUser: String
    public var startedByProcess: Int32
    /// Descriptor number by role.
    public var descriptors: [String: Int32]

    public init(
        storeId: GUID, virtualMachineId: GUID, partitionId: UInt64, startedByUser: String, startedByProcess: Int32,
        descriptors: [String: Int32] = [:]
    ) {
        self.storeId = storeId
        self.virtualMachineId = virtualMachineId
        self.partitionId = partitionId
        self.startedByUser = startedByUser
        self.startedByProcess = startedByProcess
        self.descriptors = descriptors
    }

    /// The open files a worker is handed; it opens paths only inside its VM's folder.
    public struct Role: RawRepresentable, Hashable, Sendable {
        public let rawValue: String
        public init(rawValue: String) { self.rawValue = rawValue }

        /// The VM's folder.
        public static let folder = Role(rawValue: "folder")
        /// Write end of the pipe on which the worker reports ready or error.
        public static let ready = Role(rawValue: "ready")
        public static let kernel = Role(rawValue: "kernel")
        public static let initialRamdisk = Role(rawValue: "initialRamdisk")
        /// A file that holds a `DeviceHandover`.
        public static let handover = Role(rawValue: "handover")
        /// The memory image to go on from is number 0; those that it builds on follow, nearest first.
        public static func memory(_ number: Int) -> Role { Role(rawValue: "memory\(number)") }
        /// Descriptor `number` of the handover.
        public static func handed(_ number: Int) -> Role { Role(rawValue: "handed\(number)") }
    }

    public subscript(role: Role) -> Int32? {
        get { descriptors[role.rawValue] }
        set { descriptors[role.rawValue] = newValue }
    }

    /// The descriptors of `Role.memory`, in their order.
    public var memory: [Int32] { (0..<descriptors.count).lazy.map { self[.memory($0)] }.prefix { $0 != nil }.compactMap(\.self) }

    /// The JSON form that `init(argument:)` reads.
    public func argument() throws -> String { String(decoding: try JSONEncoder().encode(self), as: UTF8.self) }

    public init(argument: String) throws { self = try JSONDecoder().decode(Self.self, from: Data(argument.utf8)) }
}

/// The one line a worker writes to its ready pipe.
public struct ReadyReport: Codable, Equatable, Sendable {
    public var processId: Int32
    /// nil: the VM runs.
    public var error: TransportedError?
    public init(processId: Int32, error: TransportedError? = nil) { (self.processId, self.error) = (processId, error) }
}
