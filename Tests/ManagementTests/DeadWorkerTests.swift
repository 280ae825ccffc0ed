import Basics
import CHost
import Glibc
import Management
import Persistence
import Testing
import WorkerProtocol

/// Stands for a worker: a real process that holds the VM's `worker.lock` and does nothing else, with its run record in the folder.
final class LockHolder {
    let process: Int32
    private let pidfd: Int32

    init(_ machine: VirtualMachine, in test: TestHost, state: VirtualMachineState = .running) throws {
        let folder = try Folder(path: "\(test.host.storePath)/vms/\(machine.id)")
        var lock = try FileLock.take("worker.lock", in: folder)
        let null = open("/dev/null", O_WRONLY | O_CLOEXEC)
        defer { close(null) }
        var arguments: [UnsafeMutablePointer<CChar>?] = [strdup("sleep"), strdup("600"), nil]
        defer { for argument in arguments { free(argument) } }
        let descriptor = try #require(lock?.descriptor)
        process = lv_spawn_detached("/bin/sleep", &arguments, [descriptor], 1, null)
        try #require(process > 0)
        pidfd = lv_process_descriptor(process)
        // The child shares the lock now; closing our descriptor without unlocking leaves it to the child alone.
        lock?.giveAway()
        lock = nil
        var record = RunRecord(partitionId: 9, state: state.rawValue, isHosted: false)
        record.processId = process
        record.processStartTime = ProcessIdentity.startTime(of: process) ?? 0
        try VirtualMachineFolder(id: machine.id, folder: folder).write(record)
    }

    func kill() {
        Glibc.kill(process, SIGKILL)
        waitpid(process, nil, 0)
    }

    deinit {
        Glibc.kill(process, SIGKILL)
        waitpid(process, nil, 0)
        close(pidfd)
    }
}

@Suite struct DeadWorkerTests {
    @Test func aDeadWorkerIsToldOfOnce() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let worker = try LockHolder(machine, in: test)
        worker.kill()
        try inParallel(4) { _ in _ = try test.otherHost().machine(id: machine.id).status() }
        #expect(try machine.status().state == .off)
        let deaths = try machine.events().filter { $0.kind == .workerDied }
        #expect(deaths.count == 1)
        #expect(deaths[0].level == .critical && deaths[0].message.contains("\(worker.process)"))
        try machine.start()
        #expect(try machine.status().state == .running)
        try machine.turnOff()
    }

    @Test func aWorkerThatDiedAfterSavingLeavesTheVMSaved() throws {
        let test = try TestHost()
        let machine = try test.machine()
        try machine.start()
        try machine.save()
        let worker = try LockHolder(machine, in: test, state: .saving)
        worker.kill()
        #expect(try machine.status().state == .saved)
        try machine.start()
        #expect(try machine.status().uptimeNanoseconds == 2_000_000_000)
        try machine.turnOff()
    }

    @Test func aSilentWorkerIsShownAndCanBeEnded() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let other = try test.machine("other")
        try other.start()
        let worker = try LockHolder(machine, in: test, state: .paused)
        let folder = try Folder(path: "\(test.host.storePath)/vms/\(machine.id)")
        // Connections are accepted by the kernel and never answered, as with a stopped process.
        let listener = lv_socket_listen(folder.descriptor, "control.sock", 8)
        defer { close(listener) }
        let begin = HostTime.monotonic()
        let statuses = test.host.statuses(of: try test.host.machines())
        #expect(HostTime.monotonic() - begin < 1_900_000_000)
        #expect(try statuses[0].get().state == .running)
        let status = try statuses[1].get()
        #expect(status.state == .paused && !status.isResponding)
        #expect(status.statusText == "Worker does not answer (process \(worker.process))")
        let partitions = try test.host.partitions()
        #expect(partitions.map(\.state) == ["Active", "Active", "Unreachable"])
        #expect(partitions[2].workerProcessId == worker.process && partitions[2].id == 9)
        #expect(identifier { try machine.turnOff() } == "WorkerNotResponding")
        #expect(identifier { try machine.start() } == "WorkerNotResponding")
        #expect(identifier { try machine.save() } == "WorkerNotResponding")
        try machine.turnOff(force: true)
        #expect(try machine.status().state == .off)
        #expect(try machine.events().last?.kind == .workerKilled)
        try other.turnOff()
    }

    @Test func anotherProcessIsNeverKilled() throws {
        let test = try TestHost()
        let machine = try test.machine()
        let worker = try LockHolder(machine, in: test)
        let bystander = try LockHolder(try test.machine("bystander"), in: test)
        let folder = try Folder(path: "\(test.host.storePath)/vms/\(machine.id)")
        let files = VirtualMachineFolder(id: machine.id, folder: folder)
        var record = try #require(files.readRunRecord())
        // The id of a living process, with the start time of one that is gone.
        record.processId = bystander.process
        record.processStartTime = 1
        try files.write(record)
        #expect(identifier { try machine.turnOff(force: true) } == "WorkerNotResponding")
        #expect(ProcessIdentity.startTime(of: bystander.process) != nil)
        // A worker that lives inside another program is not killed for it.
        record.processId = getpid()
        record.isHosted = true
        try files.write(record)
        #expect(identifier { try machine.turnOff(force: true) } == "WorkerNotResponding")
        withExtendedLifetime(worker) {}
    }

    @Test func aStarterThatIsGoneLeavesTheStart() throws {
        // The starter's end of the ready socket is closed before the worker reports: the VM runs all the same.
        let test = try TestHost()
        let machine = try test.machine()
        #expect(identifier { try machine.start(isCancelled: { true }) } == "OperationStopped")
        try machine.wait(for: .state(.running), timeout: 30)
        try machine.turnOff()
    }
}
