import Persistence
import Testing

@Suite struct HostMemoryTests {
    private let host = HostMemory(total: 4 << 30, available: 1 << 30, freeSwap: 256 << 20)

    @Test func whatTheHostHasNotIsRefusedWithFigures() throws {
        try host.check(1 << 30, for: "a")
        try host.check(1280 << 20, for: "a")
        let error = #expect(throws: PersistenceError.self) { try host.check(1281 << 20, for: "web1") }
        #expect(error?.identifier == "NotEnoughMemory" && error?.target == "web1")
        #expect(error?.message == "“web1” needs 1281 MiB of memory, and the host has 1024 MiB available and 256 MiB of free swap.")
    }

    @Test func aKernelThatTellsNothingRefusesNothing() throws {
        try HostMemory(total: 0, available: 0, freeSwap: 0).check(1 << 40, for: "a")
    }

    @Test func theKernelTells() {
        let now = HostMemory()
        #expect(now.total > 0 && now.available > 0 && now.available <= now.total)
    }
}
