import Basics

/// Help pages, made from the declarations.
public enum HelpText {
    /// The page of whatever has that name: a cmdlet, an alias, a topic; a wildcard lists what matches. Throws `HelpNotFound` with
    /// the nearest names.
    public static func find(_ name: String, _ catalogue: Catalogue) throws -> String {
        if let cmdlet = catalogue.cmdlet(named: name) { return self.cmdlet(cmdlet) }
        if let topic = HelpTopic.named(name) { return topic.text }
        if WildcardPattern.isPattern(name) {
            let pattern = WildcardPattern(name)
            let lines =
                catalogue.all.filter { pattern.matches($0.name) }.map { ($0.name, $0.synopsis) }
                + HelpTopic.all.filter { pattern.matches($0.name) }.map { ($0.name, $0.synopsis) }
            if !lines.isEmpty { return columns(lines) }
        }
        let names = catalogue.all.map(\.name) + catalogue.aliases.map(\.alias) + HelpTopic.all.map(\.name)
        throw ErrorRecord(
            "There is no help on “\(name)”.\(Spelling.hint(name, among: names))", "HelpNotFound", .objectNotFound, target: name,
            action: "Get-Help lists the topics, Get-Command the cmdlets.", cmdlet: "Get-Help")
    }

    /// Names of the topics that are no cmdlets.
    public static var topics: [String] { HelpTopic.all.map(\.name) }

    /// The same, each with a line about it.
    public static var topicSynopses: [(name: String, synopsis: String)] { HelpTopic.all.map { ($0.name, $0.synopsis) } }

    /// The page shown without a name.
    public static func overview(_ catalogue: Catalogue) -> String {
        """
        Lunavisor runs virtual machines as partitions of its own hypervisor, and is driven from Lua.

          help NAME             explains a cmdlet (help Start-VM) or a topic
          Get-Command *word*    finds cmdlets
          Get-VM | Get-Member   shows what an object tells

        Topics
        \(columns(HelpTopic.all.map { ($0.name, $0.synopsis) }, indent: 2))
        Cmdlets for virtual machines
        \(columns(catalogue.all.filter { CmdletDescription.source($0) != "PowerShell" }.map { ($0.name, $0.synopsis) }, indent: 2))
        """
    }

    /// A cmdlet's page; `isFull` describes the common parameters too.
    public static func cmdlet(_ cmdlet: Cmdlet, isFull: Bool = false) -> String {
        var text = "NAME\n    \(cmdlet.name)\n\nSYNOPSIS\n\(wrapped(cmdlet.synopsis, indent: 4))\n\nSYNTAX\n"
        for set in cmdlet.parameterSets where isCallable(set, cmdlet) {
            text += wrapped(syntax(cmdlet, set), indent: 4, hanging: 8) + "\n" + "      gives \(shape(set.shape, cmdlet))\n"
        }
        if !cmdlet.aliases.isEmpty { text += "\nALIASES\n    \(cmdlet.aliases.joined(separator: ", "))\n" }
        if !cmdlet.details.isEmpty { text += "\nDESCRIPTION\n\(wrapped(cmdlet.details, indent: 4))\n" }
        text += "\nPARAMETERS\n" + parameters(cmdlet.parameters)
        let common = CommonParameters.parameters(of: cmdlet)
        if isFull {
            text += parameters(common)
        } else {
            text += wrapped("Common parameters: " + common.map { "-\($0.name)" }.joined(separator: ", ") + ".", indent: 4) + "\n"
        }
        if !cmdlet.departures.isEmpty {
            text += "\nDIFFERENT FROM THE MODULE\n" + cmdlet.departures.map { wrapped("- " + $0, indent: 4, hanging: 6) + "\n" }.joined()
        }
        if !cmdlet.examples.isEmpty { text += "\n" + examples(cmdlet) }
        return text
    }

    /// The examples of a cmdlet's page.
    static func examples(_ cmdlet: Cmdlet) -> String {
        "EXAMPLES\n" + cmdlet.examples.map { "    \($0.code)\n\(wrapped($0.explanation, indent: 8))\n" }.joined(separator: "\n")
    }

    /// Parameters with everything there is to know about them.
    static func parameters(_ parameters: [Parameter]) -> String {
        parameters.map { parameter in
            var text = "    -\(parameter.name)\(parameter.isSwitch ? "" : " <\(parameter.typeName)>")\n"
            var about = parameter.summary
            switch parameter.effect {
            case .acts: break
            case .noEffect(let reason): about += " No effect here: \(reason.trimmingFullStop)."
            case .refused(let reason): about += " Not accepted here: \(reason.trimmingFullStop)."
            }
            text += wrapped(about, indent: 8) + "\n"
            let facts = facts(parameter)
            if !facts.isEmpty { text += wrapped("(" + facts.joined(separator: "; ") + ")", indent: 8) + "\n" }
            return text + "\n"
        }.joined()
    }

    /// What the declaration says besides the description, in short.
    static func facts(_ parameter: Parameter) -> [String] {
        var facts: [String] = []
        if case .enumeration(_, let words) = parameter.type { facts.append("one of \(Spelling.list(words, "or"))") }
        if case .integer(let range) = parameter.type, range.upperBound < Int64.max, range.lowerBound > Int64(Int32.min) {
            facts.append("\(range.lowerBound) to \(range.upperBound)")
        }
        let exceptions = parameter.exceptions.sorted { $0.key < $1.key }
        if parameter.isMandatory {
            facts.append((["mandatory"] + exceptions.filter { !$0.value.isMandatory }.map { "but for \($0.key)" }).joined(separator: " "))
        }
        if let position = parameter.position {
            let others = exceptions.compactMap { set, place in place.position.map { ", \($0) for \(set)" } }
            facts.append("position \(position)" + others.joined())
        }
        if !parameter.pipeline.isEmpty { facts.append("from the pipeline \(CmdletDescription.pipeline(parameter))") }
        if parameter.acceptsWildcards { facts.append("wildcards") }
        if let value = parameter.defaultValue { facts.append("default \(value.text)") }
        if !parameter.aliases.isEmpty { facts.append("alias \(parameter.aliases.joined(separator: ", "))") }
        if parameter.isOurs { facts.append("not in the module") }
        return facts
    }

    /// `Stop-VM [-Name] <String[]> [-TurnOff] …` of one parameter set, without what is refused.
    public static func syntax(_ cmdlet: Cmdlet, _ set: Cmdlet.ParameterSet) -> String {
        let named = cmdlet.parameters.filter { $0.belongs(to: set.name) && $0.position(in: set.name) == nil }
        let ordered = (cmdlet.positionalParameters(in: set.name) + named).filter { !$0.isRefused }
        var words = [cmdlet.name]
        for parameter in ordered {
            var word = "-\(parameter.name)"
            if parameter.position(in: set.name) != nil { word = "[\(word)]" }
            if !parameter.isSwitch { word += " <\(parameter.typeName)>" }
            words.append(parameter.isMandatory(in: set.name) ? word : "[\(word)]")
        }
        if cmdlet.supportsShouldProcess { words += ["[-WhatIf]", "[-Confirm]"] }
        return (words + ["[<CommonParameters>]"]).joined(separator: " ")
    }

    /// A set whose mandatory parameter is refused cannot be called.
    static func isCallable(_ set: Cmdlet.ParameterSet, _ cmdlet: Cmdlet) -> Bool {
        !cmdlet.parameters.contains { $0.isMandatory && $0.isRefused && !$0.sets.isEmpty && $0.sets.contains(set.name) }
    }

    static func shape(_ shape: Cmdlet.Shape, _ cmdlet: Cmdlet) -> String {
        let type = cmdlet.output ?? "Object"
        switch shape {
        case .nothing: return "nothing"
        case .one: return "one \(type)"
        case .many: return "a list of \(type)"
        case .oneIfSingle(let names):
            return "one \(type) for a single name or object in \(Spelling.list(names.map { "-" + $0 }, "or")), else a list"
        case .oneIfSingleWith(let names, let given):
            return
                "one \(type) for a single \(Spelling.list(names.map { "-" + $0 }, "or")) with \(Spelling.list(given.map { "-" + $0 }, "and")), else a list"
        case .passthru: return "nothing; with -Passthru one \(type) for a single name or object, else a list"
        case .mapping: return "one for one: a list for a list"
        case .computed(let text, _): return text
        }
    }

    /// Two columns of text.
    static func columns(_ lines: [(String, String)], indent: Int = 0) -> String {
        let width = lines.map { $0.0.count }.max() ?? 0
        return lines.map { name, text in
            String(repeating: " ", count: indent) + name + String(repeating: " ", count: width - name.count + 2) + text + "\n"
        }.joined()
    }

    /// Text in lines of at most 100 columns.
    static func wrapped(_ text: String, indent: Int, hanging: Int? = nil) -> String {
        var lines: [String] = []
        var line = String(repeating: " ", count: indent)
        var isEmpty = true
        for word in text.split(separator: " ") {
            if !isEmpty, line.count + 1 + word.count > 100 {
                lines.append(line)
                line = String(repeating: " ", count: hanging ?? indent)
                isEmpty = true
            }
            line += (isEmpty ? "" : " ") + word
            isEmpty = false
        }
        return (lines + [line]).joined(separator: "\n")
    }
}

extension Parameter {
    /// True when writing it is an error.
    var isRefused: Bool { if case .refused = effect { true } else { false } }
}
