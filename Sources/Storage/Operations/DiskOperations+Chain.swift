import Basics

/// Whole chains: what each image says, and what is wrong with each.
extension DiskOperations {
    /// What each image of a disk says of itself, its own first and its last parent at the end; also of a disk that is in use. A parent that
    /// is missing, changed or not allowed is an error that names both images.
    public func chain(of path: String) throws -> [DiskInformation] {
        let format = try format(of: path, among: DiskFormat.allCases)
        var found = [try information(path)]
        var files = [try HostDiskFile.openToLookAt(path: path).0]
        defer { for file in files { file.close() } }
        var identities: Set<HostDiskFile.Identity> = [try files[0].identity()]
        while let reference = try Self.reference(of: files[files.count - 1], format) {
            guard files.count < DiskChain.greatestDepth else { throw DiskOpenError.chainTooLong(path) }
            var search = ParentSearch(
                childPath: files[files.count - 1].name, format: format, allowedParents: allowedParents, chain: identities)
            search.isLooking = true
            let parent = try search.open(reference, acceptingOtherIdentifier: false)
            files.append(parent)
            identities.insert(try parent.identity())
            found.append(try information(parent.name))
        }
        return found
    }

    /// The structures of a file in use may be in the middle of a change.
    private static func reference(of file: HostDiskFile, _ format: DiskFormat) throws(DiskOpenError) -> ParentReference? {
        for _ in 0..<3 {
            do throws(DiskOpenError) { return try ParentReference.of(file, format: format) } catch { continue }
        }
        return try ParentReference.of(file, format: format)
    }

    /// Looks at the structures of a disk and of all its parents, and whether each parent is the image that its child was made from; what is
    /// wrong, in words that name the file. An empty answer means that the disk is usable. A missing or busy file is thrown.
    public func problems(_ path: String) throws -> [String] {
        let format = try format(of: path)
        var problems: [String] = []
        var file = try HostDiskFile.open(path: path, readOnly: true)
        var identities: Set<HostDiskFile.Identity> = [try file.identity()]
        // All are locked until the last was looked at.
        var images: [any DiskImage] = []
        defer { for image in images { try? image.close() } }
        while true {
            do throws(DiskOpenError) {
                let image = try Self.detachedImage(file, format)
                images.append(image)
                do throws(DiskFormatError) {
                    problems += try image.problems().map { "“\(file.name)”: \($0)" }
                } catch { problems.append(error.message) }
                if images.count > 1, images[images.count - 2].logicalSectorSize != image.logicalSectorSize {
                    let child = images[images.count - 2].file.name
                    problems.append("“\(file.name)” has sectors of another size than “\(child)”, which was made on it.")
                }
                guard let reference = try ParentReference.of(file, format: format) else { return problems }
                guard images.count < DiskChain.greatestDepth else { throw DiskOpenError.chainTooLong(path) }
                let search = ParentSearch(childPath: file.name, format: format, allowedParents: allowedParents, chain: identities)
                do throws(DiskOpenError) {
                    file = try search.open(reference, acceptingOtherIdentifier: false)
                } catch {
                    guard error.code == .parentMismatch else { throw error }
                    // What else is wrong below is told too.
                    problems.append(error.message)
                    file = try search.open(reference, acceptingOtherIdentifier: true)
                }
                identities.insert(try file.identity())
            } catch {
                switch error.code {
                case .notFound, .notPermitted, .inUse, .notAFile, .failed: throw error
                default: return problems + [error.message]
                }
            }
        }
    }
}

extension DiskOpenError {
    static func chainTooLong(_ path: String) -> DiskOpenError {
        DiskOpenError(
            .chainTooLong, "“\(path)” has more than \(DiskChain.greatestDepth - 1) parents.", file: path, action: "Merge some of them.")
    }
}
