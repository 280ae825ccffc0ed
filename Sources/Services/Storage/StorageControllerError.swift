import Basics

/// Why a location of a SCSI controller could not be changed.
package struct StorageControllerError: DescribedError {
    package enum Code: String, Sendable { case noSuchLocation, occupied, empty, notADrive }
    package let code: Code
    package let location: Int

    package init(_ code: Code, location: Int) { (self.code, self.location) = (code, location) }

    package var identifier: String { "ScsiLocation" + code.rawValue.prefix(1).uppercased() + code.rawValue.dropFirst() }
    package var category: ErrorCategory {
        switch code {
        case .noSuchLocation: .invalidArgument
        case .occupied: .resourceExists
        case .empty: .objectNotFound
        case .notADrive: .invalidOperation
        }
    }
    package var target: String? { String(location) }
    package var message: String {
        switch code {
        case .noSuchLocation: "A SCSI controller has no location \(location); locations are 0 to 63."
        case .occupied: "Location \(location) of the SCSI controller is in use."
        case .empty: "Nothing is attached to location \(location) of the SCSI controller."
        case .notADrive: "What is attached to location \(location) of the SCSI controller is no DVD drive."
        }
    }
    package var recommendedAction: String? {
        code == .occupied ? "Choose another location, or remove what is there." : nil
    }
}
