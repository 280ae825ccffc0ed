import Basics
import Management

/// A store of its own with in-process workers, and a kernel that the fake machine starts.
struct TestHost {
    let folder: TemporaryFolder
    let host: VirtualMachineHost
    let kernel: String

    init(starter: any WorkerStarter = InProcessStarter()) throws {
        folder = try TemporaryFolder()
        kernel = try folder.write("kernel", "a kernel")
        host = VirtualMachineHost(storePath: folder.path + "/store", starter: starter)
    }

    /// Another view of the same store, as another shell has.
    func otherHost() -> VirtualMachineHost { VirtualMachineHost(storePath: host.storePath, starter: InProcessStarter()) }

    func machine(_ name: String = "web01") throws -> VirtualMachine {
        var specification = VirtualMachineSpecification(name: name)
        specification.firmware.kernelPath = kernel
        specification.memoryStartupBytes = 64 << 20
        return try host.create(specification)
    }

    func path(_ machine: VirtualMachine, _ name: String) -> String { "\(host.storePath)/vms/\(machine.id)/\(name)" }
}

/// The identifier of the error that `body` throws.
func identifier(_ body: () throws -> some Any) -> String? {
    do {
        _ = try body()
        return nil
    } catch let error as any DescribedError {
        return error.identifier
    } catch {
        return String(describing: error)
    }
}
