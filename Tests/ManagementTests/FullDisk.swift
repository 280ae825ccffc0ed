import Glibc

/// A file system of 256 KiB for one test, where the user may mount one.
final class FullDisk {
    let path: String
    private let folder: TemporaryFolder

    struct Refused: Error {}

    static let isPossible: Bool = (try? FullDisk()) != nil

    init() throws {
        folder = try TemporaryFolder()
        path = folder.path + "/disk"
        mkdir(path, 0o700)
        guard mount("tmpfs", path, "tmpfs", 0, "size=256k") == 0 else { throw Refused() }
    }

    /// Leaves no byte.
    func fill() throws {
        let descriptor = open(path + "/filler", O_WRONLY | O_CREAT, 0o600)
        let block = [UInt8](repeating: 1, count: 4096)
        while write(descriptor, block, block.count) > 0 {}
        close(descriptor)
    }

    deinit { umount2(path, Int32(MNT_DETACH)) }
}
