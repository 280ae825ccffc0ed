import Basics
import CHost
import Glibc
import Synchronization

/// A disk whose images a process of its own reads and writes (`DiskService`), so that the code of the formats runs with no more than the
/// images' descriptors. It sees neither the guest's memory nor the worker's: data goes through a window of 1 MiB.
///
/// The process may end or hang at any time. It is then started again, told what a flush has not made last, and asked once more what it
/// had not answered; the guest notices only the time. Requests come one after another and each is answered when it is done, so none is
/// lost and none is answered twice.
///
/// ```
/// guest's buffer ─▶ journal ─▶ window ─▶ service ─▶ images        a write; the journal until the next flush
///                             request ─▶         ─▶ answer
///                 watcher: the process has ended ─▶ another one, the journal, the request that has no answer
/// ```
/// `close` ends it: a disk that is never closed keeps its process and its thread.
package final class ServedDisk: Disk, @unchecked Sendable {
    /// What it is like, for people and measurements.
    package struct Figures: Sendable, Equatable {
        /// The service's process; nil: none runs.
        package var process: Int32?
        /// How often a service took the place of one that had ended.
        package var restarts = 0
        /// Nanoseconds from noticing the last such end until all was as before.
        package var lastRestart: UInt64 = 0
        /// Requests that the service was asked; each crosses to the other process and back.
        package var exchanges: UInt64 = 0
        package var isClosed = false
    }

    // Safety: `lock` guards all that changes but the figures.
    private let lock = HostLock()
    private let state = Mutex(Figures())
    private var link: DiskServiceLink?
    private var journal = WriteJournal()
    private var isClosed = false

    private let chain: [DiskChainEntry]
    private let starter: DiskServiceStarter
    private let patience: DiskServicePatience
    private let note: @Sendable (String) -> Void
    private let properties: DiskServiceHello.Properties
    private let window: UnsafeMutableRawBufferPointer
    private let windowDescriptor: Int32
    /// Wakes the watcher.
    private let bell: Int32
    private var watcher: HostThread?
    private let file: String

    package var size: UInt64 { properties.size }
    package var logicalSectorSize: Int { properties.logicalSectorSize }
    package var physicalSectorSize: Int { properties.physicalSectorSize }
    package var isReadOnly: Bool { properties.isReadOnly }
    package var identifier: [UInt8]? { properties.identifier }
    package var canDiscard: Bool { properties.canDiscard }

    /// The disk of an open chain, its own image first. Owns the descriptors from the call on. `note` gets a line for people when a service
    /// was replaced; called from any thread.
    package init(
        _ chain: [DiskChainEntry], readOnly: Bool = false, starter: DiskServiceStarter = .process, patience: DiskServicePatience = .init(),
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) throws(DiskOpenError) {
        (self.chain, self.starter, self.patience, self.note) = (chain, starter, patience, note)
        file = chain.first?.path ?? ""
        isForReading = readOnly
        do throws(DiskOpenError) {
            guard !chain.isEmpty, chain.count <= DiskChain.greatestDepth else {
                throw DiskOpenError(.chainTooLong, "A disk has 1 to \(DiskChain.greatestDepth) images, not \(chain.count).")
            }
            windowDescriptor = lv_port_memory(DiskServiceWindow.size)
            guard windowDescriptor >= 0 else { throw DiskOpenError.system(-windowDescriptor, chain[0].path) }
            let base = mmap(nil, DiskServiceWindow.size, PROT_READ | PROT_WRITE, MAP_SHARED, windowDescriptor, 0)
            do throws(DiskOpenError) {
                guard let base, base != MAP_FAILED else { throw DiskOpenError.system(errno, chain[0].path) }
                window = UnsafeMutableRawBufferPointer(start: base, count: DiskServiceWindow.size)
                let first = try DiskServiceLink(
                    chain, readOnly: readOnly, window: windowDescriptor, starter: starter, patience: patience)
                (link, properties) = (first, first.properties)
                bell = lv_event_make()
            } catch {
                if let base, base != MAP_FAILED { munmap(base, DiskServiceWindow.size) }
                Glibc.close(windowDescriptor)
                throw error
            }
        } catch {
            Self.letGo(chain)
            throw error
        }
        state.withLock { [link] in $0.process = link?.process }
        watcher = HostThread(name: "disk service", stackSize: 512 << 10) { [self] in watch() }
    }

    deinit {
        munmap(window.baseAddress, window.count)
        Glibc.close(windowDescriptor)
        Glibc.close(bell)
    }

    private let isForReading: Bool

    package var figures: Figures { state.withLock { $0 } }

    private static func letGo(_ chain: [DiskChainEntry]) {
        for entry in chain {
            lv_disk_unlock(entry.descriptor)
            Glibc.close(entry.descriptor)
        }
    }

    // MARK: Requests

    package func read(into segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = segments.byteCount
        try checkRange(offset, count, file: file)
        lock.lock()
        defer { lock.unlock() }
        var walk = SegmentWalk(segments)
        for piece in Self.pieces(offset, count) {
            try perform(.read, piece)
            try walk.next(piece.count) { (parts) throws(DiskError) in
                var position = 0
                for part in parts {
                    if let target = part.iov_base, let source = window.baseAddress { memcpy(target, source + position, part.iov_len) }
                    position += part.iov_len
                }
            }
        }
    }

    package func write(from segments: UnsafeBufferPointer<iovec>, at offset: UInt64) throws(DiskError) {
        let count = segments.byteCount
        try checkRange(offset, count, file: file)
        try checkWritable()
        lock.lock()
        defer { lock.unlock() }
        var walk = SegmentWalk(segments)
        for piece in Self.pieces(offset, count) {
            // A copy that the service cannot reach: what is written again must be what was written.
            var bytes = [UInt8](repeating: 0, count: Int(piece.count))
            try walk.next(piece.count) { (parts) throws(DiskError) in
                bytes.withUnsafeMutableBytes { target in
                    var position = 0
                    for part in parts {
                        if let base = target.baseAddress, let source = part.iov_base { memcpy(base + position, source, part.iov_len) }
                        position += part.iov_len
                    }
                }
            }
            try makeRoom(for: bytes.count)
            try perform(.write, piece, bytes)
            if !properties.keepsWrites { journal.append(.write(offset: piece.offset, bytes: bytes)) }
        }
    }

    package func flush() throws(DiskError) {
        lock.lock()
        defer { lock.unlock() }
        try perform(.flush)
        journal.removeAll()
    }

    package func discard(at offset: UInt64, count: UInt64) throws(DiskError) {
        try checkRange(offset, count, file: file)
        try checkWritable()
        lock.lock()
        defer { lock.unlock() }
        try makeRoom(for: 0)
        try perform(.discard, (offset, count))
        if !properties.keepsWrites { journal.append(.discard(offset: offset, count: count)) }
    }

    /// As for every disk; the service has ended when this returns.
    package func close() throws(DiskError) {
        lock.lock()
        guard !isClosed else { return lock.unlock() }
        do throws(DiskError) { try perform(.close) } catch {
            lock.unlock()
            throw error
        }
        (isClosed, journal) = (true, WriteJournal())
        _ = link?.end(grace: 5_000, patience: patience)
        link = nil
        Self.letGo(chain)
        let thread = watcher
        watcher = nil
        lock.unlock()
        state.withLock { ($0.process, $0.isClosed) = (nil, true) }
        lv_event_ring(bell)
        thread?.join()
    }

    private typealias Piece = (offset: UInt64, count: UInt64)

    private static func pieces(_ offset: UInt64, _ count: UInt64) -> [Piece] {
        let size = UInt64(DiskServiceWindow.size)
        if count <= size { return count == 0 ? [] : [(offset, count)] }
        return stride(from: 0, to: count, by: DiskServiceWindow.size).map { (offset + $0, min(size, count - $0)) }
    }

    private func checkWritable() throws(DiskError) {
        if isReadOnly { throw DiskError(.readOnly, "“\(file)” is open for reading only.", file: file) }
    }

    /// Flushes when the journal could not take the next entry.
    private func makeRoom(for count: Int) throws(DiskError) {
        guard !properties.keepsWrites, !journal.hasRoom(for: count) else { return }
        try perform(.flush)
        journal.removeAll()
    }

    // MARK: In the lock

    /// A request at which the service ended so often is given up: it may be what ends it.
    private static let mostLosses = 3
    /// Starts in a row that may fail.
    private static let mostStarts = 5

    /// Asks the service, and another one when it ends, until there is an answer.
    private func perform(_ kind: DiskServiceRequest.Kind, _ piece: Piece = (0, 0), _ bytes: [UInt8] = []) throws(DiskError) {
        guard !isClosed else { throw DiskError(.closed, "The disk “\(file)” is closed.", file: file) }
        for _ in 0..<Self.mostLosses {
            let link = try livingLink()
            switch ask(link, kind, piece, bytes) {
            case .done: return
            case .refused(let error): throw error
            case .lost(let why): try replace(link, why)
            }
        }
        throw DiskError(
            .failed, "The service of “\(file)” ended \(Self.mostLosses) times at the same request, which is given up.", file: file)
    }

    private func ask(_ link: DiskServiceLink, _ kind: DiskServiceRequest.Kind, _ piece: Piece, _ bytes: [UInt8]) -> DiskServiceLink.Outcome
    {
        if !bytes.isEmpty { bytes.withUnsafeBytes { window.copyMemory(from: $0) } }
        state.withLock { $0.exchanges += 1 }
        return link.ask(kind, offset: piece.offset, count: piece.count)
    }

    private func livingLink() throws(DiskError) -> DiskServiceLink {
        if let link { return link }
        return try start()
    }

    /// Puts another service in the place of one that is lost.
    private func replace(_ lost: DiskServiceLink, _ why: String) throws(DiskError) {
        let begun = HostTime.monotonic()
        guard lost.end(patience: patience) else {
            // Two at the same images would be worse than none.
            throw DiskError(
                .failed, "The disk service of “\(file)” \(why), and its process \(lost.process), killed, does not end.", file: file,
                action: "Look whether the host's storage answers; the guest's requests fail until it does.")
        }
        link = nil
        state.withLock { $0.process = nil }
        let new = try start()
        let time = HostTime.monotonic() &- begun
        state.withLock { ($0.restarts, $0.lastRestart) = ($0.restarts + 1, time) }
        note(
            "The disk service of “\(file)” \(why): process \(new.process) serves it now instead of \(lost.process), \(time / 1_000_000) ms later."
        )
    }

    /// A new service that has been told what the former one may not have made last.
    private func start() throws(DiskError) -> DiskServiceLink {
        var failure = DiskError(.failed, "The service of “\(file)” cannot be started.", file: file)
        for attempt in 0..<Self.mostStarts {
            if attempt > 0 { usleep(UInt32(20_000 << attempt)) }
            do throws(DiskOpenError) {
                let new = try DiskServiceLink(
                    chain, readOnly: isForReading, window: windowDescriptor, starter: starter, patience: patience)
                guard new.properties == properties else {
                    _ = new.end(patience: patience)
                    throw DiskOpenError(.serviceMismatch, "“\(file)” is another disk for its new service than it was.", file: file)
                }
                if let trouble = tellJournal(new) {
                    _ = new.end(patience: patience)
                    failure = trouble
                    continue
                }
                link = new
                state.withLock { $0.process = new.process }
                return new
            } catch {
                failure = DiskError(.failed, error.message, file: file, action: error.recommendedAction)
                if error.code == .serviceMismatch { throw failure }
            }
        }
        throw failure
    }

    private func tellJournal(_ link: DiskServiceLink) -> DiskError? {
        for entry in journal.entries {
            let outcome =
                switch entry {
                case .write(let offset, let bytes): ask(link, .write, (offset, UInt64(bytes.count)), bytes)
                case .discard(let offset, let count): ask(link, .discard, (offset, count), [])
                }
            switch outcome {
            case .done: break
            case .refused(let error): return error
            case .lost(let why): return DiskError(.failed, "The service of “\(file)” \(why).", file: file)
            }
        }
        return nil
    }

    // MARK: The watcher

    /// Replaces a service that ends while nobody asks it anything.
    private func watch() {
        while true {
            lock.lock()
            let (watched, isOver) = (link, isClosed)
            lock.unlock()
            guard !isOver else { return }
            guard let watched else {
                // The next request starts one.
                var polled = pollfd(fd: bell, events: Int16(POLLIN), revents: 0)
                poll(&polled, 1, 1_000)
                continue
            }
            var polled = [
                pollfd(fd: bell, events: Int16(POLLIN), revents: 0),
                pollfd(fd: watched.processDescriptor, events: Int16(POLLIN), revents: 0),
            ]
            poll(&polled, 2, -1)
            guard polled[1].revents != 0 else { continue }
            lock.lock()
            if link === watched, !isClosed {
                do throws(DiskError) { try replace(watched, "ended") } catch { note(error.message) }
            }
            lock.unlock()
        }
    }
}
