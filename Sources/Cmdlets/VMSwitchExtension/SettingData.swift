import Basics

/// The SettingData of a feature as a user gives it back: every name and value is checked, nothing is passed over.
struct SettingData {
    private let record: Record
    private let feature: String
    private let cmdlet: String

    /// `known`: the settings that the feature has, besides InstanceID and ElementName.
    init(of value: Value, _ identity: FeatureIdentity, known: [String], cmdlet: String) throws {
        (feature, self.cmdlet) = (identity.name, cmdlet)
        guard case .record(let given)? = try PropertyReader.property("SettingData", of: value) else {
            throw ErrorRecord(
                "\(cmdlet): the feature “\(identity.name)” has no SettingData.", "SwitchFeatureInvalid", .invalidArgument,
                target: identity.name, action: "Give it as the Get- cmdlet gave it, with other values in its SettingData.", cmdlet: cmdlet)
        }
        record = given
        let all = known + ["InstanceID", "ElementName"]
        for field in given.fields where !all.contains(where: { $0.lowercased() == field.name.lowercased() }) {
            throw ErrorRecord(
                "\(cmdlet): “\(identity.name)” has no setting “\(field.name)” here.\(Spelling.hint(field.name, among: known))",
                "SwitchFeatureInvalid", .invalidArgument, target: field.name, action: "It has \(Spelling.list(known, "and")).",
                cmdlet: cmdlet)
        }
    }

    private func refuse(_ name: String, _ wanted: String) -> ErrorRecord {
        ErrorRecord(
            "\(cmdlet): \(name) of “\(feature)” is \((record[name] ?? .null).shown), and should be \(wanted).", "SwitchFeatureInvalid",
            .invalidArgument, target: name, cmdlet: cmdlet)
    }

    /// Which thing it is the setting of, as Get- wrote it.
    var instance: String { record["InstanceID"]?.stringValue ?? "" }

    func truth(_ name: String) throws -> Bool {
        guard let value = record[name]?.booleanValue else { throw refuse(name, "$true or $false") }
        return value
    }

    func number(_ name: String, _ range: ClosedRange<Int64>) throws -> Int64 {
        guard let value = record[name]?.integerValue, range.contains(value) else {
            throw refuse(name, "a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    func text(_ name: String) throws -> String {
        switch record[name] {
        case .string(let text)?: return text
        case .integer(let number)?: return String(number)
        default: throw refuse(name, "a string")
        }
    }

    /// One of the words, whose places are the numbers that the setting has.
    func word(_ name: String, _ words: [String]) throws -> String {
        if let text = record[name]?.stringValue, let word = words.first(where: { $0.lowercased() == text.lowercased() }) { return word }
        guard let number = record[name]?.integerValue, words.indices.contains(Int(clamping: number)), !words[Int(number)].isEmpty else {
            let meaning = words.enumerated().filter { !$1.isEmpty }.map { "\($0) (\($1))" }
            throw refuse(name, Spelling.list(meaning, "or"))
        }
        return words[Int(number)]
    }

    func numbers(_ name: String) throws -> [Int] {
        try (record[name]?.elements ?? []).map { value in
            guard let number = value.integerValue else { throw refuse(name, "a list of whole numbers") }
            return Int(clamping: number)
        }
    }

    /// Refuses what cannot be, in the feature's name.
    func refuse(_ why: String, action: String? = nil) -> ErrorRecord {
        ErrorRecord("\(cmdlet): “\(feature)”: \(why)", "SwitchFeatureInvalid", .invalidArgument, action: action, cmdlet: cmdlet)
    }
}
