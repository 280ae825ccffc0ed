import Glibc
import Persistence

/// A NUMA node of this host, as its kernel tells (Documentation/ABI/stable/sysfs-devices-node).
public struct NumaNode: Sendable {
    public var id: Int
    /// Percent of each of its processors that was idle lately.
    public var processorsAvailability: [Int]
    /// Bytes.
    public var memoryTotal: UInt64
    public var memoryAvailable: UInt64
}

extension VirtualMachineHost {
    /// The host's nodes by their numbers; a kernel that knows none has one, 0.
    public func numaNodes() -> [NumaNode] {
        let idle = Self.idlePercent()
        let root = "/sys/devices/system/node"
        let online = Self.numbers(Self.text(of: root + "/online") ?? "")
        guard !online.isEmpty else {
            let host = information()
            return [
                NumaNode(
                    id: 0, processorsAvailability: idle.sorted { $0.key < $1.key }.map(\.value), memoryTotal: host.memoryCapacity,
                    memoryAvailable: host.memoryAvailable)
            ]
        }
        return online.map { number in
            let processors = Self.numbers(Self.text(of: "\(root)/node\(number)/cpulist") ?? "")
            let memory = Self.text(of: "\(root)/node\(number)/meminfo") ?? ""
            func kilobytes(_ field: String) -> UInt64 {
                let line = memory.split(separator: "\n").first { $0.contains(" \(field):") }
                return (line?.split(separator: " ").dropLast().last.flatMap { UInt64($0) } ?? 0) << 10
            }
            // What the page cache holds can be had, too.
            return NumaNode(
                id: number, processorsAvailability: processors.map { idle[$0] ?? 0 }, memoryTotal: kilobytes("MemTotal"),
                memoryAvailable: min(kilobytes("MemTotal"), kilobytes("MemFree") + kilobytes("FilePages")))
        }
    }

    /// Percent of each processor that was idle during a tenth of a second (proc_stat(5)).
    private static func idlePercent() -> [Int: Int] {
        func read() -> [Int: (idle: UInt64, all: UInt64)] {
            var result: [Int: (idle: UInt64, all: UInt64)] = [:]
            for line in (text(of: "/proc/stat") ?? "").split(separator: "\n") where line.hasPrefix("cpu") {
                let fields = line.split(separator: " ")
                guard let number = Int(fields[0].dropFirst(3)) else { continue }
                let times = fields.dropFirst().prefix(8).compactMap { UInt64($0) }
                guard times.count > 4 else { continue }
                result[number] = (times[3] + times[4], times.reduce(0, &+))
            }
            return result
        }
        let before = read()
        usleep(100_000)
        return read().reduce(into: [:]) { percent, entry in
            guard let old = before[entry.key] else { return }
            let all = entry.value.all &- old.all
            percent[entry.key] = all == 0 ? 100 : Int(min(100, (entry.value.idle &- old.idle) * 100 / all))
        }
    }

    /// The numbers of a list like `0-3,8`.
    static func numbers(_ list: String) -> [Int] {
        list.split { $0 == "," || $0.isWhitespace }.flatMap { part -> [Int] in
            let ends = part.split(separator: "-").compactMap { Int($0) }
            guard let first = ends.first, let last = ends.last, first <= last, last - first < 65_536 else { return [] }
            return Array(first...last)
        }
    }

    static func text(of path: String) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        let file = OpenFile(descriptor: descriptor, path: path)
        // Files of /proc and /sys have no size.
        var bytes: [UInt8] = []
        while bytes.count < 8 << 20, let piece = try? file.read(at: bytes.count, count: 64 << 10), !piece.isEmpty { bytes += piece }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension VirtualMachine {
    /// Bytes of the host's memory that the VM's worker has on each node (numa_maps, proc_pid_numa_maps(5)); empty when it is off.
    public func memoryByNode() throws -> [Int: UInt64] {
        guard let process = try status().workerProcessId, let maps = VirtualMachineHost.text(of: "/proc/\(process)/numa_maps") else {
            return [:]
        }
        var result: [Int: UInt64] = [:]
        for line in maps.split(separator: "\n") {
            let words = line.split(separator: " ")
            let size = words.first { $0.hasPrefix("kernelpagesize_kB=") }.flatMap { UInt64($0.dropFirst(18)) } ?? 4
            for word in words where word.first == "N" {
                let parts = word.dropFirst().split(separator: "=")
                guard parts.count == 2, let node = Int(parts[0]), let pages = UInt64(parts[1]) else { continue }
                result[node, default: 0] += pages * size << 10
            }
        }
        return result
    }
}
