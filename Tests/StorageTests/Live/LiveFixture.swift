import Basics
import Glibc
import Storage
import Testing

/// A folder with a disk that a machine has open.
struct LiveFixture {
    let folder: DiskFolder
    let work = DiskOperations()
    static let size: UInt64 = 12 << 20

    init() throws { folder = try DiskFolder() }

    func create(_ name: String, _ kind: DiskKind = .dynamic) throws {
        if name.hasSuffix(".raw") {
            try folder.file(name, [UInt8](repeating: 0, count: Int(Self.size)))
            return
        }
        var specification = DiskSpecification(path: folder(name), kind: kind, size: Self.size)
        specification.blockSize = kind == .fixed ? nil : name.hasSuffix("x") ? 1 << 20 : 256 << 10
        try work.create(specification)
    }

    func place(_ name: String) throws -> ImagePlace { try ImagePlace(path: folder(name)) }

    /// As a worker gets it: parents open for reading, each image with its folder.
    func open(_ name: String) throws -> LiveDisk {
        let chain = try DiskChain.resolve(path: folder(name), format: try #require(DiskFormat.of(fileName: name)))
        let images = try ImageFolder(path: folder.path)
        return try LiveDisk(chain.entries, folders: chain.entries.map { _ in images })
    }

    func content(_ name: String) throws -> [UInt8] {
        let disk = try DiskChain.resolve(path: folder(name), format: try #require(DiskFormat.of(fileName: name)), readOnly: true)
            .disk(readOnly: true)
        defer { try? disk.close() }
        return try disk.read(at: 0, count: Int(disk.size))
    }

    /// The file names of a disk's chain.
    func names(_ disk: LiveDisk) -> [String] { disk.chain.map { String($0.path.split(separator: "/").last ?? "") } }

    func expectWhole(_ name: String) throws {
        #expect(try work.problems(folder(name)) == [])
        guard ForeignTool.qemuImg != nil else { return }
        let driver = name.hasSuffix("x") ? "vhdx" : "vpc"
        guard driver == "vhdx" else { return }
        let answer = try ForeignTool.run(ForeignTool.qemuImg, "check", "-f", driver, folder(name), in: folder)
        #expect(answer.code == 0 || answer.text.contains("differencing"), "\(answer.text)")
    }
}
