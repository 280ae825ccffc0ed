import Glibc

/// The worker's standard error, which its starter has pointed to the VM's `worker.log`.
enum WorkerOutput {
    static func write(_ text: String) {
        let line = Array((text + "\n").utf8)
        _ = Glibc.write(2, line, line.count)
    }
}
