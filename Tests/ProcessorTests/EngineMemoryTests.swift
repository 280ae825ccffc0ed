import Processor
import Testing

/// A host that refuses address space is an error for the caller, not the end of the process.
@Suite struct EngineMemoryTests {
    @Test func `refused address space is a described error`() throws {
        let error = try #require(throws: EngineMemoryError.self) { try reserveEngineMemory(bytes: 1 << 60) }
        #expect(error.bytes == 1 << 60)
        #expect(error.message.contains("1152921504606846976 bytes"))
        #expect(error.category == .resourceUnavailable)
    }
}
