import Basics

/// Gives written arguments to parameters: names in any letter case, by alias and unique prefix; positions; parameter sets; the
/// objects of a pipeline by value and by property name.
struct Binder {
    let cmdlet: Cmdlet
    let context: any ExecutionContext
    private let coercion: Coercion

    init(_ cmdlet: Cmdlet, _ context: any ExecutionContext) {
        (self.cmdlet, self.context) = (cmdlet, context)
        coercion = Coercion(cmdlet: cmdlet, context: context)
    }

    /// What is bound before the first object of a pipeline arrives.
    struct Prepared {
        var given: [(parameter: Parameter, value: Value, wasList: Bool)] = []
        var sets: [Cmdlet.ParameterSet]
        var common = CommonArguments()

        func isGiven(_ parameter: Parameter) -> Bool { given.contains { $0.parameter.name == parameter.name } }
    }

    /// Binds everything written. With `hasInput` mandatory parameters may still come from the pipeline.
    func prepare(_ arguments: [RawArgument], hasInput: Bool) throws -> Prepared {
        var prepared = Prepared(sets: cmdlet.parameterSets)
        var positional: [RawArgument.Content] = []
        var rest = arguments[...]
        while let argument = rest.popFirst() {
            guard let name = argument.name else {
                positional.append(argument.content)
                continue
            }
            let parameter = try parameter(written: name)
            var content = argument.content
            if case .unattached = content {
                if parameter.isSwitch {
                    content = .value(.boolean(true))
                } else if let next = rest.first, next.name == nil {
                    content = next.content
                    rest.removeFirst()
                } else {
                    throw BindingError.unattached(cmdlet, parameter)
                }
            }
            try give(parameter, content, &prepared)
        }
        try bindPositional(positional, &prepared)
        try checkMandatory(prepared, hasInput: hasInput)
        return prepared
    }

    /// The parameter a written name stands for.
    func parameter(written name: String) throws -> Parameter {
        let wanted = name.lowercased()
        let own = cmdlet.parameters
        let common = CommonParameters.parameters(of: cmdlet)
        if let exact = (own + common).first(where: { $0.name.lowercased() == wanted }) { return exact }
        if let alias = (own + common).first(where: { $0.aliases.contains { $0.lowercased() == wanted } }) { return alias }
        guard !wanted.isEmpty else { throw BindingError.unknown(cmdlet, name) }
        func starting(_ parameters: [Parameter]) -> [Parameter] {
            parameters.filter { $0.name.lowercased().hasPrefix(wanted) || $0.aliases.contains { $0.lowercased().hasPrefix(wanted) } }
        }
        // The real module's names before the common ones (as in PowerShell), ours last.
        for group in [own.filter { !$0.isOurs }, common.filter { !$0.isOurs }, (own + common).filter(\.isOurs)] {
            let matches = starting(group)
            if matches.count == 1 { return matches[0] }
            if matches.count > 1 {
                let byName = matches.filter { $0.name.lowercased().hasPrefix(wanted) }
                if byName.count == 1 { return byName[0] }
                throw BindingError.ambiguous(cmdlet, name, matches)
            }
        }
        throw BindingError.unknown(cmdlet, name)
    }

    private func give(_ parameter: Parameter, _ content: RawArgument.Content, _ prepared: inout Prepared) throws {
        var value: Value
        switch content {
        case .value(let given): value = given
        case .word(let text): value = word(text, parameter)
        case .missing(nil, _) where parameter.takesNil: value = .null
        case .missing(let variable, let nearest): throw BindingError.noValue(cmdlet, parameter, variable: variable, nearest: nearest)
        case .unattached: value = .boolean(true)
        }
        guard !prepared.isGiven(parameter) else { throw BindingError.twice(cmdlet, parameter) }
        var wasList = false
        if case .list = value { wasList = true }
        value = try coercion.convert(value, for: parameter)
        try applyEffect(parameter, value)
        if CommonParameters.names.contains(parameter.name.lowercased()), cmdlet.parameter(parameter.name) == nil {
            prepared.given.append((parameter, value, wasList))
            try prepared.common.set(parameter.name, value)
            return
        }
        let remaining = prepared.sets.filter { parameter.belongs(to: $0.name) }
        guard !remaining.isEmpty else {
            let rivals = prepared.given.map(\.parameter).filter { other in
                !cmdlet.parameterSets.contains { parameter.belongs(to: $0.name) && other.belongs(to: $0.name) }
            }
            throw BindingError.conflict(cmdlet, (rivals.isEmpty ? prepared.given.map(\.parameter) : rivals) + [parameter])
        }
        prepared.sets = remaining
        prepared.given.append((parameter, value, wasList))
    }

    /// A bare word: a number where any value is taken and it is spelled like one.
    private func word(_ text: String, _ parameter: Parameter) -> Value {
        guard case .any = parameter.type, let first = text.first, first.isNumber || "+-.".contains(first) else { return .string(text) }
        if let whole = SizeText.parse(text) { return .integer(whole) }
        return Double(text).map { .number($0) } ?? .string(text)
    }

    private func applyEffect(_ parameter: Parameter, _ value: Value) throws {
        if parameter.isSwitch, value.booleanValue == false { return }
        switch parameter.effect {
        case .acts: break
        case .refused(let reason):
            throw ErrorRecord(
                "\(cmdlet.name) -\(parameter.name) is not accepted here: \(reason.trimmingFullStop).", "ParameterRefused", .notImplemented,
                target: parameter.name, cmdlet: cmdlet.name)
        case .noEffect(let reason):
            guard context.catalogue.isFirst("\(cmdlet.name) \(parameter.name)"), context.preferences.warningAction == .continue else {
                return
            }
            context.terminal.writeError("WARNING: \(cmdlet.name) -\(parameter.name) has no effect here: \(reason.trimmingFullStop).\n")
        }
    }

    private func bindPositional(_ contents: [RawArgument.Content], _ prepared: inout Prepared) throws {
        var collected: [Value] = []
        var collector: Parameter?
        for content in contents {
            if collector != nil, case .value(let value) = content {
                collected.append(value)
                continue
            }
            if let collector, case .word(let text) = content {
                collected.append(word(text, collector))
                continue
            }
            let candidates = positionalCandidates(prepared)
            guard let place = candidates.first?.position else {
                throw BindingError.extra(cmdlet, shown(content), positions: defaultPositions(prepared))
            }
            let placed = candidates.filter { $0.position == place }.map(\.parameter)
            // What is refused anyway takes no value away from what acts.
            let acting = placed.filter { if case .refused = $0.effect { false } else { true } }
            let here = acting.isEmpty ? placed : acting
            let value: Value
            switch content {
            case .value(let given): value = given
            case .word(let text): value = .string(text)
            case .missing(nil, _) where here.first?.takesNil ?? false: value = .null
            case .missing(let variable, let nearest): throw BindingError.noValue(cmdlet, here.first, variable: variable, nearest: nearest)
            case .unattached: value = .boolean(true)
            }
            let chosen =
                here.first { coercion.isExact(value, for: $0) && isObjectTaker($0, value) }
                ?? here.first { coercion.isExact(value, for: $0) }
                ?? here.first { (try? coercion.convert(value, for: $0)) != nil }
                ?? here[0]
            if chosen.takesRemaining {
                if let set = prepared.sets.first(where: { chosen.belongs(to: $0.name) }) { _ = set }
                collector = chosen
                if case .word(let text) = content { collected.append(word(text, chosen)) } else { collected.append(value) }
                continue
            }
            try give(chosen, content, &prepared)
        }
        if let collector {
            let value: Value = if collected.count == 1 { collected[0] } else { .list(collected) }
            try give(collector, .value(value), &prepared)
        }
    }

    /// An object goes to the parameter of its type rather than to one that takes its name.
    private func isObjectTaker(_ parameter: Parameter, _ value: Value) -> Bool {
        guard case .object = value.elements.first ?? .null else { return true }
        if case .object = parameter.type { return true }
        return false
    }

    /// Positional parameters not given yet that still fit, those of the lowest position, the default set's first among equals.
    private func positionalCandidates(_ prepared: Prepared) -> [(parameter: Parameter, position: Int)] {
        let sets = prepared.sets.sorted { $0.isDefault && !$1.isDefault }
        // A set whose parameter at some place is given offers only its later places; the others' lower places are no rivals then.
        let offers = sets.map { set in
            let free = cmdlet.parameters.filter { !prepared.isGiven($0) }.compactMap { parameter in
                parameter.position(in: set.name).map { (parameter: parameter, position: $0) }
            }
            let lowest = free.map(\.position).min()
            return free.filter { $0.position == lowest }
        }
        let lowest = offers.compactMap(\.first?.position).min()
        var found: [(parameter: Parameter, position: Int)] = []
        for offer in offers.joined() where offer.position == lowest && !found.contains(where: { $0.parameter.name == offer.parameter.name })
        {
            found.append(offer)
        }
        return found
    }

    private func defaultPositions(_ prepared: Prepared) -> [Parameter] {
        let set = prepared.sets.first { $0.isDefault } ?? prepared.sets.first
        return cmdlet.positionalParameters(in: set?.name ?? "")
    }

    private func shown(_ content: RawArgument.Content) -> Value {
        switch content {
        case .value(let value): value
        case .word(let text): .string(text)
        case .missing(let variable, _): .string(variable ?? "nil")
        case .unattached: .null
        }
    }

    private func missing(in set: Cmdlet.ParameterSet, _ prepared: Prepared, hasInput: Bool) -> [Parameter] {
        cmdlet.parameters.filter {
            $0.isMandatory(in: set.name) && !prepared.isGiven($0) && !(hasInput && !$0.pipeline.isEmpty)
        }
    }

    private func checkMandatory(_ prepared: Prepared, hasInput: Bool) throws {
        let lacking = prepared.sets.map { (set: $0, missing: missing(in: $0, prepared, hasInput: hasInput)) }
        guard !lacking.contains(where: { $0.missing.isEmpty }) else { return }
        let best = lacking.first { $0.set.isDefault } ?? lacking.min { $0.missing.count < $1.missing.count }
        throw BindingError.missing(cmdlet, best?.missing ?? [])
    }

    /// The arguments of a call without pipeline input; with it, what the shape can be told from: parameters that the pipeline
    /// may bind count as given.
    func finish(_ prepared: Prepared, hasInput: Bool) -> BoundArguments {
        let set =
            prepared.sets.filter { missing(in: $0, prepared, hasInput: hasInput).isEmpty }.sorted { $0.isDefault && !$1.isDefault }.first
            ?? prepared.sets.first
        var bound = BoundArguments(parameterSet: set?.name ?? "")
        fill(&bound, prepared)
        if hasInput {
            for parameter in cmdlet.parameters where !parameter.pipeline.isEmpty && !prepared.isGiven(parameter) {
                if prepared.sets.contains(where: { parameter.belongs(to: $0.name) }) { bound.expect(parameter.name) }
            }
        }
        return bound
    }

    private func fill(_ bound: inout BoundArguments, _ prepared: Prepared) {
        for parameter in cmdlet.parameters {
            if let value = parameter.defaultValue { bound.setDefault(parameter.name, value) }
        }
        for argument in prepared.given { bound.bind(argument.parameter.name, argument.value, wasList: argument.wasList) }
    }

    /// The arguments of the call that one object of the pipeline makes: by value where its type fits, else by property name, else
    /// by value with conversion.
    func bind(input: Value, _ prepared: Prepared) throws -> BoundArguments {
        var prepared = prepared
        func open(_ binding: Parameter.PipelineBinding) -> [Parameter] {
            cmdlet.parameters.filter { parameter in
                parameter.pipeline.contains(binding) && !prepared.isGiven(parameter)
                    && prepared.sets.contains { parameter.belongs(to: $0.name) }
            }
        }
        var piped: [String] = []
        func take(_ parameter: Parameter, _ value: Value) throws {
            try give(parameter, .value(value), &prepared)
            piped.append(parameter.name)
        }
        let byValue = open(.byValue)
        if let exact = byValue.first(where: { coercion.isExact(input, for: $0) && isObjectTaker($0, input) })
            ?? byValue.first(where: { coercion.isExact(input, for: $0) })
        {
            try take(exact, input)
        }
        switch input {
        case .object, .record:
            for parameter in open(.byPropertyName) {
                guard prepared.sets.contains(where: { parameter.belongs(to: $0.name) }) else { continue }
                for name in [parameter.name] + parameter.aliases {
                    guard let value = try PropertyReader.property(name, of: input), !value.isNull else { continue }
                    guard (try? coercion.convert(value, for: parameter)) != nil else { continue }
                    try take(parameter, value)
                    break
                }
            }
        default: break
        }
        if piped.isEmpty {
            guard let convertible = byValue.first(where: { (try? coercion.convert(input, for: $0)) != nil }), !isRecord(input) else {
                throw BindingError.input(cmdlet, input)
            }
            try take(convertible, input)
        }
        try checkMandatory(prepared, hasInput: false)
        var bound = finish(prepared, hasInput: false)
        for name in piped { if let value = bound[name] { bound.bind(name, value, piped: true) } }
        return bound
    }

    private func isRecord(_ value: Value) -> Bool { if case .record = value { true } else { false } }
}
