import Persistence

/// One process, and what in it a guest's isolation rests on: code that could break it, and what it could reach then.
struct TrustedPart {
    enum Process: String {
        case worker = "Worker"
        case diskService = "Disk service"
        case hosted = "Hosted"
        case virtualSwitch = "Switch"
    }
    var process: Process
    /// How many of it there are.
    var number: String
    var modules: [String]
    /// What code in it could reach.
    var reach: String
    /// What the host lets it do.
    var privileges: String

    /// Lines of its modules; a module that is there twice counts once.
    var lines: Int { Set(modules).reduce(0) { $0 + (ModuleLines.counts[$1] ?? 0) } }

    // MARK: by architecture

    private static let engine = ["HypervisorCore", "Processor", "DeviceModel", "Devices", "Boot", "CHost", "Basics"]
    private static let stack = ["VMBus", "Services", "Network", "Worker", "WorkerProtocol", "Persistence"]
    private static let disks = ["Storage"]
    private static let ofUser = "all that its user may; its files are open, and what is opened later passes no filter"

    /// The parts of an architecture, those first that hold the guest's memory.
    static func parts(of architecture: Architecture) -> [TrustedPart] {
        switch architecture {
        case .trapAndEmulate:
            // No card, no bus between partitions, and so no switch.
            [
                TrustedPart(
                    process: .worker, number: "one for each machine",
                    modules: engine + ["Worker", "WorkerProtocol", "Persistence"] + disks,
                    reach: "this guest's memory, registers and disks; no other guest's", privileges: ofUser)
            ]
        case .microkernel, .monolithic:
            [
                TrustedPart(
                    process: .worker, number: "one for each machine", modules: engine + stack + disks,
                    reach: "this guest's memory, registers and disks; no other guest's", privileges: ofUser),
                frames,
            ]
        case .driverDomain:
            [
                TrustedPart(
                    process: .worker, number: "one for each machine", modules: engine + stack,
                    reach: "this guest's memory and registers, and through requests its disks; no other guest's", privileges: ofUser),
                TrustedPart(
                    process: .diskService, number: "one for each disk", modules: disks + ["DiskHost", "CHost", "Basics"],
                    reach: "this disk and what is under way to it; no memory and no register of a guest's",
                    privileges: "its images, a socket and 5 MiB of shared memory; it may open nothing"),
                frames,
            ]
        case .hosted:
            [
                TrustedPart(
                    process: .hosted, number: "one for all machines", modules: engine + stack + disks,
                    reach: "memory, registers and disks of all its guests", privileges: ofUser),
                frames,
            ]
        }
    }

    /// The same under every architecture.
    private static let frames = TrustedPart(
        process: .virtualSwitch, number: "one for each switch",
        modules: ["SwitchHost", "Network", "WorkerProtocol", "Persistence", "CHost", "Basics"],
        reach: "frames of those that are connected to it",
        privileges: "all that its user may; sockets of its ports and the host's devices for it")
}
