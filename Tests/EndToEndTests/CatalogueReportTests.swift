import Foundation
import TestSupport
import Testing

/// How much of the real module, weighted by real use, the catalogue covers; it shall not become less.
@Suite("Catalogue report", .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"))
struct CatalogueReportTests {
    @Test func theCoverageHolds() throws {
        let script = BuiltShell.repository.appendingPathComponent("Scripts/catalogue-report").path
        let outcome = try ForeignProgram.run(script, ["5"], environment: ProcessInfo.processInfo.environment)
        let lines = outcome.output.split(separator: "\n")
        let numbers = lines.prefix(3).map { $0.split(whereSeparator: { !$0.isNumber }).compactMap { Int($0) } }
        try #require(numbers.count == 3, "\(outcome.output)\(outcome.errors)")
        #expect(numbers[0][0] >= 150 && numbers[0][1] == 240)
        #expect(numbers[1][1] == 5053)
        #expect(Double(numbers[1][0]) / 5053 >= 0.85)
        #expect(numbers[2][0] >= 58)
    }
}
