/// The VP as its local APIC, SynIC and timers see it: they are made before the VP is whole, and must not keep it alive.
final class ProcessorLink: LocalAPICHost, SyntheticInterruptHost, SyntheticTimerHost {
    unowned var processor: VirtualProcessor?

    func interruptPosted() { processor?.kick() }

    func send(_ command: InterruptCommand, from apic: LocalAPIC) { processor?.partition.deliver(command, from: apic) }

    func interruptEnded(vector: UInt8, isLevel: Bool) {
        guard let processor else { return }
        if isLevel { processor.machine.configuration.devices.endOfInterrupt(vector: vector) }
        processor.synic.endOfMessage()
    }

    func requestInterrupt(vector: UInt8) { processor?.apic.accept(vector: vector) }

    func place(_ overlay: OverlayPage, at address: UInt64?) { processor?.partition.place(overlay, at: address) }

    func autoEOIChanged(_ vectors: [UInt8]) { processor?.apic.setAutoEOI(vectors) }

    var referenceTime: UInt64 { processor?.referenceTime ?? 0 }

    func timerExpired(_ number: Int, source: Int, due: UInt64) {
        let message = SyntheticMessage(type: SyntheticMessage.timerExpired, payload: [])
        _ = processor?.synic.post(message, source: source, buffer: .timer(number, due: due))
    }
}
