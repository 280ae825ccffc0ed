import Basics
import WorkerProtocol

/// Starts workers: a process of the same executable (`lunavisor`), or a thread of this process (tests, scenarios).
public protocol WorkerStarter: Sendable {
    /// Starts a worker and returns the id of the process it lives in, without waiting for it to be ready. The starter takes
    /// copies of what it needs; the descriptors stay the caller's.
    func start(_ launch: WorkerLaunch) throws -> Int32
    /// The same for the server of a mounted disk.
    func start(_ launch: DiskLaunch) throws -> Int32
    /// Throws when a worker could not use a saved state's file for what is in it.
    func check(savedState descriptor: Int32) throws
}

extension WorkerStarter {
    public func check(savedState descriptor: Int32) throws {}
}

/// What a starter needs to start one worker.
public struct WorkerLaunch: Sendable {
    /// The VM's name, for the process list.
    public var name: String
    /// Without descriptor numbers: the starter fills them in.
    public var options: WorkerOptions
    /// Open files of this process to hand over, by role.
    public var descriptors: [WorkerOptions.Role: Int32]
    /// Becomes the worker's standard output and error.
    public var log: Int32
    /// Descriptor of the store's folder: the worker shall live in the process that runs all of the store's hosted machines. nil: in a
    /// process of its own.
    public var sharedStore: Int32?

    public init(name: String, options: WorkerOptions, descriptors: [WorkerOptions.Role: Int32], log: Int32) {
        self.name = name
        self.options = options
        self.descriptors = descriptors
        self.log = log
    }

    /// The worker's arguments after `worker`, where the descriptors have these numbers in it.
    public func arguments(descriptorNumbers: [WorkerOptions.Role: Int32]) throws -> [String] {
        var options = options
        for (role, number) in descriptorNumbers { options[role] = number }
        return [name, try options.argument()]
    }
}
