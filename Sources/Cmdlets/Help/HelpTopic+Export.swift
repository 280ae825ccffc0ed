extension HelpTopic {
    static let export = HelpTopic(
        name: "about_Export", synopsis: "What an export holds, and how Import-VM takes what others made.",
        text: """
            Export-VM web01 /srv/exports writes the folder /srv/exports/web01:

            export.json              lists every file with size and SHA-256; a folder without it is not whole
            Virtual Machines/        the configuration with all checkpoints; its paths are relative to the folder
            Virtual Hard Disks/      every image, parents included; they find each other beside themselves
            Snapshots/               memory of checkpoints, and a saved state
            Boot/                    kernel and initial ramdisk

            Import-VM FOLDER                          the files stay there; id and name must be free in the store
            Import-VM FOLDER -Copy -GenerateNewId     copies, with an id and MAC addresses of its own
            Compare-VM FOLDER                         what stands in the way; its VM can be changed before it is imported

            VHD AND VHDX FILES OF OTHERS are imported with a description beside them, lunavisor-import.json:

                { "version": 1, "name": "web01", "memoryStartupBytes": 1073741824, "processorCount": 2, "generation": 2,
                  "disks": ["web01.vhdx"], "dvd": "tools.iso", "switchName": "inside", "notes": "",
                  "kernelPath": "vmlinuz", "initialRamdiskPath": "initrd.img", "kernelArguments": "root=/dev/sda1" }

            Only version and name must be there. Disks are attached in their order; parents of differencing disks lie beneath
            the folder and need no mention. Paths are relative to the folder; others, and symbolic links, are refused.

            """)
}
