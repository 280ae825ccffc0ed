import Basics
import CHost
import DeviceModel
import HypervisorCore
import Processor
import Testing

#if canImport(Glibc)
    import Glibc
#endif

/// A thread of the host that a test joins.
private final class HostThread {
    private var handle = pthread_t()
    private final class Body {
        let run: () -> Void
        init(_ run: @escaping () -> Void) { self.run = run }
    }

    init(_ run: @escaping () -> Void) {
        let argument = Unmanaged.passRetained(Body(run)).toOpaque()
        pthread_create(
            &handle, nil,
            { argument in
                if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
                return nil
            }, argument)
    }

    func join() { pthread_join(handle, nil) }
}

@Suite struct ThreadTests {
    /// Written by one thread, read after it is joined.
    final class Answer { var wasWoken = false }

    @Test func aPostedInterruptWakesTheSleeper() throws {
        let machine = try FakeMachine()
        let processor = machine.processor()
        machine.enableAPIC()
        _ = processor.wake.take()
        for _ in 0..<200 {
            let answer = Answer()
            let sleeper = HostThread { answer.wasWoken = processor.waitForWork() }
            machine.child.send(InterruptMessage(address: 0xfee0_0000, data: 0x55))
            sleeper.join()
            #expect(answer.wasWoken)
            _ = processor.wake.take()
        }
        #expect(processor.apic.deliverable == 0x55)
    }

    @Test func aPostEndsASleepOfTheOwnersKind() {
        let word = WakeWord()
        let event = lv_event_make()
        defer { close(event) }
        word.rouse = { lv_event_ring(event) }
        for _ in 0..<200 {
            let poster = HostThread { word.post(.event) }
            while word.reasons.isEmpty {
                word.sleep {
                    var polled = pollfd(fd: event, events: Int16(POLLIN), revents: 0)
                    poll(&polled, 1, 30_000)
                    lv_event_clear(event)
                }
            }
            poster.join()
            #expect(word.take() == .event)
        }
        word.post(.attention)
        word.sleep { Issue.record("there was a reason to stay awake") }
        #expect(word.take() == .attention)
    }

    /// A producer that fills the buffers and a guest that frees its slot, looks at the flag and writes EOM: no message is lost or reordered.
    @Test func messagesSurviveARaceForTheSlot() throws {
        let machine = try FakeMachine()
        machine.enableAPIC()
        machine.enableSynIC()
        let host = try #require(machine.child.gpaSpace?.page(at: 0x8000).host)
        let slot = UInt(bitPattern: host) + 0x200
        let total: UInt32 = 20_000
        let producer = HostThread {
            for number in 1...total {
                let message = SyntheticMessage(type: number, payload: [UInt8](littleEndian: number))
                while machine.hypervisor.postMessage(as: machine.hypervisor.root, to: machine.child, processor: 0, source: 2, message)
                    == .insufficientBuffers
                { sched_yield() }
            }
        }
        var wrong = 0
        for expected in 1...total {
            guard let place = UnsafeMutableRawPointer(bitPattern: slot) else { return }
            var type = lv_load32(place)
            while type == 0 {
                sched_yield()
                type = lv_load32(place)
            }
            if type != expected || lv_load32(place + 16) != expected { wrong += 1 }
            lv_store32(place, 0)
            lv_fence()
            if lv_load8(place + 5) & 1 != 0 { machine.write(0x4000_0084, 0) }
        }
        producer.join()
        #expect(wrong == 0)
    }

    @Test func interruptsFromManyThreadsAllArrive() throws {
        let machine = try FakeMachine()
        machine.enableAPIC()
        let threads = (0..<4).map { part in
            HostThread {
                for vector in 0..<56 { machine.child.send(InterruptMessage(address: 0xfee0_0000, data: UInt32(32 + part * 56 + vector))) }
            }
        }
        for thread in threads { thread.join() }
        let apic = machine.processor().apic
        var seen: [UInt8] = []
        while let vector = apic.deliverable {
            apic.acknowledge(vector)
            apic.endOfInterrupt()
            seen.append(vector)
        }
        #expect(seen == Array((UInt8(32)...UInt8(255)).reversed()))
    }
}
