import Basics
import VMBus

/// Which service a channel belongs to: names, GUIDs and the versions it speaks.
package struct IntegrationIdentity: Equatable, Sendable {
    /// As Get-VMIntegrationService shows it.
    package let name: String
    /// Name of its saved state.
    package let unitName: String
    package let interfaceType: GUID
    /// Hyper-V has one instance of each per VM, of the same GUID everywhere.
    package let interfaceInstance: GUID
    let kind: IntegrationMessage.Kind
    /// Message versions offered, ascending.
    package let versions: [IntegrationVersion]

    /// Framework versions offered, ascending (Linux: UTIL_WS2K8_FW_VERSION, UTIL_FW_VERSION).
    static let frameworks = [IntegrationVersion(1, 0), IntegrationVersion(3, 0)]

    /// A message-mode pipe (VMBUS_CHANNEL_NAMED_PIPE_MODE, VMBUS_PIPE_TYPE_MESSAGE).
    var offer: ChannelOffer {
        ChannelOffer(interfaceType: interfaceType, interfaceInstance: interfaceInstance, flags: 0x10, userDefined: [4, 0, 0, 0])
    }

    package static let shutdown = IntegrationIdentity(
        name: "Shutdown", unitName: "service.shutdown", interfaceType: guid(0x0e0b_6031, 0x5213, 0x4934, 0x818b_38d9_0ced_39db),
        interfaceInstance: guid(0xb665_0ff7, 0x33bc, 0x4840, 0x8048_e067_6786_f393), kind: .shutdown,
        versions: [.init(1, 0), .init(3, 0), .init(3, 1), .init(3, 2)])

    package static let heartbeat = IntegrationIdentity(
        name: "Heartbeat", unitName: "service.heartbeat", interfaceType: guid(0x5716_4f39, 0x9115, 0x4e78, 0xab55_382f_3bd5_422d),
        interfaceInstance: guid(0xfd14_9e91, 0x82e0, 0x4a7d, 0xafa6_2a41_66cb_d7c0), kind: .heartbeat,
        versions: [.init(1, 0), .init(3, 0)])

    package static let timeSynchronization = IntegrationIdentity(
        name: "Time Synchronization", unitName: "service.timesync",
        interfaceType: guid(0x9527_e630, 0xd0ae, 0x497b, 0xadce_e80a_b017_5caf),
        interfaceInstance: guid(0x2dd1_ce17, 0x079e, 0x403c, 0xb352_a192_1ee2_07ee), kind: .timeSynchronization,
        versions: [.init(1, 0), .init(3, 0), .init(4, 0)])

    /// Version 5 (addresses in binary) is not offered: Linux has 4.
    package static let keyValueExchange = IntegrationIdentity(
        name: "Key-Value Pair Exchange", unitName: "service.kvp",
        interfaceType: guid(0xa9a0_f4e7, 0x5a45, 0x4d96, 0xb827_8a84_1e8c_03e6),
        interfaceInstance: guid(0x242f_f919, 0x07db, 0x4180, 0x9c2e_b86c_b68c_8c55), kind: .keyValueExchange,
        versions: [.init(3, 0), .init(4, 0)])

    /// Freeze and thaw exist from version 5 on.
    package static let vss = IntegrationIdentity(
        name: "VSS", unitName: "service.vss", interfaceType: guid(0x35fa_2e29, 0xea23, 0x4236, 0x96ae_3a6e_bacb_a440),
        interfaceInstance: guid(0x2450_ee40, 0x33bf, 0x4fbd, 0x892e_9fb0_6e92_14cf), kind: .vss, versions: [.init(5, 0)])

    package static let fileCopy = IntegrationIdentity(
        name: "Guest Service Interface", unitName: "service.fcopy",
        interfaceType: guid(0x34d1_4be3, 0xdee4, 0x41c8, 0x9ae7_6b17_4977_c192),
        interfaceInstance: guid(0xeb76_5408, 0x105f, 0x49b6, 0xb4aa_c123_b64d_17d4), kind: .fileCopy, versions: [.init(1, 1)])

    /// The GUID `first-second-third-…` as it is written, the last two groups in one number.
    static func guid(_ first: UInt32, _ second: UInt16, _ third: UInt16, _ rest: UInt64) -> GUID {
        var fields = IntegrationFields()
        fields.append(first)
        fields.append(second)
        fields.append(third)
        fields.append(rest.byteSwapped)
        return GUID(bytes: fields.bytes)
    }
}
