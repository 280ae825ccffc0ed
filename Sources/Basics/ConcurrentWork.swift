import Synchronization

/// The same work on many things at once, by threads.
package enum ConcurrentWork {
    /// Results in the order of `items`. `width` threads at most work besides the caller's own.
    package static func map<Item: Sendable, Output: Sendable>(
        _ items: [Item], width: Int = 32, _ body: @escaping @Sendable (Item) -> Output
    ) -> [Output] {
        guard items.count > 1 else { return items.map(body) }
        let shared = Shared<Output>(count: items.count)
        let work: @Sendable () -> Void = {
            while let index = shared.draw() { shared.store(body(items[index]), at: index) }
        }
        var threads: [HostThread] = []
        for _ in 0..<min(width, items.count - 1) {
            let thread = HostThread(name: "work", body: work)
            guard thread.isStarted else { break }
            threads.append(thread)
        }
        work()
        for thread in threads { thread.join() }
        return shared.all()
    }

    /// Does both at once, `first` in the caller's thread. Returns when both have ended.
    package static func both<First, Second: Sendable>(
        _ first: () throws -> First, _ second: @escaping @Sendable () throws -> Second
    ) -> (Result<First, any Error>, Result<Second, any Error>) {
        let other = Shared<Result<Second, any Error>>(count: 1)
        let thread = HostThread(name: "work") { other.store(Result(catching: second), at: 0) }
        let result = Result(catching: first)
        thread.join()
        // Without a thread it is done now.
        return (result, other.all().first ?? Result(catching: second))
    }

    private final class Shared<Output: Sendable>: Sendable {
        private let next = Atomic(0)
        private let count: Int
        private let results: Mutex<[Int: Output]> = Mutex([:])
        init(count: Int) { self.count = count }

        func draw() -> Int? {
            let index = next.wrappingAdd(1, ordering: .relaxed).oldValue
            return index < count ? index : nil
        }
        func store(_ output: Output, at index: Int) { results.withLock { $0[index] = output } }
        func all() -> [Output] { results.withLock { results in (0..<count).compactMap { results[$0] } } }
    }
}
