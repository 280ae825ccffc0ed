import Basics
import CHost
import Glibc
import Testing
import WorkerProtocol

/// What a starter and the process of hosted machines say to each other.
@Suite struct HostedConversationTests {
    private final class Pair {
        let ends: [Int32]
        init() throws {
            var ends: [Int32] = [-1, -1]
            try #require(lv_socket_pair(&ends) == 0)
            self.ends = ends
        }
        deinit { for end in ends where end >= 0 { close(end) } }
    }

    private static func soon(_ seconds: UInt64 = 20) -> UInt64 { HostTime.monotonic() + seconds * 1_000_000_000 }

    private func request(_ count: Int) -> HostedRequest {
        var options = WorkerOptions(storeId: GUID(), virtualMachineId: GUID(), partitionId: 2, startedByUser: "u", startedByProcess: 1)
        for number in 0..<count { options[.handed(number)] = Int32(number) }
        return HostedRequest(name: "m", options: options)
    }

    /// More files than one message carries, each at its place.
    @Test(arguments: [0, 1, 200, 201, 700]) func aRequestBringsItsFilesInOrder(_ count: Int) throws {
        let pair = try Pair()
        var files: [Int32] = []
        defer { for file in files { close(file) } }
        for number in 0..<count {
            let file = lv_memory_file("file", UInt64(number + 1))
            try #require(file >= 0)
            files.append(file)
        }
        let wanted = request(count)
        let (sent, end) = (files, pair.ends[0])
        let sender = HostThread(name: "sender") {
            try? HostedConversation(socket: end, deadline: Self.soon()).send(wanted, files: sent)
        }
        defer { sender.join() }
        let (received, copies) = try HostedConversation(socket: pair.ends[1], deadline: Self.soon()).receive(HostedRequest.self) {
            $0.options.descriptors.count
        }
        defer { for copy in copies { close(copy) } }
        #expect(received.options == wanted.options)
        #expect(received.version == wanted.version)
        let sizes = copies.map { copy -> Int in
            var status = stat()
            return fstat(copy, &status) == 0 ? Int(status.st_size) : -1
        }
        #expect(sizes == Array(1..<count + 1))
    }

    @Test func aLengthBeyondAllReasonIsRefusedAtOnce() throws {
        let pair = try Pair()
        let bytes = [UInt8](littleEndian: UInt32.max)
        #expect(lv_send(pair.ends[0], bytes, bytes.count, nil, 0) == 4)
        #expect(throws: HostedConversation.Failure.self) {
            _ = try HostedConversation(socket: pair.ends[1], deadline: Self.soon()).receive(HostedRequest.self)
        }
    }

    @Test func whoSaysNothingIsNotWaitedForLongerThanAgreed() throws {
        let pair = try Pair()
        #expect(throws: HostedConversation.Failure.self) {
            _ = try HostedConversation(socket: pair.ends[1], deadline: HostTime.monotonic() + 20_000_000).receive(HostedRequest.self)
        }
    }

    @Test func anEndThatGoesEndsTheConversation() throws {
        var ends: [Int32] = [-1, -1]
        try #require(lv_socket_pair(&ends) == 0)
        defer { close(ends[1]) }
        close(ends[0])
        var isClosed = false
        do { _ = try HostedConversation(socket: ends[1], deadline: Self.soon()).receive(HostedRequest.self) } catch HostedConversation
            .Failure.closed
        { isClosed = true }
        #expect(isClosed)
    }
}
