import Foundation

/// What is known of the real module, and of how scripts use it: the tables in `Reference`.
struct ReferenceModule {
    struct Parameter {
        var name: String
        var takesMany: Bool
        /// Place among positional arguments; nil: by name only.
        var position: Int?
        var pipeline: Set<String>
        var aliases: [String]
        var words: [String]
    }
    struct Cmdlet {
        var name: String
        var aliases: [String]
        /// The positional parameters of each set.
        var sets: [String: [String]] = [:]
        var parameters: [Parameter] = []
    }

    var cmdlets: [Cmdlet] = []

    /// A table's lines as fields.
    static func table(_ name: String, separator: Character) -> [[String]] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Reference")
        guard let text = try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8) else { return [] }
        return text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
            line.split(separator: separator, omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// Reads `module.txt`.
    init() {
        for fields in Self.table("module.txt", separator: " ") {
            func list(_ field: Int) -> [String] { fields[field] == "-" ? [] : fields[field].split(separator: ",").map(String.init) }
            switch fields[0] {
            case "cmdlet": cmdlets.append(Cmdlet(name: fields[1], aliases: list(2)))
            case "set":
                let name = fields[1].replacing("*", with: "").replacing("_", with: " ")
                cmdlets[cmdlets.count - 1].sets[name] = Array(fields.dropFirst(2))
            default:
                cmdlets[cmdlets.count - 1].parameters.append(
                    Parameter(
                        name: fields[0], takesMany: fields[1] == "many", position: Int(fields[2]), pipeline: Set(list(3)),
                        aliases: list(4), words: list(5)))
            }
        }
    }

    static let shared = ReferenceModule()
}
