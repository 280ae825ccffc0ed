import Basics
import WorkerProtocol

extension Cmdlet {
    /// `Set-VMNetworkAdapterIPConfiguration`.
    static let setVMNetworkAdapterIPConfiguration = Cmdlet(
        "Set", "VMNetworkAdapterIPConfiguration", synopsis: "Gives network adapters of running guests addresses, through the guest's help.",
        details:
            "The request goes through the key-value exchange to the guest's daemon, which under Linux runs the script /usr/libexec/hypervkvpd/hv_set_ifconfig. Debian brings none: its guests refuse with the result 0x80004005 until such a script is there. The addresses of one call are all of one family.",
        sets: [
            .init("VMName", isDefault: true, shape: .nothing), .init("VMObject", shape: .nothing), .init("ResourceObject", shape: .nothing),
        ],
        parameters: [
            .partVMName(), .vm(), .vmNetworkAdapter(many: true), .adapterName(sets: ["VMName", "VMObject"]),
            Parameter("IPAddress", .string, "Its addresses.", many: true, ours: true),
            Parameter("Subnet", .string, "A mask or prefix length for each address.", many: true, ours: true),
            Parameter("DefaultGateway", .string, "Its gateways.", many: true, ours: true),
            Parameter("DNSServer", .string, "Its name servers.", many: true, ours: true),
            Parameter("Dhcp", .switched, "Asks DHCP instead.", ours: true),
        ],
        examples: [
            Example(
                "Set-VMNetworkAdapterIPConfiguration web01 -IPAddress 10.0.0.7 -Subnet 255.255.255.0 -DefaultGateway 10.0.0.1",
                "Gives web01's only adapter a fixed address."),
            Example("Set-VMNetworkAdapterIPConfiguration web01 -Dhcp", "Lets DHCP give it one again."),
        ],
        shouldProcess: true, ours: true,
        body: .perTarget(parameters: ["VMName", "VM", "VMNetworkAdapter"]) { invocation, target in
            func texts(_ name: String) -> [String] { (invocation.list(name) ?? []).map(\.text) }
            var wanted = IPConfiguration()
            wanted.usesDHCP = invocation.isOn("Dhcp")
            (wanted.addresses, wanted.subnets) = (texts("IPAddress"), texts("Subnet"))
            (wanted.gateways, wanted.nameServers) = (texts("DefaultGateway"), texts("DNSServer"))
            func misuse(_ text: String, _ action: String) -> ErrorRecord {
                ErrorRecord(
                    "\(invocation.cmdlet.name): \(text)", "AmbiguousParameterSet", .invalidArgument, target: target.displayName,
                    action: action,
                    cmdlet: invocation.cmdlet.name)
            }
            guard wanted.usesDHCP == wanted.addresses.isEmpty else {
                throw misuse("give either addresses or -Dhcp.", "Name -IPAddress and -Subnet, or -Dhcp alone.")
            }
            guard wanted.addresses.count == wanted.subnets.count else {
                throw misuse(
                    "\(wanted.addresses.count) addresses, but \(wanted.subnets.count) subnets.", "Name one -Subnet for each -IPAddress.")
            }
            let (machine, adapters) = try invocation.adapters(of: target)
            guard let adapter = adapters.first, adapters.count == 1 || wanted.usesDHCP else {
                throw misuse("“\(machine.name)” has \(adapters.count) adapters.", "Name one of them by -Name.")
            }
            for adapter in wanted.usesDHCP ? adapters : [adapter] {
                try machine.configureAddresses(adapter: adapter.id, wanted)
            }
        })
}
