import Storage

/// Haggling: what the client asks before it sends requests.
extension NBDConnection {
    func readOption() {
        guard input.integer(at: 0, as: UInt64.self) == NBD.optionMagic, let option = input.integer(at: 8, as: UInt32.self),
            let length = input.integer(at: 12, as: UInt32.self)
        else { return end() }
        guard length <= NBD.longestOption else {
            input.drop(16)
            // This one has no reply that could say so.
            guard option != NBD.Option.exportName else { return end() }
            skipping = UInt64(length)
            return reply(option, NBD.OptionReply.tooBig, text: "An option has at most \(NBD.longestOption) bytes.")
        }
        guard input.count >= 16 + Int(length) else {
            needed = 16 + Int(length)
            return
        }
        input.drop(16)
        let data = input.take(Int(length))
        needed = 16
        switch option {
        case NBD.Option.exportName: begin(String(decoding: data, as: UTF8.self))
        case NBD.Option.abort:
            reply(option, NBD.OptionReply.acknowledge)
            end()
        case NBD.Option.list: list(data)
        case NBD.Option.info, NBD.Option.go: inform(option, data)
        case NBD.Option.structuredReply:
            guard data.isEmpty else { return reply(option, NBD.OptionReply.invalid, text: "This option has no data.") }
            hasStructuredReplies = true
            reply(option, NBD.OptionReply.acknowledge)
        case NBD.Option.listMetaContext, NBD.Option.setMetaContext: negotiateContexts(option, data)
        default: reply(option, NBD.OptionReply.unsupported, text: "Option \(option) is not known here.")
        }
    }

    private func reply(_ option: UInt32, _ kind: UInt32, _ data: [UInt8] = []) {
        output.append(NBD.optionReplyMagic)
        output.append(option)
        output.append(kind)
        output.append(UInt32(data.count))
        output.append(data)
    }

    private func reply(_ option: UInt32, _ kind: UInt32, text: String) { reply(option, kind, Array(text.utf8)) }

    private func transmit() { (phase, needed) = (.transmission, Self.requestSize) }

    /// NBD_OPT_EXPORT_NAME: the old way, which has no reply for a wrong name.
    private func begin(_ name: String) {
        guard export.isNamed(name) else { return end() }
        output.append(export.size)
        output.append(export.transmissionFlags)
        if !isWithoutZeroes { output.append([UInt8](repeating: 0, count: 124)) }
        transmit()
    }

    private func list(_ data: [UInt8]) {
        guard data.isEmpty else { return reply(NBD.Option.list, NBD.OptionReply.invalid, text: "This option has no data.") }
        let name = Array(export.name.utf8)
        reply(NBD.Option.list, NBD.OptionReply.server, bigEndian(UInt32(name.count)) + name)
        reply(NBD.Option.list, NBD.OptionReply.acknowledge)
    }

    private func inform(_ option: UInt32, _ data: [UInt8]) {
        var fields = OptionFields(data)
        guard let name = fields.text(), let count = fields.integer(UInt16.self) else { return invalid(option) }
        var wanted: Set<UInt16> = []
        for _ in 0..<count {
            guard let kind = fields.integer(UInt16.self) else { return invalid(option) }
            wanted.insert(kind)
        }
        guard fields.isAtEnd else { return invalid(option) }
        guard export.isNamed(name) else { return unknown(option, name) }
        reply(
            option, NBD.OptionReply.info, bigEndian(NBD.Info.export) + bigEndian(export.size) + bigEndian(export.transmissionFlags))
        if wanted.contains(NBD.Info.name) { reply(option, NBD.OptionReply.info, bigEndian(NBD.Info.name) + export.name.utf8) }
        if wanted.contains(NBD.Info.description) {
            let text = "\(export.name), mounted by Lunavisor"
            reply(option, NBD.OptionReply.info, bigEndian(NBD.Info.description) + text.utf8)
        }
        if wanted.contains(NBD.Info.blockSize) {
            let preferred = UInt32(max(4096, export.disk.physicalSectorSize))
            reply(
                option, NBD.OptionReply.info,
                bigEndian(NBD.Info.blockSize) + bigEndian(UInt32(1)) + bigEndian(preferred) + bigEndian(UInt32(NBD.largestPayload)))
        }
        reply(option, NBD.OptionReply.acknowledge)
        if option == NBD.Option.go { transmit() }
    }

    private func negotiateContexts(_ option: UInt32, _ data: [UInt8]) {
        let isSetting = option == NBD.Option.setMetaContext
        guard hasStructuredReplies else {
            return reply(option, NBD.OptionReply.invalid, text: "Structured replies come first.")
        }
        if isSetting { hasAllocationContext = false }
        var fields = OptionFields(data)
        guard let name = fields.text(), let count = fields.integer(UInt32.self) else { return invalid(option) }
        var isMeant = count == 0 && !isSetting
        for _ in 0..<count {
            guard let query = fields.text() else { return invalid(option) }
            if query == NBD.allocationContext || !isSetting && query == "base:" { isMeant = true }
        }
        guard fields.isAtEnd else { return invalid(option) }
        guard export.isNamed(name) else { return unknown(option, name) }
        if isMeant {
            if isSetting { hasAllocationContext = true }
            let number = isSetting ? NBD.allocationContextNumber : 0
            reply(option, NBD.OptionReply.metaContext, bigEndian(number) + NBD.allocationContext.utf8)
        }
        reply(option, NBD.OptionReply.acknowledge)
    }

    private func invalid(_ option: UInt32) { reply(option, NBD.OptionReply.invalid, text: "The option's data end in the middle or go on.") }

    private func unknown(_ option: UInt32, _ name: String) {
        reply(option, NBD.OptionReply.unknown, text: "There is no export “\(name.prefix(100))”; the one here is “\(export.name)”.")
    }
}

/// The bytes of one big-endian integer.
func bigEndian<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }
