import Glibc
import Persistence

extension VirtualMachineHost {
    /// The host and its defaults; never fails, what cannot be read is 0 or empty.
    public func information() -> HostInformation {
        var names = utsname()
        uname(&names)
        let memory = Self.table("/proc/meminfo")
        func kilobytes(_ name: String) -> UInt64 { (memory[name]?.split(separator: " ").first.flatMap { UInt64($0) } ?? 0) << 10 }
        let processor = Self.table("/proc/cpuinfo")
        return HostInformation(
            computerName: Self.text(of: names.nodename), storePath: storePath,
            virtualMachinePath: (try? settings())?.virtualMachinePath ?? storePath + "/vms",
            virtualHardDiskPath: (try? virtualHardDiskPath()) ?? storePath + "/disks",
            logicalProcessorCount: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            memoryCapacity: kilobytes("MemTotal"), memoryAvailable: kilobytes("MemAvailable"), hypervisorType: "Type1",
            architecture: "Microkernel", processorArchitecture: "x86-64", processorName: processor["model name"] ?? "",
            processorMegahertz: processor["cpu MHz"].flatMap { Double($0) } ?? 0,
            operatingSystem: Self.text(of: names.sysname) + " " + Self.text(of: names.release))
    }

    private static func text<Field>(of field: Field) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// The first value of each `name: value` line.
    private static func table(_ path: String) -> [String: String] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return [:] }
        let file = OpenFile(descriptor: descriptor, path: path)
        // Files of /proc have no size; the beginning holds what is wanted.
        guard let bytes = try? file.read(at: 0, count: 16 << 10) else { return [:] }
        var table: [String: String] = [:]
        for line in bytes.split(separator: 10) {
            let parts = line.split(separator: 58, maxSplits: 1)
            guard parts.count == 2 else { continue }
            let trimmed = parts.map { String(decoding: $0, as: UTF8.self).split(whereSeparator: \.isWhitespace).joined(separator: " ") }
            if table[trimmed[0]] == nil { table[trimmed[0]] = trimmed[1] }
        }
        return table
    }
}
