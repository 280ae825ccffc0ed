import Glibc

/// Foreign commands of the host.
enum HostCommand {
    /// Runs a shell command in the calling thread's namespaces; its output, and nil when it failed.
    static func run(_ command: String) -> String? {
        guard let stream = popen(command, "re") else { return nil }
        var (text, buffer): ([UInt8], [UInt8]) = ([], [UInt8](repeating: 0, count: 4096))
        while case let count = fread(&buffer, 1, buffer.count, stream), count > 0 { text += buffer[..<count] }
        return pclose(stream) == 0 ? String(decoding: text, as: UTF8.self) : nil
    }
}
