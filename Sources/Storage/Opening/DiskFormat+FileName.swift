extension DiskFormat {
    /// The format that a file's name stands for, where a user names a file; nil: none of ours. The content must agree when it is opened.
    public static func of(fileName: String) -> DiskFormat? {
        guard let dot = fileName.lastIndex(of: "."), !fileName[dot...].contains("/") else { return nil }
        switch fileName[fileName.index(after: dot)...].lowercased() {
        case "vhdx", "avhdx": return .vhdx
        case "vhd", "avhd": return .vhd
        case "iso": return .iso
        case "raw", "img": return .raw
        default: return nil
        }
    }

    /// True for the name of a VHD set: a file that says which image is the disk's own, not an image itself.
    public static func isSet(fileName: String) -> Bool { fileName.lowercased().hasSuffix(".vhds") }
}
