import Basics
import Glibc
import Persistence
import Storage
import WorkerProtocol

/// Boots one and the same guest under several architectures, has it do the same work, and tells what a piece of each work cost.
///
/// The guest's shell is at its console and knows dd, ping and usleep, as that of Scripts/guest-image does; its disk is /dev/sda.
public struct ArchitectureComparison: Sendable {
    /// Work for the guest's disk, its network and its timer.
    public enum Work: String, CaseIterable, Sendable {
        case read = "DiskRead"
        case write = "DiskWrite"
        /// Reads of 32 processes at once.
        case batched = "DiskBatched"
        /// Echo requests to the gateway.
        case network = "Network"
        /// Sleeps of 200 µs, each ended by the timer's interrupt.
        case interrupts = "Interrupts"
    }

    /// What one kind of work cost under one architecture.
    public struct Finding: Sendable {
        public var architecture: Architecture
        public var work: Work
        /// Pieces of work that were done.
        public var count: Int
        /// From the command's last letter to its end at the console, by the host's clock; nanoseconds.
        public var nanoseconds: UInt64
        /// Processor time of the worker and what serves the machine besides; nanoseconds.
        public var processorNanoseconds: UInt64
        /// Crossings of all pieces, by kind.
        public var crossings: [(kind: String, count: UInt64)]
        /// Intercepts of all pieces, by kind; those that there were.
        public var intercepts: [(kind: String, count: UInt64)]
        /// Bytes of the host's memory that those processes held afterwards; shared pages are divided among their users.
        public var memoryBytes: UInt64
    }

    let host: VirtualMachineHost
    let kernel: String
    let ramdisk: String
    /// Pieces of each disk work; of network and timer a tenth.
    let count: Int
    private static let concurrent = 32
    private static let diskBytes: UInt64 = 64 << 20
    /// Seconds for a boot, and for a work.
    private static let patience = 300.0
    private static let prompt = "guest# "

    public init(host: VirtualMachineHost, kernel: String, ramdisk: String, count: Int) {
        (self.host, self.kernel, self.ramdisk, self.count) = (host, kernel, ramdisk, count)
    }

    /// Does it under each of `architectures` in turn; each finding is handed over when it is there. What was made for it goes at the end.
    public func run(
        _ architectures: [Architecture], isCancelled: @escaping () -> Bool = { false }, found: (Finding) throws -> Void
    ) throws {
        let name = "measure-\(GUID().description.prefix(8))"
        let network = try host.createSwitch(VirtualSwitchSpecification(name: name, switchType: .nat))
        defer { try? network.remove(force: true) }
        for architecture in architectures {
            let disk = "\(host.storePath)/\(name).vhdx"
            try DiskOperations().create(DiskSpecification(path: disk, kind: .dynamic, size: Self.diskBytes))
            defer { unlink(disk) }
            var specification = VirtualMachineSpecification(name: name)
            specification.memoryStartupBytes = 192 << 20
            specification.architecture = architecture
            specification.firmware.kernelPath = kernel
            specification.firmware.initialRamdiskPath = ramdisk
            specification.firmware.kernelArguments = "console=ttyS0 quiet panic=-1 cryptomgr.notests tsc_early_khz=1000000"
            specification.drives = [try .init(kind: .hardDisk, location: 0, imagePath: disk)]
            // Without enlightenments there is no card.
            if architecture.isEnlightened { specification.connectedTo = (network.id, network.name) }
            let machine = try host.create(specification)
            defer {
                try? machine.turnOff(force: true)
                _ = try? machine.remove()
            }
            try machine.start()
            try machine.wait(
                for: .console(port: 1, since: .lastStart) { $0.contains(Self.prompt) }, timeout: Self.patience, isCancelled: isCancelled)
            let gateway = try gateway(of: network)
            let bench = Bench(machine: machine, isCancelled: isCancelled)
            // Blocks of the disk that do not exist yet are another work.
            try bench.ask(
                "until [ -b /dev/sda ]; do usleep 100000; done; dd if=/dev/urandom of=/dev/sda bs=64k count=\(Self.diskBytes >> 16) oflag=direct"
            )
            if architecture.isEnlightened { try bench.ask(gateway.setup) }
            for work in Work.allCases where architecture.isEnlightened || work != .network {
                try found(try bench.measure(work, commands(work, gateway.address), architecture))
            }
        }
    }

    private func commands(_ work: Work, _ gateway: String) -> (text: String, count: Int) {
        let few = max(1, count / 10)
        switch work {
        case .read: return ("dd if=/dev/sda of=/dev/null bs=4k count=\(count) iflag=direct", count)
        case .write: return ("dd if=/dev/zero of=/dev/sda bs=4k count=\(count) oflag=direct", count)
        case .batched:
            let each = max(1, count / Self.concurrent)
            return (
                "for i in $(seq 0 \(Self.concurrent - 1)); do dd if=/dev/sda of=/dev/null bs=4k count=\(each) skip=$((i * \(each))) iflag=direct & done; wait",
                each * Self.concurrent
            )
        case .network: return ("ping -q -c \(few) -i 0.002 -W 2 \(gateway)", few)
        case .interrupts: return ("i=0; while [ $i -lt \(few) ]; do usleep 200; i=$((i + 1)); done", few)
        }
    }

    /// The switch's gateway, and what gives the guest an address beside it.
    private func gateway(of network: VirtualSwitch) throws -> (address: String, setup: String) {
        let subnet = try network.configuration().natSubnet ?? ""
        let head = subnet.split(separator: ".").prefix(3).joined(separator: ".")
        return ("\(head).2", "ip link set eth0 up && ip addr add \(head).99/24 dev eth0; ping -c 1 -W 5 \(head).2")
    }

    /// One machine at work.
    private struct Bench {
        let machine: VirtualMachine
        let isCancelled: () -> Bool

        /// Has the shell do commands, and waits for their end. What is typed differs from what is printed.
        func ask(_ commands: String) throws {
            let mark = String(GUID().description.prefix(8))
            try machine.console().send(Array("{ \(commands); } >/dev/null 2>&1; echo en''d\(mark)\r".utf8))
            try machine.wait(
                for: .console(port: 1, since: .lastStart) { $0.contains("end\(mark)") }, timeout: ArchitectureComparison.patience,
                isCancelled: isCancelled)
        }

        func measure(_ work: Work, _ commands: (text: String, count: Int), _ architecture: Architecture) throws -> Finding {
            let before = try counters()
            let begun = HostTime.monotonic()
            try ask(commands.text)
            let nanoseconds = HostTime.monotonic() &- begun
            let after = try counters()
            func differences(_ path: KeyPath<Counters, [String: UInt64]>) -> [(kind: String, count: UInt64)] {
                after[keyPath: path].map { ($0.key, $0.value &- (before[keyPath: path][$0.key] ?? 0)) }.sorted { $0.0 < $1.0 }
            }
            return Finding(
                architecture: architecture, work: work, count: commands.count, nanoseconds: nanoseconds,
                processorNanoseconds: after.processor &- before.processor, crossings: differences(\.crossings),
                intercepts: differences(\.intercepts).filter { $0.count > 0 }, memoryBytes: after.memory)
        }

        private struct Counters {
            var crossings: [String: UInt64] = [:]
            var intercepts: [String: UInt64] = [:]
            var processor: UInt64 = 0
            var memory: UInt64 = 0
        }

        private func counters() throws -> Counters {
            var result = Counters()
            for partition in try machine.partitions() {
                for counter in partition.crossings ?? [] { result.crossings[counter.kind] = counter.count }
                for counter in partition.intercepts { result.intercepts[counter.kind] = counter.count }
            }
            for process in try machine.trustedProcesses() {
                let usage = ProcessFacts(process.id)
                result.processor &+= usage.processorNanoseconds ?? 0
                result.memory &+= usage.memoryBytes ?? 0
            }
            return result
        }
    }
}
