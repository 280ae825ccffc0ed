import CHost
import Glibc

/// An image of another program that `qemu-img` can read for us: qcow2 and VMDK. Such a file is untrusted: one that names other files is
/// refused before `qemu-img` sees it, because it would open them.
struct ForeignImage {
    enum Format: String {
        case qcow2, vmdk
    }
    let path: String
    let format: Format

    /// nil: the name does not end like one.
    init?(_ path: String) {
        let name = path.lowercased()
        guard let format = name.hasSuffix(".qcow2") ? Format.qcow2 : name.hasSuffix(".vmdk") ? .vmdk : nil else { return nil }
        (self.path, self.format) = (ParentSearch.normalised(path), format)
    }

    /// Writes the content as a raw image to `target`, where nothing is; `log` is an open file for what the program says.
    func convert(to target: String, log: Int32, progress: DiskOperations.Progress) throws {
        // Its lock keeps others from writing; the program reads beside us.
        let file = try HostDiskFile.open(path: path, readOnly: true)
        defer { file.close() }
        try checkStandsAlone(file)
        guard let tool = Self.tool else {
            throw DiskOperationError(
                .toolMissing, "“\(path)” can be converted only with qemu-img, which is not installed.", file: path,
                action: "Install it (Debian: apt install qemu-utils) and try again.")
        }
        // A file that was cut off would be read as zeros. 3: room is lost, content is not; 63: the format has no check.
        guard [0, 3, 63].contains(try run(tool, ["check", "-q", "-f", format.rawValue, path], log: log, progress)) else {
            throw failure("“\(path)” is damaged", log)
        }
        guard try run(tool, ["convert", "-f", format.rawValue, "-O", "raw", path, target], log: log, progress) == 0 else {
            throw failure("qemu-img could not convert “\(path)”", log)
        }
    }

    /// Runs the program to its end; its exit code, -1 for a signal.
    private func run(_ tool: String, _ arguments: [String], log: Int32, _ progress: DiskOperations.Progress) throws -> Int32 {
        let words: [UnsafeMutablePointer<CChar>?] = ([tool] + arguments).map { strdup($0) } + [nil]
        defer { for word in words { free(word) } }
        let process: Int32 = lv_spawn_detached(tool, words, nil, 0, log)
        guard process > 0 else { throw DiskOpenError.system(-process, tool) }
        var status: Int32 = 0
        while true {
            let ended = waitpid(process, &status, WNOHANG)
            if ended == process { return status & 0x7f == 0 ? status >> 8 & 0xff : -1 }
            guard ended == 0 || errno == EINTR else { throw DiskOpenError.system(errno, tool) }
            guard progress(0) else {
                kill(process, SIGKILL)
                while waitpid(process, &status, 0) < 0, errno == EINTR {}
                throw DiskOperationError.stopped(path)
            }
            usleep(20_000)
        }
    }

    private func failure(_ what: String, _ log: Int32) -> DiskOperationError {
        DiskOperationError(
            .toolFailed, "\(what); it says: \(Self.lastLine(of: log)).", file: path, action: "Copy the file again from where it came.")
    }

    /// The program, looked for where the shell would.
    private static var tool: String? {
        guard let path = getenv("PATH") else { return nil }
        return String(cString: path).split(separator: ":").filter { $0.hasPrefix("/") }.map { $0 + "/qemu-img" }
            .first { access($0, X_OK) == 0 }
    }

    /// What the program said last, made harmless for a terminal.
    private static func lastLine(of log: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = pread(log, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
        let line = text.split(whereSeparator: \.isNewline).last ?? "it said nothing"
        return String(String.UnicodeScalarView(line.unicodeScalars.filter { $0.value >= 32 && $0.value != 127 }.prefix(300)))
    }

    // MARK: Untrusted content

    private func checkStandsAlone(_ file: HostDiskFile) throws {
        let header: [UInt8] = try file.bytes(at: 0, count: 512)
        switch format {
        case .qcow2: try checkQcow2(header)
        case .vmdk: try checkVMDK(header, file)
        }
    }

    /// QEMU's docs/interop/qcow2.txt, "Header".
    private func checkQcow2(_ header: [UInt8]) throws {
        guard header.bigEndian32(at: 0) == 0x5146_49fb, [2, 3].contains(header.bigEndian32(at: 4)) else { throw wrongFormat }
        if header.bigEndian64(at: 8) != 0 { throw standsOn("a backing file") }
        // Incompatible feature bit 2.
        if header.bigEndian32(at: 4) == 3, header.bigEndian64(at: 72) & 4 != 0 { throw standsOn("an external data file") }
    }

    /// VMware's Virtual Disk Format 5.0: a sparse extent with its descriptor inside.
    private func checkVMDK(_ header: [UInt8], _ file: HostDiskFile) throws {
        guard header.starts(with: Array("KDMV".utf8)), header.littleEndian(UInt64.self, at: 12) != 0 else {
            if header.starts(with: Array("# Disk DescriptorFile".utf8)) { throw standsOn("other files, which hold its content") }
            throw wrongFormat
        }
        let (start, sectors) = (header.littleEndian(UInt64.self, at: 28), header.littleEndian(UInt64.self, at: 36))
        guard start > 0, start < 1 << 32, sectors > 0, sectors <= 2048 else { throw wrongFormat }
        let bytes = try file.bytes(at: start * 512, count: Int(sectors) * 512)
        let text = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self).lowercased()
        let lines = text.split(whereSeparator: \.isNewline).map { line in line.filter { $0 != " " && $0 != "\t" && $0 != "\"" } }
        let kinds = ["createtype=monolithicsparse", "createtype=streamoptimized"]
        guard lines.contains(where: kinds.contains) else { throw standsOn("other files, which hold its content") }
        guard lines.allSatisfy({ !$0.hasPrefix("parentfilenamehint") && (!$0.hasPrefix("parentcid=") || $0 == "parentcid=ffffffff") })
        else {
            throw standsOn("a parent")
        }
    }

    private var wrongFormat: DiskOpenError {
        DiskOpenError(
            .wrongFormat, "“\(path)” is not a \(format.rawValue) image of a kind that is known.", file: path,
            action: "Name a file of that format.")
    }

    private func standsOn(_ what: String) -> DiskOperationError {
        DiskOperationError(
            .notSupported, "“\(path)” stands on \(what); only an image that is whole by itself is converted.", file: path,
            action: "Where it comes from, qemu-img convert makes one file of it.")
    }
}

extension DiskOperations {
    /// Converts a qcow2 or VMDK image by way of a raw one, in a folder of its own beside the destination.
    func convert(
        _ source: ForeignImage, to destination: String, kind: DiskKind?, blockSize: UInt32?, parentPath: String?, deletingSource: Bool
    ) throws {
        guard !(try ImagePlace(path: destination).exists) else { throw DiskOpenError.system(EEXIST, destination) }
        let folder = "\(ParentSearch.normalised(destination)).partial-\(String(UInt32.random(in: 0 ... .max), radix: 36))"
        guard mkdir(folder, 0o700) == 0 else { throw DiskOpenError.system(errno, folder) }
        let (raw, messages) = (folder + "/content.raw", folder + "/messages")
        defer {
            unlink(raw)
            unlink(messages)
            rmdir(folder)
        }
        let log = Glibc.open(messages, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard log >= 0 else { throw DiskOpenError.system(errno, messages) }
        defer { close(log) }
        try source.convert(to: raw, log: log, progress: progress)
        try convert(raw, to: destination, kind: kind, blockSize: blockSize, parentPath: parentPath)
        if deletingSource { try ImagePlace(path: source.path).unlink() }
    }
}
