import CHost
import Glibc
import Network
import Testing

/// Deterministic noise (xorshift).
struct Noise {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite struct HostileRingTests {
    /// Two ends of one memory, each with a mapping of its own, as in two processes.
    private func pair() throws -> (worker: PortEnd, switching: PortEnd, memory: PortMemory, wake: Int32) {
        let memory = try PortMemory()
        let other = try PortMemory(descriptor: fcntl(memory.descriptor, F_DUPFD_CLOEXEC, 0))
        var sockets: [Int32] = [-1, -1]
        #expect(lv_socket_pair(&sockets) == 0)
        let spare = fcntl(sockets[1], F_DUPFD_CLOEXEC, 0)
        return (
            PortEnd(memory: memory, side: .worker, signal: sockets[0]), PortEnd(memory: other, side: .switching, signal: spare), memory,
            sockets[1]
        )
    }

    private func send(_ end: PortEnd, _ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { raw in
            var part = iovec(iov_base: UnsafeMutableRawPointer(mutating: raw.baseAddress), iov_len: raw.count)
            return withUnsafePointer(to: &part) { end.send(FrameHeader(), UnsafeBufferPointer(start: $0, count: 1)) }
        }
    }

    @Test func everySizeGoesThroughAndAroundTheEnd() throws {
        let (worker, switching, _, wake) = try pair()
        defer { close(wake) }
        for round in 0..<3000 {
            let count = 14 + (round * 7919) % (FrameRing.largestFrame - 13)
            let frame = [UInt8](repeating: UInt8(truncatingIfNeeded: round), count: count)
            try #require(send(worker, frame))
            #expect(switching.receive { _, bytes in bytes.count == count && bytes.allSatisfy { $0 == frame[0] } } == true)
        }
        #expect(switching.receive { _, _ in true } == nil)
        #expect(send(worker, [UInt8](repeating: 0, count: 13)), "a frame that is none is dropped")
        #expect(send(worker, [UInt8](repeating: 0, count: FrameRing.largestFrame + 1)))
        #expect(switching.receive { _, _ in true } == nil)
    }

    @Test func aFullRingRefusesAndRoomIsSignalled() throws {
        let (worker, switching, _, wake) = try pair()
        defer { close(wake) }
        let frame = [UInt8](repeating: 1, count: 60_000)
        var sent = 0
        while send(worker, frame) { sent += 1 }
        #expect(sent == PortMemory.ringSize / 60_016)
        worker.flush()
        var waiting = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
        // The worker's own wake-up: nobody has taken anything yet.
        lv_signal_take(wake)
        #expect(poll(&waiting, 1, 0) == 0)
        for _ in 0..<sent { #expect(switching.receive { _, _ in true } == true) }
        switching.flush()
        #expect(send(worker, frame))
    }

    @Test func signalsAreSparse() throws {
        let (worker, switching, _, wake) = try pair()
        defer { close(wake) }
        func isSignalled() -> Bool {
            var waiting = pollfd(fd: wake, events: Int16(POLLIN), revents: 0)
            defer { lv_signal_take(wake) }
            return poll(&waiting, 1, 0) > 0
        }
        let frame = [UInt8](repeating: 1, count: 60)
        #expect(send(worker, frame))
        worker.flush()
        #expect(!isSignalled(), "nobody sleeps yet")
        #expect(switching.receive { _, _ in true } == true)
        #expect(switching.receive { _, _ in true } == nil)
        #expect(send(worker, frame))
        #expect(!isSignalled(), "not before the flush")
        worker.flush()
        #expect(isSignalled())
        #expect(send(worker, frame))
        worker.flush()
        #expect(!isSignalled(), "once only")
    }

    /// One side scribbles over control words and records while the other works: nothing traps, nothing hangs, every frame given out lies
    /// within bounds, and the damage is noticed or harmless.
    @Test func aPeerThatScribbles() throws {
        for seed in 1...200 {
            var noise = Noise(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15)
            let (worker, switching, memory, wake) = try pair()
            defer { close(wake) }
            let control = memory.control
            for _ in 0..<300 {
                switch noise.next() % 6 {
                case 0: lv_shared_store(control + Int(noise.next() % 2) * 1024 + Int(noise.next() % 4) * 128, noise.next())
                case 1: lv_shared_store(control + Int(noise.next() % 2) * 1024 + Int(noise.next() % 4) * 128, noise.next() % 4096 * 16)
                case 2:
                    (control + 4096 + Int(noise.next() % 4096) * 16).storeBytes(
                        of: UInt32(truncatingIfNeeded: noise.next()), as: UInt32.self)
                case 3: _ = send(worker, [UInt8](repeating: 3, count: 14 + Int(noise.next() % 2000)))
                case 4: _ = send(switching, [UInt8](repeating: 4, count: 14 + Int(noise.next() % 2000)))
                default:
                    for end in [worker, switching] {
                        var budget = 100
                        while budget > 0,
                            end.receive({ header, bytes in
                                #expect(bytes.count >= 14 && bytes.count <= FrameRing.largestFrame)
                                #expect(
                                    header.checksum != .partial || Int(header.checksumStart) + Int(header.checksumOffset) + 2 <= bytes.count
                                )
                                return bytes.reduce(0, ^) <= 255
                            }) == true
                        { budget -= 1 }
                        end.flush()
                    }
                }
            }
        }
    }

    @Test func memoryThatCanShrinkIsRefused() throws {
        let plain = memfd()
        #expect(plain >= 0)
        ftruncate(plain, 4096 + 4 << 20)
        #expect(throws: NetworkError.self) { _ = try PortMemory(descriptor: plain) }
    }

    private func memfd() -> Int32 { lv_port_memory(8192) }

    /// A switch outlives workers that send noise instead of settings, rings or frames.
    @Test func aSwitchOutlivesNoise() throws {
        let running = try RunningSwitch()
        let good = (try running.client(settings(macA)), try running.client(settings(macB)))
        try #require(good.0.wait { good.0.isLinkUp } && good.1.wait { good.1.isLinkUp })
        let folder = open(running.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(folder) }
        var noise = Noise(state: 42)
        for round in 0..<60 {
            for name in ["ports.sock", "control.sock"] {
                let socket = lv_socket_connect(folder, name)
                guard socket >= 0 else { continue }
                var bytes = (0..<Int(noise.next() % 600)).map { _ in UInt8(truncatingIfNeeded: noise.next()) }
                if round % 3 == 0, let good = try? PortChannel.encode(settings(macC)) {
                    bytes = good
                    let at = Int(noise.next() % UInt64(bytes.count))
                    bytes[at] = UInt8(truncatingIfNeeded: noise.next())
                }
                _ = lv_send(socket, bytes, bytes.count, round % 2 == 0 ? [folder] : [], round % 2 == 0 ? 1 : 0)
                close(socket)
            }
        }
        // A worker that connects properly and then spoils its ring.
        let bad = lv_socket_connect(folder, "ports.sock")
        var sockets: [Int32] = [-1, -1]
        #expect(lv_socket_pair(&sockets) == 0)
        let hello = try PortChannel.encode(settings(macC))
        #expect(lv_send(bad, hello, hello.count, [sockets[1]], 1) == hello.count)
        var reader = PortMessageReader(socket: bad)
        var waiting = pollfd(fd: bad, events: Int16(POLLIN), revents: 0)
        #expect(poll(&waiting, 1, 5000) > 0)
        guard case .message = reader.next(), let memory = reader.takeDescriptor(), let wake = reader.takeDescriptor() else {
            Issue.record("no memory")
            return
        }
        let mapped = try PortMemory(descriptor: memory)
        for _ in 0..<2000 {
            lv_shared_store(mapped.control + Int(noise.next() % 2) * 1024 + Int(noise.next() % 4) * 128, noise.next())
            lv_signal_send(wake)
        }
        let process = try running.status().processId
        let frame = TestFrame.udp(from: macA, to: macB)
        #expect(
            good.1.wait {
                _ = good.0.send(frame)
                good.0.flush()
                return good.1.next(seconds: 0.05)?.bytes == frame
            })
        #expect(try running.status().processId == process, "the same process all the while")
        for descriptor in [bad, wake] + sockets { close(descriptor) }
    }
}
