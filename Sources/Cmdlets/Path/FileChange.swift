import Basics
import Glibc

/// The work of New-, Remove-, Copy- and Move-Item: each target fails for itself.
struct FileChange {
    let invocation: any Invocation

    init(_ invocation: any Invocation) { self.invocation = invocation }

    private var cmdlet: String { invocation.cmdlet.name }
    private var isForced: Bool { invocation.isOn("Force") }

    private func system(_ path: String) -> ErrorRecord { TextFile.failure("write", path, cmdlet) }

    /// With --restricted a link may lead out of the folders that are allowed: what is about to be changed is looked at again.
    private func checkAllowed(_ path: String, isRemoved: Bool = false) throws {
        guard let folders = invocation.context.writableFolders else { return }
        guard !PathRestriction(folders: folders).allows(isRemoved ? FilePaths.folder(path) : path) else { return }
        throw ErrorRecord(
            "\(cmdlet): “\(path)” lies outside of the store and the script's folder, which --restricted forbids.", "PathRestricted",
            .permissionDenied, target: path, cmdlet: cmdlet)
    }

    // MARK: New-Item

    func make() throws {
        var path = FilePaths.absolute(invocation.string("Path") ?? "")
        if let name = invocation.string("Name") { path = FilePaths.join(path, name) }
        guard try invocation.shouldProcess(path, cmdlet) else { return }
        try checkAllowed(path)
        let kind = invocation.string("ItemType")
        try makeFolders(kind == "Directory" ? path : FilePaths.folder(path), isGiven: kind == "Directory")
        let value = invocation.argument("Value")?.text ?? ""
        switch kind {
        case "SymbolicLink":
            guard !value.isEmpty else {
                throw ErrorRecord(
                    "New-Item -ItemType SymbolicLink needs -Value, the path that it leads to.", "MissingMandatoryParameter",
                    .invalidArgument, cmdlet: cmdlet)
            }
            if isForced { unlink(path) }
            guard symlink(value, path) == 0 else { throw system(path) }
        case "Directory": break
        default: try TextFile.write(value, to: path, isAppending: false, isNew: !isForced, cmdlet: cmdlet)
        }
        try invocation.emit(.object(FileItem(path)))
    }

    private func makeFolders(_ path: String, isGiven: Bool) throws {
        var made = ""
        let parts = path.split(separator: "/")
        for (index, part) in parts.enumerated() {
            made += "/" + part
            let isLast = isGiven && index + 1 == parts.count
            if mkdir(made, 0o777) != 0, errno != EEXIST || isLast && !isForced || !FilePaths.isFolder(made) {
                throw system(made)
            }
        }
    }

    // MARK: Remove-Item

    func remove() throws {
        for path in invocation.list("Path") ?? [] {
            for full in try FilePaths.expanded(path.text, invocation) {
                guard FilePaths.exists(full) else {
                    if !isForced { try invocation.report(FilePaths.missing(path.text, cmdlet)) }
                    continue
                }
                guard full != "/" else {
                    throw ErrorRecord("Remove-Item does not delete the root folder.", "PathInvalid", .invalidArgument)
                }
                guard try invocation.shouldProcess(full, cmdlet) else { continue }
                do {
                    try checkAllowed(full, isRemoved: true)
                    try delete(full)
                } catch let error as ErrorRecord { try invocation.report(error) }
            }
        }
    }

    private func delete(_ path: String) throws {
        try invocation.checkCancelled()
        guard FilePaths.isFolder(path, followingLinks: false) else {
            guard unlink(path) == 0 else { throw system(path) }
            return
        }
        let names = try FilePaths.names(in: path, cmdlet: cmdlet)
        guard names.isEmpty || invocation.isOn("Recurse") else {
            throw ErrorRecord(
                "Remove-Item: the folder “\(path)” is not empty.", "FolderNotEmpty", .invalidOperation, target: path,
                action: "-Recurse deletes all that is in it.", cmdlet: cmdlet)
        }
        if isForced { chmod(path, 0o700) }
        for name in names { try delete(FilePaths.join(path, name)) }
        guard rmdir(path) == 0 else { throw system(path) }
    }

    // MARK: Copy-Item, Move-Item

    /// Each source with the place where it goes.
    private func forEachSource(_ body: (_ source: String, _ target: String) throws -> Void) throws {
        let destination = FilePaths.absolute(invocation.string("Destination") ?? "")
        let wantsFolder = (invocation.string("Destination") ?? "").hasSuffix("/")
        let sources = try FilePaths.existing("Path", invocation)
        let isFolder = FilePaths.isFolder(destination)
        guard isFolder || !wantsFolder && sources.count <= 1 else {
            throw ErrorRecord(
                "\(cmdlet) -Destination “\(destination)” is no folder\(sources.count > 1 ? ", and there are \(sources.count) sources" : "").",
                "PathNotFound", .objectNotFound, target: destination, action: "New-Item -ItemType Directory makes it.", cmdlet: cmdlet)
        }
        for source in sources {
            let target = isFolder ? FilePaths.join(destination, FilePaths.name(source)) : destination
            guard try invocation.shouldProcess(source, "\(cmdlet) to \(target)") else { continue }
            do {
                guard !Self.isSame(source, target) else {
                    throw ErrorRecord(
                        "\(cmdlet): “\(source)” and “\(target)” are the same.", "PathInvalid", .invalidArgument, target: source,
                        cmdlet: cmdlet)
                }
                try body(source, target)
                if invocation.isOn("PassThru") { try invocation.emit(.object(FileItem(target))) }
            } catch let error as ErrorRecord { try invocation.report(error) }
        }
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        var (first, second) = (stat(), stat())
        guard lstat(a, &first) == 0, lstat(b, &second) == 0 else { return false }
        return first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    func copy() throws {
        try forEachSource { source, target in
            guard !(target + "/").hasPrefix(source + "/") || !FilePaths.isFolder(source) else {
                throw ErrorRecord(
                    "Copy-Item: “\(target)” lies within “\(source)”.", "PathInvalid", .invalidArgument, target: target, cmdlet: cmdlet)
            }
            try copy(source, target)
        }
    }

    private func copy(_ source: String, _ target: String) throws {
        try invocation.checkCancelled()
        try checkAllowed(target)
        if let link = FilePaths.linkTarget(source), !FilePaths.isFolder(source) || invocation.isOn("Recurse") {
            // Within a folder a link is copied as a link; a file that is named is copied through it.
            if FilePaths.isFolder(source) {
                guard symlink(link, target) == 0 else { throw system(target) }
                return
            }
        }
        guard FilePaths.isFolder(source) else {
            if isForced { unlink(target) }
            return try SparseCopy.copy(source, target, invocation)
        }
        guard invocation.isOn("Recurse") else {
            throw ErrorRecord(
                "Copy-Item: “\(source)” is a folder.", "PathInvalid", .invalidArgument, target: source,
                action: "-Recurse copies it with all that is in it.", cmdlet: cmdlet)
        }
        if mkdir(target, 0o777) != 0, errno != EEXIST { throw system(target) }
        for name in try FilePaths.names(in: source, cmdlet: cmdlet) {
            try copy(FilePaths.join(source, name), FilePaths.join(target, name))
        }
    }

    func move() throws {
        try forEachSource { source, target in
            if !isForced, FilePaths.exists(target) {
                throw ErrorRecord(
                    "Move-Item: “\(target)” is there already.", "FileExists", .resourceExists, target: target,
                    action: "-Force replaces it.", cmdlet: cmdlet)
            }
            try checkAllowed(source, isRemoved: true)
            try checkAllowed(target, isRemoved: true)
            if rename(source, target) == 0 { return }
            guard errno == EXDEV else { throw system(target) }
            guard !FilePaths.isFolder(source, followingLinks: false) else {
                throw ErrorRecord(
                    "Move-Item: “\(source)” is a folder, and “\(target)” is on another file system.", "PathInvalid", .invalidOperation,
                    target: source, action: "Copy-Item -Recurse, then Remove-Item -Recurse.", cmdlet: cmdlet)
            }
            try SparseCopy.copy(source, target, invocation)
            guard unlink(source) == 0 else { throw system(source) }
        }
    }
}

/// Copies one file: what is data is copied, holes stay holes.
private enum SparseCopy {
    static func copy(_ source: String, _ target: String, _ invocation: any Invocation) throws {
        let cmdlet = invocation.cmdlet.name
        let input = open(source, O_RDONLY | O_CLOEXEC)
        guard input >= 0 else { throw TextFile.failure("read", source, cmdlet) }
        defer { close(input) }
        var status = stat()
        guard fstat(input, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw ErrorRecord("\(cmdlet): “\(source)” is no plain file.", "PathInvalid", .invalidArgument, target: source, cmdlet: cmdlet)
        }
        let output = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, status.st_mode & 0o777)
        guard output >= 0 else { throw TextFile.failure("write", target, cmdlet) }
        defer { close(output) }
        do {
            try copy(input, output, Int(status.st_size), FilePaths.name(source), invocation)
            guard ftruncate(output, status.st_size) == 0 else { throw TextFile.failure("write", target, cmdlet) }
            invocation.terminal.progress("", fraction: nil)
        } catch {
            // Half a copy is none.
            unlink(target)
            invocation.terminal.progress("", fraction: nil)
            throw error
        }
    }

    private static func copy(_ input: Int32, _ output: Int32, _ size: Int, _ name: String, _ invocation: any Invocation) throws {
        let cmdlet = invocation.cmdlet.name
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var place = 0
        while place < size {
            try invocation.checkCancelled()
            // SEEK_DATA and SEEK_HOLE; a file system without them says that all is data.
            let data = lseek(input, off_t(place), 3)
            if data < 0, errno == ENXIO { return }
            if data > place { place = Int(data) }
            let hole = lseek(input, off_t(place), 4)
            let end = hole > place ? min(Int(hole), size) : size
            while place < end {
                try invocation.checkCancelled()
                let wanted = min(buffer.count, end - place)
                let count = pread(input, &buffer, wanted, off_t(place))
                guard count > 0 else {
                    if count == 0 { return }
                    if errno == EINTR { continue }
                    throw TextFile.failure("read", name, cmdlet)
                }
                var written = 0
                while written < count {
                    let step = buffer.withUnsafeBytes {
                        pwrite(output, $0.baseAddress?.advanced(by: written), count - written, off_t(place + written))
                    }
                    if step < 0 {
                        if errno == EINTR { continue }
                        throw TextFile.failure("write", name, cmdlet)
                    }
                    written += step
                }
                place += count
                if size > 64 << 20 { invocation.terminal.progress("Copying \(name)", fraction: Double(place) / Double(size)) }
            }
        }
    }
}
