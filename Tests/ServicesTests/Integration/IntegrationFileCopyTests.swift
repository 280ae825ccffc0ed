import Services
import Testing

/// hv_fcopy_daemon as far as it matters: one file at a time.
final class FileCopyDaemon {
    var files: [String: [UInt8]] = [:]
    var folders: Set<String> = ["/", "/tmp/"]
    var diskSize = Int.max
    private var open: String?

    func handle(_ body: inout [UInt8]) -> UInt32 {
        switch body.get(UInt32.self, at: 0) {
        case 0:
            let (folder, path) = (body.text(at: 556), body.text(at: 556) + body.text(at: 36))
            let flags = body.get(UInt32.self, at: 1076)
            if !folders.contains(folder) {
                guard flags & 2 != 0 else { return 0x8000_4005 }
                folders.insert(folder)
            }
            if files[path] != nil, flags & 1 == 0 { return 0x8007_0050 }
            files[path] = []
            open = path
            return 0
        case 1:
            guard let open, let file = files[open] else { return 0x8000_4005 }
            let data = body[52..<52 + Int(body.get(UInt32.self, at: 48))]
            guard file.count == Int(body.get(UInt64.self, at: 40)) else { return 0x8007_0057 }
            guard file.count + data.count <= diskSize else { return 0x8007_0070 }
            files[open] = file + data
            return 0
        case 2:
            open = nil
            return 0
        case 3:
            if let open { files[open] = nil }
            open = nil
            return 0
        default: return 0x8007_0032
        }
    }
}

@Suite struct GuestFileCopyServiceTests {
    private let daemon = FileCopyDaemon()

    private struct SourceFailure: Error {}

    private func bench() -> IntegrationBench<GuestFileCopyService> {
        let daemon = daemon
        var driver = LinuxDriver(versions: [(1, 1)], frameworks: [(3, 0)])
        driver.handle = { daemon.handle(&$0) }
        return IntegrationBench(driver) { GuestFileCopyService(pump: $0) }
    }

    private func file(_ path: String, _ data: [UInt8], overwrite: Bool = false, createPath: Bool = false) -> GuestFileCopy {
        GuestFileCopy(destination: path, size: UInt64(data.count), overwrite: overwrite, createPath: createPath) { offset, count in
            Array(data[Int(offset)..<Int(offset) + count])
        }
    }

    @Test(arguments: [0, 1, 6143, 6144, 6145, 50_000])
    func aFileArrivesWhole(size: Int) {
        let bench = bench()
        bench.open()
        let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var (progress, outcome): ([UInt64], Result<Void, IntegrationError>?) = ([], nil)
        bench.device.copy(file("/tmp/data", data), progress: { progress.append($0) }, completion: { outcome = $0 })
        bench.answerAll()
        #expect(outcome?.isSuccess == true)
        #expect(daemon.files["/tmp/data"] == data)
        #expect(progress.count == (size + 6143) / 6144 && progress.last ?? 0 == UInt64(size))
        #expect(!bench.device.isBusy)
    }

    @Test func refusalsAreDescribedAndLoseNothing() {
        let bench = bench()
        bench.open()
        daemon.files["/tmp/old"] = [1, 2, 3]
        var outcomes: [Result<Void, IntegrationError>] = []
        func copy(_ source: GuestFileCopy) {
            bench.device.copy(source, progress: { _ in }, completion: { outcomes.append($0) })
            bench.answerAll()
        }
        copy(file("/tmp/old", [9]))
        #expect(outcomes.last?.error?.code == .alreadyExists)
        #expect(daemon.files["/tmp/old"] == [1, 2, 3])
        copy(file("/tmp/old", [9], overwrite: true))
        #expect(daemon.files["/tmp/old"] == [9])
        copy(file("/new/folder/x", [1]))
        #expect(outcomes.last?.error?.code == .cannotWrite)
        #expect(outcomes.last?.error?.recommendedAction?.contains("-CreateFullPath") == true)
        copy(file("/new/folder/x", [1], createPath: true))
        #expect(daemon.files["/new/folder/x"] == [1])
        daemon.diskSize = 10_000
        copy(file("/tmp/big", Array(repeating: 1, count: 20_000)))
        #expect(outcomes.last?.error?.code == .diskFull)
        #expect(daemon.files["/tmp/big"] == nil)
        for path in ["", "name", "relative/name", "/", "/tmp/", "/tmp/..", "/tmp/" + String(repeating: "x", count: 255), "/tmp/a\u{0}b"] {
            copy(file(path, [1]))
            #expect(outcomes.last?.error?.code == .invalidArgument, "\(path)")
        }
        copy(file("C:\\Temp\\file.txt", [1], createPath: true))
        #expect(daemon.files["C:\\Temp\\file.txt"] == [1])
    }

    @Test func aSourceThatFailsOrEndsEarlyRemovesTheFile() {
        let bench = bench()
        bench.open()
        var outcome: Result<Void, IntegrationError>?
        bench.device.copy(
            GuestFileCopy(destination: "/tmp/a", size: 10_000) { offset, count in
                if offset > 0 { throw SourceFailure() }
                return [UInt8](repeating: 0, count: count)
            }, progress: { _ in }, completion: { outcome = $0 })
        bench.answerAll()
        #expect(outcome?.error?.code == .sourceFailed)
        bench.device.copy(
            GuestFileCopy(destination: "/tmp/a", size: 10_000) { _, _ in [1, 2] }, progress: { _ in }, completion: { outcome = $0 })
        bench.answerAll()
        #expect(outcome?.error?.code == .sourceFailed)
        #expect(daemon.files.isEmpty)
        #expect(!bench.device.isBusy)
    }

    @Test func cancellingRemovesTheFile() {
        let bench = bench()
        bench.open()
        var outcomes: [Result<Void, IntegrationError>] = []
        bench.device.copy(file("/tmp/a", Array(repeating: 1, count: 30_000)), progress: { _ in }, completion: { outcomes.append($0) })
        bench.answerOne()
        bench.answerOne()
        #expect(daemon.files["/tmp/a"]?.count == 6144)
        bench.device.cancel()
        #expect(outcomes.last?.error?.code == .cancelled)
        bench.device.copy(file("/tmp/b", [1]), progress: { _ in }, completion: { outcomes.append($0) })
        #expect(outcomes.last?.error?.code == .busy)
        bench.answerAll()
        #expect(daemon.files.isEmpty && outcomes.count == 2)
        bench.device.copy(file("/tmp/b", [1]), progress: { _ in }, completion: { outcomes.append($0) })
        bench.device.cancel()
        bench.answerAll()
        #expect(daemon.files.isEmpty && !bench.device.isBusy)
    }

    @Test func silenceAndClosingEndACopy() {
        let bench = bench()
        bench.open()
        var outcomes: [Result<Void, IntegrationError>] = []
        bench.device.copy(file("/tmp/a", [1]), progress: { _ in }, completion: { outcomes.append($0) })
        bench.advance(seconds: 60)
        #expect(outcomes.last?.error?.code == .timedOut)
        bench.answerAll()
        bench.device.copy(file("/tmp/a", [1], overwrite: true), progress: { _ in }, completion: { outcomes.append($0) })
        bench.close()
        #expect(outcomes.last?.error?.code == .disconnected)
        #expect(!bench.device.isBusy)
    }
}
