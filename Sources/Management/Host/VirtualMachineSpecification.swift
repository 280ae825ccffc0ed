import Basics
import Persistence

/// What a new VM shall be; what is not said has the module's default.
public struct VirtualMachineSpecification: Sendable {
    public var name: String
    /// 1 or 2.
    public var generation = 2
    public var memoryStartupBytes: UInt64 = 512 << 20
    /// 1 to 8.
    public var processorCount = 1
    public var notes = ""
    /// The folder of its disks and checkpoints, absolute; made when it is missing. nil: the store's.
    public var path: String?
    /// Direct Linux boot; paths are made absolute by `create`.
    public var firmware = VirtualMachineConfiguration.Firmware()
    /// nil: `Microkernel`.
    public var architecture: Architecture?
    public var timeMode = VirtualMachineConfiguration.TimeMode.real
    /// Exact mode's seed; nil draws one.
    public var seed: UInt64?
    /// Drives of the first SCSI controller; their images are checked by `create`.
    public var drives: [VirtualMachineConfiguration.Drive] = []
    /// The switch that the network adapter is connected to, with its name; nil: to none.
    public var connectedTo: (id: GUID, name: String)?

    public init(name: String) { self.name = name }
}
