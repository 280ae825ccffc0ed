import Basics
import Management

extension Cmdlet {
    /// `Get-VMSwitch`.
    static let getVMSwitch = Cmdlet(
        "Get", "VMSwitch", synopsis: "Gets virtual switches.",
        details: "A name without wildcards that nothing has is an error; a pattern that matches nothing gives an empty list.",
        departures: ["Names are unique within a store, without regard to letter case.", "-SwitchType knows NAT, too."],
        sets: [.init("Name", isDefault: true, shape: .oneIfSingle(["Name"])), .init("Id", shape: .oneIfSingle(["Id"]))],
        parameters: [
            .switchName(many: false, mandatory: false, sets: ["Name"], pipeline: []),
            Parameter(
                "Id", .guid, "Identifiers of virtual switches.", aliases: ["SwitchId"], sets: ["Id"], position: 0,
                pipeline: [.byValue, .byPropertyName], many: true),
            .switchPool(),
            Parameter(
                "SwitchType", .enumeration("VMSwitchType", ["Private", "Internal", "External", "NAT"]), "Only switches of these kinds.",
                many: true),
        ] + Parameter.remote(sets: []),
        output: "VMSwitch",
        examples: [
            Example("Get-VMSwitch", "All virtual switches."),
            Example("Get-VMSwitch -SwitchType NAT", "Those that need no privilege to lead out."),
        ],
        body: .perCall { invocation in
            let host = invocation.context.host
            let kinds = invocation.list("SwitchType").map { Set($0.map(\.text)) }
            let pooled = try invocation.list("ResourcePoolName").map { names in
                Set(try names.flatMap { try host.switches(in: host.resourcePool(named: $0.text, .ethernet)).map(\.id) })
            }
            func emit(_ found: VirtualSwitch) throws {
                if let pooled, !pooled.contains(found.id) { return }
                if let kinds, try !kinds.contains(found.configuration().switchType.rawValue) { return }
                try invocation.emit(.object(VirtualSwitchObject(found)))
            }
            if let ids = invocation.list("Id") {
                for id in ids.compactMap({ GUID($0.text) }) {
                    do {
                        try emit(try host.virtualSwitch(id: id))
                    } catch let error as ManagementError {
                        try invocation.report(error)
                    }
                }
                return
            }
            guard let name = invocation.argument("Name") else { return try host.switches().forEach(emit) }
            if case .object(let object) = name { return try emit(try object.virtualSwitch()) }
            guard WildcardPattern.isPattern(name.text) else { return try emit(try host.virtualSwitch(named: name.text)) }
            try host.switches(matching: name.text).forEach(emit)
        })
}
