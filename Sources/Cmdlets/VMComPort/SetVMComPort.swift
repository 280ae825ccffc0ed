import Management
import Storage

extension Cmdlet {
    /// `Set-VMComPort`.
    static let setVMComPort = Cmdlet(
        "Set", "VMComPort", synopsis: "Lets serial ports of virtual machines lead to sockets of this host.",
        details:
            "-Path is the file of a Unix socket; whoever connects reads what the guest writes from then on, and writes to it. The socket is there while the machine runs, for the same user only. A running machine follows at once. Connect-VMConsole needs no socket.",
        departures: [
            #"A pipe's name, \\.\pipe\NAME, is the socket NAME in the folder pipes of the store."#,
            #"-Path "" takes the socket away, as none does in the module."#,
        ],
        sets: ["VMName", "VMObject", "VMComPort"].map {
            .init($0, isDefault: $0 == "VMName", shape: .passthru(["VMName", "VM", "VMComPort"]))
        },
        parameters: Parameter.partTargets + [
            Parameter(
                "VMComPort", .object("VMComPort"), "Ports, as Get-VMComPort gives them.", sets: ["VMComPort"], mandatory: true, position: 0,
                pipeline: .byValue, many: true),
            Parameter("Number", .integer(1...2), "Which port.", sets: ["VMName", "VMObject"], mandatory: true),
            Parameter("Path", .string, "The socket; empty or none: none.", position: 1, completion: .path, allowsEmpty: true),
            Parameter(
                "DebuggerMode", .enumeration("OnOffState", ["On", "Off"]), "Whether a debugger uses the port.",
                effect: .noEffect("a port carries bytes as they come, for debuggers too")),
            .passthru,
        ],
        output: "VMComPort",
        examples: [Example("Set-VMComPort web01 -Number 1 -Path /run/web01.sock", "The first serial port leads to that socket.")],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMComPort"]) { invocation, target in
            let machine = try target.virtualMachine()
            let own = (target as? ComponentObject).flatMap { $0.type.name == "VMComPort" ? $0.identity.last?.wholeNumberValue : nil }
            guard let number = own ?? invocation.number("Number") else { return }
            if let text = invocation.string("Path") {
                let path = try invocation.socketPath(text)
                try machine.configure { configuration in
                    var paths = configuration.comPortPaths ?? [:]
                    paths[number] = path
                    configuration.comPortPaths = paths.isEmpty ? nil : paths
                }
            }
            if invocation.isOn("Passthru") { try invocation.emit(.object(ComponentObject.comPort(machine, number))) }
        })
}

extension Invocation {
    /// The path of a port's socket; nil: none.
    fileprivate func socketPath(_ text: String) throws -> String? {
        guard !text.isEmpty, text.lowercased() != "none" else { return nil }
        let prefix = #"\\.\pipe\"#
        guard text.lowercased().hasPrefix(prefix) else { return DiskOperations.absolutePath(text) }
        let name = String(text.dropFirst(prefix.count))
        guard !name.isEmpty, !name.contains("/"), !name.contains(#"\"#), name != ".", name != ".." else {
            throw ErrorRecord(
                "Set-VMComPort -Path “\(text)” is not a pipe's name.", "ComPortPathInvalid", .invalidArgument, target: text,
                action: "Name a socket, like /run/web01.sock.", cmdlet: "Set-VMComPort")
        }
        return try context.host.pipeFolder() + "/" + name
    }
}
