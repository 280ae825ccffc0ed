/// What this program is called by version.
package enum Product {
    package static let version = "0.1.0"
}
