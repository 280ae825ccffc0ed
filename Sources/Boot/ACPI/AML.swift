/// ACPI Machine Language, the little of it that our tables need (ACPI 6.4, 20.2). Every value is the bytes of one term.
enum AML {
    typealias Term = [UInt8]

    static func integer(_ value: UInt64) -> Term {
        var writer = ByteWriter()
        switch value {
        case 0: return [0x00]
        case 1: return [0x01]
        case 2...0xff:
            writer.append(UInt8(0x0a))
            writer.append(UInt8(value))
        case 0x100...0xffff:
            writer.append(UInt8(0x0b))
            writer.append(UInt16(value))
        case 0x1_0000...0xffff_ffff:
            writer.append(UInt8(0x0c))
            writer.append(UInt32(value))
        default:
            writer.append(UInt8(0x0e))
            writer.append(value)
        }
        return writer.bytes
    }

    static func string(_ text: String) -> Term { [0x0d] + text.utf8 + [0] }

    /// A name of one segment, or a path of several; a leading `\` is the root.
    static func path(_ name: String) -> Term {
        let isRoot = name.hasPrefix("\\")
        let segments = (isRoot ? name.dropFirst() : name[...]).split(separator: ".").map { segment in
            Array(segment.utf8.prefix(4)) + [UInt8](repeating: 0x5f, count: max(0, 4 - segment.utf8.count))
        }
        let prefix: Term =
            switch segments.count {
            case 0: [0x00]
            case 1: []
            case 2: [0x2e]
            default: [0x2f, UInt8(segments.count)]
            }
        return (isRoot ? [0x5c] : []) + prefix + segments.flatMap { $0 }
    }

    static func name(_ path: String, _ value: Term) -> Term { [0x08] + Self.path(path) + value }
    static func scope(_ path: String, _ terms: [Term]) -> Term { [0x10] + packaged(Self.path(path) + terms.flatMap { $0 }) }
    static func device(_ path: String, _ terms: [Term]) -> Term { [0x5b, 0x82] + packaged(Self.path(path) + terms.flatMap { $0 }) }
    /// A method without arguments, not serialized.
    static func method(_ path: String, _ terms: [Term]) -> Term { [0x14] + packaged(Self.path(path) + [0x00] + terms.flatMap { $0 }) }
    static func notify(_ path: String, _ value: UInt64) -> Term { [0x86] + Self.path(path) + integer(value) }
    static func package(_ elements: [Term]) -> Term { [0x12] + packaged([UInt8(elements.count)] + elements.flatMap { $0 }) }
    static func buffer(_ content: [UInt8]) -> Term { [0x11] + packaged(integer(UInt64(content.count)) + content) }
    /// A resource template: descriptors and the end tag with a checksum of zero, which means unchecked (6.4.2.9).
    static func resources(_ descriptors: [[UInt8]]) -> Term { buffer(descriptors.flatMap { $0 } + [0x79, 0x00]) }

    /// A compressed EISA id such as PNP0501 (19.6.36): three letters of five bits and four hexadecimal digits, high byte first.
    static func eisaID(_ text: String) -> Term {
        let letters = text.utf8.prefix(3).map { UInt32($0) & 0x1f }
        let digits = text.dropFirst(3).compactMap(\.hexDigitValue).map { UInt32($0) }
        let value = letters.reduce(0) { $0 << 5 | $1 } << 16 | digits.reduce(0) { $0 << 4 | $1 }
        return integer(UInt64(value.byteSwapped))
    }

    /// PkgLength (20.2.4), which counts itself, then the content.
    private static func packaged(_ content: [UInt8]) -> [UInt8] {
        for extra in 0..<4 {
            let length = content.count + extra + 1
            if extra == 0, length < 0x40 { return [UInt8(length)] + content }
            guard extra > 0, length < 1 << (4 + 8 * extra) else { continue }
            let tail = (0..<extra).map { UInt8(truncatingIfNeeded: length >> (4 + 8 * $0)) }
            return [UInt8(extra << 6) | UInt8(length & 0x0f)] + tail + content
        }
        preconditionFailure("our own tables are far below the 256 MiB that a package can hold")
    }
}

/// Resource descriptors (ACPI 6.4, 6.4).
enum ACPIResource {
    /// Fixed ports with 16-bit decoding.
    static func ports(_ first: UInt16, count: UInt8) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(bytes: [0x47, 0x01])
        writer.append(first)
        writer.append(first)
        writer.append(bytes: [0x01, count])
        return writer.bytes
    }

    /// An edge-triggered, active-high ISA interrupt.
    static func interrupt(_ number: Int) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt8(0x22))
        writer.append(UInt16(1) << UInt16(number))
        return writer.bytes
    }

    /// A memory window that the device hands on to its children (QWord address space, producer, read-write, fixed).
    static func memoryWindow(_ base: UInt64, size: UInt64) -> [UInt8] {
        var writer = ByteWriter()
        writer.append(UInt8(0x8a))
        writer.append(UInt16(0x2b))
        writer.append(bytes: [0x00, 0x0c, 0x01])
        for value in [0, base, base + size - 1, 0, size] { writer.append(value) }
        return writer.bytes
    }
}
