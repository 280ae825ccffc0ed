extension HelpTopic {
    static let checkpoints = HelpTopic(
        name: "about_Checkpoints", synopsis: "A machine's past: checkpoints, going back, merging, clones.",
        text: """
            Checkpoint-VM web01 'before the update'                      keeps what web01 is now
            Get-VMSnapshot web01 -Tree                                   which comes from which, and where the present hangs
            Restore-VMSnapshot 'before the update' web01                 goes back; what web01 is now is lost
            Remove-VMSnapshot web01 'before the update' -WhatIf          which files would be merged and deleted
            Get-VMSnapshot web01 | Remove-VMSnapshot                     ends the past; the present stays
            New-VM web -FromCheckpoint (Get-VMSnapshot golden ready) -Count 10 | Start-VM

            KINDS            Set-VM -CheckpointType. Standard: of a running machine memory, devices and disks of one instant; applied, the
                             machine is Saved and Start-VM goes on from there. Production: the guest (hv_vss_daemon) makes its file systems
                             consistent, and only the disks are kept; a guest that cannot gets a standard one, with ProductionOnly an
                             error. Of a machine that is off only disks and settings are kept, of a saved one its memory, too.

            FILES            A hard disk goes on in a differencing image beside its parent, disk_ID.avhdx. Memory lies in the folder
                             checkpoints of the machine's own (Set-VM -SnapshotFileLocation puts it elsewhere); a second checkpoint holds
                             only what has changed since the first. Raw images have no checkpoints.

            MERGING          An image that no checkpoint and not the present needs is merged into its parent and deleted, while the machine
                             runs, too; Get-VM's Status says how far. Interrupted by anything, the chain reads the same, and the next start
                             or removal goes on. Meanwhile no checkpoint is made.

            MOVING           Move-VMStorage web01 /srv/fast takes all images of a disk, and the memory of checkpoints, to another folder, while
                             the guest runs, too. Old files go when the new ones are in use. -WhatIf of this, of Checkpoint-VM,
                             Restore-VMSnapshot, Remove-VMSnapshot, Export-VM and Export-VMSnapshot lists the files.

            CLONES           Linked clones have disks that stand on the checkpoint's, ids and MAC addresses of their own, and go on from its
                             memory. The checkpoint cannot be removed while they exist. A guest that goes on from memory does not know that it
                             is a clone unless it has a driver for the virtual machine generation counter (Debian's cloud kernel has none):
                             until it is told, clones share host name, addresses and the state of their random number generators. Tell
                             it by Set-VMKeyValuePair, set its new MAC address, and write something of each clone's own to /dev/urandom.

            """)
}
