import Glibc
import Persistence

extension VirtualMachineHost {
    /// The host and its defaults; never fails, what cannot be read is 0 or empty.
    public func information() -> HostInformation {
        var names = utsname()
        uname(&names)
        let memory = HostMemory()
        let processor = KernelTable.read("/proc/cpuinfo")
        return HostInformation(
            computerName: Self.text(of: names.nodename), storePath: storePath,
            virtualMachinePath: (try? settings())?.virtualMachinePath ?? storePath + "/vms",
            virtualHardDiskPath: (try? virtualHardDiskPath()) ?? storePath + "/disks",
            logicalProcessorCount: max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))),
            memoryCapacity: memory.total, memoryAvailable: memory.available, hypervisorType: "Type1",
            architecture: ((try? settings())?.architecture ?? .microkernel).rawValue, processorArchitecture: "x86-64",
            processorName: processor["model name"] ?? "",
            processorMegahertz: processor["cpu MHz"].flatMap { Double($0) } ?? 0,
            operatingSystem: Self.text(of: names.sysname) + " " + Self.text(of: names.release))
    }

    private static func text<Field>(of field: Field) -> String {
        withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
}
