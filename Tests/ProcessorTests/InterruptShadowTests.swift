import Foundation
import Processor
import Synchronization
import Testing

/// Nothing comes between STI and the instruction behind it (SDM vol. 2, STI), whenever another thread kicks the VP: a wake-up that came
/// between the STI and the HLT of an idle loop would be slept over.
@Suite struct InterruptShadowTests {
    @Test func kicksDoNotEndTheShadow() throws {
        // STI, NOP, CLI, JMP to the STI: interrupts can come in front of the CLI only.
        let machine = try FlatMachine(.long, [0xfb, 0x90, 0xfa, 0xeb, 0xfb])
        nonisolated(unsafe) let engine: Interpreter = machine.engine
        let isOver = Atomic<Bool>(false)
        let ended = DispatchSemaphore(value: 0)
        withExtendedLifetime(isOver) {
            let kicker = Thread {
                while !isOver.load(ordering: .relaxed) { engine.kick() }
                ended.signal()
            }
            kicker.start()
            var windows = 0
            var early = 0
            while windows < 200_000 {
                engine.wantsInterruptWindow = true
                guard engine.run(until: engine.instructionsRetired + 100_000) == .interruptWindow else { continue }
                windows += 1
                if engine.instructionPointer != FlatMachine.code + 2 { early += 1 }
                engine.wantsInterruptWindow = false
                let next = engine.instructionsRetired + 1
                while engine.instructionsRetired < next { _ = engine.run(until: next) }
            }
            isOver.store(true, ordering: .relaxed)
            ended.wait()
            #expect(early == 0)
        }
    }
}
