/// The catalogue as a Markdown page: every cmdlet with its synopsis, and every parameter of the real module that does nothing here or
/// is refused, with the reason. README's list is made of it.
public enum CatalogueReport {
    /// The whole page.
    public static func markdown(_ catalogue: Catalogue) -> String {
        var text = "| Cmdlet | From | What it does |\n|---|---|---|\n"
        for cmdlet in catalogue.all where !cmdlet.isUserDefined {
            text += "| \(cmdlet.name) | \(CmdletDescription.source(cmdlet)) | \(escaped(cmdlet.synopsis)) |\n"
        }
        return text + "\n" + limitsTable(catalogue)
    }

    /// The page on parameters that do not act, which is checked in and which README links to.
    public static func limitsPage(_ catalogue: Catalogue) -> String {
        """
        # Parameters that do not act

        What the real module's cmdlets take and ours cannot honour. “no effect”: accepted, with one warning. “refused”: an error that says why.

        <!-- Made by CatalogueReport from the cmdlets' declarations: LUNAVISOR_REGENERATE=1 swift test -c release --omit-frame-pointers --filter CatalogueTests -->


        """ + limitsTable(catalogue)
    }

    private static func limitsTable(_ catalogue: Catalogue) -> String {
        var text = "| Parameter | Cmdlets | Here | Why |\n|---|---|---|---|\n"
        for line in limits(catalogue) {
            text += "| -\(line.parameter) | \(line.cmdlets.joined(separator: ", ")) | \(line.effect) | \(escaped(line.reason)) |\n"
        }
        return text
    }

    /// Parameters that do not act, those of one name, effect and reason together, by name.
    static func limits(_ catalogue: Catalogue) -> [(parameter: String, effect: String, reason: String, cmdlets: [String])] {
        var found: [(parameter: String, effect: String, reason: String, cmdlets: [String])] = []
        for cmdlet in catalogue.all {
            for parameter in cmdlet.parameters {
                let (effect, reason): (String, String)
                switch parameter.effect {
                case .acts: continue
                case .noEffect(let why): (effect, reason) = ("no effect", why)
                case .refused(let why): (effect, reason) = ("refused", why)
                }
                let place = found.firstIndex { $0.parameter == parameter.name && $0.effect == effect && $0.reason == reason }
                if let place {
                    found[place].cmdlets.append(cmdlet.name)
                } else {
                    found.append((parameter.name, effect, reason, [cmdlet.name]))
                }
            }
        }
        return found.sorted { $0.parameter.lowercased() < $1.parameter.lowercased() }
    }

    private static func escaped(_ text: String) -> String { text.replacing("|", with: "\\|") }
}
