import Glibc
import Persistence

/// Whether a bridge leads anywhere (Linux Documentation/ABI/testing/sysfs-class-net).
enum BridgeLink {
    /// True when a card in the bridge has a link. A bridge without other cards, and what is no bridge, is taken for good.
    static func isUp(_ device: String, without own: String) -> Bool {
        guard let folder = try? Folder(path: "/sys/class/net/\(device)/brif"), let ports = try? folder.names() else { return true }
        let others = ports.filter { $0 != own }
        return others.isEmpty || others.contains { hasCarrier($0) }
    }

    private static func hasCarrier(_ interface: String) -> Bool {
        let descriptor = open("/sys/class/net/\(interface)/carrier", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        let file = OpenFile(descriptor: descriptor, path: interface)
        // An interface that is down has a file that cannot be read.
        return (try? file.read(at: 0, count: 1))?.first == UInt8(ascii: "1")
    }
}
