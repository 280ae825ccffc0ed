/// Cmdlets of the real module that are not here: what they are about, and what comes nearest.
enum ModuleNames {
    /// A noun, those of its verbs that are missing, what it is about, and the nearest cmdlets.
    private static let table = """
        VMReplication: Enable Get Measure Remove Resume Set Stop Suspend | copies of machines kept on another host | Export-VM, Checkpoint-VM
        VMReplicationServer: Get Set | copies of machines kept on another host | Export-VM, Import-VM
        VMReplicationAuthorizationEntry: Get New Remove Set | copies of machines kept on another host | Export-VM, Import-VM
        VMReplicationConnection: Test | copies of machines kept on another host | Export-VM, Import-VM
        VMReplicationStatistics: Reset | copies of machines kept on another host | Export-VM, Checkpoint-VM
        VMInitialReplication: Import Start Stop | copies of machines kept on another host | Export-VM, Import-VM
        VMFailover: Complete Start Stop | copies of machines kept on another host | Import-VM, Restore-VMSnapshot
        VMNetworkAdapterFailoverConfiguration: Get Set | copies of machines kept on another host | Set-VMNetworkAdapterIPConfiguration
        VM: Move | moving machines to another host | Export-VM, Import-VM
        VMMigration: Disable Enable | moving machines to another host | Export-VM, Import-VM
        VMMigrationNetwork: Add Get Remove Set | moving machines to another host | Export-VM, Import-VM
        VMTPM: Disable Enable | security chips in machines | Get-VMFirmware
        VMKeyProtector: Get Set | keys that protect machines from their host | Get-VMFirmware
        VMSecurity: Get Set | protecting machines from their host | Get-VMFirmware
        VMSecurityPolicy: Set | protecting machines from their host | Get-VMFirmware
        VMKeyStorageDrive: Add Get Remove Set | drives with keys that encrypt disks | Add-VMHardDiskDrive
        VMFibreChannelHba: Add Get Remove Set | Fibre Channel adapters | Add-VMHardDiskDrive
        VMSan: Connect Disconnect Get New Remove Rename Set | Fibre Channel networks | Add-VMHardDiskDrive
        VMAssignableDevice: Add Get Remove | giving the host's devices to guests | Add-VMHardDiskDrive, Add-VMNetworkAdapter
        VMHostAssignableDevice: Add Dismount Get Mount Remove | giving the host's devices to guests | Add-VMHardDiskDrive, Add-VMNetworkAdapter
        VMGpuPartitionAdapter: Add Get Remove Set | parts of the host's graphics processors | Connect-VMConsole
        VMHostPartitionableGpu: Get Set | parts of the host's graphics processors | Get-VMHost
        VMPartitionableGpu: Get Set | parts of the host's graphics processors | Get-VMHost
        VMRemoteFx3dVideoAdapter: Add Get Remove Set | RemoteFX graphics, which Windows has removed, too | Connect-VMConsole
        VMRemoteFXPhysicalVideoAdapter: Disable Enable Get | RemoteFX graphics, which Windows has removed, too | Connect-VMConsole
        VMPmemController: Add Get Remove | persistent memory | Add-VMScsiController
        VMHostCluster: Get Set | clusters of hosts | Get-VMHost
        VMConnectAccess: Get Grant Revoke | who may open a machine's screen | Connect-VMConsole
        VMVideo: Get Set | a machine's screen | Connect-VMConsole
        VMNetworkAdapterRdma: Get Set | remote direct memory access | Get-VMNetworkAdapter
        """

    struct Entry {
        var name: String
        /// What it is about, to follow “on”.
        var subject: String
        /// Cmdlets that come nearest.
        var nearest: String
    }

    /// Every cmdlet that is missing, by its name in lower case.
    static let missing: [String: Entry] = {
        var entries: [String: Entry] = [:]
        for line in table.split(separator: "\n") {
            let parts = line.split(separator: "|").map { $0.split(separator: " ").joined(separator: " ") }
            let head = parts[0].split(separator: ":").map(String.init)
            for verb in head[1].split(separator: " ") {
                let entry = Entry(name: "\(verb)-\(head[0])", subject: parts[1], nearest: parts[2])
                entries[entry.name.lowercased()] = entry
            }
        }
        return entries
    }()

    /// What to say to someone who wants a cmdlet that is missing; nil: the module has none of that name, or it is here.
    static func error(for name: String) -> ErrorRecord? {
        guard let entry = missing[name.lowercased().replacing("_", with: "-")] else { return nil }
        return ErrorRecord(
            "\(entry.name) is a cmdlet of Hyper-V on \(entry.subject); it is not here.", "CommandNotFound", .objectNotFound, target: name,
            action: "The nearest that is here: \(entry.nearest).")
    }
}

extension Catalogue {
    /// Cmdlets of the real module that are not here.
    public static let missingNames = Set(ModuleNames.missing.values.map(\.name))
}
