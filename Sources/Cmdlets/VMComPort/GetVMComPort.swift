import Management

extension ObjectType {
    static let vmComPort = ObjectType(
        name: "VMComPort",
        properties: [
            .init("Name", "String", "COM 1 or COM 2."),
            .init("Number", "Int32", "1 or 2."),
            .init("Path", "String", "The socket that leads to it while the machine runs; empty: only the console of Connect-VMConsole."),
            .init("DebuggerMode", "OnOffState", "Off."),
            .init("Id", "String", "Identifier of this part."),
        ] + ComponentObject.common)
}

extension ComponentObject {
    /// A serial port of a virtual machine; `number` is 1 or 2.
    static func comPort(_ machine: VirtualMachine, _ number: Int) -> ComponentObject {
        ComponentObject(
            .vmComPort, identity: "\(machine.id)\\COM\(number)", displayName: "COM \(number)", machine: machine,
            read: {
                Record(
                    [
                        ("Name", .string("COM \(number)")), ("Number", .count(number)),
                        ("Path", .string(try machine.configuration().comPortPaths?[number] ?? "")),
                        ("DebuggerMode", .string("Off")),
                        ("Id", .string("\(machine.id)\\COM\(number)")),
                    ] + commonFields(machine))
            })
    }
}

extension Cmdlet {
    /// `Get-VMComPort`.
    static let getVMComPort = Cmdlet(
        "Get", "VMComPort", synopsis: "Gets the serial ports of virtual machines.",
        details: "Connect-VMConsole, Receive-VMConsole and Send-VMConsole are the way to what they carry.",
        sets: [
            .init("VMName", isDefault: true, shape: .oneIfSingleWith(["VMName", "VM"], given: ["Number"])),
            .init("VMObject", shape: .oneIfSingleWith(["VMName", "VM"], given: ["Number"])), .init("VMSnapshot", shape: .many),
        ],
        parameters: Parameter.partTargets + [
            Parameter("Number", .integer(1...2), "Which port.", position: 1), .vmSnapshot,
        ],
        output: "VMComPort",
        examples: [Example("Get-VMComPort web01 1", "The first serial port of web01.")],
        body: .perTarget(parameters: ["VMName", "VM", "VMSnapshot"]) { invocation, target in
            let machine = try target.virtualMachine()
            for number in 1...2 where invocation.integer("Number").map({ $0 == Int64(number) }) ?? true {
                try invocation.emit(.object(ComponentObject.comPort(machine, number)))
            }
        })
}
