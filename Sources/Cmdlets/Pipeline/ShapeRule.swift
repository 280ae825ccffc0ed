import Basics

/// Decides from a call's arguments whether it gives nothing, one thing or a list (language.md, "What a call returns").
enum ShapeRule {
    static func shape(of cmdlet: Cmdlet, _ bound: BoundArguments, hasInput: Bool, inputIsOne: Bool) -> ResultShape {
        let set = cmdlet.parameterSets.first { $0.name == bound.parameterSet } ?? cmdlet.defaultSet
        return evaluate(set?.shape ?? .many, cmdlet, bound, hasInput: hasInput, inputIsOne: inputIsOne)
    }

    private static func evaluate(
        _ shape: Cmdlet.Shape, _ cmdlet: Cmdlet, _ bound: BoundArguments, hasInput: Bool, inputIsOne: Bool
    ) -> ResultShape {
        switch shape {
        case .nothing: return .nothing
        case .one:
            // One by nature; a body called once for each object of the pipeline is one for each.
            if hasInput, case .perCall = cmdlet.body, cmdlet.parameters.contains(where: { bound.isPiped($0.name) }) {
                return inputIsOne ? .one : .many
            }
            return .one
        case .many: return .many
        case .mapping: return inputIsOne ? .one : .many
        case .oneIfSingle(let names): return isSingle(names, cmdlet, bound, inputIsOne) ? .one : .many
        case .oneIfSingleWith(let names, let given):
            return given.allSatisfy(bound.isGiven) && isSingle(names, cmdlet, bound, inputIsOne) ? .one : .many
        case .passthru(let names):
            guard bound.isOn("Passthru") else { return .nothing }
            return isSingle(names, cmdlet, bound, inputIsOne) ? .one : .many
        case .computed(_, let rule):
            return evaluate(rule(bound), cmdlet, bound, hasInput: hasInput, inputIsOne: inputIsOne)
        }
    }

    private static func isSingle(_ names: [String], _ cmdlet: Cmdlet, _ bound: BoundArguments, _ inputIsOne: Bool) -> Bool {
        let given = names.filter(bound.isGiven)
        guard !given.isEmpty else { return false }
        return given.allSatisfy { name in
            if bound.isPiped(name) { return inputIsOne }
            guard !bound.isList(name), let value = bound[name] else { return false }
            guard let only = value.elements.first, value.elements.count == 1 else { return false }
            if case .string(let text) = only { return !WildcardPattern.isPattern(text) }
            return true
        }
    }
}
