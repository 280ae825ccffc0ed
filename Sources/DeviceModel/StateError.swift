import Basics

/// Why saved state could not be made or taken.
package struct StateError: DescribedError {
    package enum Code: String, Sendable {
        case unencodable, undecodable, wrongUnit, newerVersion, duplicateUnit, missingUnit, unknownUnit, inconsistent
    }
    package let code: Code
    package let unit: String
    package let detail: String

    package init(_ code: Code, unit: String, detail: String = "") {
        (self.code, self.unit, self.detail) = (code, unit, detail)
    }

    package var identifier: String { "SavedState" + code.rawValue.prefix(1).uppercased() + code.rawValue.dropFirst() }
    package var category: ErrorCategory { .invalidData }
    package var target: String? { unit }
    package var message: String {
        switch code {
        case .unencodable: "The state of unit “\(unit)” cannot be written: \(detail)."
        case .undecodable: "The saved state of unit “\(unit)” cannot be read: \(detail)."
        case .wrongUnit: "The saved state of “\(detail)” was given to unit “\(unit)”."
        case .newerVersion: "The saved state of unit “\(unit)” has version \(detail)."
        case .duplicateUnit: "The saved state holds unit “\(unit)” twice."
        case .missingUnit: "The saved state lacks unit “\(unit)”."
        case .unknownUnit: "The saved state holds unit “\(unit)”, which this machine does not have."
        case .inconsistent: "The saved state of unit “\(unit)” contradicts itself: \(detail)."
        }
    }
}
