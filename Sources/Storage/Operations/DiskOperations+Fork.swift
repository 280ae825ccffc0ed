extension DiskOperations {
    /// Makes an empty differencing image at `path` on the image at `parentPath`, for a checkpoint: a guest meets the same disk in it. Errors as
    /// `create`.
    public func createChild(of parentPath: String, at path: String) throws {
        let place = try ImagePlace(path: path)
        try withDisk(parentPath, try format(of: parentPath), readOnly: true) { parent in
            try place.createChild(of: parent, at: DiskOperations.absolutePath(parentPath)).close()
        }
    }
}
