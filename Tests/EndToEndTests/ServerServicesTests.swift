import CHost
import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#endif

private let hasServer = BuiltShell.guest.map { FileManager.default.fileExists(atPath: $0 + "/server.vhdx") } ?? false

/// The Debian server beside programs of the host: what a script of the shell cannot do by itself.
@Suite(
    "Debian server's services", .serialized, .enabled(if: BuiltShell.executable != nil, "lunavisor is not built"),
    .enabled(if: hasServer, "Scripts/guest-image server was not run"))
struct ServerServicesTests {
    @Test("the scenario of drivers, disks, services, saving and restarting")
    func scenario() throws {
        let shell = try #require(try BuiltShell())
        defer { shell.clean() }
        let script = BuiltShell.repository.appendingPathComponent("Scripts/Scenarios/server.lua").path
        let end = try shell.begin(["test", script]).end(within: 900)
        #expect(end.ending == .exited(0), "\(end.output)\n\(end.errors)")
    }

    /// Serves and calls AF_VSOCK in the guest: what comes goes back after its end.
    private static let program = """
        import socket, sys, threading
        def through(s, data):
            got = bytearray()
            def send():
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
            t = threading.Thread(target=send)
            t.start()
            while True:
                part = s.recv(65536)
                if not part: break
                got += part
            t.join()
            s.close()
            return bytes(got)
        def serve(port, count):
            l = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
            l.bind((socket.VMADDR_CID_ANY, port))
            l.listen(64)
            print("serving", flush=True)
            def one(c):
                all = bytearray()
                while True:
                    part = c.recv(65536)
                    if not part: break
                    all += part
                c.sendall(all)
                c.close()
            for _ in range(count): threading.Thread(target=one, args=(l.accept()[0],)).start()
        def call(port, size):
            s = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
            s.settimeout(60)
            try:
                s.connect((socket.VMADDR_CID_HOST, port))
                data = bytes(i * 7 & 255 for i in range(size))
                return "same" if through(s, data) == data else "different"
            except OSError as e: return "error %d" % e.errno
        if sys.argv[1] == "serve": serve(int(sys.argv[2]), int(sys.argv[3]))
        else:
            answers = []
            ts = [threading.Thread(target=lambda: answers.append(call(int(sys.argv[2]), int(sys.argv[3])))) for _ in range(int(sys.argv[4]))]
            for t in ts: t.start()
            for t in ts: t.join()
            print("answers:", sorted(answers), flush=True)
        """

    @Test("programs of host and guest meet in sockets; file systems freeze and thaw")
    func socketsAndFreezing() throws {
        let shell = try #require(try BuiltShell())
        let server = try Server(shell)
        defer { server.clean() }
        let script = try shell.file("sockets.py", Array(Self.program.utf8))
        try server.run("Copy-VMFile server '\(script)' /root/sockets.py -FileSource Host")

        // The guest calls: nobody is there, then somebody who gives back what comes.
        #expect(try server.guest("python3 /root/sockets.py call 6000 10 1").contains("answers: ['error 110']"))
        let echo = try EchoProgram(server.folder, "vsock_6000")
        let one = try server.guest("python3 /root/sockets.py call 6000 3000000 1")
        #expect(one.contains("answers: ['same']"), "\(one)")
        let many = try server.guest("python3 /root/sockets.py call 6000 5000 24")
        #expect(many.contains("answers: [\(Array(repeating: "'same'", count: 24).joined(separator: ", "))]"), "\(many)")
        echo.end()

        // The host calls.
        _ = try server.guest(
            "(python3 /root/sockets.py serve 7000 9 >/root/serving &); for i in $(seq 60); do [ -s /root/serving ] && break; sleep 0.5; done"
        )
        #expect(try HostProgram.exchange(server.folder, port: 7000, bytes: 1 << 20) == .same)
        let folder = server.folder
        let answers = InParallel.map(8) { _ in (try? HostProgram.exchange(folder, port: 7000, bytes: 20_000)) ?? .different }
        #expect(answers.allSatisfy { $0 == .same }, "\(answers)")
        #expect(try HostProgram.exchange(server.folder, port: 7001, bytes: 1) == .refused("ERROR nobody in the guest listens on port 7001"))

        // While it is frozen nothing is written; afterwards it is.
        #expect(try server.freeze(true) == "reply")
        try server.run("Send-VMConsole server '(echo x >/root/probe; sync; echo writ\"\"ten) &\\n'")
        #expect(try shell.command("Wait-VM server -For Console -Pattern written -Timeout 6").status != 0)
        #expect(try server.freeze(true) == "IntegrationBusy")
        #expect(try server.freeze(false) == "reply")
        try server.run("Wait-VM server -For Console -Pattern written -Timeout 60")
        _ = try server.guest("systemctl stop hv-vss-daemon")
        #expect(try server.freeze(true) == "GuestRefused")
        _ = try server.guest("systemctl start hv-vss-daemon; sleep 3")
        #expect(try server.freeze(true) == "reply")
        #expect(try server.freeze(false) == "reply")
        // The keyboard: what is typed is what the guest's own input device reads.
        let keys = try server.typed("Ab1\n")
        #expect(keys == "42 30 -30 -42 48 -48 2 -2 28 -28", "\(keys)")
        try server.run("Disable-VMIntegrationService VSS server")
        #expect(try server.freeze(true) == "IntegrationServiceDisabled")
    }
}

/// The Debian server on a differencing disk of its own.
private final class Server {
    let shell: BuiltShell
    /// The VM's folder.
    let folder: String
    private let disk: String
    private var asked = 0

    init(_ shell: BuiltShell) throws {
        self.shell = shell
        let cache = try #require(BuiltShell.guest)
        disk = "\(cache)/server-test-\(UUID().uuidString).vhdx"
        let made = try shell.command(
            """
            New-VHD -Path '\(disk)' -ParentPath '\(cache)/server.vhdx' -Differencing | Out-Null
            New-VM server -MemoryStartupBytes 512MB -VHDPath '\(disk)' -KernelPath '\(cache)/vmlinuz' \
            -InitialRamdiskPath '\(cache)/initrd.img' -KernelArguments 'console=ttyS0 root=/dev/sda cryptomgr.notests' | Out-Null
            Set-VMProcessor server -Count 2
            Enable-VMIntegrationService 'Guest Service Interface' server
            Start-VM server
            Wait-VM server -For Console -Pattern 'server# ' -Timeout 400
            """)
        try #require(made.status == 0, "\(made.errors)")
        folder = try shell.value("(Get-VM server).Path")
        _ = try guest("dmesg -n 1; bind 'set enable-bracketed-paste off'")
        // Their daemons start late.
        for service in ["VSS", "Guest Service Interface"] {
            try run(
                """
                local ready = false
                for _ = 1, 120 do
                    ready = (Get-VMIntegrationService server -Name '\(service)').PrimaryStatusDescription == 'OK'
                    if ready then break end
                    Start-Sleep 1
                end
                assert(ready, '\(service) is not there')
                """)
        }
        _ = try guest(
            "for d in hv-vss-daemon hv-fcopy-daemon; do for i in $(seq 60); do systemctl -q is-active $d && break; sleep 1; done; done")
    }

    func clean() {
        shell.clean()
        try? FileManager.default.removeItem(atPath: disk)
    }

    func run(_ commands: String) throws {
        let outcome = try shell.command(commands)
        try #require(outcome.status == 0, "\(commands)\n\(outcome.errors)")
    }

    /// What commands print in the guest's shell.
    func guest(_ commands: String) throws -> String {
        asked += 1
        let mark = "mark\(asked)"
        // Written to a file, so that no quoting of the shell's touches it; the words as typed differ from those that are printed.
        let typed = "echo begin\"\"\(mark)\n{ \(commands)\n} 2>&1; echo end\"\"\(mark)=$?\n"
        let file = try shell.file("typed", Array(typed.utf8))
        try run(
            """
            local file = io.open('\(file)'); Send-VMConsole('server', file:read('a')); file:close()
            Wait-VM server -For Console -Pattern 'end\(mark)=[0-9]' -Timeout 200
            """)
        let text = try shell.command("Receive-VMConsole server -Tail 400").output
        guard let begin = text.range(of: "begin\(mark)\n"), let end = text.range(of: "end\(mark)=") else { return text }
        return begin.upperBound <= end.lowerBound ? String(text[begin.upperBound..<end.lowerBound]) : text
    }

    /// Freezes or thaws; “reply”, or the error's identifier.
    func freeze(_ isFrozen: Bool) throws -> String { try ask("freeze", ["isFrozen": isFrozen]) }

    /// What the guest's keyboard device says of text that is typed: key codes, negative ones released.
    func typed(_ text: String) throws -> String {
        let reader = """
            import glob, struct, time
            name = [p for p in glob.glob("/sys/class/input/event*/device/name") if "keyboard" in open(p).read().lower()][0]
            device = open("/dev/input/" + name.split("/")[4], "rb", buffering=0)
            print("reading", flush=True)
            codes = []
            while not codes or codes[-1] != -28:
                _, _, kind, code, value = struct.unpack("qqHHi", device.read(24))
                if kind == 1: codes.append(code if value else -code)
            print("codes:", *codes, flush=True)
            """
        let file = try shell.file("keys.py", Array(reader.utf8))
        try run("Copy-VMFile server '\(file)' /root/keys.py -FileSource Host -Force")
        _ = try guest(
            "(timeout 60 python3 /root/keys.py >/root/keys 2>&1 &); for i in $(seq 60); do [ -s /root/keys ] && break; sleep 0.5; done")
        guard try ask("keyboard", ["text": text]) == "reply" else { return "not typed" }
        let said = try guest("for i in $(seq 60); do grep -q codes: /root/keys && break; sleep 0.5; done; cat /root/keys")
        return said.components(separatedBy: "codes: ").last?.trimmingCharacters(in: .whitespacesAndNewlines) ?? said
    }

    /// A request of the control protocol; “reply”, or the error's identifier.
    private func ask(_ name: String, _ parameters: [String: Any]) throws -> String {
        let store = try #require(
            try JSONSerialization.jsonObject(with: Data(contentsOf: shell.store.appendingPathComponent("store.json"))) as? [String: Any])
        let socket = try HostProgram.connect(folder, "control.sock")
        defer { close(socket) }
        let machine = URL(fileURLWithPath: folder).lastPathComponent
        let hello: [String: Any] = ["lowestVersion": 1, "highestVersion": 1, "storeId": store["id"] ?? "", "virtualMachineId": machine]
        let request: [String: Any] = ["request": name, "deadline": 130_000, "parameters": parameters]
        for (kind, id, body) in [(1, 0, hello), (2, 1, request)] as [(UInt8, UInt8, [String: Any])] {
            let json = try JSONSerialization.data(withJSONObject: body)
            let size = UInt32(json.count)
            let head = (0..<4).map { UInt8(truncatingIfNeeded: size >> (8 * $0)) } + [kind, id, 0, 0, 0]
            try HostProgram.write(socket, head + Array(json))
        }
        while true {
            let head = try HostProgram.read(socket, count: 9)
            let size = (0..<4).reduce(0) { $0 | Int(head[$1]) << (8 * $1) }
            let body = try HostProgram.read(socket, count: size)
            guard head[5] == 1, head[4] == 3 || head[4] == 4 else { continue }
            if head[4] == 3 { return "reply" }
            let error = try JSONSerialization.jsonObject(with: Data(body)) as? [String: Any]
            return error?["identifier"] as? String ?? "error"
        }
    }
}

private struct Failure: Error, CustomStringConvertible {
    var description: String
}

/// A program of the host at the end of a Unix socket.
private enum HostProgram {
    enum Answer: Equatable {
        case same
        case different
        case refused(String)
    }

    /// A blocking connection to the socket `name` in a folder.
    static func connect(_ folder: String, _ name: String) throws -> Int32 {
        let directory = open(folder, O_RDONLY | O_DIRECTORY)
        defer { close(directory) }
        let socket = lv_socket_connect(directory, name)
        guard socket >= 0 else { throw Failure(description: "cannot connect to \(folder)/\(name): \(socket)") }
        _ = fcntl(socket, F_SETFL, fcntl(socket, F_GETFL) & ~O_NONBLOCK)
        return socket
    }

    static func write(_ socket: Int32, _ bytes: [UInt8]) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { throw Failure(description: "cannot write: \(errno)") }
            rest = rest.dropFirst(count)
        }
    }

    /// Exactly `count` bytes; nil: all until the end.
    static func read(_ socket: Int32, count: Int? = nil) throws -> [UInt8] {
        var all: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 65536)
        while count.map({ all.count < $0 }) ?? true {
            let wanted = min(part.count, (count ?? Int.max) - all.count)
            let received = recv(socket, &part, wanted, 0)
            guard received > 0 else {
                if count == nil { return all }
                throw Failure(description: "the other end has closed after \(all.count) bytes")
            }
            all += part.prefix(received)
        }
        return all
    }

    /// Calls a program of the guest that gives back what it is sent.
    static func exchange(_ folder: String, port: Int, bytes: Int) throws -> Answer {
        let socket = try connect(folder, "vsock")
        defer { close(socket) }
        try write(socket, Array("CONNECT \(port)\n".utf8))
        var line: [UInt8] = []
        while line.last != 10 { line += try read(socket, count: 1) }
        let words = String(decoding: line.dropLast(), as: UTF8.self)
        guard words == "OK \(port)" else { return .refused(words) }
        let data = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        // The guest reads all before it answers.
        try write(socket, data)
        shutdown(socket, Int32(SHUT_WR))
        return try read(socket) == data ? .same : .different
    }
}

/// A program of the host that gives each caller back what it sends, as it comes.
private final class EchoProgram: @unchecked Sendable {
    private let listener: Int32

    init(_ folder: String, _ name: String) throws {
        let directory = open(folder, O_RDONLY | O_DIRECTORY)
        defer { close(directory) }
        listener = lv_socket_listen(directory, name, 64)
        guard listener >= 0 else { throw Failure(description: "cannot listen at \(folder)/\(name): \(listener)") }
        _ = fcntl(listener, F_SETFL, fcntl(listener, F_GETFL) & ~O_NONBLOCK)
        let listener = listener
        Thread.detachNewThread {
            while true {
                let caller = accept(listener, nil, nil)
                guard caller >= 0 else { return }
                Thread.detachNewThread {
                    var part = [UInt8](repeating: 0, count: 65536)
                    while true {
                        let count = recv(caller, &part, part.count, 0)
                        guard count > 0, (try? HostProgram.write(caller, Array(part.prefix(count)))) != nil else { break }
                    }
                    close(caller)
                }
            }
        }
    }

    func end() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}

/// Runs work in as many threads as there is work.
private enum InParallel {
    static func map<Value: Sendable>(_ count: Int, _ work: @escaping @Sendable (Int) -> Value) -> [Value] {
        let results = Results<Value>()
        let group = DispatchGroup()
        for index in 0..<count {
            group.enter()
            Thread.detachNewThread {
                results.add(work(index))
                group.leave()
            }
        }
        group.wait()
        return results.all
    }

    /// Safety of the unchecked conformance: touched under the lock.
    private final class Results<Value: Sendable>: @unchecked Sendable {
        private let lock = NSLock()
        private var values: [Value] = []
        func add(_ value: Value) { lock.withLock { values.append(value) } }
        var all: [Value] { lock.withLock { values } }
    }
}
