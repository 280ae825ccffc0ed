extension ModuleFacts {
    /// Exporting, importing and upgrading.
    static let transfer = """
        cmdlet Export-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        Path one 1 - - -
        AsJob one - - - -
        Passthru one - - - -
        CaptureLiveState one - - - CaptureCrashConsistentState,CaptureSavedState,CaptureDataConsistentState
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Export-VMSnapshot Export-VMCheckpoint
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue - -
        Path one 1 - - -
        VMName many - - - -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        VMSnapshot many 0 ByValue VMCheckpoint -
        cmdlet Import-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Path one 0 ByValue - -
        Register one - - - -
        AsJob one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VhdDestinationPath one 1 - - -
        Copy one - - - -
        VirtualMachinePath one - - - -
        SnapshotFilePath one - - CheckpointFileLocation,SnapshotFileLocation -
        SmartPagingFilePath one - - - -
        VhdSourcePath one - - - -
        GenerateNewId one - - - -
        CompatibilityReport one 0 ByValue - -
        cmdlet Move-VMStorage -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name one 0 ByValue VMName -
        DestinationStoragePath one 1 - - -
        ResourcePoolName one - - - -
        RetainVhdCopiesOnSource one - - - -
        RemoveSourceUnmanagedVhds one - - - -
        AllowUnverifiedPaths one - - - -
        AsJob one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VirtualMachinePath one - - - -
        SnapshotFilePath one - - CheckpointFileLocation,SnapshotFileLocation -
        SmartPagingFilePath one - - - -
        Vhds many - - - -
        VM one 0 ByValue - -
        cmdlet Update-VMVersion -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        Force one - - - -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Set-VMHost -
        ComputerName many 0 - - -
        Credential many 1 - - -
        MaximumStorageMigrations one - - - -
        MaximumVirtualMachineMigrations one - - - -
        VirtualMachineMigrationAuthenticationType one - - - -
        UseAnyNetworkForMigration one - - - -
        VirtualMachineMigrationPerformanceOption one - - - -
        ResourceMeteringSaveInterval one - - - -
        VirtualHardDiskPath one - - - -
        VirtualMachinePath one - - - -
        MacAddressMaximum one - - - -
        MacAddressMinimum one - - - -
        FibreChannelWwnn one - - - -
        FibreChannelWwpnMaximum one - - - -
        FibreChannelWwpnMinimum one - - - -
        NumaSpanningEnabled one - - - -
        EnableEnhancedSessionMode one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        CimSession many 0 ByPropertyName - -
        """
}
