import Basics

/// What is done before and after an image's content is written down into its parent, so that the chain opens and reads the same at every
/// moment: the image above covers what is written below it, and knows its parent under the old name and the new.
struct MergeStep {
    let upper: any DiskImage
    let lower: any DiskImage
    let paths: ParentPaths

    init(upper: any DiskImage, lower: any DiskImage, paths: ArraySlice<String>) {
        (self.upper, self.lower) = (upper, lower)
        self.paths = ParentPaths(parent: paths.last ?? "", child: paths.first ?? "")
    }

    /// Gives the lower image the identifier by which it will be known, and room for `size` bytes.
    func begin(size: UInt64) throws {
        // A VHDX that is written gets a new identifier for its children: the child knows both while that changes.
        let known = lower.linkIdentifier
        try lower.announceChange(to: upper, paths)
        try lower.settleLinkIdentifier()
        if lower.linkIdentifier != known { try upper.setParent(lower.linkIdentifier, paths) }
        if size > lower.size { try lower.resize(to: size, losingData: false) }
    }

    /// Brings all to stable storage and cuts what the upper image does not show. Afterwards the lower image can stand for the upper one.
    func finish(size: UInt64) throws {
        try lower.flush()
        if size < lower.size { try lower.resize(to: size, losingData: true) }
    }
}
