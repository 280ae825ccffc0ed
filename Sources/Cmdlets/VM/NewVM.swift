import Basics
import Management
import Persistence

extension Cmdlet {
    /// `New-VM`.
    static let newVM = Cmdlet(
        "New", "VM", synopsis: "Makes a virtual machine.",
        details:
            "It has one SCSI controller and one network adapter, and is off until Start-VM. With -KernelPath it boots a Linux kernel (or a multiboot image) directly; these settings are part of its firmware (Set-VMFirmware).",
        departures: [
            "Generation is 2 unless given.",
            "Names are unique within a store without regard to letter case, and may not contain * ? [ ] or a path's separators.",
            "There is no firmware that boots from a device yet: -KernelPath boots a kernel, whose root may be the disk (/dev/sda).",
            "-AllowedParentPath is ours: a differencing disk's parent outside its folder is opened only when it is named so.",
            "-FromCheckpoint is ours. Clones have ids and MAC addresses of their own, but a guest that goes on from memory does not know it: until it is told (by key-value pairs, and by its virtual machine generation counter where it has a driver for it) clones share host name, addresses and the state of random number generators.",
            "Its configuration lies in the store in any case; -Path says where its disks and checkpoints go.",
            "Generation 1 is stored, but without a kernel it does not start: there is no BIOS firmware yet.",
        ],
        sets: [
            .init("No VHD", isDefault: true, shape: newVMShape), .init("New VHD", shape: newVMShape),
            .init("Existing VHD", shape: newVMShape), .init("From Checkpoint", shape: newVMShape),
        ],
        parameters: [
            Parameter(
                "Name", .string, "Name of the new virtual machine.", aliases: ["VMName"], position: 0,
                pipeline: [.byValue, .byPropertyName],
                default: .string("New Virtual Machine")),
            Parameter("MemoryStartupBytes", .bytes, "Memory that it starts with, like 512MB.", position: 1),
            Parameter("Generation", .integer(1...2), "Its generation.", position: 2, default: .integer(2)),
            Parameter("NoVHD", .switched, "Makes no disk, which is what happens without it too.", sets: ["No VHD"]),
            Parameter(
                "NewVHDPath", .path,
                "A dynamic disk to make and attach (.vhdx or .vhd); a name alone lies in the machine's folder (-Path), else in the host's for disks (Set-VMHost).",
                sets: ["New VHD"], mandatory: true,
                completion: .path),
            Parameter("NewVHDSizeBytes", .bytes, "Size of the disk to make.", sets: ["New VHD"], mandatory: true),
            Parameter("VHDPath", .path, "A disk to attach.", sets: ["Existing VHD"], mandatory: true, completion: .path),
            Parameter(
                "BootDevice", .enumeration("BootDevice", ["Floppy", "CD", "IDE", "LegacyNetworkAdapter", "NetworkAdapter", "VHD"]),
                "CD adds an empty DVD drive; VHD and NetworkAdapter are there anyway. Which one is booted from has no effect yet."),
            Parameter("SwitchName", .string, "The virtual switch that its network adapter is connected to."),
            Parameter(
                "Path", .path,
                "The folder in which it gets one of its own, for its checkpoints and for new disks whose names say no folder; Set-VMHost -VirtualMachinePath unless given.",
                completion: .path),
            Parameter("Version", .string, "Version of its configuration.", effect: .noEffect("there is one version of configurations")),
            Parameter("Prerelease", .switched, "Allows a prerelease version.", effect: .noEffect("there is one version of configurations")),
            Parameter(
                "Experimental", .switched, "Allows an experimental version.", effect: .noEffect("there is one version of configurations")),
            Parameter(
                "SourceGuestStatePath", .path, "A guest state file to copy.", effect: .refused("there are no guest state files")),
            Parameter(
                "GuestStateIsolationType", .enumeration("GuestIsolationType", ["TrustedLaunch", "VBS", "SNP", "TDX", "Disabled"]),
                "Kind of isolation from the host.", effect: .refused("no isolation technology is there")),
            .force(), .asJob,
            Parameter("KernelPath", .path, "Linux kernel or multiboot image to boot.", completion: .path, ours: true),
            Parameter("InitialRamdiskPath", .path, "Initial ramdisk for the kernel.", completion: .path, ours: true),
            Parameter("KernelArguments", .string, "The kernel's command line.", ours: true),
            Parameter("ProcessorCount", .integer(1...8), "Number of virtual processors.", default: .integer(1), ours: true),
            Parameter("Notes", .string, "Free text.", ours: true, allowsEmpty: true),
            Parameter(
                "TimeMode", .enumeration("TimeMode", ["Real", "Exact"]), "Real time, or Exact: the same inputs give the same run.",
                default: .string("Real"), ours: true),
            .architecture,
            Parameter("Seed", .integer(0...Int64.max), "Exact mode's seed; without it one is drawn.", ours: true),
            Parameter(
                "AllowedParentPath", .path, "With -VHDPath: parents of a differencing disk outside its folder that may be opened.",
                sets: ["Existing VHD"], many: true, completion: .path, ours: true),
            Parameter(
                "FromCheckpoint", .object("VMSnapshot"),
                "Makes linked clones of the machine as it was at this checkpoint: their disks stand on its disks, Start-VM goes on from its memory.",
                sets: ["From Checkpoint"], mandatory: true, ours: true),
            Parameter(
                "Count", .integer(1...1000),
                "Makes that many, with a number from 1 appended to the name (for clones after a hyphen); all are checked before the first is made.",
                ours: true),
        ] + Parameter.remote(sets: []),
        output: "VirtualMachine",
        examples: [
            Example("New-VM web01 512MB -NoVHD", "A virtual machine with 512 MiB of memory."),
            Example(
                "New-VM web01 1GB -NewVHDPath /srv/web01.vhdx -NewVHDSizeBytes 8GB -SwitchName inside", "One with a new disk, on a switch."),
            Example(
                "local ready = Get-VMSnapshot golden ready; New-VM web -FromCheckpoint $ready -Count 10 | Start-VM",
                "Ten clones, web-1 to web-10, that go on from the same instant."),
            Example(
                "New-VM -Name web01 -KernelPath /boot/vmlinuz -InitialRamdiskPath /boot/initrd.img -KernelArguments 'console=ttyS0'",
                "One that boots the host's kernel."),
        ],
        shouldProcess: true,
        body: .perCall { invocation in
            let name = invocation.string("Name") ?? "New Virtual Machine"
            for (parameter, text) in [("Name", name), ("KernelPath", invocation.string("KernelPath") ?? "")] where text.contains("$") {
                invocation.warn(
                    "New-VM -\(parameter) “\(text)” contains a $; variables are expanded only in double quotes of the command form.")
            }
            var base = VirtualMachineSpecification(name: name)
            base.generation = Int(invocation.integer("Generation") ?? 2)
            if let bytes = invocation.integer("MemoryStartupBytes") { base.memoryStartupBytes = UInt64(bytes) }
            base.processorCount = Int(invocation.integer("ProcessorCount") ?? 1)
            base.notes = invocation.string("Notes") ?? ""
            base.firmware.kernelPath = invocation.string("KernelPath")
            base.firmware.initialRamdiskPath = invocation.string("InitialRamdiskPath")
            base.firmware.kernelArguments = invocation.string("KernelArguments")
            base.architecture = try invocation.architecture() ?? invocation.context.host.settings().architecture
            base.timeMode = invocation.string("TimeMode").flatMap { .init(rawValue: $0) } ?? .real
            if let seed = invocation.integer("Seed") {
                guard base.timeMode == .exact else {
                    throw ErrorRecord(
                        "New-VM -Seed has a meaning only with -TimeMode Exact.", "AmbiguousParameterSet", .invalidArgument, target: name,
                        cmdlet: "New-VM")
                }
                base.seed = UInt64(seed)
            }
            let host = invocation.context.host
            if invocation.isGiven("FromCheckpoint"), invocation.isGiven("Path") {
                throw ErrorRecord(
                    "New-VM -Path and -FromCheckpoint do not go together: a linked clone's disks lie in its folder of the store.",
                    "AmbiguousParameterSet", .invalidArgument, target: name, cmdlet: "New-VM")
            }
            if !invocation.isGiven("Count") { base.path = try invocation.machineFolder(name) }
            if let checkpoint = invocation.list("FromCheckpoint") { return try invocation.makeClones(of: checkpoint.first, name) }
            try invocation.addDevices(to: &base)
            guard let count = invocation.integer("Count") else {
                guard try invocation.shouldProcess(name, "New-VM") else { return }
                let new = try invocation.withNewDisk { try host.create(base) }
                return try invocation.emit(.object(VirtualMachineObject(new)))
            }
            var specifications: [VirtualMachineSpecification] = []
            for number in 1...count {
                var specification = base
                specification.name = "\(name)\(number)"
                specification.path = try invocation.machineFolder(specification.name)
                if try invocation.shouldProcess(specification.name, "New-VM") { specifications.append(specification) }
            }
            for machine in try host.create(all: specifications) { try invocation.emit(.object(VirtualMachineObject(machine))) }
        })

    private static let newVMShape = Shape.computed("one, or a list with -Count") { $0.isGiven("Count") ? .many : .one }
}

extension Invocation {
    /// Clones named `name`, or with -Count `name-1` and so on.
    fileprivate func makeClones(of checkpoint: Value?, _ name: String) throws {
        let checkpoint = try Self.checkpoint(checkpoint, cmdlet.name)
        let names = integer("Count").map { count in (1...count).map { "\(name)-\($0)" } } ?? [name]
        let wanted = try names.filter { name in
            try shouldProcess(
                try context.host.planClone(checkpoint.id, of: checkpoint.machine).plan(for: "\(name), a clone of \(describe(checkpoint))"),
                cmdlet.name)
        }
        for machine in try context.host.clone(checkpoint.id, of: checkpoint.machine, names: wanted) {
            try emit(.object(VirtualMachineObject(machine)))
        }
    }
}
