import Glibc
import Synchronization

/// Runs `body` with 0 ..< `count` on threads of their own; throws the first error.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) throws -> Void) throws {
    let failures = Failures()
    var threads: [pthread_t] = []
    for index in 0..<count {
        var thread = pthread_t()
        let work = Work { do { try body(index) } catch { failures.add(error) } }
        pthread_create(
            &thread, nil,
            { context in
                if let context { Unmanaged<Work>.fromOpaque(context).takeRetainedValue().run() }
                return nil
            }, Unmanaged.passRetained(work).toOpaque())
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
    if let first = failures.first { throw first }
}

private final class Work: Sendable {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
}

private final class Failures: Sendable {
    private let all = Mutex<[any Error]>([])
    func add(_ error: any Error) { all.withLock { $0.append(error) } }
    var first: (any Error)? { all.withLock { $0.first } }
}
