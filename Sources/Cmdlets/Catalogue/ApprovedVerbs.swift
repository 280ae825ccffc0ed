extension Catalogue {
    /// PowerShell's approved verbs ("Approved Verbs for PowerShell Commands"), sorted; a cmdlet's verb is one of these, as Where,
    /// ForEach, Sort and Tee are of PowerShell's own cmdlets.
    public static let approvedVerbs: [String] = """
        Add Approve Assert Backup Block Build Checkpoint Clear Close Compare Complete Compress Confirm Connect Convert ConvertFrom \
        ConvertTo Copy Debug Denote Deny Deploy Disable Disconnect Dismount Edit Enable Enter Exit Expand Export Find ForEach Format Get \
        Grant Group Hide Import Initialize Install Invoke Join Limit Lock Measure Merge Mount Move New Open Optimize Out Ping Pop \
        Protect Publish Push Read Receive Redo Register Remove Rename Repair Request Reset Resize Resolve Restart Restore Resume \
        Revoke Save Search Select Send Set Show Skip Sort Split Start Step Stop Submit Suspend Switch Sync Tee Test Trace Unblock \
        Undo Uninstall Unlock Unprotect Unpublish Unregister Update Use Wait Watch Where Write
        """.split(separator: " ").map(String.init)

    private static let lowerCaseVerbs = Set(approvedVerbs.map { $0.lowercased() })

    /// True for an approved verb in any letter case.
    public static func isApprovedVerb(_ verb: String) -> Bool { lowerCaseVerbs.contains(verb.lowercased()) }
}
