import Basics

/// Where a differencing disk says that its parent is (MS-VHDX 2.6.2.6). The paths come from the file and are not to be trusted.
public struct VHDXParentLink: Sendable, Equatable {
    /// The parent's `dataWriteGUID` when the child was made.
    public var linkage: GUID
    /// A second `dataWriteGUID` that is right too (`parent_linkage2`): what the parent is about to get while it is merged into. Nil: none.
    public var otherLinkage: GUID?
    /// From the child's folder; parts are separated by `/`.
    public var relativePath: String?
    public var absolutePath: String?

    public init(linkage: GUID, relativePath: String? = nil, absolutePath: String? = nil) {
        (self.linkage, self.relativePath, self.absolutePath) = (linkage, relativePath, absolutePath)
    }

    /// True for a parent with this `dataWriteGUID`.
    func names(_ identifier: GUID) -> Bool { identifier == linkage || identifier == otherLinkage }

    /// Parses the metadata item; nil when it contradicts itself.
    init?(_ item: [UInt8]) {
        guard item.count >= 20, item.guid(at: 0) == VHDXLayout.parentLocatorType else { return nil }
        let count = Int(item.littleEndian(UInt16.self, at: 18))
        guard count > 0, count <= 256, 20 + 12 * count <= item.count else { return nil }
        var values: [String: String] = [:]
        for position in 0..<count {
            let start = 20 + 12 * position
            let key = Self.text(item, at: item.littleEndian(at: start), count: item.littleEndian(at: start + 8))
            let value = Self.text(item, at: item.littleEndian(at: start + 4), count: item.littleEndian(at: start + 10))
            guard let key, let value, values.updateValue(value, forKey: key) == nil else { return nil }
        }
        guard let linkage = values["parent_linkage"].flatMap({ GUID($0) }) else { return nil }
        self.linkage = linkage
        if let second = values["parent_linkage2"] {
            guard let second = GUID(second) else { return nil }
            // Zeros stand for none.
            otherLinkage = second == VHDXLayout.noGUID ? nil : second
        }
        relativePath = values["relative_path"].map { path in
            let plain = String(path.map { $0 == "\\" ? "/" : $0 })
            return plain.hasPrefix("./") ? String(plain.dropFirst(2)) : plain
        }
        absolutePath = values["absolute_win32_path"] ?? values["volume_path"]
    }

    /// The metadata item; nil when it would be longer than its fields can say.
    var item: [UInt8]? {
        var pairs = [("parent_linkage", "{\(linkage)}")]
        if let otherLinkage { pairs.append(("parent_linkage2", "{\(otherLinkage)}")) }
        if let relativePath {
            let plain = relativePath.hasPrefix("./") || relativePath.hasPrefix("../") ? relativePath : "./" + relativePath
            pairs.append(("relative_path", String(plain.map { $0 == "/" ? "\\" : $0 })))
        }
        if let absolutePath { pairs.append(("absolute_win32_path", absolutePath)) }
        var result = [UInt8](repeating: 0, count: 20 + 12 * pairs.count)
        result.setGUID(VHDXLayout.parentLocatorType, at: 0)
        result.setLittleEndian(UInt16(pairs.count), at: 18)
        for (position, (key, value)) in pairs.enumerated() {
            let start = 20 + 12 * position
            for (text, place, length) in [(key, start, start + 8), (value, start + 4, start + 10)] {
                let units = Array(text.utf16)
                guard let bytes = UInt16(exactly: units.count * 2), bytes > 0, !units.contains(0) else { return nil }
                result.setLittleEndian(UInt32(result.count), at: place)
                result.setLittleEndian(bytes, at: length)
                for unit in units { result += [UInt8(truncatingIfNeeded: unit), UInt8(truncatingIfNeeded: unit >> 8)] }
            }
        }
        return result.count <= 256 << 10 ? result : nil
    }

    private static func text(_ item: [UInt8], at offset: UInt32, count: UInt16) -> String? {
        let (start, count) = (Int(offset), Int(count))
        guard count > 0, count % 2 == 0, start + count <= item.count else { return nil }
        let units = stride(from: start, to: start + count, by: 2).map { item.littleEndian(UInt16.self, at: $0) }
        guard !units.contains(0) else { return nil }
        return String(decoding: units, as: UTF16.self)
    }
}
