import FoundationEssentials

/// An answer without content.
package struct Done: Codable, Equatable, Sendable {
    package init() {}
}

/// What a worker says of its VM at one moment.
package struct WorkerStatus: Codable, Equatable, Sendable {
    package var state: VirtualMachineState
    package var uptimeNanoseconds: UInt64
    package var cpuUsage: Int
    package var memoryAssigned: UInt64
    package var processId: Int32
    package var partitionId: UInt64
    /// Wall time of the start, nanoseconds since the Unix epoch.
    package var startTime: Int64
    package var engine: String
    /// nil: a machine without integration services.
    package var guest: GuestSummary?
    /// What goes on beside the guest, in words; nil: nothing.
    package var activity: String?
    /// Processes besides the worker that serve this VM alone; nil or empty: there are none.
    package var services: [ServiceInformation]?

    package init(
        state: VirtualMachineState, uptimeNanoseconds: UInt64, cpuUsage: Int, memoryAssigned: UInt64, processId: Int32, partitionId: UInt64,
        startTime: Int64, engine: String, guest: GuestSummary? = nil
    ) {
        self.state = state
        self.uptimeNanoseconds = uptimeNanoseconds
        self.cpuUsage = cpuUsage
        self.memoryAssigned = memoryAssigned
        self.processId = processId
        self.partitionId = partitionId
        self.startTime = startTime
        self.engine = engine
        self.guest = guest
    }
}

/// A process that does a part of a VM's work outside of its worker.
package struct ServiceInformation: Codable, Equatable, Sendable {
    package enum Kind: String, Codable, Sendable { case disk }
    package var kind: Kind
    /// What it serves: a disk's path.
    package var name: String
    /// nil: it ended and another has not begun.
    package var processId: Int32?
    /// How often another one took its place.
    package var restarts: Int
    /// Nanoseconds that the last such change took.
    package var lastRestartNanoseconds: UInt64
    /// Requests that crossed to it and back.
    package var exchanges: UInt64
    /// Messages to it and from it; nil: a worker of an older version.
    package var messages: UInt64?
    /// System calls that its processes made for messages and images; nil: as above.
    package var systemCalls: UInt64?

    package init(kind: Kind, name: String, processId: Int32?, restarts: Int, lastRestartNanoseconds: UInt64, exchanges: UInt64) {
        (self.kind, self.name, self.processId) = (kind, name, processId)
        (self.restarts, self.lastRestartNanoseconds, self.exchanges) = (restarts, lastRestartNanoseconds, exchanges)
    }
}

package struct StatusRequest: WorkerRequest {
    package typealias Reply = WorkerStatus
    package static let name = "status"
    package init() {}
}

/// One of the verbs of a running VM; the answer comes when it is done. After one that ends the worker (turnOff, save) the connection
/// closes once its lock is free.
package struct VerbRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "verb"
    package var verb: VirtualMachineVerb
    package init(_ verb: VirtualMachineVerb) { self.verb = verb }
}

package struct PartitionsRequest: WorkerRequest {
    package typealias Reply = [PartitionInformation]
    package static let name = "partitions"
    package init() {}
}

package struct ProcessorsRequest: WorkerRequest {
    package typealias Reply = [VirtualProcessorInformation]
    package static let name = "processors"
    package var registers: Bool
    package init(registers: Bool) { self.registers = registers }
}

/// Console input. The answer says how many bytes were taken; the client sends the rest again.
package struct ConsoleSendRequest: WorkerRequest {
    package typealias Reply = Taken
    package static let name = "consoleSend"
    package var port: Int
    package var bytes: Data
    package init(port: Int, bytes: [UInt8]) { (self.port, self.bytes) = (port, Data(bytes)) }

    package struct Taken: Codable, Sendable {
        package var count: Int
        package init(count: Int) { self.count = count }
    }
}

/// From now on sends console text from an offset on in data frames with this request's id. A slow reader loses the oldest text and is told
/// how much. A cancel frame ends it.
package struct ConsoleFollowRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "consoleFollow"
    package var port: Int
    package var from: UInt64
    package init(port: Int, from: UInt64) { (self.port, self.from) = (port, from) }
}

/// A piece of console text; `dropped` bytes before it were overwritten before they could be sent.
package struct ConsoleData: Codable, Equatable, Sendable {
    package var offset: UInt64
    package var bytes: Data
    package var dropped: UInt64
    package init(offset: UInt64, bytes: [UInt8], dropped: UInt64) {
        (self.offset, self.bytes, self.dropped) = (offset, Data(bytes), dropped)
    }
}

/// Joins the descriptor that comes with the request (a connected stream socket) to the port: raw bytes both ways, from the console
/// text `replay` bytes before its end. A reader that lags more than the console file holds gets a line that says how much it missed.
package struct ConsoleAttachRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "consoleAttach"
    package var port: Int
    package var replay: Int
    package init(port: Int, replay: Int) { (self.port, self.replay) = (port, replay) }
}

/// From now on tells the client of state changes in event frames with this request's id; the first comes at once.
package struct StateFollowRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "stateFollow"
    package init() {}
}

package struct StateNotice: Codable, Equatable, Sendable {
    package var state: VirtualMachineState
    package init(state: VirtualMachineState) { self.state = state }
}
