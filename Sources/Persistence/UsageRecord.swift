import Basics

/// What a metered VM used: `usage.json` in its folder. The worker adds to it while the VM runs; a worker that is killed loses what came
/// after the last writing.
public struct UsageRecord: Codable, Equatable, Sendable {
    public static let currentVersion = 1
    private static let fileName = "usage.json"

    public var version = Self.currentVersion
    /// Time that the VM ran, pauses left out.
    public var runningNanoseconds: UInt64 = 0
    /// Time that its virtual processors ran, summed over them.
    public var processorNanoseconds: UInt64 = 0
    /// Bytes of memory times seconds that it had them.
    public var memoryByteSeconds = 0.0
    /// nil: it has not run.
    public var memoryMinimum: UInt64?
    public var memoryMaximum: UInt64?
    public var disks: [Disk] = []
    public var adapters: [Adapter] = []

    public init() {}

    /// Operations and bytes of one drive.
    public struct Disk: Codable, Equatable, Sendable {
        public var controller: GUID
        public var location: Int
        public var readOperations: UInt64 = 0
        public var readBytes: UInt64 = 0
        public var writeOperations: UInt64 = 0
        public var writtenBytes: UInt64 = 0
        public init(controller: GUID, location: Int) { (self.controller, self.location) = (controller, location) }
    }

    /// Bytes of one network adapter.
    public struct Adapter: Codable, Equatable, Sendable {
        public var id: GUID
        public var receivedBytes: UInt64 = 0
        public var sentBytes: UInt64 = 0
        public init(id: GUID) { self.id = id }
    }

    /// That of a VM's folder; an empty one where there is none that can be read.
    package static func read(in folder: Folder) -> UsageRecord {
        guard let bytes = try? folder.readFile(fileName, limit: 1 << 20) else { return UsageRecord() }
        return
            (try? Document.decode(UsageRecord.self, from: bytes, currentVersion: currentVersion, path: fileName, corrupt: "", newer: ""))
            ?? UsageRecord()
    }

    package func write(in folder: Folder) throws { try folder.replaceFile(Self.fileName, with: try Document.encode(self)) }

    package static func remove(in folder: Folder) throws { try folder.remove(fileName) }
}
