import DeviceModel

/// National Semiconductor 16550A serial port (PC16550D data sheet), with a transmitter that is always ready.
///
///     offset  DLAB=0 read / write                DLAB=1
///     0       receive buffer / transmit holding  divisor low
///     1       interrupt enable                   divisor high
///     2       interrupt identification / FIFO control
///     3 line control   4 modem control   5 line status   6 modem status   7 scratch
///
/// Departures: bytes take no time on the line; the receive time-out interrupt comes at once instead of after four character times;
/// input waits in the host's queue while the guest holds RTS low or the port in loopback, so that nothing overruns.
package final class UART16550A: PortDevice, StatefulUnit {
    /// Bytes of input that wait for the guest at most.
    package static let inputCapacity = 4096

    package struct State: Codable, Sendable {
        var interruptEnable: UInt8 = 0, fifoControl: UInt8 = 0, lineControl: UInt8 = 0, modemControl: UInt8 = 0
        var scratch: UInt8 = 0, divisor: UInt16 = 12
        /// Bits 0-3 of the modem status register.
        var modemDelta: UInt8 = 0
        /// The holding register became empty and nobody has been told yet.
        var transmitPending = false
        var overrun = false
        var receiveFIFO: [UInt8] = []
        /// Input that did not fit in the FIFO yet.
        var input: [UInt8] = []
    }

    private enum LineControl { static let divisorAccess: UInt8 = 0x80 }
    private enum ModemControl { static let rts: UInt8 = 0x02, loopback: UInt8 = 0x10 }
    private enum Enable { static let received: UInt8 = 1, transmitted: UInt8 = 2, line: UInt8 = 4, modem: UInt8 = 8 }

    package let unitName: String
    package static let stateVersion = 1
    private let interrupt: any InterruptLine
    private let output: (UInt8) -> Void
    private var state = State()
    private var lineIsHigh = false

    /// `output` gets every byte the guest sends, under the machine lock: it must be quick.
    package init(name: String, interrupt: any InterruptLine, output: @escaping (UInt8) -> Void) {
        (unitName, self.interrupt, self.output) = (name, interrupt, output)
    }

    // MARK: Input

    /// Takes what fits into the queue and returns how many bytes that was; offer the rest later.
    package func receive(_ bytes: some Collection<UInt8>) -> Int {
        let taken = min(bytes.count, Self.inputCapacity - state.input.count)
        state.input.append(contentsOf: bytes.prefix(taken))
        fillFIFO()
        updateInterrupt()
        return taken
    }

    /// Bytes the queue still takes.
    package var inputRoom: Int { Self.inputCapacity - state.input.count }

    private var fifoDepth: Int { state.fifoControl & 1 != 0 ? 16 : 1 }

    private func fillFIFO() {
        guard !state.input.isEmpty, state.modemControl & (ModemControl.rts | ModemControl.loopback) == ModemControl.rts else { return }
        let count = min(fifoDepth - state.receiveFIFO.count, state.input.count)
        guard count > 0 else { return }
        state.receiveFIFO.append(contentsOf: state.input.prefix(count))
        state.input.removeFirst(count)
    }

    // MARK: Registers

    package func readPort(_ offset: UInt16, size: Int) -> UInt32 {
        if size == 1 { return UInt32(readRegister(offset)) }
        return (0..<UInt16(size)).reduce(0) { $0 | UInt32(readRegister(offset &+ $1)) << (8 * UInt32($1)) }
    }

    package func writePort(_ offset: UInt16, size: Int, value: UInt32) {
        for position in 0..<UInt16(size) {
            writeRegister(offset &+ position, UInt8(truncatingIfNeeded: value >> (8 * UInt32(position))))
        }
    }

    private func readRegister(_ offset: UInt16) -> UInt8 {
        let divisorAccess = state.lineControl & LineControl.divisorAccess != 0
        switch offset {
        case 5: return lineStatus()
        case 0 where divisorAccess: return UInt8(truncatingIfNeeded: state.divisor)
        case 1 where divisorAccess: return UInt8(state.divisor >> 8)
        case 0:
            guard !state.receiveFIFO.isEmpty else { return 0 }
            let byte = state.receiveFIFO.removeFirst()
            fillFIFO()
            updateInterrupt()
            return byte
        case 1: return state.interruptEnable
        case 2:
            let identification = interruptIdentification
            if identification == 0x02 {
                state.transmitPending = false
                updateInterrupt()
            }
            return identification | (state.fifoControl & 1 != 0 ? 0xc0 : 0)
        case 3: return state.lineControl
        case 4: return state.modemControl
        case 6:
            let status = modemLines | state.modemDelta
            state.modemDelta = 0
            updateInterrupt()
            return status
        case 7: return state.scratch
        default: return 0xff
        }
    }

    private func writeRegister(_ offset: UInt16, _ value: UInt8) {
        let divisorAccess = state.lineControl & LineControl.divisorAccess != 0
        switch offset {
        case 0 where divisorAccess: state.divisor = state.divisor & 0xff00 | UInt16(value)
        case 1 where divisorAccess: state.divisor = state.divisor & 0x00ff | UInt16(value) << 8
        case 0: transmit(value)
        case 1:
            // Enabling the transmit interrupt while the holding register is empty raises it again.
            if value & ~state.interruptEnable & Enable.transmitted != 0 { state.transmitPending = true }
            state.interruptEnable = value & 0x0f
            updateInterrupt()
        case 2:
            let toggled = (state.fifoControl ^ value) & 1 != 0
            if toggled || value & 2 != 0 {
                state.receiveFIFO.removeAll()
                state.overrun = false
            }
            if toggled || value & 4 != 0 { state.transmitPending = true }
            state.fifoControl = value & 1 != 0 ? value & 0xc9 : 0
            fillFIFO()
            updateInterrupt()
        case 3: state.lineControl = value
        case 4:
            let before = modemLines
            state.modemControl = value & 0x1f
            let changed = before ^ modemLines
            // Delta bits: CTS, DSR and DCD on any change, RI only when it falls.
            state.modemDelta |= (changed >> 4) & 0x0b | (changed & before & 0x40) >> 4
            fillFIFO()
            updateInterrupt()
        case 7: state.scratch = value
        default: break
        }
    }

    private func transmit(_ byte: UInt8) {
        if state.modemControl & ModemControl.loopback != 0 {
            if state.receiveFIFO.count < fifoDepth { state.receiveFIFO.append(byte) } else { state.overrun = true }
            state.transmitPending = true
            updateInterrupt()
        } else {
            output(byte)
            state.transmitPending = true
            if state.interruptEnable & Enable.transmitted != 0 { updateInterrupt() }
        }
    }

    private func lineStatus() -> UInt8 {
        var status: UInt8 = 0x60
        if !state.receiveFIFO.isEmpty { status |= 0x01 }
        if state.overrun {
            status |= 0x02
            state.overrun = false
            updateInterrupt()
        }
        return status
    }

    /// Bits 4-7 of the modem status: a terminal that is always there, or the modem control outputs in loopback.
    private var modemLines: UInt8 {
        let control = state.modemControl
        guard control & ModemControl.loopback != 0 else { return 0xb0 }
        return (control & 0x02) << 3 | (control & 0x01) << 5 | (control & 0x0c) << 4
    }

    private var receiveTrigger: Int {
        guard state.fifoControl & 1 != 0 else { return 1 }
        return [1, 4, 8, 14][Int(state.fifoControl >> 6)]
    }

    /// Bits 0-3 of the interrupt identification register, the highest source first (data sheet, table 5).
    private var interruptIdentification: UInt8 {
        let enable = state.interruptEnable
        if enable & Enable.line != 0, state.overrun { return 0x06 }
        if enable & Enable.received != 0, !state.receiveFIFO.isEmpty {
            return state.receiveFIFO.count >= receiveTrigger ? 0x04 : 0x0c
        }
        if enable & Enable.transmitted != 0, state.transmitPending { return 0x02 }
        if enable & Enable.modem != 0, state.modemDelta != 0 { return 0x00 }
        return 0x01
    }

    private func updateInterrupt() {
        let high = interruptIdentification != 0x01
        guard high != lineIsHigh else { return }
        lineIsHigh = high
        interrupt.set(high)
    }

    // MARK: Life

    /// Hardware reset; input that nobody has read is dropped.
    package func reset() {
        state = State()
        updateInterrupt()
    }

    package func saveState() throws(StateError) -> State { state }

    package func restoreState(_ state: State, version: Int) throws(StateError) {
        guard state.receiveFIFO.count <= 16, state.input.count <= Self.inputCapacity else {
            throw StateError(.inconsistent, unit: unitName, detail: "more received bytes than the port holds")
        }
        self.state = state
        // The controller's own state holds the level of the line.
        lineIsHigh = interruptIdentification != 0x01
    }
}
