import Basics
import Persistence
import Synchronization
import WorkerProtocol

/// Adds up what the VM uses while metering is on: a look at the machine each second, the sum on disk every so often.
final class UsageMeter: Sendable {
    /// Counters of the machine at one moment.
    struct Sample: Sendable {
        var taken: UInt64
        var isRunning: Bool
        var processorNanoseconds: UInt64
        var memory: UInt64
        var disks: [UsageRecord.Disk]
        var adapters: [UsageRecord.Adapter]
    }

    private struct Contents {
        /// nil: metering is off.
        var record: UsageRecord?
        var saveInterval: UInt64 = 60_000_000_000
        var last: Sample?
        var written: UInt64 = 0
        var isLooking = false
    }
    private let contents = Mutex(Contents())
    private static let period: UInt64 = 1_000_000_000

    /// Takes over what the configuration says of metering; what was counted before goes on.
    func follow(_ metering: VirtualMachineConfiguration.Metering?, in folder: Folder) {
        contents.withLock { contents in
            contents.saveInterval = UInt64(max(1, metering?.saveInterval ?? 60)) * 1_000_000_000
            guard metering != nil else {
                if contents.record != nil { try? UsageRecord.remove(in: folder) }
                (contents.record, contents.last) = (nil, nil)
                return
            }
            if contents.record == nil { contents.record = UsageRecord.read(in: folder) }
        }
    }

    /// True when it is time for a look, which the caller then takes.
    func isDue(now: UInt64) -> Bool {
        contents.withLock { contents in
            guard contents.record != nil, !contents.isLooking, now - (contents.last?.taken ?? 0) >= Self.period || contents.last == nil
            else { return false }
            contents.isLooking = true
            return true
        }
    }

    /// Adds what happened since the sample before.
    func add(_ sample: Sample, in folder: Folder) {
        contents.withLock { contents in
            contents.isLooking = false
            defer { contents.last = sample }
            guard var record = contents.record else { return }
            if let last = contents.last { record.add(last, sample) }
            contents.record = record
            if sample.taken - contents.written >= contents.saveInterval {
                contents.written = sample.taken
                try? record.write(in: folder)
            }
        }
    }

    /// A look could not be taken.
    func gaveUp() { contents.withLock { $0.isLooking = false } }

    /// What was counted; with `resets` it begins anew.
    func usage(resets: Bool, in folder: Folder) throws -> UsageRecord? {
        try contents.withLock { contents in
            guard contents.record != nil else { return nil }
            if resets {
                contents.record = UsageRecord()
                try UsageRecord.remove(in: folder)
            }
            return contents.record
        }
    }

    /// Brings the sum to disk.
    func save(in folder: Folder) { contents.withLock { try? $0.record?.write(in: folder) } }
}

extension UsageRecord {
    /// What lies between two looks. A counter that went back was counted anew, as after the device was replaced.
    fileprivate mutating func add(_ old: UsageMeter.Sample, _ new: UsageMeter.Sample) {
        func grown(_ old: UInt64, _ new: UInt64) -> UInt64 { new >= old ? new - old : new }
        if old.isRunning {
            let time = new.taken - old.taken
            runningNanoseconds += time
            memoryByteSeconds += Double(new.memory) * Double(time) / 1e9
        }
        processorNanoseconds += grown(old.processorNanoseconds, new.processorNanoseconds)
        if new.isRunning {
            memoryMinimum = min(memoryMinimum ?? new.memory, new.memory)
            memoryMaximum = max(memoryMaximum ?? new.memory, new.memory)
        }
        for disk in new.disks {
            func isIt(_ other: Disk) -> Bool { other.controller == disk.controller && other.location == disk.location }
            let before = old.disks.first(where: isIt) ?? Disk(controller: disk.controller, location: disk.location)
            let place =
                disks.firstIndex(where: isIt)
                ?? {
                    disks.append(Disk(controller: disk.controller, location: disk.location))
                    return disks.count - 1
                }()
            disks[place].readOperations += grown(before.readOperations, disk.readOperations)
            disks[place].readBytes += grown(before.readBytes, disk.readBytes)
            disks[place].writeOperations += grown(before.writeOperations, disk.writeOperations)
            disks[place].writtenBytes += grown(before.writtenBytes, disk.writtenBytes)
        }
        for adapter in new.adapters {
            let before = old.adapters.first { $0.id == adapter.id } ?? Adapter(id: adapter.id)
            let place =
                adapters.firstIndex { $0.id == adapter.id }
                ?? {
                    adapters.append(Adapter(id: adapter.id))
                    return adapters.count - 1
                }()
            adapters[place].receivedBytes += grown(before.receivedBytes, adapter.receivedBytes)
            adapters[place].sentBytes += grown(before.sentBytes, adapter.sentBytes)
        }
    }
}

extension WorkerInstance {
    /// Has the meter look at the machine when it is time; on the server's thread, which does not wait for it.
    func pumpMeter() {
        guard meter.isDue(now: HostTime.monotonic()) else { return }
        let accepted = readings.add { [self] in lookForMeter() }
        if !accepted { meter.gaveUp() }
    }

    /// Looks at the machine and counts; takes as long as a device is busy.
    func lookForMeter() {
        guard let machine = phase.withLock({ $0.hasEnded ? nil : $0.machine }) else { return meter.gaveUp() }
        let information = guestInformation()
        let reading = machine.reading()
        meter.add(
            UsageMeter.Sample(
                taken: HostTime.monotonic(), isRunning: machine.state == .running,
                processorNanoseconds: machine.partitionReadings().first { $0.id != 1 }?.runTimeNanoseconds ?? 0,
                memory: reading.memoryAssigned,
                disks: (information?.disks ?? []).map { disk in
                    var usage = UsageRecord.Disk(controller: disk.controller, location: disk.location)
                    (usage.readOperations, usage.readBytes) = (disk.readOperations, disk.readBytes)
                    (usage.writeOperations, usage.writtenBytes) = (disk.writeOperations, disk.writtenBytes)
                    return usage
                },
                adapters: (information?.adapters ?? []).map { adapter in
                    var usage = UsageRecord.Adapter(id: adapter.id)
                    (usage.receivedBytes, usage.sentBytes) = (adapter.receivedBytes, adapter.sentBytes)
                    return usage
                }), in: folder.folder)
    }

    /// What was used up to now, as a document.
    func usage(resets: Bool) throws -> MeteringRequest.Usage {
        if meter.isDue(now: .max) { lookForMeter() }
        guard let record = try meter.usage(resets: resets, in: folder.folder) else { return MeteringRequest.Usage(document: nil) }
        return MeteringRequest.Usage(document: String(decoding: try Document.encode(record), as: UTF8.self))
    }
}
