import Basics

/// Work on whole virtual disks by the names of their files: what the VHD cmdlets ask for.
///
/// Every call opens what it needs with its locks, so that no disk is changed under a running VM, and closes it again. Errors are
/// `DiskOpenError`, `DiskFormatError`, `DiskError` and `DiskOperationError`. What is made has a temporary name until it is whole.
public struct DiskOperations: Sendable {
    /// Gets what is done, from 0 to 1, now and then; false stops the work.
    public typealias Progress = @Sendable (Double) -> Bool

    /// Parents outside their child's folder that the user named.
    public var allowedParents: [String]
    public var progress: Progress

    public init(allowedParents: [String] = [], progress: @escaping Progress = { _ in true }) {
        (self.allowedParents, self.progress) = (allowedParents, progress)
    }

    /// The format that the name stands for; only these can be `wanted`.
    func format(of path: String, among wanted: [DiskFormat] = [.vhd, .vhdx]) throws -> DiskFormat {
        let extensions = wanted.flatMap { format -> [String] in
            switch format {
            case .vhdx: [".vhdx", ".avhdx"]
            case .vhd: [".vhd", ".avhd"]
            case .raw: [".raw", ".img"]
            case .iso: [".iso"]
            }
        }
        guard let format = DiskFormat.of(fileName: path), wanted.contains(format) else {
            throw DiskOperationError(
                .nameInvalid, "“\(path)” does not end with \(extensions.joined(separator: ", ")): the name's end says the format.",
                file: path)
        }
        return format
    }

    /// Opens a disk with its parents, calls `body` and closes it, also when `body` fails.
    func withDisk<Result>(_ path: String, _ format: DiskFormat, readOnly: Bool, _ body: (any Disk) throws -> Result) throws -> Result {
        let disk = try DiskChain.resolve(path: path, format: format, allowedParents: allowedParents, readOnly: readOnly)
            .disk(readOnly: readOnly)
        let result: Result
        do {
            result = try body(disk)
        } catch {
            try? disk.close()
            throw error
        }
        try disk.close()
        return result
    }

    /// Opens one image without its parents, for looking at or changing what is said about it.
    func withDetachedImage<Result>(_ path: String, readOnly: Bool, _ body: (any DiskImage) throws -> Result) throws -> Result {
        let format = try format(of: path)
        let image = try Self.detachedImage(try HostDiskFile.open(path: path, readOnly: readOnly), format)
        let result: Result
        do {
            result = try body(image)
        } catch {
            try? image.close()
            throw error
        }
        try image.close()
        return result
    }

    /// Throws what opening for writing says when somebody has the image.
    public func checkUnused(_ path: String) throws { try HostDiskFile.open(path: path, readOnly: false).close() }

    static func detachedImage(_ file: any DiskFile, _ format: DiskFormat) throws(DiskOpenError) -> any DiskImage {
        do throws(DiskFormatError) {
            if format == .vhd { return try VHDImage(file: file, readOnly: file.isReadOnly, parentRule: .detached) }
            return try VHDXImage(file: file, readOnly: file.isReadOnly, parentRule: .detached)
        } catch {
            throw DiskOpenError(error)
        }
    }
}

extension DiskOperations {
    /// The path from the root, without `.`, `..` and doubled slashes, taken from the current folder where it is relative.
    public static func absolutePath(_ path: String) -> String { ParentSearch.normalised(path) }
}
