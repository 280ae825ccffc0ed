import Basics
import CHost
import Glibc

/// Finds the parent of one image by the rules for untrusted paths: a relative path resolves beneath the child's folder, without `..`
/// and without symbolic links; any other opens only what somebody trusted has listed.
struct ParentSearch {
    var childPath: String
    var format: DiskFormat
    /// Absolute or relative to the current folder; only their spelling is compared with what the image says.
    var allowedParents: [String]
    /// Files that are in the chain already.
    var chain: Set<HostDiskFile.Identity>
    /// The parent is only looked at: one that is locked for writing is opened without a lock.
    var isLooking = false

    /// The parent's file, open for reading with a shared lock, its identifier equal to what the child says. `accepting` lets another
    /// identifier pass.
    func open(_ reference: ParentReference, acceptingOtherIdentifier accepting: Bool) throws(DiskOpenError) -> HostDiskFile {
        var failures: [DiskOpenError] = []
        for path in reference.paths {
            do throws(DiskOpenError) {
                let file = try open(path)
                let identifier = try ParentReference.identifier(of: file, format: format)
                guard accepting || reference.names(identifier) else {
                    throw DiskOpenError(
                        .parentMismatch,
                        "“\(file.name)” is not the disk that “\(childPath)” was made from, or was changed since.", file: childPath,
                        action: "Set-VHD -ParentPath names the right parent; with -IgnoreIdMismatch it takes one that was changed.")
                }
                return file
            } catch {
                failures.append(error)
            }
        }
        throw worst(of: failures, tried: reference.paths)
    }

    private func open(_ path: String) throws(DiskOpenError) -> HostDiskFile {
        let isAbsolute = path.hasPrefix("/")
        let full = Self.normalised(isAbsolute ? path : folder + "/" + path)
        if allowedParents.contains(where: { Self.normalised($0) == full }) {
            return try looked(full) { () throws(DiskOpenError) in try HostDiskFile.open(path: full, readOnly: true, chain: chain) }
        }
        guard !isAbsolute, !path.split(separator: "/").contains("..") else {
            throw DiskOpenError(
                .parentNotAllowed, "“\(childPath)” names its parent “\(path)”, which is not in its folder.", file: childPath,
                action: "If you trust that file, name it as an allowed parent where you attach or use the disk.")
        }
        let descriptor = lv_disk_open_folder(folder)
        guard descriptor >= 0 else { throw DiskOpenError.system(-descriptor, folder) }
        defer { _ = Glibc.close(descriptor) }
        return try looked(full, beneath: (descriptor, path)) { () throws(DiskOpenError) in
            try HostDiskFile.open(beneath: descriptor, path, path: full, chain: chain)
        }
    }

    private func looked(
        _ full: String, beneath place: (folder: Int32, path: String)? = nil, _ open: () throws(DiskOpenError) -> HostDiskFile
    ) throws(DiskOpenError) -> HostDiskFile {
        do throws(DiskOpenError) {
            return try open()
        } catch {
            guard isLooking, error.code == .inUse else { throw error }
            let flags = O_RDONLY | O_NONBLOCK | O_NOCTTY
            let descriptor = place.map { lv_disk_open_beneath($0.folder, $0.path, flags) } ?? Glibc.open(full, flags | O_CLOEXEC)
            guard descriptor >= 0 else { throw error }
            return HostDiskFile(descriptor: descriptor, name: full, isReadOnly: true, isLocked: false)
        }
    }

    private var folder: String { FilePath.folder(of: childPath) }

    /// The error that helps most: what was found and refused counts more than what was not found.
    private func worst(of failures: [DiskOpenError], tried paths: [String]) -> DiskOpenError {
        if let found = failures.first(where: { $0.code != .notFound && $0.code != .parentNotAllowed }) { return found }
        // A refused path that spells a file of the child's folder, which was looked for there, says no more than that it is missing.
        let inFolder = Set(paths.filter { !$0.hasPrefix("/") }.map { Self.normalised(folder + "/" + $0) })
        let isElsewhere = paths.contains {
            $0.hasPrefix("/") && !inFolder.contains(Self.normalised($0)) || $0.split(separator: "/").contains("..")
        }
        if isElsewhere, let refused = failures.first(where: { $0.code == .parentNotAllowed }) { return refused }
        let places = paths.isEmpty ? "it names no path" : "looked for: " + paths.map { "“\($0)”" }.joined(separator: ", ")
        return DiskOpenError(
            .parentMissing, "The parent of “\(childPath)” is not there (\(places)).", file: childPath,
            action: "Put it back, or name it with Set-VHD -ParentPath.")
    }

    /// The absolute spelling without `.`, `..` and doubled slashes. Symbolic links are not looked at.
    static func normalised(_ path: String) -> String {
        var text = path
        if !text.hasPrefix("/"), let current = getcwd(nil, 0) {
            text = String(cString: current) + "/" + text
            free(current)
        }
        var parts: [Substring] = []
        for part in text.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}
