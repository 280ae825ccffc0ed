import Management
import WorkerProtocol

extension Cmdlet {
    private static let statistics = FeatureIdentity(
        id: "5b0f5d0e-6a3c-4c1b-9d0e-3f2a8c7d1e01", name: "Ethernet Switch Port Statistics", source: .native)
    private static let meters = FeatureIdentity(
        id: "5b0f5d0e-6a3c-4c1b-9d0e-3f2a8c7d1e02", name: "Ethernet Switch Port Meters", source: .native)

    /// `Get-VMSwitchExtensionPortData`.
    static let getVMSwitchExtensionPortData = Cmdlet(
        "Get", "VMSwitchExtensionPortData", synopsis: "Gets what ports of running virtual switches have counted.",
        details:
            "Data of “Ethernet Switch Port Statistics” are frames and bytes since the adapter was connected, in from the guest and out to it, and those that were dropped; of “Ethernet Switch Port Meters” the bytes of each metering rule. A machine that does not run has none.",
        sets: ParameterSet.portSets(.many),
        parameters: Parameter.switchPorts(inSets: true)
            + Parameter.featureChoice(extensionParameter: "Extension", type: "VMSwitchExtension"),
        output: "VMSwitchExtensionPortData",
        examples: [
            Example(
                "Get-VMSwitchExtensionPortData web01 -FeatureName '*Statistics' | ForEach-Object { $_.Data.BytesOut }",
                "How much web01's adapters have received.")
        ],
        body: .perCall { invocation in
            let chosen = try invocation.chosenFeatures([statistics, meters], { $0 })
            for port in try invocation.switchPorts() ?? [] {
                // The host's own interfaces and those that lead out are counted by the host's kernel.
                guard case .machine(let machine, let adapter) = port, let id = adapter.switchId,
                    let found = try? invocation.context.host.virtualSwitch(id: id),
                    let counted = try found.ports().first(where: { $0.adapterId == adapter.id })
                else { continue }
                for feature in chosen {
                    let data = feature.id == statistics.id ? counted.statistics : counted.metered
                    guard let data else { continue }
                    try invocation.emit(
                        feature.value(
                            "VMSwitchExtensionPortData", "Data", data,
                            place: [
                                ("VMName", .string(machine.name)), ("VMId", .string(machine.machineId.description)),
                                ("VMNetworkAdapterName", .string(adapter.name)),
                            ]))
                }
            }
        })
}

extension SwitchPortStatistics {
    fileprivate var statistics: Record? {
        Record(
            typeName: "EthernetSwitchPortStatisticsData",
            [
                ("MacAddress", .string(macAddress)), ("FramesIn", .count(framesIn)), ("BytesIn", .count(bytesIn)),
                ("DroppedIn", .count(droppedIn)), ("FramesOut", .count(framesOut)), ("BytesOut", .count(bytesOut)),
                ("DroppedOut", .count(droppedOut)),
            ])
    }

    fileprivate var metered: Record? {
        guard !meters.isEmpty else { return nil }
        return Record(
            typeName: "EthernetSwitchPortMetersData",
            [
                (
                    "Meters",
                    .list(
                        meters.map { meter in
                            .record(
                                Record([
                                    ("Direction", .string(meter.direction)), ("LocalAddress", .string(meter.localAddress ?? "")),
                                    ("RemoteAddress", .string(meter.remoteAddress ?? "")), ("Bytes", .count(meter.bytes)),
                                ]))
                        })
                )
            ])
    }
}
