import Basics
import Testing

@Suite("Little-endian integers")
struct LittleEndianTests {
    @Test("the lowest byte comes first")
    func order() {
        #expect([UInt8](littleEndian: UInt32(0x0102_0304)) == [4, 3, 2, 1])
        #expect([UInt8]([4, 3, 2, 1]).littleEndian(at: 0) == UInt32(0x0102_0304))
        #expect([UInt8]([9, 0xfe, 0xff]).littleEndian(at: 1) == Int16(-2))
        var bytes: [UInt8] = [1, 2, 3, 4, 5]
        bytes.setLittleEndian(UInt16(0xaabb), at: 3)
        bytes.append(littleEndian: UInt16(0x0708))
        #expect(bytes == [1, 2, 3, 0xbb, 0xaa, 8, 7])
    }

    @Test("an integer that does not lie wholly inside is none", arguments: [-1, 5, 8, 9, Int.max, Int.min])
    func outside(offset: Int) {
        let bytes = [UInt8](repeating: 1, count: 8)
        #expect(bytes.littleEndian(at: offset, as: UInt32.self) == nil)
        #expect(bytes.littleEndian(at: 4, as: UInt32.self) == 0x0101_0101)
        #expect([UInt8]().littleEndian(at: 0, as: UInt64.self) == nil)
    }
}
