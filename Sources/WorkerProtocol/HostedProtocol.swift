import Basics
import CHost
import FoundationEssentials
import Glibc

/// How the process that runs all of a store's machines (architecture Hosted) is asked to run one more.
///
/// ```
/// starter → process   {u32 length, JSON HostedRequest} with open files, then single zero bytes with more of them
/// process → starter   {u32 length, JSON ReadyReport}: it has begun, or why not; the machine itself answers on its ready socket
/// ```
/// The process holds `hosted.lock` of the store's folder as long as it takes requests, and listens on `hosted.sock` there.
package enum HostedProtocol {
    package static let socketName = "hosted.sock"
    package static let lockName = "hosted.lock"
    package static let logName = "hosted.log"
    package static let longestMessage = 1 << 20
    /// Open files that go with one message.
    static let filesAtOnce = 200
    /// Open files of one machine.
    package static let mostFiles = 8192
}

package struct HostedRequest: Codable, Sendable {
    /// Of the starter; another one is refused.
    package var version = Product.version
    package var name: String
    /// Descriptor numbers are places in the row of files that come.
    package var options: WorkerOptions

    package init(name: String, options: WorkerOptions) { (self.name, self.options) = (name, options) }
}

/// One end of the conversation; waits for the other, at most until a deadline of the monotonic clock.
package struct HostedConversation: ~Copyable {
    package enum Failure: Error {
        case closed, late, malformed
        case system(Int32)
    }

    private let socket: Int32
    private let deadline: UInt64

    /// `socket` stays the caller's.
    package init(socket: Int32, deadline: UInt64) { (self.socket, self.deadline) = (socket, deadline) }

    package func send(_ value: some Encodable, files: [Int32] = []) throws {
        let body = Array(try JSONEncoder().encode(value))
        let message = [UInt8](littleEndian: UInt32(body.count)) + body
        var sent = 0
        while sent < message.count {
            let first = sent == 0 ? Array(files.prefix(HostedProtocol.filesAtOnce)) : []
            sent += try transfer(Int16(POLLOUT)) {
                lv_send(socket, Array(message[sent...]), message.count - sent, first, Int32(first.count))
            }
        }
        var next = HostedProtocol.filesAtOnce
        while next < files.count {
            let more = Array(files[next...].prefix(HostedProtocol.filesAtOnce))
            _ = try transfer(Int16(POLLOUT)) { lv_send(socket, [0] as [UInt8], 1, more, Int32(more.count)) }
            next += more.count
        }
    }

    /// A value with `count(value)` files that belong to it from then on to the caller.
    package func receive<Value: Decodable>(_ type: Value.Type, files count: (Value) -> Int = { _ in 0 }) throws -> (Value, [Int32]) {
        var bytes: [UInt8] = []
        var files: [Int32] = []
        var value: Value?
        do {
            while true {
                if value == nil, let length = bytes.littleEndian(at: 0, as: UInt32.self) {
                    guard length <= HostedProtocol.longestMessage else { throw Failure.malformed }
                    if bytes.count >= 4 + Int(length) {
                        value = try JSONDecoder().decode(Value.self, from: Data(bytes[4..<4 + Int(length)]))
                    }
                }
                if let value {
                    let wanted = count(value)
                    guard wanted <= HostedProtocol.mostFiles, files.count <= wanted else { throw Failure.malformed }
                    if files.count == wanted { return (value, files) }
                }
                var buffer = [UInt8](repeating: 0, count: 64 << 10)
                var received = [Int32](repeating: -1, count: 253)
                var number: Int32 = 0
                let size = try transfer(Int16(POLLIN)) { lv_receive(socket, &buffer, buffer.count, &received, 253, &number) }
                files += received.prefix(Int(number))
                guard size > 0 else { throw Failure.closed }
                if value == nil { bytes += buffer[..<size] }
            }
        } catch {
            for file in files { close(file) }
            throw error
        }
    }

    private func transfer(_ events: Int16, _ body: () -> Int) throws -> Int {
        while true {
            let result = body()
            if result >= 0 { return result }
            guard result == -Int(EAGAIN) else {
                if [EPIPE, ECONNRESET].contains(Int32(-result)) { throw Failure.closed }
                throw Failure.system(Int32(-result))
            }
            let now = HostTime.monotonic()
            guard now < deadline else { throw Failure.late }
            var polled = pollfd(fd: socket, events: events, revents: 0)
            poll(&polled, 1, Int32(clamping: (deadline - now) / 1_000_000 + 1))
        }
    }
}
