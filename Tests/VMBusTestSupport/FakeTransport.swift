import VMBus

/// The hypervisor as a test sees it: a message slot with room for a few messages, event flags, ports.
package final class FakeTransport: VMBusTransport, @unchecked Sendable {
    // Safety: tests use it from one thread.
    package let processorCount: Int
    /// Messages that the guest has not taken.
    package var messages: [(payload: [UInt8], processor: Int, source: Int)] = []
    /// How many may wait (HypervisorCore: 16).
    package var messageRoom = 16
    /// Event flags set since the guest last looked, in order.
    package var signals: [(flag: Int, processor: Int, source: Int)] = []
    /// Instead of the list, for tests whose pumps are threads; called on any of them.
    package var onSignal: (@Sendable (_ flag: Int) -> Void)?
    private var signalPorts: [UInt32: @Sendable () -> Void] = [:]
    private var messagePorts: [UInt32: @Sendable ([UInt8], Int) -> Bool] = [:]

    package init(processorCount: Int) { self.processorCount = processorCount }

    package func post(_ payload: [UInt8], processor: Int, source: Int) -> Bool {
        precondition(payload.count <= 240 && (0..<processorCount).contains(processor) && (0..<16).contains(source))
        guard messages.count < messageRoom else { return false }
        messages.append((payload, processor, source))
        return true
    }

    package func signal(flag: Int, processor: Int, source: Int) {
        precondition((0..<2048).contains(flag) && (0..<processorCount).contains(processor) && (0..<16).contains(source))
        if let onSignal { onSignal(flag) } else { signals.append((flag, processor, source)) }
    }

    package func openSignalPort(connection: UInt32, action: @escaping @Sendable () -> Void) -> Bool {
        guard signalPorts[connection] == nil else { return false }
        signalPorts[connection] = action
        return true
    }

    package func closeSignalPort(connection: UInt32) { signalPorts[connection] = nil }

    package func openMessagePort(connection: UInt32, action: @escaping @Sendable ([UInt8], Int) -> Bool) -> Bool {
        guard messagePorts[connection] == nil else { return false }
        messagePorts[connection] = action
        return true
    }

    package func closeMessagePort(connection: UInt32) { messagePorts[connection] = nil }

    // MARK: the guest's hypercalls

    /// HvPostMessage; false: INVALID_CONNECTION_ID or INSUFFICIENT_BUFFERS.
    package func guestPosts(_ payload: [UInt8], connection: UInt32, processor: Int = 0) -> Bool {
        messagePorts[connection]?(payload, processor) ?? false
    }

    /// HvSignalEvent; false: INVALID_CONNECTION_ID.
    @discardableResult
    package func guestSignals(_ connection: UInt32) -> Bool {
        guard let port = signalPorts[connection] else { return false }
        port()
        return true
    }

    package var openSignalPorts: [UInt32] { signalPorts.keys.sorted() }
}
