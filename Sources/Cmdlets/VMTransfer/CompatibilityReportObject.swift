import Basics
import Management
import Persistence

/// A report of Compare-VM. It and its machine are of this session only.
final class CompatibilityReportObject: LiveObject {
    let report: CompatibilityReport

    init(_ report: CompatibilityReport) { self.report = report }

    var type: ObjectType { .compatibilityReport }
    /// The planned machine's handle is of this report alone.
    var identity: String { report.machine.id.description }
    var displayName: String { report.path }

    func snapshot() throws -> Record {
        let options = report.options
        func text(_ value: String?) -> Value { value.map { .string($0) } ?? .null }
        return Record(
            typeName: type.name,
            [
                ("VM", .object(VirtualMachineObject(report.machine))), ("VMName", .string(report.machine.name)),
                ("OperationType", .string("ImportVirtualMachine")), ("Destination", .string(LocalHost.name)),
                ("Path", .string(report.path)), ("SnapshotPath", text(options.memoryDestination)),
                ("VhdDestinationPath", text(options.diskDestination)), ("VhdSourcePath", text(options.diskSource)),
                ("Incompatibilities", .list(try report.incompatibilities().map { value(of: $0) })),
            ])
    }

    static func of(_ value: Value?, _ cmdlet: String) throws -> CompatibilityReport {
        guard case .object(let object) = value, let report = object as? CompatibilityReportObject else {
            throw ErrorRecord(
                "\(cmdlet) -CompatibilityReport takes a report of Compare-VM.", "ParameterBindingFailed", .invalidArgument, cmdlet: cmdlet)
        }
        return report.report
    }

    private func value(of found: CompatibilityReport.Incompatibility) -> Value {
        .record(
            Record(
                typeName: "VMIncompatibility",
                [("Message", .string(found.message)), ("MessageId", .string(found.identifier)), ("Source", source(of: found))]))
    }

    /// The part of the planned machine that does not fit.
    private func source(of found: CompatibilityReport.Incompatibility) -> Value {
        let machine = report.machine
        switch found.source {
        case .machine: return .object(VirtualMachineObject(machine))
        case .drive(let placed): return .object(DriveObject(machine, placed))
        case .adapter(let id):
            let adapter = (try? machine.configuration())?.adapters.first { $0.id == id }
            return adapter.map { .object(NetworkAdapterObject(machine, $0)) } ?? .null
        }
    }
}

extension ObjectType {
    static let compatibilityReport = ObjectType(
        name: "VMCompatibilityReport",
        properties: [
            .init("VM", "VirtualMachine", "The planned machine; cmdlets change it in memory."),
            .init("VMName", "String", "Its name."),
            .init("OperationType", "OperationType", "ImportVirtualMachine."),
            .init("Destination", "String", "This host."),
            .init("Path", "String", "The folder that was looked at."),
            .init("SnapshotPath", "String", "Where copies of checkpoints' memory go; nil: with the machine."),
            .init("VhdDestinationPath", "String", "Where copies of disks go; nil: into the host's folder for disks."),
            .init("VhdSourcePath", "String", "Where the disks lie; nil: in the folder."),
            .init("Incompatibilities", "VMIncompatibility[]", "What stands in the way now: Message, MessageId and Source."),
        ])
}
