/// Raises a non-maskable interrupt at the guest's first virtual processor. It is there for the guest's kernel: for its crash dump or its
/// debugger.
package struct InterruptRequest: WorkerRequest {
    package typealias Reply = Done
    package static let name = "interrupt"
    package init() {}
}
