import Basics
import Management

extension Cmdlet {
    /// `Get-VM`.
    static let getVM = Cmdlet(
        "Get", "VM", aliases: ["gvm"], synopsis: "Gets virtual machines.",
        details: "A name without wildcards that nothing has is an error; a pattern that matches nothing gives an empty list.",
        departures: ["Names are unique within a store, without regard to letter case."],
        sets: [
            .init("Name", isDefault: true, shape: .oneIfSingle(["Name"])), .init("Id", shape: .one), .init("ClusterObject", shape: .many),
        ],
        parameters: [
            .vmName(mandatory: false),
            Parameter(
                "Id", .guid, "Identifier of the virtual machine.", sets: ["Id"], mandatory: false, position: 0,
                pipeline: [.byValue, .byPropertyName]),
            Parameter(
                "ClusterObject", .any, "A cluster's resource.", sets: ["ClusterObject"], mandatory: true, position: 0,
                effect: .refused("there are no clusters here")),
        ] + Parameter.remote(sets: ["Name", "Id"]),
        output: "VirtualMachine",
        examples: [
            Example("Get-VM", "All virtual machines."),
            Example("Get-VM web* | Where-Object State -eq Running", "The running ones whose names begin with web."),
        ],
        direct: { context, name in context.host.knownMachine(named: name).map { .object(VirtualMachineObject($0)) } },
        body: .perCall { invocation in
            let host = invocation.context.host
            if let id = invocation.string("Id").flatMap({ GUID($0) }) {
                return try invocation.emit(.object(VirtualMachineObject(try host.machine(id: id))))
            }
            guard let names = invocation.list("Name") else {
                for machine in try host.machines() { try invocation.emit(.object(VirtualMachineObject(machine))) }
                return
            }
            for name in names {
                let found: [any LiveObject]
                do {
                    found = try ObjectResolver.resolve(name, of: .name(of: "VirtualMachine"), invocation.cmdlet, invocation.context) { _ in
                    }
                } catch {
                    try invocation.report(error)
                    continue
                }
                for object in found { try invocation.emit(.object(object)) }
            }
        })
}
