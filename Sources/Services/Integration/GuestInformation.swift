import Basics

/// A key and its text in one of the guest's pools.
package struct KeyValuePair: Codable, Hashable, Sendable {
    package var key: String
    package var value: String
    package init(key: String, value: String) { (self.key, self.value) = (key, value) }
}

/// A network adapter of the VM, by which the guest's addresses are asked for.
package struct GuestAdapter: Codable, Hashable, Sendable {
    /// The adapter's interface instance on VMBus.
    package var id: GUID
    /// Six bytes.
    package var macAddress: [UInt8]
    package init(id: GUID, macAddress: [UInt8]) { (self.id, self.macAddress) = (id, macAddress) }
}

/// What the guest says of an adapter's addresses.
package struct GuestAdapterAddresses: Codable, Hashable, Sendable {
    package var adapter: GUID
    package var dhcp = false
    package var addresses: [String] = []
    /// Masks of IPv4 addresses, prefix lengths of IPv6 ones, in the order of `addresses`.
    package var subnets: [String] = []
    package var gateways: [String] = []
    package var dnsServers: [String] = []
    package init(adapter: GUID) { self.adapter = adapter }
}

/// Addresses to be set in the guest.
package struct GuestAddressSettings: Codable, Hashable, Sendable {
    package enum Family: UInt8, Codable, Sendable {
        case ipv4 = 1
        case ipv6 = 2
        case both = 3
    }
    package var adapter: GUID
    package var dhcp: Bool
    package var family: Family
    package var addresses: [String]
    package var subnets: [String]
    package var gateways: [String]
    package var dnsServers: [String]

    package init(
        adapter: GUID, dhcp: Bool, family: Family, addresses: [String] = [], subnets: [String] = [], gateways: [String] = [],
        dnsServers: [String] = []
    ) {
        (self.adapter, self.dhcp, self.family) = (adapter, dhcp, family)
        (self.addresses, self.subnets, self.gateways, self.dnsServers) = (addresses, subnets, gateways, dnsServers)
    }
}

/// What the guest has told of itself by key-value exchange. All text is the guest's: escape it before a terminal sees it.
package struct GuestInformation: Codable, Hashable, Sendable {
    /// The guest's daemon answered the last time it was asked.
    package var isDaemonPresent = false
    /// What the daemon knows of its system (pool “auto”).
    package var intrinsic: [KeyValuePair] = []
    /// What programs in the guest have put there (pool “guest”).
    package var guest: [KeyValuePair] = []
    /// What this host has put there (pool “external”).
    package var host: [KeyValuePair] = []
    package var adapters: [GuestAdapterAddresses] = []
    /// A pool had more than is kept (256 items and 512 KiB each).
    package var isTruncated = false
    /// Partition time in nanoseconds of the last complete answer.
    package var updated: UInt64 = 0

    package init() {}

    /// The value of a key of pool “auto”; nil: not told.
    package func intrinsicValue(_ key: String) -> String? { intrinsic.first { $0.key == key }?.value }

    package var osName: String? { intrinsicValue("OSName") }
    package var osVersion: String? { intrinsicValue("OSVersion") }
    package var osMajorVersion: String? { intrinsicValue("OSMajorVersion") }
    package var osMinorVersion: String? { intrinsicValue("OSMinorVersion") }
    package var osBuildNumber: String? { intrinsicValue("OSBuildNumber") }
    package var fullyQualifiedDomainName: String? { intrinsicValue("FullyQualifiedDomainName") }
    package var integrationServicesVersion: String? { intrinsicValue("IntegrationServicesVersion") }
    package var processorArchitecture: String? { intrinsicValue("ProcessorArchitecture") }
    /// Of all adapters but the loopback.
    package var ipv4Addresses: [String] { Self.list(intrinsicValue("NetworkAddressIPv4")) }
    package var ipv6Addresses: [String] { Self.list(intrinsicValue("NetworkAddressIPv6")) }

    /// Addresses of one adapter; empty while the guest has told none.
    package func addresses(of adapter: GUID) -> [String] { adapters.first { $0.adapter == adapter }?.addresses ?? [] }

    /// Without the places of items that could not be read.
    var readable: GuestInformation {
        var copy = self
        copy.intrinsic.removeAll { $0.key.isEmpty }
        copy.guest.removeAll { $0.key.isEmpty }
        copy.host.removeAll { $0.key.isEmpty }
        return copy
    }

    /// The items of a list that the guest separates by semicolons.
    static func list(_ text: String?) -> [String] {
        (text ?? "").split(separator: ";").map { item in
            String(item.drop { $0 == " " || $0 == "\n" }.reversed().drop { $0 == " " || $0 == "\n" }.reversed())
        }.filter { !$0.isEmpty }
    }
}
