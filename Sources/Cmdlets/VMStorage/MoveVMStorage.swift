import Basics
import Management
import Persistence

extension Cmdlet {
    private static let single = ["NameSingleDestination", "VMSingleDestination"]
    private static let multiple = ["NameMultipleDestinations", "VMMultipleDestinations"]

    /// `Move-VMStorage`.
    static let moveVMStorage = Cmdlet(
        "Move", "VMStorage", synopsis: "Moves the disks and the checkpoints' memory of a virtual machine to other folders.",
        details:
            "The machine may be off, saved or running; a running guest goes on, and Get-VM shows how far it is. With -DestinationStoragePath disks go into that folder's “Virtual Hard Disks” and memory into its “Snapshots”. A disk moves with all images under and above it. Nothing is replaced; old files are deleted when the new ones are in use. -WhatIf lists the files. Stopped or cut off, what is not moved by then stays as it was, and the next start deletes what was half done.",
        departures: [
            "The configuration and a saved state stay in the store.",
            "Images that the user made a disk on are copied, too, and stay unless -RemoveSourceUnmanagedVhds is given and no other machine uses them.",
        ],
        sets: [
            .init("NameSingleDestination", isDefault: true, shape: .nothing), .init("NameMultipleDestinations", shape: .nothing),
            .init("VMSingleDestination", shape: .nothing), .init("VMMultipleDestinations", shape: .nothing),
        ],
        parameters: [
            Parameter(
                "Name", .name(of: "VirtualMachine"), "Name of the virtual machine.", aliases: ["VMName"],
                sets: ["NameSingleDestination", "NameMultipleDestinations"], mandatory: true, position: 0, pipeline: .byValue,
                completion: .vmName),
            Parameter(
                "VM", .object("VirtualMachine"), "The virtual machine.", sets: ["VMSingleDestination", "VMMultipleDestinations"],
                mandatory: true, position: 0, pipeline: .byValue, completion: .vmName),
            Parameter(
                "DestinationStoragePath", .path, "The folder that everything goes to.", sets: single, mandatory: true, position: 1,
                completion: .path),
            Parameter(
                "VirtualMachinePath", .path, "The folder for its configuration.", sets: multiple,
                effect: .refused("configurations lie in the store; choose another store with --store and Export-VM")),
            Parameter(
                "SnapshotFilePath", .path, "The folder for the memory of checkpoints, also of new ones.",
                aliases: ["CheckpointFileLocation", "SnapshotFileLocation"], sets: multiple, completion: .path),
            Parameter(
                "SmartPagingFilePath", .path, "The folder for a paging file.", sets: multiple, effect: .noEffect("there is no smart paging")
            ),
            Parameter(
                "Vhds", .table, "Disks by themselves: tables {SourceFilePath=…, DestinationFilePath=…}.", sets: multiple, many: true),
            Parameter(
                "ResourcePoolName", .string, "A pool that the disks are of afterwards.",
                effect: .refused("a moved disk stays in its pool; Set-VMHardDiskDrive -ResourcePoolName changes that")),
            Parameter("RetainVhdCopiesOnSource", .switched, "Keeps the old files of images that others stand on."),
            Parameter("RemoveSourceUnmanagedVhds", .switched, "Deletes the old files of parents that the user made, too."),
            Parameter(
                "AllowUnverifiedPaths", .switched, "Accepts paths that a cluster does not know.", effect: .noEffect("there are no clusters")
            ),
            .asJob,
        ] + Parameter.remote(sets: ["NameSingleDestination", "NameMultipleDestinations"]),
        output: nil,
        examples: [
            Example("Move-VMStorage web01 /srv/fast/web01", "All of it, while web01 runs."),
            Example(
                "Move-VMStorage web01 -VHDs @{ SourceFilePath = '/srv/disks/web01.vhdx'; DestinationFilePath = '/srv/fast/web01.vhdx' }",
                "One disk with its checkpoints' images."),
        ],
        shouldProcess: true,
        plan: { invocation, target in
            let machine = try target.virtualMachine()
            let steps = try machine.planStorageMove(to: invocation.storageDestinations()).flatMap { move in
                move.files.map { file in
                    "\(file.staysAtSource ? "copies" : "moves") \(file.source) (\(SizeText.about(file.size))) to \(file.destination)"
                } + (move.snapshotFileLocation.map { ["new checkpoints' memory goes to \($0)"] } ?? [])
            }
            return ([machine.name] + (steps.isEmpty ? ["everything is there already"] : steps)).joined(separator: "; ")
        },
        body: .perTarget(parameters: ["Name", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            try invocation.withTransferProgress("Moving the storage of \(machine.name)") { isCancelled, progress in
                _ = try machine.moveStorage(to: invocation.storageDestinations(), isCancelled: isCancelled) { progress($0, 0) }
            }
        })
}

extension Invocation {
    fileprivate func storageDestinations() throws -> StorageDestinations {
        var destinations = StorageDestinations()
        destinations.folder = string("DestinationStoragePath")
        destinations.snapshots = string("SnapshotFilePath")
        destinations.keepsParents = isOn("RetainVhdCopiesOnSource")
        destinations.removesUnmanaged = isOn("RemoveSourceUnmanagedVhds")
        destinations.images = try (list("Vhds") ?? []).map { value in
            guard case .record(let record) = value, let source = record["SourceFilePath"]?.stringValue,
                let destination = record["DestinationFilePath"]?.stringValue
            else {
                throw ErrorRecord(
                    "Move-VMStorage: -Vhds takes tables {SourceFilePath=…, DestinationFilePath=…}.", "ParameterBindingFailed",
                    .invalidArgument, cmdlet: "Move-VMStorage")
            }
            return (source, destination)
        }
        guard destinations.folder != nil || destinations.snapshots != nil || !destinations.images.isEmpty else {
            throw ErrorRecord(
                "Move-VMStorage: nothing says what goes where.", "ParameterBindingFailed", .invalidArgument,
                action: "Give -DestinationStoragePath, -Vhds or -SnapshotFilePath.", cmdlet: "Move-VMStorage")
        }
        return destinations
    }
}
