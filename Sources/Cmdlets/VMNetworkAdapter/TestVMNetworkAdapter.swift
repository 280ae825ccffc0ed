import Management
import Persistence

extension Cmdlet {
    /// `Test-VMNetworkAdapter`.
    static let testVMNetworkAdapter = Cmdlet(
        "Test", "VMNetworkAdapter", synopsis: "Asks in the name of an adapter's guest whether another machine answers.",
        details:
            "The switch sends an ARP request and a ping from the adapter's MAC address and -SenderIPAddress, which should be the guest's own, and takes the ping's answer from its way. VLANs and access rules of both sides hold. The guest itself is not asked and need not have anything for that; the receiver's must answer pings. No answer within two seconds is the error ConnectionTestFailed.",
        departures: [
            "The result has RoundTripMicroseconds beside RoundTripTime, which counts milliseconds.", "Addresses are IPv4.",
            "The receiver's guest answers itself; -Receiver is refused.",
        ],
        sets: ["VMName", "ResourceObject", "VMObject"].map { .init($0, isDefault: $0 == "VMName", shape: .one) },
        parameters: [
            Parameter(
                "VMName", .name(of: "VirtualMachine"), "Name of the virtual machine.", sets: ["VMName"], mandatory: true, position: 0,
                pipeline: .byValue, completion: .vmName),
            Parameter(
                "VM", .object("VirtualMachine"), "A virtual machine object.", sets: ["VMObject"], mandatory: true, position: 0,
                pipeline: .byValue, completion: .vmName),
            .vmNetworkAdapter(many: false), .adapterName(sets: ["VMName", "VMObject"]),
            Parameter("Sender", .switched, "The adapter sends, which it does anyway."),
            Parameter(
                "Receiver", .switched, "The adapter answers.", effect: .refused("the receiver's guest answers itself; test from the sender")
            ),
            Parameter("SenderIPAddress", .string, "The guest's IPv4 address.", mandatory: true),
            Parameter("ReceiverIPAddress", .string, "The other's IPv4 address.", mandatory: true),
            Parameter("NextHopMacAddress", .string, "The MAC address that it goes to; without it ARP says which."),
            Parameter("IsolationId", .integer(0...4094), "The VLAN, where the adapter has several."),
            Parameter("SequenceNumber", .integer(0...65_535), "Number of the ping.", mandatory: true),
            Parameter("PayloadSize", .integer(0...1472), "Bytes of the ping; 32 unless given."),
            Parameter("Passthru", .switched, "Gives the result, which is given anyway."),
        ] + Parameter.remote(sets: ["VMName"]),
        output: "VMNetworkAdapterConnectionTestResult",
        examples: [
            Example(
                "Test-VMNetworkAdapter web01 -Sender -SenderIPAddress 10.0.0.1 -ReceiverIPAddress 10.0.0.2 -SequenceNumber 1",
                "Whether web01 reaches 10.0.0.2, and how fast.")
        ],
        shouldProcess: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            let (machine, chosen) = try invocation.adapters(of: target)
            guard let adapter = chosen.first, chosen.count == 1 else {
                throw ErrorRecord(
                    "Test-VMNetworkAdapter: “\(machine.name)” has \(chosen.count) such adapters.", "AdapterAmbiguous", .invalidArgument,
                    target: machine.name, action: "Say which one with -Name.", cmdlet: "Test-VMNetworkAdapter")
            }
            guard let id = adapter.switchId else {
                throw ErrorRecord(
                    "The adapter “\(adapter.name)” of “\(machine.name)” is on no switch.", "AdapterNotConnected", .invalidOperation,
                    target: adapter.name, action: "Connect it first: Connect-VMNetworkAdapter", cmdlet: "Test-VMNetworkAdapter")
            }
            let receiver = invocation.string("ReceiverIPAddress") ?? ""
            let result = try machine.host.virtualSwitch(id: id).testConnection(
                adapter: adapter.id, sender: try invocation.ipv4("SenderIPAddress"), receiver: try invocation.ipv4("ReceiverIPAddress"),
                nextHop: try invocation.macAddress("NextHopMacAddress"), sequence: UInt16(invocation.number("SequenceNumber") ?? 0),
                payload: invocation.number("PayloadSize") ?? 32, network: invocation.number("IsolationId"),
                isCancelled: { (try? invocation.checkCancelled()) == nil })
            try invocation.checkCancelled()
            guard let time = result.roundTrip else {
                let why = result.isResolved ? "\(receiver) answers no ping" : "nobody says that it has the address \(receiver)"
                throw ErrorRecord(
                    "“\(adapter.name)” of “\(machine.name)” does not reach \(receiver): \(why).", "ConnectionTestFailed",
                    .operationTimeout, target: receiver,
                    action: "Look at switch, VLAN (Get-VMNetworkAdapterVlan) and rules (Get-VMNetworkAdapterAcl) of both.",
                    cmdlet: "Test-VMNetworkAdapter")
            }
            try invocation.emit(
                .record(
                    Record(
                        typeName: "VMNetworkAdapterConnectionTestResult",
                        [("RoundTripTime", .count(time / 1_000_000)), ("RoundTripMicroseconds", .count(time / 1000))])))
        })
}

extension Invocation {
    /// An IPv4 address as a number, its first byte highest.
    fileprivate func ipv4(_ parameter: String) throws -> UInt32 {
        let text = string(parameter) ?? ""
        guard case .ipv4(let address, prefix: 32)? = NetworkPattern(text), !text.contains("/") else {
            throw ErrorRecord(
                "\(cmdlet.name) -\(parameter) “\(text)” is no IPv4 address.", "AddressInvalid", .invalidArgument, target: text,
                action: "Write one like 10.0.0.1.", cmdlet: cmdlet.name)
        }
        return address
    }
}
