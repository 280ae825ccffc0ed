import Basics
import Persistence
import Services
import WorkerProtocol

/// What the guest reports, as the control protocol carries it.
extension Machine {
    package func guestInformation() -> WorkerProtocol.GuestInformation {
        var result = WorkerProtocol.GuestInformation()
        let services = stack.integration
        // Values: a change of the configuration may come in between.
        let inventory = stack.inventory
        // A guest without enlightenments cannot make contact with what is on for it.
        let enabled =
            isEnlightened
            ? stack.offeredServices : Set(IntegrationService.allCases.filter { configuration.isEnabled($0) }.map(\.rawValue))
        stack.control.perform {
            for service in IntegrationService.allCases {
                guard let device = services.device(named: service.rawValue) else { continue }
                let isEnabled = enabled.contains(service.rawValue)
                let (status, words) = Self.words(device.status, isEnabled: isEnabled)
                result.services.append(
                    .init(
                        name: service.rawValue, isEnabled: isEnabled, primaryStatus: status, description: words,
                        protocolVersion: device.negotiatedVersion?.description))
            }
            let hasHeartbeat = enabled.contains(IntegrationService.heartbeat.rawValue)
            result.heartbeat = hasHeartbeat ? services.heartbeat.heartbeat.rawValue : "Disabled"
            let known = services.keyValueExchange.information
            // What the guest's daemon says of its system comes last: a program of the guest cannot say it otherwise.
            for pair in known.guest + known.intrinsic { result.keyValues[pair.key] = pair.value }
            let pools: [(WorkerProtocol.GuestInformation.Pair.Pool, [KeyValuePair])] = [
                (.intrinsic, known.intrinsic), (.guest, known.guest), (.host, known.host),
            ]
            result.pairs = pools.flatMap { pool, pairs in pairs.map { .init(pool: pool, key: $0.key, value: $0.value) } }
            result.integrationServicesVersion = known.intrinsic.first { $0.key == "IntegrationServicesVersion" }?.value ?? ""
            result.integrationServicesState = known.isDaemonPresent ? "UpToDate" : ""
            if let dynamic = stack.dynamicMemory {
                result.memory.assigned = dynamic.assigned
                result.memory.demand = dynamic.demand ?? 0
                result.memory.status = dynamic.statusWord
                result.memory.isReady = dynamic.isReady
            } else {
                result.memory.assigned = stack.assignedMemory
            }
            for (id, _) in inventory.adapters {
                var adapter = WorkerProtocol.GuestInformation.Adapter(id: id)
                adapter.ipAddresses = known.adapters.first { $0.adapter == id }?.addresses ?? []
                result.adapters.append(adapter)
            }
        }
        for (index, (_, adapter)) in inventory.adapters.enumerated() {
            let counters = adapter.device.statistics
            result.adapters[index].isLinkUp = adapter.device.isConnected
            result.adapters[index].isOpen = counters.guestIsReady
            result.adapters[index].receivedPackets = counters.total.receivedFrames
            result.adapters[index].receivedBytes = counters.total.receivedBytes
            result.adapters[index].sentPackets = counters.total.sentFrames
            result.adapters[index].sentBytes = counters.total.sentBytes
            result.adapters[index].droppedPackets = counters.total.droppedSends &+ counters.total.droppedReceives
        }
        for (id, controller) in inventory.controllers {
            for (location, target) in controller.device.targets.sorted(by: { $0.key < $1.key }) {
                var disk = WorkerProtocol.GuestInformation.Disk(controller: id, location: location)
                let counters = target.counters.snapshot
                (disk.readOperations, disk.readBytes) = (counters.reads, counters.bytesRead)
                (disk.writeOperations, disk.writtenBytes) = (counters.writes, counters.bytesWritten)
                disk.flushes = counters.flushes
                result.disks.append(disk)
            }
        }
        for (place, drive) in inventory.drives {
            var disk = WorkerProtocol.GuestInformation.Disk(controller: place.controller, location: place.location)
            let counts = drive.counts.withLock { $0 }
            (disk.readOperations, disk.readBytes) = (counts.reads, counts.readBytes)
            (disk.writeOperations, disk.writtenBytes) = (counts.writes, counts.writtenBytes)
            disk.flushes = counts.flushes
            result.disks.append(disk)
        }
        result.resets = resets.load(ordering: .relaxed)
        return result
    }

    private static func words(_ contact: IntegrationContact, isEnabled: Bool) -> (status: String, description: String) {
        guard isEnabled else { return ("Disabled", "The service is off.") }
        return switch contact {
        case .ok: ("Ok", "OK")
        case .incompatible: ("ProtocolMismatch", "The guest speaks no version of the service that is known here.")
        case .noContact, .negotiating: ("NoContact", "No Contact")
        }
    }
}
