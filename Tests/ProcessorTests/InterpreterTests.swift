import CHost
import DeviceModel
import Processor
import Testing

@Suite struct InterpreterTests {
    @Test func tableReadsAndEveryOperationIsBound() {
        #expect(instructionTableErrors.isEmpty)
        #expect(unboundOperations.isEmpty)
        #expect(segmentsOffset == MemoryLayout<lv_vp>.offset(of: \lv_vp.segment))
    }

    @Test func countsALoopExactly() throws {
        // mov ecx, 10; loop: add rax, rcx; dec ecx; jnz loop; hlt
        let machine = try FlatMachine(.long, [0xb9, 10, 0, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9, 0xf4])
        #expect(machine.run() == .halted)
        #expect(machine[0] == 55)
        #expect(machine.engine.instructionsRetired == 1 + 30 + 1)
    }

    @Test func stopsAtEveryCount() throws {
        for limit in 1...31 as ClosedRange<UInt64> {
            let machine = try FlatMachine(.long, [0xb9, 10, 0, 0, 0, 0x48, 0x01, 0xc8, 0xff, 0xc9, 0x75, 0xf9, 0xf4])
            #expect(machine.run(limit) == .limit)
            #expect(machine.engine.instructionsRetired == limit)
            #expect(machine.run() == .halted)
            #expect(machine.engine.instructionsRetired == 32)
            #expect(machine[0] == 55)
        }
    }

    @Test func faultsInMidBlockArePrecise() throws {
        // mov eax, 1; mov ebx, [rdx]; mov eax, 2
        let machine = try FlatMachine(.long, [0xb8, 1, 0, 0, 0, 0x8b, 0x1a, 0xb8, 2, 0, 0, 0, 0xf4])
        machine[2] = 0x20_0000 << 4
        #expect(machine.run() == .halted)
        #expect(machine.vector == 14)
        #expect(machine[0] == 1)
        #expect(machine.engine.state.cr2 == 0x200_0000)
        #expect(machine.engine.instructionsRetired == 2)
        // The frame: error code, RIP.
        #expect(machine.word(machine[4]) == 0)
        #expect(machine.word(machine[4] + 8) == FlatMachine.code + 5)
    }

    @Test func pageFaultCodes() throws {
        // mov [rdx], eax
        let machine = try FlatMachine(.long, [0x89, 0x02, 0xf4])
        machine[2] = 0x30_0000
        machine.setPageEntry(0x30_0000, 0x30_0005)
        machine.run()
        #expect(machine.vector == 14)
        #expect(machine.word(machine[4]) == 3)
    }

    @Test func setsAccessedAndDirty() throws {
        // mov eax, [rdx]; mov [rsi], eax; hlt
        let machine = try FlatMachine(.long, [0x8b, 0x02, 0x89, 0x06, 0xf4])
        machine[2] = 0x30_0000
        machine[6] = 0x30_1000
        machine.run()
        #expect(machine.pageEntry(0x30_0000) & 0x60 == 0x20)
        #expect(machine.pageEntry(0x30_1000) & 0x60 == 0x60)
    }

    @Test func accessesCrossPages() throws {
        // mov rax, [rdx]; mov [rsi], rax; hlt
        let machine = try FlatMachine(.long, [0x48, 0x8b, 0x02, 0x48, 0x89, 0x06, 0xf4])
        machine[2] = 0x30_0ffd
        machine[6] = 0x30_2ffb
        _ = machine.memory.write(0x30_0ffd, [1, 2, 3, 4, 5, 6, 7, 8])
        machine.run()
        #expect(machine[0] == 0x0807_0605_0403_0201)
        #expect(machine.word(0x30_2ffb) == 0x0807_0605_0403_0201)
    }

    @Test func crossingStoreFaultsBeforeItWrites() throws {
        let machine = try FlatMachine(.long, [0x48, 0x89, 0x06, 0xf4])
        machine[0] = ~0
        machine[6] = 0x30_0ffc
        machine.setPageEntry(0x30_1000, 0)
        machine.run()
        #expect(machine.vector == 14)
        #expect(machine.engine.state.cr2 == 0x30_1000)
        #expect(machine.word(0x30_0ff8) == 0)
    }

    @Test func instructionsCrossPages() throws {
        let machine = try FlatMachine(.long, [0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4], at: 0x10ffe)
        #expect(machine.run() == .halted)
        #expect(machine[0] == 0x1234_5678)
        #expect(machine.engine.instructionsRetired == 2)
    }

    @Test func fetchFaultNamesTheSecondPage() throws {
        let machine = try FlatMachine(.long, [0xb8, 0x78, 0x56, 0x34, 0x12, 0xf4], at: 0x10ffe)
        machine.setPageEntry(0x11000, 0)
        machine.run()
        #expect(machine.vector == 14)
        #expect(machine.engine.state.cr2 == 0x11000)
    }

    @Test func storesIntoTheRunningBlockTakeEffect() throws {
        // mov byte [rip+1], 7 (the next instruction's immediate); mov eax, 1; hlt
        let machine = try FlatMachine(.long, [0xc6, 0x05, 1, 0, 0, 0, 7, 0xb8, 1, 0, 0, 0, 0xf4])
        #expect(machine.run() == .halted)
        #expect(machine[0] == 7)
        #expect(machine.engine.instructionsRetired == 3)
    }

    @Test func hostWritesDropDecodedCode() throws {
        let machine = try FlatMachine(.long, [0xb8, 1, 0, 0, 0, 0xf4])
        machine.run()
        _ = machine.memory.store(FlatMachine.code + 1, UInt8(9))
        var state = machine.engine.state
        state.rip = FlatMachine.code
        state.halted = false
        machine.engine.state = state
        machine.run()
        #expect(machine[0] == 9)
    }

    @Test func repeatedStringsCountIterations() throws {
        // rep movsb; hlt
        for limit in [1, 7, 100] as [UInt64] {
            let machine = try FlatMachine(.long, [0xf3, 0xa4, 0xf4])
            machine[1] = 5000
            machine[6] = 0x30_0123
            machine[7] = 0x31_0456
            _ = machine.memory.write(0x30_0123, (0..<5000).map { UInt8(truncatingIfNeeded: $0) })
            #expect(machine.run(limit) == .limit)
            #expect(machine[1] == 5000 - limit)
            #expect(machine.run() == .halted)
            #expect(machine.engine.instructionsRetired == 5001)
            #expect(machine.memory.read(0x31_0456, count: 5000) == machine.memory.read(0x30_0123, count: 5000))
        }
    }

    @Test func repeatedCompareStopsAtADifference() throws {
        // repe cmpsb; hlt
        let machine = try FlatMachine(.long, [0xf3, 0xa6, 0xf4])
        machine[1] = 100
        machine[6] = 0x30_0000
        machine[7] = 0x31_0000
        _ = machine.memory.store(0x30_0009, UInt8(1))
        machine.run()
        #expect(machine[1] == 90)
        #expect(machine.flags & 0x41 == 0)
        #expect(machine.engine.instructionsRetired == 11)
    }

    @Test func faultInARepeatedStoreKeepsWhatIsDone() throws {
        // rep stosb
        let machine = try FlatMachine(.long, [0xf3, 0xaa, 0xf4])
        machine[0] = 0x5a
        machine[1] = 0x2000
        machine[7] = 0x30_0800
        machine.setPageEntry(0x30_1000, 0)
        machine.run()
        #expect(machine.vector == 14)
        #expect(machine[1] == 0x1800)
        #expect(machine[7] == 0x30_1000)
        #expect(machine.engine.instructionsRetired == 0x800 + 1)
    }

    @Test func devicesSeeEachAccess() throws {
        // mov eax, [rdx]; mov [rdx+4], ax; hlt
        let machine = try FlatMachine(.long, [0x8b, 0x02, 0x66, 0x89, 0x42, 4, 0xf4])
        machine.devicePages = [0x300]
        machine[2] = 0x30_0000
        machine.run()
        #expect(machine[0] == 0x5566_7788)
        #expect(machine.deviceReads.count == 1 && machine.deviceReads[0] == (0x30_0000, 4))
        #expect(machine.deviceWrites.count == 1 && machine.deviceWrites[0] == (0x30_0004, 2, 0x7788))
    }

    @Test func interceptsSeeTheExactCountAndMayEndTheRun() throws {
        // nop; nop; in al, 0x10; nop; hlt
        let machine = try FlatMachine(.long, [0x90, 0x90, 0xe4, 0x10, 0x90, 0xf4])
        var seen: UInt64 = 0
        machine.onPortRead = {
            seen = $0.engine.instructionsRetired
            $0.engine.requestExit()
            return 5
        }
        #expect(machine.run() == .requested)
        #expect(seen == 2)
        #expect(machine.engine.instructionsRetired == 3)
        #expect(machine[0] == 5)
        #expect(machine.run() == .halted)
    }

    @Test func longInstructionsAndLocksAreRefused() throws {
        let long = try FlatMachine(.long, Array(repeating: 0x66, count: 15) + [0x90])
        long.run()
        #expect(long.vector == 13)
        // lock mov [rdx], eax
        let lock = try FlatMachine(.long, [0xf0, 0x89, 0x02])
        lock.run()
        #expect(lock.vector == 6)
        // lock add eax, ecx
        let register = try FlatMachine(.long, [0xf0, 0x01, 0xc8])
        register.run()
        #expect(register.vector == 6)
    }

    @Test func nonCanonicalAddresses() throws {
        let data = try FlatMachine(.long, [0x8b, 0x02, 0xf4])
        data[2] = 1 << 63
        data.run()
        #expect(data.vector == 13)
        let stack = try FlatMachine(.long, [0x8b, 0x45, 0, 0xf4])
        stack[5] = 1 << 63
        stack.run()
        #expect(stack.vector == 12)
    }

    @Test func jumpsBesideAKnownAddressFault() throws {
        // sti; nop (run alone, in the shadow of STI); mov rax, imm64; jmp rax; hlt
        for bit in 48..<64 as Range<UInt64> {
            let target = FlatMachine.code + 1 ^ 1 << bit
            let bytes = withUnsafeBytes(of: target.littleEndian) { Array($0) }
            let machine = try FlatMachine(.long, [0xfb, 0x90, 0x48, 0xb8] + bytes + [0xff, 0xe0, 0xf4])
            #expect(machine.run() == .halted)
            #expect(machine.vector == 13)
        }
    }

    @Test func movedCodeIsFoundAfterAnyNumberOfFlushes() throws {
        // again: call rbx; jmp again, and at two places: mov eax, 1 or 2; ret
        let machine = try FlatMachine(.long, [0xff, 0xd3, 0xeb, 0xfc])
        for place in 1...2 as ClosedRange<UInt64> {
            for (offset, byte) in [0xb8, UInt8(place), 0, 0, 0, 0xc3].enumerated() {
                _ = machine.memory.store(0x30_0000 + place << 16 + UInt64(offset), byte)
            }
        }
        machine[3] = 0x30_0000
        for round in 0..<600 as Range<UInt64> {
            let place = round % 2 + 1
            machine.setPageEntry(0x30_0000, 0x30_0003 + place << 16)
            machine.engine.flushTranslation(of: 0x30_0000)
            #expect(machine.run(machine.engine.instructionsRetired + 40) == .limit)
            #expect(machine[0] == place)
        }
    }

    /// The number of times that jumps were forgotten comes round and never touches what tells privilege and code mode apart.
    @Test func forgettingJumpsKeepsTheContext() throws {
        let machine = try FlatMachine(.long, [0xeb, 0xfe])
        let context = machine.engine.vp.pointee.context_key
        for _ in 0..<1200 {
            machine.engine.flushTranslations(keepGlobal: false)
            let tag = machine.engine.vp.pointee.jump_tag
            #expect(tag & ~(0xff << 48) == context)
        }
    }

    @Test func divideErrors() throws {
        for bytes in [[0xf7, 0xf1], [0xf7, 0xf9], [0x48, 0xf7, 0xf9], [0xf6, 0xf1]] as [[UInt8]] {
            let machine = try FlatMachine(.long, bytes + [0xf4])
            machine[1] = 1
            machine[0] = 0x8000_0000_0000_0000
            machine[2] = 0x8000_0001
            machine.run()
            #expect(machine.vector == 0 || bytes == [0xf6, 0xf1])
        }
    }

    @Test func realModeAddresses() throws {
        // mov ax, [0x1234]; mov [bx+si+2], ax; hlt
        let machine = try FlatMachine(.real, [0xa1, 0x34, 0x12, 0x89, 0x40, 2, 0xf4])
        _ = machine.memory.store(0x1234, UInt16(0xbeef))
        machine[3] = 0x2000
        machine[6] = 0x30
        #expect(machine.run() == .halted)
        #expect(machine[0] == 0xbeef)
        #expect(machine.memory.load(0x2032, as: UInt16.self) == 0xbeef)
    }

    @Test func protectedModeRuns() throws {
        // push 5; pop eax; call +1; hlt; (hlt) ; inc eax; ret
        let machine = try FlatMachine(.protected, [0x6a, 5, 0x58, 0xe8, 1, 0, 0, 0, 0xf4, 0x40, 0xc3])
        #expect(machine.run() == .halted)
        #expect(machine[0] == 6)
        #expect(machine[4] == 0x80000)
    }

    @Test func `moves of control and debug registers ignore ModRM.mod`() throws {
        // MOV RBX, CR0 with mod 0; MOV CR2, RSP with mod 1 (no SIB, no displacement); MOV DR0, RSP with mod 2; MOV RBP, DR0 with mod 0.
        let machine = try FlatMachine(.long, [0x0f, 0x20, 0x03, 0x0f, 0x22, 0x54, 0x0f, 0x23, 0x84, 0x0f, 0x21, 0x05, 0xf4])
        #expect(machine.run(100) == .halted)
        #expect(machine.vector == nil)
        #expect(machine[3] == 0x8001_0033)
        #expect(machine.engine.state.cr2 == 0x80000)
        #expect(machine[5] == 0x80000)
    }

    @Test(.timeLimit(.minutes(1))) func `a call through memory ends where its two pages share a TLB entry`() throws {
        // loop: call [rdx]; dec ecx; jnz loop; hlt; target: inc eax; ret
        let machine = try FlatMachine(.long, [0xff, 0x12, 0xff, 0xc9, 0x75, 0xfa, 0xf4, 0xff, 0xc0, 0xc3])
        // 4 MiB, which is the TLB's 1024 pages, above the stack's page; mapped to the same memory.
        _ = machine.memory.store(0x3010, 0x4007 as UInt64)
        machine[2] = 0x40_0000 + 0x7_f000
        machine[1] = 50
        _ = machine.memory.store(0x7_f000, FlatMachine.code + 7)
        #expect(machine.run() == .halted)
        #expect(machine.vector == nil)
        #expect(machine[0] == 50)
        #expect(machine[4] == 0x80000)
    }
}
