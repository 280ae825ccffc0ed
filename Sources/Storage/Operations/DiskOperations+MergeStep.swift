import Basics

extension DiskOperations {
    /// Writes what the differencing image at `path` holds into its direct parent and lets `children`, the images made on `path`, name that
    /// parent; gives the parent's path. `expected` is what that parent must be. `path` itself stays, whole and on the same parent: the caller removes it.
    ///
    /// `recording` runs when all is on stable storage, with the parent's path, while the images are still locked: it makes last that what
    /// was `path` is the parent now. Before that everything reads as before at every moment; stopped or cut, the step can be done again.
    @discardableResult
    public func mergeStep(
        _ path: String, into expected: String? = nil, children: [String] = [], recording: (String) throws -> Void = { _ in }
    ) throws -> String {
        let format = try format(of: path)
        let chain = try DiskChain.resolve(path: path, format: format, allowedParents: allowedParents, readOnly: true)
        guard chain.entries.count > 1 else {
            chain.close()
            throw DiskOperationError(.notSupported, "“\(path)” is not a differencing disk; there is nothing to merge.", file: path)
        }
        do {
            if let expected, try Self.position(of: expected, in: chain, path) != 1 {
                throw DiskOpenError(.parentMismatch, "“\(path)” does not stand on “\(expected)” itself.", file: path)
            }
        } catch {
            chain.close()
            throw error
        }
        let images = try Self.open(chain, format, target: 1)
        defer { try? images[0].close() }
        let parentPath = chain.entries[1].path
        var opened: [(path: String, image: any DiskImage)] = []
        defer { for child in opened { try? child.image.close() } }
        for child in children {
            let image = try Self.detachedImage(try HostDiskFile.open(path: child, readOnly: false), format)
            opened.append((child, image))
            guard image.isMade(on: images[0].linkIdentifier) || image.isMade(on: images[1].linkIdentifier) else {
                throw DiskOpenError(
                    .parentMismatch, "“\(child)” was not made on “\(path)”, or that was changed since.", file: child,
                    action: "Set-VHD -ParentPath names the right parent.")
            }
        }
        try mergeContent(of: Array(images[...1]), at: [path, parentPath])
        for child in opened {
            try child.image.setParent(images[1].linkIdentifier, ParentPaths(parent: parentPath, child: child.path))
            try child.image.flush()
        }
        try recording(parentPath)
        try images[0].close()
        return parentPath
    }
}
