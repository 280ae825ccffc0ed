extension DiskOperations {
    /// Makes a disk longer or shorter. A shorter one keeps every partition; without a partition table it loses only zeros.
    public func resize(_ path: String, to size: UInt64) throws {
        try resize(path) { _ in size }
    }

    /// Makes a disk as short as its partitions allow.
    public func resizeToMinimum(_ path: String) throws {
        try resize(path) { disk in
            guard let table = try PartitionTable(of: disk) else {
                throw DiskOperationError(
                    .notSupported, "“\(path)” has no partition table, so nobody can say how much of it is used.", file: path,
                    action: "Give the size with -SizeBytes.")
            }
            return max(Self.smallestSize, table.minimumSize)
        }
    }

    private func resize(_ path: String, _ choose: (any Disk) throws -> UInt64) throws {
        try withDisk(path, try format(of: path), readOnly: false) { disk in
            guard let image = disk as? any DiskImage else { return }
            let (size, sector) = (try choose(disk), UInt64(disk.logicalSectorSize))
            guard size >= Self.smallestSize, size % sector == 0 else {
                throw DiskOperationError(
                    .sizeInvalid, "A disk has at least 3 MB and whole sectors of \(sector) bytes; \(size) bytes is not possible.",
                    file: path)
            }
            guard size != disk.size else { return }
            if size < disk.size { try checkShorter(disk, size, path) }
            try image.resize(to: size, losingData: true)
        }
    }

    private func checkShorter(_ disk: any Disk, _ size: UInt64, _ path: String) throws {
        if let table = try PartitionTable(of: disk) {
            guard size >= table.minimumSize else {
                throw DiskOperationError(
                    .dataWouldBeLost, "The partitions of “\(path)” end at \(table.minimumSize) bytes; \(size) is too short.", file: path,
                    action: "Shrink or remove the last partition in the guest first.")
            }
        } else if let position = try DiskCopy(progress: progress).firstContent(of: disk, from: size, file: path) {
            throw DiskOperationError(
                .dataWouldBeLost, "“\(path)” holds data at byte \(position), behind the new end.", file: path,
                action: "Its content has no partition table, so only empty room can go.")
        }
    }

    /// How Optimize-VHD looks for room to give back.
    public enum CompactMode: String, Sendable, CaseIterable {
        /// Reads every block and lets go those that are zero.
        case full = "Full"
        /// Closes gaps and lets go what is known to be unused; reads no content.
        case quick = "Quick"
        case retrim = "Retrim"
        case pretrimmed = "Pretrimmed"
        case prezeroed = "Prezeroed"
    }

    /// Makes the file of a dynamic or differencing disk smaller without changing what the disk holds. Any image of a chain that nobody uses
    /// will do: what stands on it, and what it stands on, is not looked at and stays right.
    public func compact(_ path: String, mode: CompactMode = .full) throws {
        try withDetachedImage(path, readOnly: false) { image in
            guard image.kind != .fixed else {
                throw DiskOperationError(
                    .notSupported, "“\(path)” is a fixed disk, which keeps its room.", file: path,
                    action: "Convert-VHD -VHDType Dynamic makes one that can shrink.")
            }
            guard try image.giveBackRoom(findingZeros: mode == .full || mode == .prezeroed, progress: progress) else {
                throw DiskOperationError.stopped(path)
            }
        }
    }
}
