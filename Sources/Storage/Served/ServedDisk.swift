import Basics
import CHost
import Glibc
import Synchronization

/// A disk whose images a process of its own reads and writes (`DiskService`), so that the code of the formats runs with no more than the
/// images' descriptors. It sees neither the guest's memory nor the worker's: data goes through a window that both map.
///
/// The process may end or hang at any time. It is then started again, told what a flush has not made last, and asked once more all that
/// it had not answered; the guest notices only the time. A request is under way until its answer is taken, so none is lost and none is
/// answered twice.
///
/// ```
/// guest's buffer ─▶ journal ─▶ window ─▶ service ─▶ images        a write; the journal until the next flush
///                            requests ─▶         ─▶ answers      many at a time, in any order
///                 watcher: the process has ended ─▶ another one, the journal, the requests that have no answer
/// ```
/// `close` ends it: a disk that is never closed keeps its process and its thread.
package final class ServedDisk: QueuedDisk, @unchecked Sendable {
    /// What it is like, for people and measurements.
    package struct Figures: Sendable, Equatable {
        /// The service's process; nil: none runs.
        package var process: Int32?
        /// How often a service took the place of one that had ended.
        package var restarts = 0
        /// Nanoseconds from noticing the last such end until all was as before.
        package var lastRestart: UInt64 = 0
        /// Requests that the service was asked.
        package var exchanges: UInt64 = 0
        /// Messages to the service and from it; each may hold many requests or answers.
        package var messages: UInt64 = 0
        /// System calls that the services made for messages and images.
        package var calls: UInt64 = 0
        /// The path of the image that is written.
        package var file = ""
        package var isClosed = false
    }

    /// One that has no answer.
    struct Request {
        var number: UInt64
        var kind: DiskServiceRequest.Kind
        /// Of the disk.
        var offset: UInt64 = 0, count: UInt64 = 0
        /// In the window.
        var place = DiskServiceWindow.spare
        /// What is written: a copy that the service cannot reach, for what is written again must be what was written.
        var bytes: [UInt8] = []
        /// nil: its caller waits for it.
        var tag: UInt64?
        /// The present service has been asked.
        var isSent = false
        /// Services that ended when they had been asked.
        var losses = 0

        func touches(_ piece: Piece) -> Bool { offset < piece.offset + piece.count && piece.offset < offset + count }
    }

    typealias Piece = (offset: UInt64, count: UInt64)

    // Safety: `lock` guards all that changes but the figures.
    let lock = HostLock()
    let state = Mutex(Figures())
    var link: DiskServiceLink?
    var journal = WriteJournal()
    /// In the order of their beginnings.
    var underway: [Request] = []
    /// In the order of their ends, until they are collected.
    var ended: [(request: Request, error: DiskError?)] = []
    var room = WindowRoom()
    var lastNumber: UInt64 = 0
    var isClosed = false
    /// The images are open in this process, for work on the chain; `holders` do some.
    var own: LiveDisk?
    var holders = 0
    /// Open images with their locks, the disk's own first; none while `own` has them.
    var chain: [DiskChainEntry]
    /// Of the images as they are now.
    var properties: DiskServiceHello.Properties

    let starter: DiskServiceStarter
    let patience: DiskServicePatience
    let note: @Sendable (String) -> Void
    let isForReading: Bool
    /// What the guest knows of the disk.
    private let shown: DiskServiceHello.Properties
    let window: UnsafeMutableRawBufferPointer
    let windowDescriptor: Int32
    /// Wakes the watcher.
    let bell: Int32
    private var watcher: HostThread?
    let file: String

    package var size: UInt64 { shown.size }
    package var logicalSectorSize: Int { shown.logicalSectorSize }
    package var physicalSectorSize: Int { shown.physicalSectorSize }
    package var isReadOnly: Bool { shown.isReadOnly }
    package var identifier: [UInt8]? { shown.identifier }
    package var canDiscard: Bool { shown.canDiscard }

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
                (link, properties, shown) = (first, first.properties, first.properties)
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
        state.withLock { [link, file] in ($0.process, $0.file) = (link?.process, file) }
        watcher = HostThread(name: "disk service", stackSize: 512 << 10) { [self] in watch() }
    }

    deinit {
        munmap(window.baseAddress, window.count)
        Glibc.close(windowDescriptor)
        Glibc.close(bell)
    }

    package var figures: Figures {
        var figures = state.withLock { $0 }
        // What the present service says; nothing depends on it.
        figures.calls &+= window.load(fromByteOffset: DiskServiceWindow.calls, as: UInt64.self)
        return figures
    }

    private static func letGo(_ chain: [DiskChainEntry]) {
        for entry in chain {
            lv_disk_unlock(entry.descriptor)
            Glibc.close(entry.descriptor)
        }
    }

    /// As for every disk; the service has ended when this returns.
    package func close() throws(DiskError) {
        lock.lock()
        guard !isClosed else { return lock.unlock() }
        do throws(DiskError) {
            if let own { try own.close() } else { try perform(.close) }
        } catch {
            lock.unlock()
            throw error
        }
        (isClosed, journal, own) = (true, WriteJournal(), nil)
        _ = link?.end(grace: 5_000, patience: patience)
        link = nil
        Self.letGo(chain)
        chain = []
        let thread = watcher
        watcher = nil
        lock.unlock()
        state.withLock { ($0.process, $0.isClosed) = (nil, true) }
        lv_event_ring(bell)
        thread?.join()
    }

    func checkWritable() throws(DiskError) {
        if isReadOnly { throw DiskError(.readOnly, "“\(file)” is open for reading only.", file: file) }
    }
}
