import Basics

/// One offer, for views.
package struct ChannelSummary: Sendable, Equatable {
    package let interfaceInstance: GUID
    package let relid: UInt32
    package let subIndex: Int
    package let isOpen: Bool
    package let targetProcessor: Int?
}
