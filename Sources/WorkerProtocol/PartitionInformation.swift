/// What `Get-Partition` shows of one partition: identity, privileges and counters, read at one moment.
public struct PartitionInformation: Codable, Equatable, Sendable {
    /// The root is 1; children are drawn from 2 under the store's lock.
    public var id: UInt64
    /// 1 for a child, nil for the root.
    public var parentId: UInt64?
    /// `Root`, or the VM's name.
    public var name: String
    /// Id of the VM in its text form; nil for the root.
    public var virtualMachineId: String?
    /// `Active`, `Suspended`, `Finalizing`, or `Unreachable` when the worker did not answer within its deadline.
    public var state: String
    /// HV_PARTITION_PRIVILEGE_MASK (TLFS, "Partition Privilege Flags"): CPUID leaf 3 EAX in the low half, EBX in the high half.
    public var privilegeMask: UInt64
    public var virtualProcessorCount: Int
    public var memoryBytes: UInt64
    /// Hypercalls made, refused ones included.
    public var hypercalls: UInt64
    /// Intercepts by kind (`IOPort`, `MSR`, `CPUID`, `Halt` …), in a stable order.
    public var intercepts: [Counter]
    /// Time its virtual processors ran, in nanoseconds, summed over them.
    public var runTimeNanoseconds: UInt64
    /// Process that hosts it; nil for the root of an empty store.
    public var workerProcessId: Int32?
    /// How often work went from one part of its machine to another, by kind; nil for the root and from workers that do not count.
    public var crossings: [Counter]?
    /// Privileged instructions done, by kind; nil where they are not counted: the guest has enlightenments.
    public var privileged: [Counter]?

    public struct Counter: Codable, Equatable, Sendable {
        public var kind: String
        public var count: UInt64
        public init(kind: String, count: UInt64) { (self.kind, self.count) = (kind, count) }
    }

    public init(
        id: UInt64, parentId: UInt64?, name: String, virtualMachineId: String? = nil, state: String, privilegeMask: UInt64 = 0,
        virtualProcessorCount: Int = 0, memoryBytes: UInt64 = 0, hypercalls: UInt64 = 0, intercepts: [Counter] = [],
        runTimeNanoseconds: UInt64 = 0, workerProcessId: Int32? = nil, crossings: [Counter]? = nil,
        privileged: [Counter]? = nil
    ) {
        self.id = id
        self.parentId = parentId
        self.name = name
        self.virtualMachineId = virtualMachineId
        self.state = state
        self.privilegeMask = privilegeMask
        self.virtualProcessorCount = virtualProcessorCount
        self.memoryBytes = memoryBytes
        self.hypercalls = hypercalls
        self.intercepts = intercepts
        self.runTimeNanoseconds = runTimeNanoseconds
        self.workerProcessId = workerProcessId
        self.crossings = crossings
        self.privileged = privileged
    }
}
