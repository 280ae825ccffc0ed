import Cmdlets
import Foundation
import Testing

@Suite struct CatalogueTests {
    let catalogue = Catalogue()

    @Test func meaningsOfWordsAreOfTheWordsThatThereAre() {
        for (type, meanings) in Catalogue.meanings {
            #expect(Set(catalogue.words(ofType: type)).isSubset(of: meanings.keys), "\(type)")
        }
    }

    @Test(arguments: Catalogue.builtIn.map(\.name))
    func everyDeclarationFollowsTheRules(_ name: String) throws {
        let cmdlet = try catalogue.resolve(name)
        try CatalogueRules.check(cmdlet)
        #expect(!cmdlet.examples.isEmpty, "every cmdlet has an example")
        for example in cmdlet.examples { #expect(!example.explanation.isEmpty) }
        for parameter in cmdlet.allParameters {
            #expect(parameter.summary.hasSuffix("."), "-\(parameter.name)")
            #expect(parameter.name.first?.isUppercase == true, "-\(parameter.name)")
        }
        #expect(cmdlet.synopsis.hasSuffix("."))
        #expect(HelpText.cmdlet(cmdlet, isFull: true).contains("SYNTAX"))
    }

    /// Cmdlets that an example names are there, and so are the parameters it gives them by their full name.
    @Test(arguments: Catalogue.builtIn.map(\.name))
    func examplesNameWhatExists(_ name: String) throws {
        for example in try catalogue.resolve(name).examples {
            var cmdlet: Cmdlet?
            for word in example.code.split(whereSeparator: { " (){};'\"=,".contains($0) }).map(String.init) {
                let parts = word.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
                guard parts.count == 2, parts[1].first?.isLetter == true else { continue }
                if parts[0].isEmpty {
                    guard let cmdlet, Comparison(word: word) == nil else { continue }
                    let name = parts[1].prefix { $0 != ":" }.lowercased()
                    let known = cmdlet.allParameters.contains { $0.name.lowercased() == name }
                    #expect(known, "\(example.code): \(word)")
                } else if Catalogue.isApprovedVerb(String(parts[0])) {
                    cmdlet = try catalogue.resolve(word)
                }
            }
        }
    }

    @Test func theReportNamesEveryLimit() {
        let report = CatalogueReport.markdown(catalogue)
        #expect(report.contains("| Get-VM | Hyper-V |"))
        let remote = report.split(separator: "\n").first { $0.hasPrefix("| -Credential |") && $0.contains("refused") } ?? ""
        for name in ["Copy-VMFile", "New-VM", "Restart-VM", "Stop-VM", "Wait-VM"] { #expect(remote.contains(name), "\(name)") }
    }

    @Test func namesAreSortedAndUnique() {
        for part in [Catalogue.machineCmdlets, Catalogue.shellCmdlets] {
            let names = part.map { $0.name.lowercased() }
            #expect(names == names.sorted())
        }
        let names = Catalogue.builtIn.map { $0.name.lowercased() }
        #expect(Set(names).count == names.count)
        let aliases = Catalogue.builtIn.flatMap { $0.aliases.map { $0.lowercased() } }
        #expect(Set(aliases).count == aliases.count)
        #expect(Set(aliases).isDisjoint(with: names))
        let verbs = Catalogue.approvedVerbs.map { $0.lowercased() }
        #expect(verbs == verbs.sorted())
    }

    @Test func aCmdletIsFoundByAnyOfItsNames() {
        for name in ["Get-VM", "get-vm", "GVM", "Hyper-V\\Get-VM", "Get_VM"] { #expect(catalogue.cmdlet(named: name)?.name == "Get-VM") }
        #expect(catalogue.cmdlet(named: "?")?.name == "Where-Object")
        #expect(catalogue.cmdlet(named: "Get-Moon") == nil)
    }

    @Test func anUnknownNameSaysTheNearest() {
        let error = #expect(throws: ErrorRecord.self) { try catalogue.resolve("Strat-VM") }
        #expect(error?.identifier == "CommandNotFound")
        #expect(error?.message.contains("Start-VM") == true)
    }

    @Test func ownCmdletsMayBeDeclaredAgainBuiltInOnesNot() throws {
        var own = Cmdlet(
            "Get", "Moon", synopsis: "Gets the moon.", sets: [.init("Default", shape: .one)], parameters: [], userDefined: true,
            body: .perCall { try $0.emit(.string("full")) })
        try catalogue.register(own)
        try catalogue.register(own)
        #expect(catalogue.cmdlet(named: "get-moon") != nil)
        own.noun = "VM"
        #expect(throws: ErrorRecord.self) { try catalogue.register(own) }
        own.verb = "Fetch"
        #expect(throws: ErrorRecord.self) { try catalogue.register(own) }
    }

    @Test func onlyBlockTakersTakeABlockAfterWhiteSpace() {
        for name in ["Where-Object", "ForEach-Object", "Measure-Command", "Select-Object"] {
            #expect(catalogue.cmdlet(named: name)?.takesBlockFirst == true, "\(name)")
        }
        #expect(catalogue.cmdlet(named: "Get-VM")?.takesBlockFirst == false)
    }
}
