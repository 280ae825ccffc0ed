/// What every name that a user gives must be, whatever it names: machines, switches, adapters, checkpoints, groups and pools.
public enum NameRule {
    /// What is wrong with a name, to follow “cannot be a name:”; nil: nothing.
    public static func flaw(of name: String) -> String? {
        guard name.contains(where: { !$0.isWhitespace }) else { return "it is empty" }
        // What bytes outside of UTF-8 became on their way here: two such names could not be told apart.
        guard !name.unicodeScalars.contains("\u{fffd}") else { return "it is not valid UTF-8" }
        guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
            return "it contains control characters"
        }
        return nil
    }
}
