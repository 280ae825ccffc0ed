import Basics
import Glibc
import Persistence

/// Kernel and ramdisk, as far as this side looks at them: that they are there and can be read. What they contain is the worker's concern.
enum BootFiles {
    /// Checks the paths of `configuration` that `old` did not have.
    static func check(_ configuration: VirtualMachineConfiguration, old: VirtualMachineConfiguration?) throws {
        let firmware = configuration.firmware
        if firmware.kernelPath != old?.firmware.kernelPath { _ = try openKernel(configuration) }
        if firmware.initialRamdiskPath != old?.firmware.initialRamdiskPath { _ = try openInitialRamdisk(configuration) }
    }

    static func openKernel(_ configuration: VirtualMachineConfiguration) throws -> OpenFile? {
        try configuration.firmware.kernelPath.map { try open($0, "Kernel", "kernel", name: configuration.name, option: "-KernelPath") }
    }

    static func openInitialRamdisk(_ configuration: VirtualMachineConfiguration) throws -> OpenFile? {
        guard let path = configuration.firmware.initialRamdiskPath else { return nil }
        let file = try open(path, "InitialRamdisk", "initial ramdisk", name: configuration.name, option: "-InitialRamdiskPath")
        let size = UInt64(clamping: try file.status().st_size)
        guard size < configuration.memory.startupBytes else {
            throw ManagementError(
                "InitialRamdiskTooLarge", .invalidArgument,
                "The initial ramdisk “\(path)” (\(size >> 20) MB) is larger than the memory of “\(configuration.name)” (\(configuration.memory.startupBytes >> 20) MB).",
                action: "Give the VM more memory: Set-VMMemory \(configuration.name) -StartupBytes …", target: configuration.name)
        }
        return file
    }

    private static func open(_ path: String, _ prefix: String, _ what: String, name: String, option: String) throws -> OpenFile {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            let failure = errno
            let action = "Set the right path with Set-VMFirmware \(name) \(option) …"
            guard failure != ENOENT && failure != ENOTDIR else {
                throw ManagementError(
                    prefix + "NotFound", .objectNotFound, "The \(what) “\(path)” of “\(name)” does not exist.", action: action, target: name
                )
            }
            throw ManagementError(
                prefix + "Unreadable", .permissionDenied,
                "The \(what) “\(path)” of “\(name)” cannot be opened: \(SystemMessage.text(failure)).",
                action: action, target: name)
        }
        let file = OpenFile(descriptor: descriptor, path: path)
        let status = try file.status()
        guard status.st_mode & S_IFMT == S_IFREG, status.st_size > 0 else {
            throw ManagementError(
                prefix + "Unreadable", .invalidData,
                "The \(what) “\(path)” of “\(name)” is \(status.st_size == 0 ? "empty" : "not a file").",
                action: "Set the right path with Set-VMFirmware \(name) \(option) …", target: name)
        }
        return file
    }
}
