import Storage

/// What the executable does after the word `disk-service`: `disk-service NAME JSON` serves one disk of a running machine.
package enum DiskServiceMain {
    /// Serves until the disk is closed or its machine's worker is gone; 0, 1 (the disk could not be opened) or 2 (wrong arguments).
    package static func run(arguments: [String]) -> Int32 { DiskService.run(arguments: arguments) }
}
