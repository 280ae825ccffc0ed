import Basics
import Management

extension Cmdlet {
    /// `Get-VHD`.
    static let getVHD = Cmdlet(
        "Get", "VHD", synopsis: "Gets what virtual hard disk files say about themselves.",
        details:
            "The file's name says its format: .vhdx, .avhdx, .vhd, .avhd, .raw, .img or .iso. Parents are not needed. MinimumSize needs the whole chain and a partition table.",
        departures: [
            "Files of raw disks and ISO images are described too.",
            "Attached is true when the file is open for writing; a disk that is only read by others does not show it, unless it is mounted.",
        ],
        sets: [
            .init("Path", isDefault: true, shape: .oneIfSingle(["Path"])), .init("Disk", shape: .one), .init("VMId", shape: .many),
        ],
        parameters: [
            .vhdPath(many: true, sets: ["Path"]),
            Parameter(
                "DiskNumber", .integer(0...Int64(UInt32.max)), "Number of a mounted disk.", aliases: ["Number"], sets: ["Disk"],
                mandatory: true, position: 0, pipeline: .byPropertyName),
            Parameter(
                "VMId", .guid, "Identifiers of virtual machines, whose hard disks are described.", aliases: ["Id"], sets: ["VMId"],
                mandatory: true, position: 0,
                pipeline: [.byValue, .byPropertyName], many: true),
        ] + Parameter.remote(sets: []),
        output: "VirtualHardDisk",
        examples: [
            Example("Get-VHD /srv/disks/web01.vhdx", "Format, kind and sizes of the disk."),
            Example("Get-VHD -VMId (Get-VM web01).Id", "All hard disks of a virtual machine."),
            Example("Get-VHD -DiskNumber 0", "The disk that is mounted under that number."),
            Example("(Get-VHD web01.avhdx).ParentPath", "Where its parent should be."),
        ],
        body: .perCall { invocation in
            for value in invocation.list("Path") ?? [] {
                do { try invocation.emitDisk(value.text) } catch { try invocation.report(error) }
            }
            if let number = invocation.integer("DiskNumber") {
                try invocation.emitDisk(try invocation.context.host.mountedDisk(number: UInt32(clamping: number)).path)
            }
            for value in invocation.list("VMId") ?? [] {
                do {
                    guard let id = GUID(value.text) else { continue }
                    for placed in try invocation.context.host.machine(id: id).configuration().drives where placed.drive.kind == .hardDisk {
                        guard let path = placed.drive.path else { continue }
                        do { try invocation.emitDisk(path) } catch { try invocation.report(error) }
                    }
                } catch { try invocation.report(error) }
            }
        })
}
