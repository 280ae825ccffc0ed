import DeviceModel
import FuzzTargets
import Services
import Testing
import VMBusTestSupport

/// What fuzzing found in saved states and conversations: each of these trapped once, or gave a service what it must not see.
@Suite(.serialized) struct FoundInStatesTests {
    /// Plays one of a target's seeds with some text changed. Returning is the result.
    private func play(_ name: String, seed: Int, _ changes: [(String, String)]) throws {
        let target = try #require(FuzzTarget.all.first { $0.name == name })
        var text = String(decoding: try #require(target.seeds().dropFirst(seed).first), as: UTF8.self)
        for (old, new) in changes {
            let range = try #require(text.firstRange(of: old), "the state has \(old)")
            text.replaceSubrange(range, with: new)
        }
        let watch = CaseWatch(name)
        defer { watch.end() }
        watch.run(Array(text.utf8), target.run)
    }

    @Test("two open channels in one place of a device are refused")
    func oneChannelTwice() throws {
        let second = "\"instance\":\"02020202-0202-0202-0202-020202020202\""
        try play("vmbus-state", seed: 0, [(second, "\"instance\":\"01010101-0101-0101-0101-010101010101\"")])
    }

    @Test("a GPADL has no more bytes or pages than its message can say", arguments: ["count\":163840", "missing\":40"])
    func sizes(_ field: String) throws {
        let name = field.prefix { $0 != ":" }
        try play("vmbus-state", seed: 0, [(field, "\(name):9223372036854775807")])
    }

    @Test(
        "dynamic memory that was never added cannot be taken away",
        arguments: [
            "\"patience\":-9223372036854775808", "\"patience\":0,\"request\":{\"hotAdd\":{\"_0\":{\"count\":1,\"first\":0}}}",
            "\"patience\":0,\"request\":{\"hotAdd\":{\"_0\":{\"count\":1,\"first\":18446744073709551615}}}",
        ])
    func addedMemory(_ fields: String) throws {
        let memory = try GuestMemory(size: 4 << 20)
        let settings = DynamicMemoryService.Settings(isEnabled: true, minimum: 1 << 20, maximum: 4 << 20, buffer: 20)
        let service = DynamicMemoryService(settings: settings, memory: memory, pump: ManualPump())
        var saved = try service.savedUnit()
        let range = try #require(saved.payload.firstRange(of: "\"patience\":0"))
        saved.payload.replaceSubrange(range, with: fields)
        #expect(throws: StateError.self) { try service.restore(from: saved) }
    }
}
