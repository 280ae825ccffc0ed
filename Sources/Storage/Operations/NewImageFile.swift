import Basics
import CHost
import Glibc

/// An image that is being made: it has a temporary name beside its place until it is whole, and is removed if it never becomes so.
final class NewImageFile {
    let file: HostDiskFile
    private let place: ImagePlace
    private let temporary: ImagePlace
    private var isDone = false

    /// Begins the image for `path`, where nothing may be.
    convenience init(_ path: String) throws {
        let place: ImagePlace
        do throws(DiskOpenError) {
            place = try ImagePlace(path: path)
        } catch {
            guard error.code == .notFound else { throw error }
            throw DiskOpenError(.notFound, "There is no folder “\(FilePath.folder(of: path))” for “\(path)”.", file: path)
        }
        try self.init(place)
    }

    init(_ place: ImagePlace) throws(DiskOpenError) {
        guard !place.exists else { throw DiskOpenError.system(EEXIST, place.path) }
        self.place = place
        temporary = try place.neighbour("\(place.name).partial-\(String(UInt32.random(in: 0 ... .max), radix: 36))")
        file = try temporary.create()
    }

    deinit {
        guard !isDone else { return }
        file.close()
        try? temporary.unlink()
    }

    /// Brings the whole image to stable storage and gives it its name, then closes it.
    func finish() throws {
        try name()
        file.close()
    }

    /// As `finish`, but the file stays open with its lock and is the caller's.
    func finishOpen() throws -> Int32 {
        try name()
        return file.releaseDescriptor()
    }

    private func name() throws {
        try file.synchronise()
        let result = lv_disk_rename_new(place.folder.descriptor, temporary.name, place.name)
        guard result == 0 else { throw DiskOpenError.system(-result, place.path) }
        isDone = true
        place.folder.synchronise()
    }
}
