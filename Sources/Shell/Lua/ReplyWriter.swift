import CLua
import Cmdlets

/// Writes values in the form that CLua pushes (reply.h).
struct ReplyWriter {
    private(set) var bytes: [UInt8] = []
    private(set) var count: Int32 = 0
    let objects: ObjectTable

    init(_ objects: ObjectTable) { self.objects = objects }

    /// One more value of the reply.
    mutating func add(_ value: Value) {
        count += 1
        write(value)
    }

    /// A native function for an operation, bound to argument 1 of the function that runs.
    mutating func addMethod(_ operation: NativeOperation, _ text: String) {
        count += 1
        tag(LV_TAG_METHOD)
        append(UInt32(operation.rawValue))
        string(text)
    }

    mutating func addFunction(_ operation: NativeOperation, _ text: String) {
        count += 1
        tag(LV_TAG_FUNCTION)
        append(UInt32(operation.rawValue))
        string(text)
    }

    private mutating func write(_ value: Value) {
        switch value {
        case .null: tag(LV_TAG_NIL)
        case .boolean(let truth): tag(truth ? LV_TAG_TRUE : LV_TAG_FALSE)
        case .integer(let integer):
            tag(LV_TAG_INTEGER)
            append(integer)
        case .number(let number):
            tag(LV_TAG_FLOAT)
            append(number.bitPattern)
        case .string(let text):
            tag(LV_TAG_STRING)
            string(text)
        case .list(let values):
            tag(LV_TAG_LIST)
            append(UInt32(values.count))
            for value in values { write(value) }
        case .record(let record):
            tag(LV_TAG_RECORD)
            if let name = record.typeName {
                tag(LV_TAG_STRING)
                string(name)
            } else {
                tag(LV_TAG_NIL)
            }
            append(UInt32(record.fields.count))
            for field in record.fields {
                string(field.name)
                write(field.value)
            }
        case .object(let object):
            tag(LV_TAG_OBJECT)
            append(objects.identifier(of: object))
        case .duration(let span):
            tag(LV_TAG_DURATION)
            append(span.ticks)
        case .time(let time):
            tag(LV_TAG_TIME)
            append(time.unixNanoseconds)
        case .block(let block):
            if let block = block as? LuaBlock {
                reference(block)
            } else if let carried = block as? CarriedBlock {
                tag(LV_TAG_OBJECT)
                append(objects.identifier(of: carried))
            } else {
                tag(LV_TAG_NIL)
            }
        case .opaque(let opaque):
            if let kept = opaque as? LuaReference {
                reference(kept)
            } else if let failure = opaque as? ScriptFailure {
                tag(LV_TAG_ERROR)
                append(objects.identifier(of: failure))
            } else {
                tag(LV_TAG_OBJECT)
                append(objects.identifier(of: opaque))
            }
        }
    }

    private mutating func reference(_ kept: LuaReference) {
        tag(LV_TAG_REFERENCE)
        append(UInt32(bitPattern: kept.reference))
    }

    private mutating func tag(_ tag: lv_tag) { bytes.append(UInt8(tag.rawValue)) }

    private mutating func append<Number: FixedWidthInteger>(_ number: Number) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func string(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            append(UInt32(utf8.count))
            bytes.append(contentsOf: utf8)
        }
    }
}
