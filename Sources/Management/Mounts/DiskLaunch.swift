import Basics
import Persistence

/// What a starter needs to start the server of one mounted disk.
public struct DiskLaunch: Sendable {
    /// The image's file name, for the process list.
    public var name: String
    /// Its descriptors are this process's; they stay the caller's.
    package var options: MountOptions
    /// Becomes the server's standard error.
    package var log: Int32

    package init(name: String, options: MountOptions, log: Int32) { (self.name, self.options, self.log) = (name, options, log) }

    /// Open files to hand over, in the order in which `arguments` numbers them.
    package var descriptors: [Int32] { [options.folder, options.lock, options.ready] + options.images.map(\.descriptor) }

    /// The server's arguments after `disk`, where its descriptors have the numbers from `first` on.
    package func arguments(firstDescriptor first: Int32) throws -> [String] {
        var options = options
        (options.folder, options.lock, options.ready) = (first, first + 1, first + 2)
        for index in options.images.indices { options.images[index].descriptor = first + 3 + Int32(index) }
        return [name, String(decoding: try Document.encodeLine(options), as: UTF8.self)]
    }
}

extension WorkerStarter {
    /// A starter that knows only machines.
    public func start(_ launch: DiskLaunch) throws -> Int32 {
        throw ManagementError(
            "WorkerFailed", .notImplemented, "“\(launch.name)” cannot be served from here.",
            action: "Use Mount-VHD in lunavisor itself.", target: launch.name)
    }
}
