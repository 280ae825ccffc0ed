import Basics
import Glibc
import Persistence
import Synchronization
import Worker
import WorkerProtocol

/// A machine that runs no guest but behaves like one on the outside: it prints a banner when it starts, echoes what is typed, powers off
/// at "poweroff", and keeps a counter as its state.
final class FakeMachine: MachineControlling {
    private struct Inside {
        var state = VirtualMachineState.off
        var counter: UInt64 = 0
        var typed: [UInt8] = []
    }
    private let inside = Mutex(Inside())
    private let request: MachineRequest
    let guest = FakeGuest()
    var configuration: VirtualMachineConfiguration { request.configuration }
    // The real machine does not keep its delegate alive either.
    private weak let delegate: (any MachineDelegate)?

    init(_ request: MachineRequest, _ delegate: any MachineDelegate) throws {
        self.request = request
        self.delegate = delegate
        try guest.hold(request.configuration, request.devices)
        Self.last.withLock { $0[request.configuration.id] = Weak(machine: self) }
    }

    private struct Weak {
        weak var machine: FakeMachine?
    }
    private static let last = Mutex<[GUID: Weak]>([:])

    /// The machine that runs a VM of this process.
    static func running(_ id: GUID) -> FakeMachine? { last.withLock { $0[id]?.machine } }

    @Sendable
    static func assemble(_ request: MachineRequest, _ delegate: any MachineDelegate) throws -> any MachineControlling {
        try FakeMachine(request, delegate)
    }

    struct Refused: Error {}

    var state: VirtualMachineState { inside.withLock { $0.state } }

    func change(_ state: VirtualMachineState) {
        inside.withLock { $0.state = state }
        delegate?.machine(changedTo: state)
    }

    func tell(_ ejection: DrivePlace) {
        var event = MachineEvent(.ejected, .information, "ejected")
        event.drive = ejection
        delegate?.machine(happened: event)
    }

    private func print(_ text: String) { delegate?.machine(console: 1, wrote: Array(text.utf8)) }

    func start() throws {
        var head = [UInt8](repeating: 0, count: 16)
        let count = pread(request.kernel, &head, head.count, 0)
        if String(decoding: head.prefix(max(0, count)), as: UTF8.self).hasPrefix("broken") { throw Refused() }
        inside.withLock { $0.counter = 1 }
        change(.running)
        print("hello from \(request.configuration.name)\r\n# ")
    }

    func pause() throws { change(.paused) }

    func resume() throws { change(.running) }

    func reset() throws {
        delegate?.machine(happened: MachineEvent(.reset, .information, "reset"))
        print("hello again\r\n# ")
    }

    func turnOff() throws { change(.off) }

    func save(to descriptor: Int32, buildsOnLast: Bool) throws -> Bool {
        let text = Array(String(inside.withLock { $0.counter }).utf8)
        guard write(descriptor, text, text.count) == text.count else { throw Refused() }
        change(.saved)
        return buildsOnLast
    }

    func restore(from descriptor: Int32, buildingOn ancestors: [Int32], goesAway: Bool) throws {
        var text = [UInt8](repeating: 0, count: 20)
        let count = pread(descriptor, &text, text.count, 0)
        guard let counter = UInt64(String(decoding: text.prefix(max(0, count)), as: UTF8.self)) else { throw Refused() }
        inside.withLock { $0.counter = counter + 1 }
        change(.paused)
    }

    func close() { guest.end() }

    func sendConsole(port: Int, _ bytes: [UInt8]) throws -> Int {
        let taken = Array(bytes.prefix(100))
        let line: String? = inside.withLock { inside in
            inside.typed += taken
            guard let end = inside.typed.lastIndex(where: { $0 == 10 || $0 == 13 }) else { return nil }
            defer { inside.typed.removeFirst(end + 1) }
            return String(decoding: inside.typed[..<end], as: UTF8.self)
        }
        delegate?.machine(console: port, wrote: taken)
        switch line {
        case "poweroff":
            delegate?.machine(happened: MachineEvent(.guestPowerOff, .information, "power off"))
            change(.off)
        case "crash":
            var event = MachineEvent(.guestCrash, .critical, "The guest reported a crash.")
            (event.guestText, event.parameters) = ("Kernel panic \u{1b}[2J", [0x3e, 0, 1, 0x1234_5000, 14])
            delegate?.machine(happened: event)
        case "flood":
            for _ in 0..<96 { delegate?.machine(console: 1, wrote: [UInt8](repeating: 0x78, count: 64 << 10)) }
        default: break
        }
        return taken.count
    }

    func reading() -> MachineReading {
        MachineReading(
            uptimeNanoseconds: inside.withLock { $0.counter } * 1_000_000_000, cpuUsage: 7,
            memoryAssigned: request.configuration.memory.startupBytes, engine: "Fake")
    }

    func partitionReadings() -> [WorkerProtocol.PartitionInformation] {
        [
            .init(id: 1, parentId: nil, name: "Root", state: "Active", hypercalls: 3),
            .init(
                id: 2, parentId: 1, name: "", state: "Active", privilegeMask: 0x30_0000_0eff, virtualProcessorCount: 1, hypercalls: 5,
                runTimeNanoseconds: HostTime.monotonic() / 10),
        ]
    }

    func processorReadings(registers: Bool) throws -> [WorkerProtocol.VirtualProcessorInformation] {
        [.init(index: 0, runState: "Halted", instructionsRetired: 42, registers: registers ? [.init(name: "RIP", value: 0x1000)] : nil)]
    }
}
