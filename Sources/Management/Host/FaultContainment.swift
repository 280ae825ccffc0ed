import Basics
import CHost
import Glibc
import Persistence
import WorkerProtocol

/// Puts a fault into the process that does a part of a machine's work, and tells what became of the store's machines.
public struct FaultContainment: Sendable {
    /// The part that is hit.
    public enum Service: String, CaseIterable, Sendable {
        case disk = "Disk"
        case network = "Network"
        case worker = "Worker"
        case hypervisor = "Hypervisor"
    }

    public enum Fault: String, CaseIterable, Sendable {
        /// The process ends at once.
        case crash = "Crash"
        /// The process stands still; it is let go on when the test is over.
        case hang = "Hang"
        /// Words of the process's own memory become others.
        case wildWrite = "WildWrite"
    }

    /// What became of one machine.
    public struct Finding: Sendable {
        public var machine: VirtualMachine
        public var isTarget: Bool
        public var architecture: String
        /// It ran all the time and answers.
        public var survived: Bool
        /// Requests to disks of which its guest was told that they had failed, as far as its events tell.
        public var failures: Int
        /// The process that was hit, if it did work of this machine; nil: nothing of this machine was hit.
        public var process: Int32?
        /// Another process does the work of the one that was hit; nil: nothing of this machine was hit.
        public var cameBack: Bool?
        /// Nanoseconds from the fault until another process was seen.
        public var recovery: UInt64?
    }

    let machine: VirtualMachine
    let service: Service
    let fault: Fault
    let seed: UInt64
    /// Words that a wild write changes.
    private static let wildWords = 64

    public init(_ machine: VirtualMachine, _ service: Service, _ fault: Fault, seed: UInt64) {
        (self.machine, self.service, self.fault, self.seed) = (machine, service, fault, seed)
    }

    /// Does it and watches for `seconds`, less when all is decided. Throws when the machine does not run or has no such service.
    public func run(seconds: Double, isCancelled: () -> Bool = { false }) throws -> [Finding] {
        let host = machine.host
        let before = try host.machines().compactMap { other -> Watched? in
            let status = try other.status()
            guard status.state == .running else { return nil }
            return Watched(
                machine: other, worker: status.workerProcessId,
                architecture: (try other.configuration().architecture ?? .microkernel).rawValue,
                failures: try Self.failures(of: other))
        }
        guard before.contains(where: { $0.machine.id == machine.id }) else {
            throw ManagementError(
                "InvalidState", .invalidOperation, "“\(machine.name)” does not run.", action: "Start-VM \(machine.name)",
                target: machine.name)
        }
        let process = try target()
        let hit = before.filter { $0.worker == process || (try? servingProcess(of: $0.machine)) == process }.map(\.machine.id)
        let descriptor = lv_process_descriptor(process)
        guard descriptor >= 0 else {
            throw ManagementError(
                "WorkerFailed", .resourceUnavailable, "Process \(process) cannot be reached: \(SystemMessage.text(-descriptor)).",
                target: machine.name)
        }
        let handle = OpenFile(descriptor: descriptor, path: "process \(process)")
        let begun = HostTime.monotonic()
        defer { if fault == .hang { _ = lv_process_signal(handle.descriptor, SIGCONT) } }
        try inject(into: process, handle.descriptor)
        var recovery: UInt64?
        let end = WorkerClient.deadline(seconds)
        while HostTime.monotonic() < end, !isCancelled() {
            if let now = try? target(), now != process {
                recovery = HostTime.monotonic() &- begun
                break
            }
            // Nobody takes the place of a worker, nor of what is a part of it.
            if hasEnded(handle), before.contains(where: { $0.worker == process }) { break }
            usleep(2_000)
        }
        return try before.map { watched in
            let status = try watched.machine.status()
            let isHit = hit.contains(watched.machine.id)
            return Finding(
                machine: watched.machine, isTarget: watched.machine.id == machine.id, architecture: watched.architecture,
                survived: status.state == .running && status.isResponding && status.workerProcessId == watched.worker,
                failures: max(0, try Self.failures(of: watched.machine) - watched.failures),
                process: isHit ? process : nil, cameBack: isHit ? recovery != nil : nil, recovery: isHit ? recovery : nil)
        }
    }

    private struct Watched {
        var machine: VirtualMachine
        var worker: Int32?
        var architecture: String
        var failures: Int
    }

    private func hasEnded(_ process: OpenFile) -> Bool { lv_process_wait_end(process.descriptor, 0) == 1 }

    private func target() throws -> Int32 { try servingProcess(of: machine) }

    /// The process that does that part of a machine's work now.
    private func servingProcess(of machine: VirtualMachine) throws -> Int32 {
        guard let (worker, others) = try machine.serviceProcesses() else {
            throw ManagementError("InvalidState", .invalidOperation, "“\(machine.name)” does not run.", target: machine.name)
        }
        switch service {
        case .worker, .hypervisor: return worker
        case .disk:
            guard let disk = others.first else { return worker }
            guard let process = disk.processId else { throw noService(" now") }
            return process
        case .network:
            let configuration = try machine.configuration()
            let architecture = configuration.architecture ?? .microkernel
            // Its switch forwards nothing of it, whatever its adapters say.
            guard architecture.isEnlightened else {
                throw noService(": its architecture, \(architecture.rawValue), shows the guest no network adapter")
            }
            for adapter in configuration.adapters {
                guard let id = adapter.switchId else { continue }
                if let process = try machine.host.virtualSwitch(id: id).status()?.processId { return process }
            }
            throw noService(" now")
        }
    }

    /// `end` says when or why, at the end of the sentence.
    private func noService(_ end: String) -> ManagementError {
        ManagementError(
            "VMServiceNotFound", .objectNotFound, "Nothing serves the \(service.rawValue.lowercased()) of “\(machine.name)”\(end).",
            target: machine.name)
    }

    /// Lines of a machine's events that tell of a request that failed.
    private static func failures(of machine: VirtualMachine) throws -> Int {
        try machine.events().count(where: { $0.kind.rawValue == "ServiceTrouble" && $0.message.hasPrefix("The disk at location") })
    }
}

extension FaultContainment {
    private func inject(into process: Int32, _ descriptor: Int32) throws {
        switch fault {
        case .crash: try signal(SIGKILL, descriptor, process)
        case .hang: try signal(SIGSTOP, descriptor, process)
        case .wildWrite: try writeWildly(process)
        }
    }

    private func signal(_ number: Int32, _ descriptor: Int32, _ process: Int32) throws {
        let failure = lv_process_signal(descriptor, number)
        guard failure == 0 else { throw refused(process, -failure) }
    }

    private func refused(_ process: Int32, _ number: Int32) -> ManagementError {
        ManagementError(
            "AccessDenied", .permissionDenied, "Process \(process) cannot be harmed: \(SystemMessage.text(number)).",
            action: "Run the test as the user whose process it is, where the host lets one process write into another.",
            target: machine.name)
    }

    /// Words at places that the seed chooses among the process's own writable memory; what it shares, the guest's RAM above all, is left.
    private func writeWildly(_ process: Int32) throws {
        let memory = open("/proc/\(process)/mem", O_RDWR | O_CLOEXEC)
        guard memory >= 0 else { throw refused(process, errno) }
        defer { close(memory) }
        let regions = Self.ownMemory(of: process)
        let words = regions.reduce(UInt64(0)) { $0 + UInt64($1.count) / 8 }
        guard words > 0 else { throw refused(process, ENOENT) }
        var generator = FaultGenerator(state: seed)
        for _ in 0..<Self.wildWords {
            var place = UInt64.random(in: 0..<words, using: &generator) * 8
            let value = generator.next()
            for region in regions {
                if place < UInt64(region.count) {
                    let bytes = [UInt8](littleEndian: value)
                    _ = pwrite(memory, bytes, bytes.count, off_t(region.lowerBound + place))
                    break
                }
                place -= UInt64(region.count)
            }
        }
    }

    /// Private, writable mappings by address.
    private static func ownMemory(of process: Int32) -> [Range<UInt64>] {
        guard let file = fopen("/proc/\(process)/maps", "re") else { return [] }
        defer { fclose(file) }
        var regions: [Range<UInt64>] = []
        var line = [CChar](repeating: 0, count: 8192)
        while fgets(&line, Int32(line.count), file) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
            let fields = text.split(separator: " ")
            guard fields.count >= 2, fields[1] == "rw-p" else { continue }
            let ends = fields[0].split(separator: "-").compactMap { UInt64($0, radix: 16) }
            if ends.count == 2, ends[0] < ends[1] { regions.append(ends[0]..<ends[1]) }
        }
        return regions
    }
}

/// SplitMix64: the same faults for the same seed.
private struct FaultGenerator: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var value = state
        value = (value ^ value >> 30) &* 0xbf58_476d_1ce4_e5b9
        value = (value ^ value >> 27) &* 0x94d0_49bb_1331_11eb
        return value ^ value >> 31
    }
}
