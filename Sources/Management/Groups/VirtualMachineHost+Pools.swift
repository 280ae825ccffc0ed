import Basics
import Persistence

/// Resource pools. The primordial pool of each kind holds all that belongs to no other.
extension VirtualMachineHost {
    /// The pools of the store, the primordial ones first.
    public func resourcePools() throws -> [ResourcePool] {
        let document = try store().map { try PoolDocument.read(in: $0) } ?? PoolDocument()
        return ResourcePool.Kind.allCases.map { Self.primordial($0, document) }
            + document.pools.sorted {
                (VirtualMachineConfiguration.key(ofName: $0.name), $0.kind.rawValue)
                    < (VirtualMachineConfiguration.key(ofName: $1.name), $1.kind.rawValue)
            }
    }

    private static func primordial(_ kind: ResourcePool.Kind, _ document: PoolDocument) -> ResourcePool {
        var pool = ResourcePool(id: GUID(bytes: .init(repeating: 0, count: 16)), name: ResourcePool.primordial, kind: kind)
        pool.parents = []
        pool.isMetered = document.meteredPrimordials?.contains(kind) ?? false
        return pool
    }

    /// The pool of that name and kind, without regard to case. Throws `ResourcePoolNotFound`.
    public func resourcePool(named name: String, _ kind: ResourcePool.Kind) throws -> ResourcePool {
        let key = VirtualMachineConfiguration.key(ofName: name)
        let all = try resourcePools().filter { $0.kind == kind }
        guard let pool = all.first(where: { VirtualMachineConfiguration.key(ofName: $0.name) == key }) else {
            throw ManagementError(
                "ResourcePoolNotFound", .objectNotFound, "There is no \(kind.rawValue) resource pool “\(name.prefix(120))”.",
                action: Spelling.nearest(to: name, among: all.map(\.name), limit: 1).first.map { "Did you mean “\($0)”?" }
                    ?? "Get-VMResourcePool lists those that exist; New-VMResourcePool makes one.", target: String(name.prefix(120)))
        }
        return pool
    }

    /// What a configuration writes for membership: nil for the primordial pool.
    public func poolId(named name: String, _ kind: ResourcePool.Kind) throws -> GUID? {
        let pool = try resourcePool(named: name, kind)
        return pool.name == ResourcePool.primordial ? nil : pool.id
    }

    /// The name of a pool that a configuration names; one that is gone is the primordial one.
    public func poolName(_ id: GUID?) -> String {
        guard let id, let store = try? store(), let pool = try? PoolDocument.read(in: store).pools.first(where: { $0.id == id }) else {
            return ResourcePool.primordial
        }
        return pool.name
    }

    /// Makes a pool. Errors: `ResourcePoolExists`, `ResourcePoolInvalid`, `ResourcePoolNotFound` for a parent.
    public func createPool(named name: String, _ kind: ResourcePool.Kind, parents: [String], paths: [String]) throws -> ResourcePool {
        var pool = ResourcePool(id: GUID(), name: name, kind: kind)
        if !parents.isEmpty { pool.parents = try parents.map { try resourcePool(named: $0, kind).name } }
        pool.paths = paths.map(Paths.absolute)
        guard paths.isEmpty || kind.hasPaths else { throw Self.invalid("A \(kind.rawValue) pool has no paths.", name) }
        try changePools { document in
            try Self.check(name, kind, in: document)
            document.pools.append(pool)
        }
        return pool
    }

    /// Changes a pool. The primordial ones stay as they are, but for metering.
    public func changePool(_ pool: ResourcePool, _ body: (inout ResourcePool) throws -> Void) throws {
        try changePools { document in
            guard pool.name != ResourcePool.primordial else {
                var copy = pool
                try body(&copy)
                guard (copy.name, copy.parents, copy.paths, copy.switches) == (pool.name, pool.parents, pool.paths, pool.switches) else {
                    throw Self.invalid("The primordial pool holds everything and cannot be changed.", pool.name)
                }
                var metered = Set(document.meteredPrimordials ?? [])
                if copy.isMetered { metered.insert(pool.kind) } else { metered.remove(pool.kind) }
                document.meteredPrimordials = metered.isEmpty ? nil : metered.sorted { $0.rawValue < $1.rawValue }
                return
            }
            guard let index = document.pools.firstIndex(where: { $0.id == pool.id }) else {
                throw Self.invalid("The pool “\(pool.name)” is not there any more.", pool.name)
            }
            let old = document.pools[index]
            try body(&document.pools[index])
            let new = document.pools[index]
            guard new.name != old.name else { return }
            try Self.check(
                new.name, new.kind,
                in: {
                    var others = document
                    others.pools.remove(at: index)
                    return others
                }())
            for child in document.pools.indices where document.pools[child].kind == new.kind {
                document.pools[child].parents = document.pools[child].parents.map { $0 == old.name ? new.name : $0 }
            }
        }
    }

    /// Removes a pool that nothing takes from. Throws `ResourcePoolInUse`.
    public func removePool(_ pool: ResourcePool) throws {
        guard pool.name != ResourcePool.primordial else { throw Self.invalid("The primordial pool cannot be removed.", pool.name) }
        if let user = try members(of: pool).first {
            throw ManagementError(
                "ResourcePoolInUse", .resourceBusy, "“\(user.name)” takes from the \(pool.kind.rawValue) pool “\(pool.name)”.",
                action: "Give it another pool with -ResourcePoolName first; Primordial is there always.", target: pool.name)
        }
        try changePools { document in
            guard !document.pools.contains(where: { $0.kind == pool.kind && $0.parents.contains(pool.name) }) else {
                throw ManagementError(
                    "ResourcePoolInUse", .resourceBusy, "“\(pool.name)” is the parent of another pool.", target: pool.name)
            }
            document.pools.removeAll { $0.id == pool.id }
        }
    }

    /// The VMs that take from a pool or one beneath it.
    public func members(of pool: ResourcePool) throws -> [VirtualMachine] {
        let all = try resourcePools().filter { $0.kind == pool.kind }
        var names: Set<String> = [pool.name]
        // As deep as there are pools; a circle ends it, too.
        for _ in all { for child in all where child.parents.contains(where: names.contains) { names.insert(child.name) } }
        return try machines().filter { machine in
            guard let configuration = try? machine.configuration() else { return false }
            return configuration.pools(pool.kind).contains { names.contains(poolName($0)) }
        }
    }

    /// Throws `ResourcePoolPath` when the image lies in none of the pool's folders.
    public func check(_ path: String, in pool: ResourcePool) throws {
        guard pool.name != ResourcePool.primordial else { return }
        let path = Paths.absolute(path)
        guard pool.paths.contains(where: { path.hasPrefix($0.hasSuffix("/") ? $0 : $0 + "/") }), !path.contains("/../") else {
            throw ManagementError(
                "ResourcePoolPath", .invalidArgument, "“\(path)” lies in no folder of the \(pool.kind.rawValue) pool “\(pool.name)”.",
                action:
                    "Get-VMStoragePath -ResourcePoolName '\(pool.name)' -ResourcePoolType \(pool.kind.rawValue) lists them; Add-VMStoragePath adds one.",
                target: path)
        }
    }

    private func changePools(_ body: (inout PoolDocument) throws -> Void) throws {
        let store = try existingStore()
        try store.locked {
            var document = try PoolDocument.read(in: store)
            try body(&document)
            try document.write(in: store)
        }
    }

    private static func check(_ name: String, _ kind: ResourcePool.Kind, in document: PoolDocument) throws {
        let key = VirtualMachineConfiguration.key(ofName: name)
        guard key != VirtualMachineConfiguration.key(ofName: ResourcePool.primordial),
            !document.pools.contains(where: { $0.kind == kind && VirtualMachineConfiguration.key(ofName: $0.name) == key })
        else {
            throw ManagementError(
                "ResourcePoolExists", .resourceExists, "There is already a \(kind.rawValue) resource pool “\(name)”.",
                action: "Choose another name.", target: name)
        }
        do { try VirtualMachineConfiguration.check(name: name) } catch let error as PersistenceError {
            throw invalid(error.message.replacing("a VM's name", with: "a pool's name"), String(name.prefix(120)))
        }
    }

    private static func invalid(_ text: String, _ target: String) -> ManagementError {
        ManagementError("ResourcePoolInvalid", .invalidArgument, text, target: target)
    }
}

extension VirtualMachineHost {
    /// The switches of a pool of Ethernet that are still there; the primordial one has all.
    public func switches(in pool: ResourcePool) throws -> [VirtualSwitch] {
        let all = try switches()
        return pool.name == ResourcePool.primordial ? all : all.filter { pool.switches.contains($0.id) }
    }

    /// The switch of a pool that serves the fewest adapters. Throws `SwitchNotFound` when the pool has none.
    public func automaticSwitch(inPool id: GUID?) throws -> VirtualSwitch {
        let name = poolName(id)
        let candidates = try switches(in: try resourcePool(named: name, .ethernet))
        let served = try candidates.map { ($0, try adapters(on: $0.id).count) }
        guard let best = served.min(by: { $0.1 < $1.1 })?.0 else {
            throw ManagementError(
                "SwitchNotFound", .objectNotFound, "The resource pool “\(name)” has no virtual switch.",
                action: "Add one: Add-VMSwitch NAME -ResourcePoolName '\(name)'", target: name)
        }
        return best
    }
}
