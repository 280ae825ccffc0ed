import Cmdlets

extension Translator {
    /// A translator that knows a catalogue's cmdlets.
    package static func forCatalogue(_ catalogue: Catalogue = Catalogue()) -> Translator { Translator(knowledge: .of(catalogue)) }
}
