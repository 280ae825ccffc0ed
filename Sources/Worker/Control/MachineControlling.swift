import Persistence
import WorkerProtocol

/// What the control side asks of a running machine. `Machine` is the one; tests have another that runs no guest.
///
/// Verbs are synchronous and serialised by the implementation. What happens by itself arrives at the delegate given to the assembler.
package protocol MachineControlling: AnyObject, Sendable {
    var state: VirtualMachineState { get }
    /// off → running.
    func start() throws
    func pause() throws
    func resume() throws
    func reset() throws
    func turnOff() throws
    /// running or paused → saved; on error back to the state before. The file's durability is the caller's. `buildsOnLast`: the checkpoint
    /// that the machine made or was restored from last is there still, and the file may hold only what has changed since; tells whether it
    /// does.
    func save(to descriptor: Int32, buildsOnLast: Bool) throws -> Bool
    /// off → paused. `ancestors`: the images that the one in `descriptor` builds on, nearest first. `goesAway`: that one will not be there
    /// for the next to build on.
    func restore(from descriptor: Int32, buildingOn ancestors: [Int32], goesAway: Bool) throws
    /// Ends all threads; the delegate hears nothing after it has returned.
    func close()
    /// Takes what fits into the port's queue and says how many bytes that was.
    func sendConsole(port: Int, _ bytes: [UInt8]) throws -> Int
    func reading() -> MachineReading
    /// The child partition, and the root's counters (id 1) where the machine has them. Name and ids of the VM are filled in by the caller.
    func partitionReadings() -> [WorkerProtocol.PartitionInformation]
    func processorReadings(registers: Bool) throws -> [WorkerProtocol.VirtualProcessorInformation]
}

/// A machine's figures at one moment.
package struct MachineReading: Sendable {
    package var uptimeNanoseconds: UInt64
    /// Percent of the host's processors, 0–100.
    package var cpuUsage: Int
    package var memoryAssigned: UInt64
    package var engine: String
    package var services: [ServiceInformation] = []

    package init(uptimeNanoseconds: UInt64, cpuUsage: Int, memoryAssigned: UInt64, engine: String) {
        self.uptimeNanoseconds = uptimeNanoseconds
        self.cpuUsage = cpuUsage
        self.memoryAssigned = memoryAssigned
        self.engine = engine
    }
}

/// What a machine is assembled from.
package struct MachineRequest: Sendable {
    package var configuration: VirtualMachineConfiguration
    package var partitionId: UInt64
    /// Open files handed over by the starter; they stay open as long as the worker lives.
    package var kernel: Int32
    package var initialRamdisk: Int32?
    /// Images and switch folders; the machine takes what its configuration names. A drive whose image is missing here means that the
    /// configuration changed while the VM was being started.
    package var devices: HandedDevices
    /// The VM's folder.
    package var folder: Int32?
}

/// Makes a machine; nothing runs yet.
package typealias MachineAssembler = @Sendable (MachineRequest, any MachineDelegate) throws -> any MachineControlling
