/// What a target says about its commands: REPORT SUPPORTED OPERATION CODES (SPC-4 6.35).
struct SupportedOpcodes {
    struct Command {
        var opcode: Opcode
        /// nil: the command has no service actions.
        var action: UInt8?
        /// Bits of every byte of the block that the target looks at, beginning with the operation code.
        var usage: [UInt8]

        init(_ opcode: Opcode, action: UInt8? = nil, _ usage: [UInt8]) {
            (self.opcode, self.action) = (opcode, action)
            self.usage = [opcode.rawValue] + usage
        }
    }
    var commands: [Command]

    func answer(_ exchange: ScsiExchange) -> ScsiOutcome {
        let block = exchange.block
        guard block[1] & 0x1F == Opcode.reportOpcodesAction else { return .check(.invalidFieldInBlock) }
        let allocation = Int(clamping: block.long(6))
        let (opcode, action) = (Opcode(rawValue: block[3]), block.word(4))
        switch block[2] & 7 {
        case 0: return exchange.reply(list, allocation: allocation)
        case 1:
            // Only for commands without service actions.
            if commands.contains(where: { $0.opcode == opcode && $0.action != nil }) { return .check(.invalidFieldInBlock) }
            return exchange.reply(one(commands.first { $0.opcode == opcode }), allocation: allocation)
        case 2:
            if commands.contains(where: { $0.opcode == opcode && $0.action == nil }) { return .check(.invalidFieldInBlock) }
            return exchange.reply(one(find(opcode, action)), allocation: allocation)
        case 3:
            let plain = commands.first { $0.opcode == opcode && $0.action == nil }
            return exchange.reply(one(plain ?? find(opcode, action)), allocation: allocation)
        default: return .check(.invalidFieldInBlock)
        }
    }

    private func find(_ opcode: Opcode, _ action: UInt16) -> Command? {
        commands.first { $0.opcode == opcode && $0.action.map(UInt16.init) == action }
    }

    private var list: [UInt8] {
        var data: [UInt8] = []
        data.appendBig(UInt32(8 * commands.count))
        for command in commands {
            data += [command.opcode.rawValue, 0, 0, command.action ?? 0, 0, command.action == nil ? 0 : 1]
            data.appendBig(UInt16(command.usage.count))
        }
        return data
    }

    /// Support 3: as the standard says; 1: not at all.
    private func one(_ command: Command?) -> [UInt8] {
        guard let command else { return [0, 1, 0, 0] }
        var data: [UInt8] = [0, 3]
        data.appendBig(UInt16(command.usage.count))
        return data + command.usage
    }
}
