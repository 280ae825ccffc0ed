/// A file to be copied into a guest.
package struct GuestFileCopy {
    /// Absolute path in the guest, file name included.
    package var destination: String
    /// Bytes.
    package var size: UInt64
    /// An existing file is replaced.
    package var overwrite: Bool
    /// Missing folders are created.
    package var createPath: Bool
    /// The source: `count` bytes from `offset`, called in order, in the pump.
    package var read: (_ offset: UInt64, _ count: Int) throws -> [UInt8]

    package init(
        destination: String, size: UInt64, overwrite: Bool = false, createPath: Bool = false,
        read: @escaping (_ offset: UInt64, _ count: Int) throws -> [UInt8]
    ) {
        (self.destination, self.size, self.overwrite, self.createPath) = (destination, size, overwrite, createPath)
        self.read = read
    }

    /// Why a path cannot be sent.
    struct PathError: Error, Equatable { let message: String }

    /// File name and folder as the message has them. The folder keeps its last separator: hv_fcopy_daemon creates only folders that
    /// one follows. Linux puts both together, as UTF-8, into as many bytes as a field has units.
    func encodedPath(units: Int) -> Result<(name: [UInt8], folder: [UInt8]), PathError> {
        func refused(_ reason: String) -> Result<(name: [UInt8], folder: [UInt8]), PathError> {
            .failure(PathError(message: "“\(destination)” \(reason)."))
        }
        guard let separator = destination.lastIndex(where: { $0 == "/" || $0 == "\\" }) else {
            return refused("is not an absolute path in the guest")
        }
        let folder = destination[...separator]
        let name = destination[destination.index(after: separator)...]
        let isWindows = folder.dropFirst().first == ":" || folder.hasPrefix("\\\\")
        guard folder.hasPrefix("/") || isWindows else { return refused("is not an absolute path in the guest") }
        guard !name.isEmpty, name != ".", name != ".." else { return refused("names no file") }
        guard destination.utf8.count < units - 1 else { return refused("is too long for a guest") }
        guard let encodedName = UTF16Field.encode(String(name), units: units),
            let encodedFolder = UTF16Field.encode(String(folder), units: units)
        else { return refused("has a character that no path can have, or is too long for a guest") }
        return .success((encodedName, encodedFolder))
    }
}
