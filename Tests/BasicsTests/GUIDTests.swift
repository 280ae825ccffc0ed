import Basics
import Testing

@Suite("GUID")
struct GUIDTests {
    @Test("the first three groups are little-endian in memory (MS-DTYP 2.3.4)")
    func byteOrder() throws {
        let id = try #require(GUID("0E0B6031-5213-4934-818B-38D90CED39DB"))
        #expect(id.bytes == [0x31, 0x60, 0x0b, 0x0e, 0x13, 0x52, 0x34, 0x49, 0x81, 0x8b, 0x38, 0xd9, 0x0c, 0xed, 0x39, 0xdb])
        #expect(id.description == "0e0b6031-5213-4934-818b-38d90ced39db")
        #expect(GUID("{0e0b6031-5213-4934-818b-38d90ced39db}") == id)
    }

    @Test("a new one is random and of version 4")
    func version() {
        let (one, other) = (GUID(), GUID())
        #expect(one != other)
        #expect(Array(one.description)[14] == "4")
        #expect("89ab".contains(Array(one.description)[19]))
    }

    @Test(
        "what is not a GUID is refused",
        arguments: ["", "0e0b6031", "0e0b6031-5213-4934-818b-38d90ced39dx", "0e0b60315213-4934-818b-38d90ced39db-"])
    func refused(text: String) {
        #expect(GUID(text) == nil)
    }
}
