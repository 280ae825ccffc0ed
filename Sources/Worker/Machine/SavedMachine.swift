import Basics
import DeviceModel
import FoundationEssentials
import Persistence

#if canImport(Glibc)
    import Glibc
#endif

/// The file of a saved machine or a checkpoint: all units' states, and the pages of RAM at fixed places, so that they are mapped, not read.
///
///     0               "LUNASAV1"  u32 bytes  frame (JSON: version, pages, where the parts below lie)  u64 check of everything before
///     4096            page 0, page 1, …: page p at 4096 × (p + 1); zeros, and what this file does not decide, are holes
///     4096 × (n + 1)  decided pages, a bit each · filled pages, a bit each · header (canonical JSON) · sums, a u32 for each filled page
///
/// A file with `parents` decides only some pages; the rest is as in the file before it. Whoever writes it may do so while the guest runs
/// and changes its mind: the frame, which comes last, makes it a saved machine. Version 1 (SavedMachine+Version1.swift) had the same
/// beginning, so that its readers say which version they have before them.
package enum SavedMachine {
    package static let version = SavedStateVersion.current
    static let magic = SavedStateVersion.magic
    static let headerLimit = 16 << 20
    /// Where page 0 lies.
    static let pageBase = 4096
    /// Files that one may build on.
    package static let mostParents = 63

    package struct Header: Codable, Equatable, Sendable {
        package var version = SavedMachine.version
        package var shape: MachineShape
        package var units: [UnitState]
        /// Bytes of RAM, where memory was added to what the machine started with; nil: none was.
        package var memoryBytes: UInt64?
        /// Tells this file from every other; nil: of version 1.
        package var identity: GUID?
        /// The files whose pages count where this one decides nothing: the one before this first, the full one last; nil: it is full.
        package var parents: [MemoryImageReference]?

        package init(shape: MachineShape, units: [UnitState], memoryBytes: UInt64? = nil, identity: GUID? = nil) {
            (self.shape, self.units, self.memoryBytes, self.identity) = (shape, units, memoryBytes, identity)
        }
    }

    /// Writes a full file from its beginning, and returns when it is durable. The machine stands.
    package static func write(_ header: Header, memory: GuestMemory, to descriptor: Int32) throws(MachineError) {
        var header = header
        if header.identity == nil { header.identity = GUID() }
        let writer = try MemoryImageWriter(memory: memory, descriptor: descriptor, isFull: true)
        try writer.write(PageSet(count: memory.pageCount, all: true))
        try writer.finish(header)
        try writer.synchronize()
    }

    /// Reads only what a file says of itself, not what it is worth. Says which files must be at hand to restore it.
    package static func describe(_ descriptor: Int32) throws(MachineError) -> Header {
        switch try SavedMachineFrame.open(descriptor) {
        case .first(let header): return header
        case .second(let frame): return try frame.header()
        }
    }

    /// Pages that a file says something about, whatever is in them; none: it is of version 1.
    static func decidedPages(_ descriptor: Int32) throws(MachineError) -> PageSet {
        guard case .second(let frame) = try SavedMachineFrame.open(descriptor) else { return PageSet(count: 0) }
        return try frame.pageFile().decided
    }

    /// Puts the pages of a file into `memory`, which is all zeros, after `check` has judged its header and made RAM as large as it says.
    /// `parents` are the files of `Header.parents`, in that order. The files of version 2 are mapped and must not be changed while the
    /// memory lives; the descriptors may be closed.
    package static func read(
        from descriptor: Int32, parents: [Int32] = [], into memory: GuestMemory, check: (Header) throws(MachineError) -> Void
    ) throws(MachineError) -> Header {
        guard case .second(let frame) = try SavedMachineFrame.open(descriptor) else {
            return try readFirstVersion(from: descriptor, into: memory, check: check)
        }
        let header = try frame.header()
        try check(header)
        guard frame.pages == memory.pageCount else { throw MachineError(.savedCorrupt, detail: "it has pages for another size of memory") }
        var files = [try frame.pageFile()]
        for (parent, isLast) in try frames(of: header, parents) {
            let file = try parent.pageFile()
            guard !isLast || file.decided.size == file.decided.count else {
                throw MachineError(.savedParent, detail: "the oldest is not full")
            }
            files.append(file)
        }
        for descriptor in [descriptor] + parents { try checkUse(of: descriptor) }
        if files.count == 1, files[0].decided.size != frame.pages {
            throw MachineError(.savedCorrupt, detail: "it names no file that it builds on, and lacks pages")
        }
        do throws(GuestMemoryError) { try memory.adopt(files) } catch { throw MachineError(.memory, cause: error) }
        return header
    }

    /// The files that a file builds on, after it is clear that they are those.
    private static func frames(
        of header: Header, _ descriptors: [Int32]
    ) throws(MachineError) -> [(frame: SavedMachineFrame, isLast: Bool)] {
        let references = header.parents ?? []
        guard references.count <= mostParents else {
            throw MachineError(.savedCorrupt, detail: "it names too many files that it builds on")
        }
        guard references.count == descriptors.count else {
            throw MachineError(.savedParent, detail: "it builds on \(references.count) files, not on \(descriptors.count)")
        }
        var result: [(frame: SavedMachineFrame, isLast: Bool)] = []
        for (index, reference) in references.enumerated() {
            guard case .second(let frame) = try SavedMachineFrame.open(descriptors[index]) else {
                throw MachineError(.savedParent, detail: "“\(reference.name)” is of version 1")
            }
            let parent = try frame.header()
            guard parent.identity == reference.identity,
                (parent.parents ?? []).map(\.identity) == references[(index + 1)...].map(\.identity),
                parent.shape.memoryBytes == header.shape.memoryBytes
            else { throw MachineError(.savedParent, detail: "“\(reference.name)” is not the file it was made from") }
            result.append((frame, index == references.count - 1))
        }
        return result
    }
}

/// Names a file that later ones build on. The name is where to look for it; the identity says whether it is the one.
package struct MemoryImageReference: Codable, Equatable, Sendable {
    package var name: String
    package var identity: GUID
    package init(name: String, identity: GUID) { (self.name, self.identity) = (name, identity) }
}
