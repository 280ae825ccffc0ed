#if canImport(Glibc)
    import Glibc
#endif

/// A thread of the host: virtual processors, timers and deliveries never run as Swift tasks.
package final class HostThread: @unchecked Sendable {
    private final class Start {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    // Safety: written once in init, before anyone else can see the object.
    private var handle = pthread_t()
    /// False: the system gave no thread, and the body never runs.
    package let isStarted: Bool

    /// Starts a thread with `stackSize` bytes of stack. `name` (15 bytes at most) shows in the host's tools.
    package init(name: String, stackSize: Int = 1 << 20, body: @escaping () -> Void) {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        pthread_attr_setstacksize(&attributes, stackSize)
        let start = Unmanaged.passRetained(
            Start {
                Self.nameCurrent(name)
                body()
            })
        let result = pthread_create(
            &handle, &attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        pthread_attr_destroy(&attributes)
        isStarted = result == 0
        if !isStarted { start.release() }
    }

    /// Starts a thread that ends by itself; false when the system gives none.
    @discardableResult
    package static func startDetached(name: String, stackSize: Int = 8 << 20, body: @escaping @Sendable () -> Void) -> Bool {
        let thread = HostThread(name: name, stackSize: stackSize, body: body)
        thread.detach()
        return thread.isStarted
    }

    /// Glibc's module map hides pthread_setname_np; the kernel takes the name through a file as well.
    private static func nameCurrent(_ name: String) {
        let file = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
        guard file >= 0 else { return }
        _ = write(file, name, min(name.utf8.count, 15))
        close(file)
    }

    package var isCurrent: Bool { isStarted && pthread_equal(handle, pthread_self()) != 0 }

    /// Waits for the thread's end; a thread that asks for its own end is let go instead.
    package func join() {
        guard isStarted else { return }
        if isCurrent { pthread_detach(handle) } else { pthread_join(handle, nil) }
    }

    /// Lets the thread end by itself; instead of `join`.
    package func detach() {
        if isStarted { pthread_detach(handle) }
    }

    /// Host processor time of the running thread in nanoseconds. Precondition: not joined.
    package var processorTime: UInt64 {
        var clock = clockid_t()
        var time = timespec()
        guard isStarted, pthread_getcpuclockid(handle, &clock) == 0, clock_gettime(clock, &time) == 0 else { return 0 }
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }
}
