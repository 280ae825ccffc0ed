import WorkerProtocol

extension Catalogue {
    /// The words that values of a type have, by the name under which properties and parameters show it; none: it is no enumeration.
    public func words(ofType name: String) -> [String] {
        switch name {
        case "Boolean": return ["$true", "$false"]
        case "VMState": return VirtualMachineState.allCases.map(\.rawValue)
        case "String": return []
        default: break
        }
        for cmdlet in all {
            for parameter in cmdlet.allParameters {
                if case .enumeration(let type, let words) = parameter.type, type == name { return words }
            }
        }
        return []
    }
}
