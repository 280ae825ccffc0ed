import Basics
import Persistence

/// Devices are made with ids and MAC addresses that stay for their life. An Exact VM draws them from its seed, so that the same commands
/// give the same machine.
extension VirtualMachineConfiguration {
    /// Adds an empty SCSI controller as the last one.
    public mutating func addController() {
        var source = IdentitySource(self)
        let taken = Set(controllers.map(\.id))
        controllers.append(SCSIController(id: source.id(except: taken)))
    }

    /// Adds an adapter with the module's defaults: not connected, a MAC address that is none of `taken`, from the host's range or, when
    /// there is none or it is used up, from Microsoft's prefix. Returns its id.
    @discardableResult
    public mutating func addAdapter(named name: String, except taken: Set<String>, within range: ClosedRange<UInt64>? = nil) -> GUID {
        var source = IdentitySource(self)
        let drawn = timeMode == .exact ? nil : range.flatMap { MACAddress.draw(within: $0, except: taken, using: &source) }
        let mac = drawn ?? newMacAddress(&source, except: taken)
        var adapter = NetworkAdapter(id: source.id(except: Set(adapters.map(\.id))), macAddress: mac)
        adapter.name = name
        adapters.append(adapter)
        return adapter.id
    }

    /// A MAC address for one more adapter of this VM.
    public func newMacAddress(except taken: Set<String>) -> String {
        var source = IdentitySource(self)
        return newMacAddress(&source, except: taken)
    }

    private func newMacAddress(_ source: inout IdentitySource, except taken: Set<String>) -> String {
        // What other VMs have must not change an Exact machine.
        let own = Set(adapters.map(\.macAddress))
        return MACAddress.draw(except: timeMode == .exact ? own : own.union(taken), using: &source)
    }
}

/// Random numbers: the system's, or in Exact mode SplitMix64 from the seed.
private struct IdentitySource: RandomNumberGenerator {
    private var state: UInt64?
    private var system = SystemRandomNumberGenerator()

    init(_ configuration: VirtualMachineConfiguration) {
        guard configuration.timeMode == .exact, let seed = configuration.seed else { return }
        state = seed ^ 0x4c75_6e61_5649_534f
    }

    mutating func next() -> UInt64 {
        guard let old = state else { return system.next() }
        let state = old &+ 0x9e37_79b9_7f4a_7c15
        self.state = state
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return mixed ^ mixed >> 31
    }

    mutating func id(except taken: Set<GUID>) -> GUID {
        while true {
            let id = GUID(using: &self)
            if !taken.contains(id) { return id }
        }
    }
}

extension VirtualMachineHost {
    /// MAC addresses of all VMs that can be read, so that a drawn one is nobody's.
    public func macAddresses() -> Set<String> {
        let machines = (try? machines()) ?? []
        guard let store = try? store() else { return [] }
        return Set(
            machines.flatMap { machine in
                known.summary(machine.id, at: store.configurationPath(machine.id))?.macAddresses
                    ?? ((try? machine.configuration())?.adapters ?? []).map(\.macAddress)
            })
    }
}
