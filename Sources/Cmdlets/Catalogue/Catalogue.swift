import Basics
import Synchronization

/// All cmdlets of a session: the built-in ones and those that scripts declared. Safe to use from any thread.
public final class Catalogue: Sendable {
    private struct Contents {
        var cmdlets: [String: Cmdlet] = [:]
        var aliases: [String: (alias: String, name: String)] = [:]
        var warned: Set<String> = []

        mutating func add(_ cmdlet: Cmdlet) {
            cmdlets[cmdlet.name.lowercased()] = cmdlet
            for alias in cmdlet.aliases { aliases[alias.lowercased()] = (alias, cmdlet.name) }
        }
    }

    private let contents: Mutex<Contents>

    public init(_ cmdlets: [Cmdlet] = Catalogue.builtIn) {
        var contents = Contents()
        for cmdlet in cmdlets { contents.add(cmdlet) }
        self.contents = Mutex(contents)
    }

    /// The cmdlet of that name or alias in any letter case; `Hyper-V\Get-VM` and `Get_VM` are Get-VM; nil when there is none.
    public func cmdlet(named name: String) -> Cmdlet? {
        var key = name.lowercased()
        if key.hasPrefix("hyper-v\\") { key.removeFirst(8) }
        return contents.withLock { contents in
            if let cmdlet = contents.cmdlets[key] { return cmdlet }
            if let alias = contents.aliases[key] { return contents.cmdlets[alias.name.lowercased()] }
            guard let underscore = key.firstIndex(of: "_") else { return nil }
            key.replaceSubrange(underscore...underscore, with: "-")
            return contents.cmdlets[key]
        }
    }

    /// As `cmdlet(named:)`; an unknown name is the error `CommandNotFound` with the nearest names.
    public func resolve(_ name: String) throws -> Cmdlet {
        if let cmdlet = cmdlet(named: name) { return cmdlet }
        if let error = ModuleNames.error(for: name) { throw error }
        throw ErrorRecord(
            "There is no cmdlet “\(name)”.\(Spelling.hint(name, among: names))", "CommandNotFound", .objectNotFound, target: name,
            action: "Get-Command lists the cmdlets; Get-Command *word* searches them.")
    }

    /// The names and aliases spelled most like `name`.
    public func nearest(to name: String) -> [String] { Spelling.nearest(to: name, among: names) }

    /// Every cmdlet, by name.
    public var all: [Cmdlet] {
        contents.withLock { Array($0.cmdlets.values) }.sorted { $0.name.lowercased() < $1.name.lowercased() }
    }

    /// Every alias with its cmdlet's name, by alias.
    public var aliases: [(alias: String, name: String)] {
        contents.withLock { Array($0.aliases.values) }.sorted { $0.alias.lowercased() < $1.alias.lowercased() }
    }

    /// Adds a cmdlet that a script declared, in place of one it declared before. Throws when that would hide a built-in one or
    /// when the declaration contradicts itself.
    public func register(_ cmdlet: Cmdlet) throws {
        try CatalogueRules.check(cmdlet)
        try contents.withLock { contents in
            for name in [cmdlet.name] + cmdlet.aliases {
                let key = name.lowercased()
                let holder = contents.cmdlets[key] ?? contents.aliases[key].flatMap { contents.cmdlets[$0.name.lowercased()] }
                if let holder, !holder.isUserDefined {
                    throw ErrorRecord(
                        "“\(name)” is the built-in cmdlet \(holder.name) and cannot be declared again.", "CommandExists", .resourceExists,
                        target: name, action: "Choose another noun or alias.")
                }
            }
            if let old = contents.cmdlets[cmdlet.name.lowercased()] {
                for alias in old.aliases { contents.aliases[alias.lowercased()] = nil }
            }
            contents.add(cmdlet)
        }
    }

    /// True the first time it is asked with `key`: for warnings that are given once.
    func isFirst(_ key: String) -> Bool { contents.withLock { $0.warned.insert(key).inserted } }

    private var names: [String] { all.map(\.name) + aliases.map(\.alias) }
}

/// What a declaration must fulfil; the catalogue's tests hold the built-in ones against it too.
public enum CatalogueRules {
    /// Throws `InvalidCmdlet` with the first contradiction found.
    public static func check(_ cmdlet: Cmdlet) throws {
        func refuse(_ text: String) -> ErrorRecord {
            ErrorRecord("The cmdlet \(cmdlet.name): \(text)", "InvalidCmdlet", .invalidArgument, target: cmdlet.name)
        }
        guard Catalogue.isApprovedVerb(cmdlet.verb) else {
            throw refuse("“\(cmdlet.verb)” is not an approved verb.\(Spelling.hint(cmdlet.verb, among: Catalogue.approvedVerbs))")
        }
        guard let first = cmdlet.noun.first, first.isASCII, first.isLetter,
            cmdlet.noun.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else { throw refuse("the noun “\(cmdlet.noun)” must be letters and digits and begin with a letter.") }
        guard !cmdlet.synopsis.isEmpty else { throw refuse("it needs a synopsis.") }
        guard !cmdlet.parameterSets.isEmpty else { throw refuse("it needs a parameter set.") }
        guard cmdlet.parameterSets.count == 1 || cmdlet.parameterSets.filter(\.isDefault).count == 1 else {
            throw refuse("exactly one parameter set must be the default.")
        }
        var words: Set<String> = []
        for parameter in cmdlet.allParameters {
            for word in [parameter.name] + parameter.aliases where !words.insert(word.lowercased()).inserted {
                throw refuse("the parameter name or alias “\(word)” is there twice.")
            }
            guard !parameter.summary.isEmpty else { throw refuse("the parameter \(parameter.name) needs a description.") }
            for set in parameter.sets + parameter.exceptions.keys where !cmdlet.parameterSets.contains(where: { $0.name == set }) {
                throw refuse("the parameter \(parameter.name) names the set “\(set)”, which is not declared.")
            }
        }
        for set in cmdlet.parameterSets {
            let ordered = cmdlet.positionalParameters(in: set.name)
            guard Set(ordered.map { $0.position(in: set.name) }).count == ordered.count else {
                throw refuse("two parameters of the set “\(set.name)” have the same position.")
            }
            // The module has such places (Rename-VMNetworkAdapter VM [Name] NewName); a cmdlet of a script shall not.
            if cmdlet.isUserDefined, let optional = ordered.firstIndex(where: { !$0.isMandatory && $0.pipeline.isEmpty }),
                let late = ordered[optional...].first(where: \.isMandatory)
            {
                throw refuse("the mandatory \(late.name) stands after the optional \(ordered[optional].name) in the set “\(set.name)”.")
            }
        }
    }
}
