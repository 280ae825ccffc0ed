import Basics
import Persistence
import Storage
import Synchronization

/// What stands in the way of an import, looked at anew each time: the world and the planned VM may have been mended since.
public final class CompatibilityReport: Sendable {
    /// One thing that does not fit.
    public struct Incompatibility: Sendable, Equatable {
        public enum Source: Sendable, Equatable {
            case machine
            case adapter(GUID)
            case drive(VirtualMachineConfiguration.PlacedDrive)
        }
        public var identifier: String
        public var message: String
        public var source: Source
    }

    /// The folder.
    public let path: String
    public let options: ImportOptions
    /// The planned VM; changes to it stay in memory.
    public let machine: VirtualMachine
    let source: ImportSource
    /// Files that are missing or not what they were, by their paths.
    let damaged: Mutex<[String: ManagementError]>
    var damage: [String: ManagementError] { damaged.withLock { $0 } }
    private let host: VirtualMachineHost
    private let plan: PlannedMachine

    /// `hashing`: reads every file. Errors of a folder that says nothing usable are thrown, and unless `keepsRefusal` those of one that is
    /// of a newer version.
    init(
        _ path: String, _ options: ImportOptions, host: VirtualMachineHost, hashing: Bool, keepsRefusal: Bool = false,
        isCancelled: @escaping () -> Bool, progress: @escaping (Double, UInt64) -> Void
    ) throws {
        source = try ImportSource(path, diskSource: options.diskSource, keepsRefusal: keepsRefusal)
        (self.path, self.options, self.host) = (source.path, options, host)
        damaged = Mutex(try Self.findDamage(source, hashing: hashing, isCancelled, progress))
        var planned = source.absoluteConfiguration
        host.connect(&planned)
        if options.generatesNewId { planned.drawIdentity(except: host.macAddresses()) }
        if options.copies { planned.generationId = nil }
        plan = PlannedMachine(planned)
        machine = VirtualMachine(id: GUID(), name: planned.name, host: host, plan: plan)
    }

    /// The configuration that the VM will have, with the paths that its files have now.
    var configuration: VirtualMachineConfiguration { plan.configuration }

    private static func findDamage(
        _ source: ImportSource, hashing: Bool, _ isCancelled: @escaping () -> Bool, _ progress: @escaping (Double, UInt64) -> Void
    ) throws -> [String: ManagementError] {
        let total = Double(max(source.files.reduce(0) { $0 &+ $1.size }, 1))
        var done: UInt64 = 0
        let transfer = FileTransfer(
            isCancelled: isCancelled,
            didTransfer: {
                done &+= $0
                progress(min(1, Double(done) / total), UInt64(total))
            })
        var damage: [String: ManagementError] = [:]
        for file in source.files {
            do {
                let opened = try source.open(file)
                if hashing, file.sha256 != nil { try source.check(try transfer.transfer(opened), file) }
            } catch let error as ManagementError where error.identifier == "ExportDamaged" {
                damage[source.absolutePath(of: file.path)] = error
            }
        }
        return damage
    }

    // MARK: What does not fit

    public func incompatibilities() throws -> [Incompatibility] {
        let planned = configuration
        var found: [Incompatibility] = []
        func add(_ identifier: String, _ message: String, _ source: Incompatibility.Source = .machine) {
            found.append(Incompatibility(identifier: identifier, message: message, source: source))
        }
        if let refusal = source.refusal {
            // Nothing else is known of it.
            add(refusal.identifier, refusal.message)
            return found
        }
        if let store = try host.store() {
            let isTaken = try store.machineIds().contains(planned.id)
            if isTaken {
                add(
                    "VMIdExists",
                    "A virtual machine with the id \(planned.id) is in the store already; -Copy -GenerateNewId imports it beside that one.")
            }
            if try host.names(in: store).contains(VirtualMachineConfiguration.key(ofName: planned.name)) {
                add(
                    "VMNameExists",
                    "There is already a virtual machine “\(planned.name)”; Rename-VM -VM $report.VM gives the new one another name.")
            }
        }
        let memory = host.information().memoryCapacity
        if memory > 0, planned.memory.startupBytes > memory {
            add(
                "MemoryTooLarge",
                "“\(planned.name)” starts with \(planned.memory.startupBytes >> 20) MB of memory; this host has \(memory >> 20) MB.")
        }
        for adapter in planned.adapters where adapter.switchId != nil && host.localSwitch(of: adapter) == nil {
            add(
                "SwitchNotFound",
                "There is no virtual switch “\(adapter.switchName ?? adapter.switchId.map(\.description) ?? "")” for “\(adapter.name)”; make it, or use Connect- or Disconnect-VMNetworkAdapter.",
                .adapter(adapter.id))
        }
        for (adapter, other) in addressClashes(planned) {
            add(
                "MACAddressExists",
                "“\(adapter.name)” has the MAC address \(adapter.macAddress), which “\(other)” has, too; Set-VMNetworkAdapter gives it another.",
                .adapter(adapter.id))
        }
        var blamed: Set<String> = []
        for placed in planned.drives where placed.drive.path != nil {
            if let error = problem(of: placed, planned, &blamed) { add(error.identifier, error.message, .drive(placed)) }
        }
        for checkpoint in planned.checkpoints {
            for placed in checkpoint.configuration.drives where placed.drive.path != nil {
                if let error = problem(of: placed, planned, &blamed) { add(error.identifier, "At “\(checkpoint.name)”: \(error.message)") }
            }
        }
        let boot = ([planned] + planned.checkpoints.map(\.configuration)).flatMap {
            [$0.firmware.kernelPath, $0.firmware.initialRamdiskPath].compactMap(\.self)
        }
        for path in planned.memoryPaths.sorted() + boot {
            if let error = damage[path], blamed.insert(path).inserted { add(error.identifier, error.message) }
        }
        for file in source.files where planned.memoryPaths.contains(source.absolutePath(of: file.path)) {
            do {
                try (try? source.open(file)).map { try SavedStateVersion.check($0) }
            } catch let error as PersistenceError {
                add(error.identifier, error.message)
            }
        }
        return found
    }

    /// Adapters whose addresses other VMs of the store have, with one of those. The same VM, which is there already, is said otherwise.
    private func addressClashes(
        _ planned: VirtualMachineConfiguration
    ) -> [(VirtualMachineConfiguration.NetworkAdapter, String)] {
        let others = ((try? host.machines()) ?? []).compactMap { try? $0.configuration() }.filter { $0.id != planned.id }
        return planned.adapters.compactMap { adapter in
            others.first { $0.adapters.contains { $0.macAddress.lowercased() == adapter.macAddress.lowercased() } }.map {
                (adapter, $0.name)
            }
        }
    }

    /// The damage of a parent, as far as the images themselves say where theirs are: it explains why a chain cannot be opened.
    private func damageBelow(_ path: String) -> ManagementError? {
        var path = path
        for _ in 0..<DiskChain.greatestDepth {
            guard let parent = try? DiskOperations().information(path).parentPath else { return nil }
            if let error = damage[parent] { return error }
            path = parent
        }
        return nil
    }

    /// Why a drive's image cannot be used; nil: it can, or that was said already.
    private func problem(
        of placed: VirtualMachineConfiguration.PlacedDrive, _ planned: VirtualMachineConfiguration, _ blamed: inout Set<String>
    ) -> (any DescribedError)? {
        guard let path = placed.drive.path, blamed.insert(path).inserted else { return nil }
        if let error = damage[path] { return error }
        let chain: DiskChain
        do {
            chain = try host.openImage(placed.drive, readOnly: true, for: planned.name)
        } catch {
            return damageBelow(path) ?? error as? any DescribedError
        }
        defer { chain.close() }
        let ours = Set(source.files.map { source.absolutePath(of: $0.path) })
        let paths = [path] + chain.entries.dropFirst().map(\.path)
        for (child, parent) in zip(paths, paths.dropFirst()) {
            if let error = damage[parent] { return error }
            guard !ours.contains(path) || ours.contains(parent) else {
                return ExportManifest.lie("“\(child)” stands on “\(parent)”, which is not part of it", self.path)
            }
            if let image = planned.past?.images.first(where: { $0.path == child }), image.parent != parent {
                return ExportManifest.lie("“\(child)” stands on “\(parent)”, not on “\(image.parent)”", self.path)
            }
        }
        return nil
    }
}

extension VirtualMachineHost {
    /// The switch of this store that an adapter from elsewhere means: by its id, else by its name.
    func localSwitch(of adapter: VirtualMachineConfiguration.NetworkAdapter) -> VirtualSwitch? {
        if let id = adapter.switchId, let found = try? virtualSwitch(id: id) { return found }
        return adapter.switchName.flatMap { try? virtualSwitch(named: $0) }
    }

    /// Lets adapters name this store's switches where there are such.
    func connect(_ configuration: inout VirtualMachineConfiguration) {
        for index in configuration.adapters.indices where configuration.adapters[index].switchId != nil {
            guard let found = localSwitch(of: configuration.adapters[index]) else { continue }
            (configuration.adapters[index].switchId, configuration.adapters[index].switchName) = (found.id, found.name)
        }
    }
}

extension VirtualMachineConfiguration {
    /// Makes it a VM of its own: new ids of itself and its checkpoints, new MAC addresses where they were drawn.
    mutating func drawIdentity(except taken: Set<String>) {
        (id, generationId) = (GUID(), nil)
        var addresses: [GUID: String] = [:]
        var taken = taken
        for index in adapters.indices where adapters[index].dynamicMacAddress {
            let address = newMacAddress(except: taken)
            taken.insert(address)
            adapters[index].macAddress = address
            addresses[adapters[index].id] = address
        }
        guard var past else { return }
        let ids = Dictionary(past.checkpoints.map { ($0.id, GUID()) }, uniquingKeysWith: { first, _ in first })
        past.current = past.current.flatMap { ids[$0] }
        for index in past.checkpoints.indices {
            past.checkpoints[index].id = ids[past.checkpoints[index].id] ?? GUID()
            past.checkpoints[index].parentId = past.checkpoints[index].parentId.flatMap { ids[$0] }
            past.checkpoints[index].configuration.id = id
            for adapter in past.checkpoints[index].configuration.adapters.indices {
                guard let address = addresses[past.checkpoints[index].configuration.adapters[adapter].id] else { continue }
                past.checkpoints[index].configuration.adapters[adapter].macAddress = address
            }
        }
        self.past = past
    }
}
