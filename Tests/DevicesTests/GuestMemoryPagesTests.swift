import Basics
import DeviceModel
import Synchronization
import Testing

@Suite struct GuestMemoryPagesTests {
    @Test func onlyPagesWithContentAreVisited() throws {
        let memory = try GuestMemory(size: 8 << 20)
        #expect(memory.store(0x5008, UInt64(1)))
        #expect(memory.store(0x10_0000, UInt8(0)), "touched, but zero")
        #expect(memory.store(0x7f_ffff, UInt8(9)))
        var pages: [Int] = []
        memory.forEachUsedPage { page, _ in pages.append(page) }
        #expect(pages == [5, 0x7ff])
        memory.clear()
        #expect(memory.load(0x5008, as: UInt64.self) == 0)
        pages = []
        memory.forEachUsedPage { page, _ in pages.append(page) }
        #expect(pages.isEmpty)
    }

    @Test func pagesAreFilledByNumber() throws {
        let memory = try GuestMemory(size: 1 << 20)
        #expect(memory.fillPage(255) { $0[0] = 7 })
        #expect(memory.load(0xff000, as: UInt8.self) == 7)
        #expect(!memory.fillPage(256) { _ in })
        #expect(!memory.fillPage(-1) { _ in })
    }

    /// A guest may give a page back between the two questions that a run takes: what lies behind it is found all the same.
    @Test func pagesBehindOneThatComesAndGoesAreFound() throws {
        let memory = try GuestMemory(size: 8 << 20)
        #expect(memory.store(0x40_0000, UInt8(9)))
        let isStopped = Atomic(false)
        let thread = HostThread(name: "guest") {
            while !isStopped.load(ordering: .relaxed) {
                _ = memory.store(0, UInt8(1))
                memory.release(GuestRange(address: 0, count: 4096))
            }
        }
        var missed = 0
        for _ in 0..<30_000 {
            var (use, next, isFound) = (memory.pagesInUse(), 0, false)
            while let run = use.run(from: next, below: memory.pageCount) {
                if run.contains(0x400) { isFound = true }
                next = run.upperBound
            }
            if !isFound { missed += 1 }
        }
        isStopped.store(true, ordering: .relaxed)
        thread.join()
        #expect(missed == 0)
    }
}
