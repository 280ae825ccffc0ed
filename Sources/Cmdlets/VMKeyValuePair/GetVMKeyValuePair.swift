import Basics

extension Cmdlet {
    /// `Get-VMKeyValuePair`.
    static let getVMKeyValuePair = Cmdlet(
        "Get", "VMKeyValuePair", synopsis: "Gets the pairs of the key-value exchange with running guests.",
        details:
            "The guest is asked every minute, and for its addresses more often; what is shown is its last answer. Under Linux the pools are the files /var/lib/hyperv/.kvp_pool_N: 0 holds the host's pairs, 1 those of the guest's programs.",
        sets: [.init("VMName", isDefault: true, shape: .many), .init("VMObject", shape: .many)],
        parameters: [
            .partVMName(), .vm(),
            Parameter("Key", .string, "Only these keys; wildcards are accepted.", position: 1, many: true, wildcards: true, ours: true),
            Parameter(
                "Pool", .enumeration("VMKeyValuePool", ["Intrinsic", "Guest", "Host"]), "Only pairs of these pools.", many: true,
                ours: true),
        ],
        output: "VMKeyValuePair",
        examples: [
            Example("Get-VMKeyValuePair web01", "All that web01's guest tells, and what it was told."),
            Example("Get-VMKeyValuePair web01 -Key OS* -Pool Intrinsic", "Its system, as its daemon names it."),
        ],
        ours: true,
        body: .perTarget(parameters: ["VMName", "VM"]) { invocation, target in
            let machine = try target.virtualMachine()
            let keys = invocation.list("Key")?.map { WildcardPattern($0.text) }
            let pools = invocation.list("Pool")?.map(\.text)
            for pair in try machine.guestInformation()?.pairs ?? []
            where keys.map({ $0.contains { $0.matches(pair.key) } }) ?? true && pools?.contains(pair.pool.rawValue) ?? true {
                try invocation.emit(.object(VMKeyValuePairObject(machine, pair)))
            }
        })
}
