/// What `Get-VirtualProcessor` shows of one VP.
public struct VirtualProcessorInformation: Codable, Equatable, Sendable {
    /// The VP's index in its partition, from 0.
    public var index: Int
    /// `Running`, `Halted`, `Suspended` or `WaitingForStartup`.
    public var runState: String
    public var instructionsRetired: UInt64
    /// Time it ran, in nanoseconds.
    public var runTimeNanoseconds: UInt64
    /// In the manuals' order; nil unless asked for.
    public var registers: [Register]?
    /// What its engine counted since it was created, by name; nil unless registers were asked for.
    public var counters: [Register]?

    /// One register; what is wider than 64 bits has its upper half in `high`.
    public struct Register: Codable, Equatable, Sendable {
        public var name: String
        public var value: UInt64
        public var high: UInt64?
        public init(name: String, value: UInt64, high: UInt64? = nil) { (self.name, self.value, self.high) = (name, value, high) }
    }

    public init(
        index: Int, runState: String, instructionsRetired: UInt64, runTimeNanoseconds: UInt64 = 0, registers: [Register]? = nil,
        counters: [Register]? = nil
    ) {
        self.index = index
        self.runState = runState
        self.instructionsRetired = instructionsRetired
        self.runTimeNanoseconds = runTimeNanoseconds
        self.registers = registers
        self.counters = counters
    }
}
