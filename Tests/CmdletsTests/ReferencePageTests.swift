import Cmdlets
import Foundation
import Testing

/// The checked-in pages are what the catalogue says.
@Suite struct ReferencePageTests {
    static let pages = ["Cmdlets.md": ReferencePage.markdown(Catalogue()), "Limits.md": CatalogueReport.limitsPage(Catalogue())]

    @Test(arguments: pages.keys.sorted()) func theCheckedInPageIsTheGeneratedOne(name: String) throws {
        let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        let checkedIn = try String(contentsOf: repository.appendingPathComponent("Generated/" + name), encoding: .utf8)
        let generated = try #require(Self.pages[name])
        guard checkedIn != generated else { return }
        let lines = zip(
            checkedIn.split(separator: "\n", omittingEmptySubsequences: false),
            generated.split(separator: "\n", omittingEmptySubsequences: false))
        let first = lines.enumerated().first { $1.0 != $1.1 }
        Issue.record(
            "Generated/\(name) is not what the catalogue says; build and run Scripts/generate. First difference, line \((first?.offset ?? -1) + 1):\n\(first?.element.0 ?? "")\n\(first?.element.1 ?? "")"
        )
    }

    @Test func itNamesEveryCmdletAndEveryParameter() {
        let page = ReferencePage.markdown(Catalogue())
        for cmdlet in Catalogue.builtIn {
            #expect(page.contains("\n## \(cmdlet.name)\n"), "\(cmdlet.name)")
            for parameter in cmdlet.parameters {
                #expect(page.contains("| -\(parameter.name) | \(parameter.typeName) |"), "\(cmdlet.name) -\(parameter.name)")
            }
        }
    }
}
