import Basics

/// One VM's configuration: the versioned JSON document `configuration.json` in its folder. Fields are only ever added, as Optionals.
public struct VirtualMachineConfiguration: Codable, Equatable, Sendable {
    /// Version of this document's format; a newer one is refused with both numbers.
    public static let currentVersion = 1

    public var version = Self.currentVersion
    public var id: GUID
    public var name: String
    /// 1 or 2.
    public var generation = 2
    public var notes = ""
    /// Nanoseconds since the Unix epoch.
    public var creationTime: Int64
    public var processor = Processor()
    public var memory = Memory()
    public var firmware = Firmware()
    public var timeMode = TimeMode.real
    /// Exact mode's seed; absent in Real mode.
    public var seed: UInt64?
    /// Exact mode: picoseconds of partition time per instruction (4,000 = 4 ns).
    public var picosecondsPerInstruction: UInt64 = 4_000
    public var automaticStartAction = "StartIfRunning"
    public var automaticStartDelay = 0
    public var automaticStopAction = "Save"
    public var checkpointType = "Production"
    public var lockOnDisconnect = "Off"

    /// nil: a document from before there were disks (one empty controller).
    public var scsiControllers: [SCSIController]?
    /// nil: none.
    public var networkAdapters: [NetworkAdapter]?
    /// Integration services that are not as a new VM has them, by the module's name (`IntegrationService`).
    public var integrationServices: [String: Bool]?
    /// nil: there are no checkpoints, and nothing is left of former ones.
    public var past: Past?
    /// The memory that the next start goes on from, after a checkpoint was applied; nil: `saved.state` decides.
    public var savedMemory: MemoryImage?
    /// Where checkpoints' memory lies; nil: in the VM's folder.
    public var snapshotFileLocation: String?
    /// Where it lay before, and may lie still; nil: nowhere else.
    public var formerSnapshotLocations: [String]?
    /// Whether it has a keyboard; nil: yes.
    public var consoleSupport: Bool?
    /// How its storage uses its processors; nil: as a new VM's does.
    public var storage: Storage?
    /// Sockets that lead to the COM ports, by their numbers; nil: none.
    public var comPortPaths: [Int: String]?
    /// Ids of the resource pools it belongs to, by their kinds; drives and adapters have their own.
    public var resourcePools: [String: GUID]?
    /// nil: what it uses is not counted.
    public var metering: Metering?
    /// Generation 1 only; nil: as a new VM has it.
    public var bios: BIOS?
    /// The folder that the user gave the VM for its disks and checkpoints; nil: none of its own.
    public var filesPath: String?
    /// Whether each start makes a checkpoint; nil: no.
    public var automaticCheckpoints: Bool?
    /// The generation id of the VM's virtual machine generation counter; nil: drawn at the next start.
    public var generationId: GUID?
    /// Files of a move of the VM's storage that are being made or deleted; nil: none are.
    public var moving: Moving?
    /// Where its parts run; nil: `Microkernel`.
    public var architecture: Architecture?

    public init(id: GUID, name: String, creationTime: Int64) { (self.id, self.name, self.creationTime) = (id, name, creationTime) }

    public struct Processor: Codable, Equatable, Sendable {
        /// 1 to 8.
        public var count = 1
        /// Auto, Interpreter, Translator or Kvm.
        public var engine = "Auto"
        /// Name of the model's table of leaves and MSRs.
        public var model = "qemu64"
        /// Percent of a host processor a VP may use; thousandths as in the module's `Maximum` (0–100).
        public var maximum = 100, reserve = 0, relativeWeight = 100
        public init() {}
    }

    public struct Memory: Codable, Equatable, Sendable {
        public var startupBytes: UInt64 = 512 << 20
        public var dynamicMemoryEnabled = false
        public var minimumBytes: UInt64 = 512 << 20
        public var maximumBytes: UInt64 = 1 << 40
        public var buffer = 20, priority = 50
        public init() {}
    }

    /// Direct Linux boot is part of the firmware settings.
    public struct Firmware: Codable, Equatable, Sendable {
        public var kernelPath: String?
        public var initialRamdiskPath: String?
        public var kernelArguments: String?
        public init() {}
    }

    /// How what the VM uses is counted.
    public struct Metering: Codable, Equatable, Sendable {
        /// Seconds between two writings of the sum.
        public var saveInterval: Int
        public init(saveInterval: Int) { self.saveInterval = saveInterval }
    }

    /// What generation 1 has in place of firmware settings; kept, but no BIOS reads it yet.
    public struct BIOS: Codable, Equatable, Sendable {
        public static let defaultOrder = ["CD", "IDE", "LegacyNetworkAdapter", "Floppy"]
        public var numLockEnabled = false
        /// Names of boot devices, first to last.
        public var startupOrder = Self.defaultOrder
        /// The image in the floppy disk drive; nil: none.
        public var floppyPath: String?
        public init() {}
    }

    public enum TimeMode: String, Codable, Sendable, CaseIterable {
        case real = "Real"
        case exact = "Exact"
    }
}
