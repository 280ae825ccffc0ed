import Basics

/// Something that a check found.
public struct VHDXProblem: Sendable, Equatable {
    /// The disk cannot be trusted; otherwise it works, with a spare part gone.
    public var isFatal: Bool
    public var message: String
}

extension VHDXImage {
    /// Compares the file with what is known about it. Opening has refused everything that cannot work; this finds damaged spare copies,
    /// and tables that differ from the file or from each other.
    public func check() -> [VHDXProblem] {
        var problems = [header.problem, regions.problem].compactMap { $0 }.map { VHDXProblem(isFatal: false, message: $0) }
        do throws(DiskFormatError) {
            let found = try VHDXOpening(file, readOnly: true)
            if found.metadata.diskSize != size || found.metadata.kind != kind {
                problems.append(VHDXProblem(isFatal: true, message: "the metadata in the file are another disk's"))
            }
            if dirtyPages.isEmpty {
                let entries = min(geometry.entries(for: size), found.table.capacity)
                if let index = (0..<entries).first(where: { found.table[$0] != table[$0] }) {
                    problems.append(VHDXProblem(isFatal: true, message: "entry \(index) of the block table differs from the file's"))
                }
            }
        } catch { problems.append(VHDXProblem(isFatal: true, message: error.message)) }
        if let parent = parent as? VHDXImage, let link = metadata.parentLink, parent.dataWriteGUID != link.linkage {
            problems.append(VHDXProblem(isFatal: true, message: "the parent “\(parent.file.name)” was changed since this disk was made"))
        }
        return problems
    }
}
