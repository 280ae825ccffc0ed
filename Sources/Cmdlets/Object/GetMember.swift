import Basics

extension Cmdlet {
    /// `Get-Member`: the properties of objects.
    static let getMember = Cmdlet(
        "Get", "Member", aliases: ["gm"], synopsis: "Shows the properties of objects, with their types and meaning.",
        sets: [.init("Default", shape: .many)],
        parameters: [
            Parameter(
                "Name", .string, "Names of the properties to show.", position: 0, many: true, default: .list([.string("*")]),
                wildcards: true),
            .inputObject,
        ],
        output: "MemberDefinition",
        examples: [Example("Get-VM | Get-Member", "What a virtual machine tells of itself.")],
        inputFirst: true,
        body: .streaming { invocation in
            var seen: Set<String> = []
            let patterns = (invocation.list("Name") ?? []).map { WildcardPattern($0.text) }
            return StreamClosures { value in
                guard seen.insert(value.typeName).inserted else { return true }
                var members: [(String, String, String)] = []
                switch value {
                case .object(let object): members = object.type.properties.map { ($0.name, $0.type, $0.summary) }
                case .record(let record): members = record.fields.map { ($0.name, $0.value.typeName, "") }
                default:
                    members = try PropertyReader.names(of: value).map {
                        ($0, try PropertyReader.property($0, of: value)?.typeName ?? "Object", "")
                    }
                }
                for (name, type, summary) in members where patterns.contains(where: { $0.matches(name) }) {
                    try invocation.emit(
                        .record(
                            Record(
                                typeName: "MemberDefinition",
                                [
                                    ("Name", .string(name)), ("MemberType", .string("Property")), ("Definition", .string(type)),
                                    ("Summary", .string(summary)), ("TypeName", .string(value.typeName)),
                                ])))
                }
                return true
            }
        })
}
