import Basics

/// What a differencing VHD says about its parent. The paths are untrusted when they come from a file.
public struct VHDParentLink: Sendable, Equatable {
    /// The parent's disk identifier.
    public var identifier: GUID
    /// From the child's folder, with `/` between the parts.
    public var relativePath: String?
    public var absolutePath: String?

    public init(identifier: GUID, relativePath: String?, absolutePath: String?) {
        (self.identifier, self.relativePath, self.absolutePath) = (identifier, relativePath, absolutePath)
    }

    /// Room for each path in a file: two bytes for each of the most UTF-16 units that fit.
    static let locatorSpace: UInt32 = 8192

    /// A path as a file holds it: UTF-16 little-endian, relative ones with backslashes and a leading `.\`.
    static func encode(_ path: String, isRelative: Bool) throws(DiskFormatError) -> [UInt8] {
        let text = isRelative ? ".\\" + path.map { $0 == "/" ? "\\" : String($0) }.joined() : path
        let bytes = text.utf16.flatMap { [UInt8(truncatingIfNeeded: $0), UInt8($0 >> 8)] }
        guard bytes.count <= Int(locatorSpace) else {
            throw DiskFormatError(.invalidOption, "The parent's path “\(path)” is too long for a VHD.", file: path)
        }
        return bytes
    }

    /// The path in those bytes; nil: no text, or one with a NUL inside.
    static func decode(_ bytes: [UInt8], isRelative: Bool) -> String? {
        var units = stride(from: 0, to: bytes.count & ~1, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
        while units.last == 0 { units.removeLast() }
        guard !units.isEmpty, !units.contains(0) else { return nil }
        let text = String(decoding: units, as: UTF16.self)
        // In an absolute path of this system a backslash is a letter; a Windows path never opens here.
        guard isRelative || !text.hasPrefix("/") else { return text }
        var path = text.map { $0 == "\\" ? "/" : String($0) }.joined()
        while path.hasPrefix("./") { path.removeFirst(2) }
        return path.isEmpty ? nil : path
    }
}
