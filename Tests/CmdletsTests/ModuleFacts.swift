/// Names, aliases, positions, pipeline binding and accepted words of the real module's parameters, for the cmdlets that exist here:
/// facts from MicrosoftDocs/windows-powershell-docs (2012 to 2025) and the reflection stub of dsccommunity/HyperVDsc.
///
///     cmdlet NAME ALIASES
///     PARAMETER one|many POSITION PIPELINE ALIASES VALUES
enum ModuleFacts {
    static let text = """
        cmdlet Get-VM gvm
        Name many 0 ByValue VMName -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Id one 0 ByPropertyName,ByValue - -
        ClusterObject one 0 ByValue - -
        cmdlet Get-VMComPort -
        VMName many 0 ByValue - -
        Number one 1 - - -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VM many 0 ByValue - -
        VMSnapshot one 0 ByValue VMCheckpoint -
        cmdlet Get-VMFirmware -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VMName many 0 ByValue - -
        VM many 0 ByValue - -
        VMSnapshot one 0 ByValue VMCheckpoint -
        cmdlet Get-VMHost -
        ComputerName many 0 ByValue - -
        Credential many 1 ByValue - -
        CimSession many 0 ByPropertyName - -
        cmdlet Get-VMMemory -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VMName many 0 ByValue - -
        VM many 0 ByValue - -
        VMSnapshot one 0 ByValue VMCheckpoint -
        cmdlet Get-VMProcessor -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VMName many 0 ByValue - -
        VMSnapshot one 0 ByValue VMCheckpoint -
        VM many 0 ByValue - -
        cmdlet New-VM -
        Name one 0 ByPropertyName,ByValue VMName -
        MemoryStartupBytes one 1 - - -
        BootDevice one - - - Floppy,CD,IDE,LegacyNetworkAdapter,NetworkAdapter,VHD
        NoVHD one - - - -
        SwitchName one - - - -
        Path one - - - -
        SourceGuestStatePath one - - - -
        Version one - - - -
        Prerelease one - - - -
        Experimental one - - - -
        Generation one 2 - - 1,2
        GuestStateIsolationType one - - - TrustedLaunch,VBS,SNP,TDX,Disabled
        Force one - - - -
        AsJob one - - - -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        NewVHDPath one - - - -
        NewVHDSizeBytes one - - - -
        VHDPath one - - - -
        cmdlet Remove-VM -
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
        cmdlet Remove-VMSavedState -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VMName many 0 ByValue - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        VMSnapshot one 0 ByValue VMCheckpoint -
        cmdlet Rename-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        NewName one 1 - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Restart-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        Force one - - - -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        Wait one - - - -
        For one - - - Heartbeat,IPAddress
        Delay one - - - -
        Timeout one - - TimeoutSec -
        VM many 0 ByValue - -
        cmdlet Resume-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Save-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Set-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        GuestControlledCacheTypes one - - - -
        LowMemoryMappedIoSpace one - - - -
        HighMemoryMappedIoSpace one - - - -
        ProcessorCount one - - - -
        DynamicMemory one - - - -
        StaticMemory one - - - -
        MemoryMinimumBytes one - - - -
        MemoryMaximumBytes one - - - -
        MemoryStartupBytes one - - - -
        AutomaticStartAction one - - - Nothing,StartIfRunning,Start
        AutomaticStopAction one - - - TurnOff,Save,ShutDown
        AutomaticStartDelay one - - - -
        AutomaticCriticalErrorAction one - - - None,Pause
        AutomaticCriticalErrorActionTimeout one - - - -
        AutomaticCheckpointsEnabled one - - - -
        LockOnDisconnect one - - - On,Off
        Notes one - - - -
        NewVMName one - - - -
        SnapshotFileLocation one - - - -
        SmartPagingFilePath one - - - -
        CheckpointType one - - - Disabled,Production,ProductionOnly,Standard
        Passthru one - - - -
        AllowUnverifiedPaths one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Set-VMFirmware -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VMName many 0 ByValue - -
        BootOrder many - - - -
        FirstBootDevice one - - - -
        EnableSecureBoot one - - - On,Off
        SecureBootTemplate one - - - -
        SecureBootTemplateId one - - - -
        PreferredNetworkBootProtocol one - - - IPv4,IPv6
        ConsoleMode one - - - Default,COM1,COM2,None
        PauseAfterBootFailure one - - - On,Off
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        VMFirmware many 0 ByValue - -
        cmdlet Set-VMMemory -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VMName many 0 ByValue - -
        Buffer one - - - -
        DynamicMemoryEnabled one - - - -
        MaximumBytes one - - - -
        StartupBytes one - - - -
        MinimumBytes one - - - -
        Priority one - - - -
        MaximumAmountPerNumaNodeBytes one - - - -
        ResourcePoolName one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        VMMemory many 0 ByValue - -
        cmdlet Set-VMProcessor -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VMName many 0 ByValue - -
        Count one - - - -
        CompatibilityForMigrationEnabled one - - - -
        CompatibilityForOlderOperatingSystemsEnabled one - - - -
        HwThreadCountPerCore one - - - -
        Maximum one - - - -
        Reserve one - - - -
        RelativeWeight one - - - -
        MaximumCountPerNumaNode one - - - -
        MaximumCountPerNumaSocket one - - - -
        ResourcePoolName one - - - -
        Perfmon many - - - -
        EnableHostResourceProtection one - - - -
        ExposeVirtualizationExtensions one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        VMProcessor many 0 ByValue - -
        cmdlet Start-VM savm
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Stop-VM spvm
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        Save one - - - -
        TurnOff one - - - -
        Force one - - - -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Suspend-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        Name many 0 ByValue VMName -
        AsJob one - - - -
        Passthru one - - - -
        WhatIf one - - wi -
        Confirm one - - cf -
        VM many 0 ByValue - -
        cmdlet Wait-VM -
        CimSession many - - - -
        ComputerName many - - - -
        Credential many - - - -
        VM many - ByValue - -
        Name many - ByValue VMName -
        AsJob one - - - -
        Passthru one - - - -
        For one - - - -
        Delay one - - - -
        Timeout one - - TimeoutSec -
        """
}
