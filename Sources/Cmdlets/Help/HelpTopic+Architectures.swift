extension HelpTopic {
    static let architectures = HelpTopic(
        name: "about_Architectures", synopsis: "Where a machine's devices and services run, and what it costs.",
        text: """
            A hypervisor runs guests in PARTITIONS. In the parent (root) partition runs the virtualization stack: emulated devices and
            services for disks and network. Each guest is a child partition. RINGS are the processor's privilege levels; a guest's
            rings are the engine's work and bound only what runs within the guest.

            TYPE 1 means that the hypervisor runs on the hardware itself, TYPE 2 that it is an application of another system. On Linux
            this product is the second: hypervisor and stack of a machine are in one process of the host, its worker, whichever
            architecture is chosen. What an architecture changes is who does the work, and which parts must be trusted together.

            Set-VMHost -Architecture Monolithic       what New-VM takes from now on when nothing is said
            New-VM web01 -Architecture Monolithic     of one machine; Set-VM changes it while the machine is off

            Microkernel      the default, as in Hyper-V. The hypervisor knows no device; services run in the parent's stack. What can be
                             done without waiting is done as a call on the thread of the virtual processor that asks (ServedInExit);
                             what has to wait for the host is left to a thread of the stack (HandedToThread).
            Monolithic       as in VMware ESXi. The same services' code is run as part of the hypervisor: also what waits for the host is
                             done within the exit, while the virtual processor stands. Only what finds its service busy, and long
                             queues' rest, is left to a thread. In Exact mode both are alike: all work is the virtual processor's.

            DriverDomain     as in Xen. The code of disk formats runs in a process per disk, which has the disk's images, a socket and a window
                             of memory, and may open nothing; the SCSI controller stays in the worker. A service that is killed or hangs is
                             replaced and the guest's requests go on. Switches are processes under every architecture.
            Hosted           as in Virtual Server or VMware Workstation. One process runs all of the store's machines that say so; if it ends,
                             all of them do.

            TrapAndEmulate   as under CP-67: the guest is not told of the hypervisor. It finds no leaves, no MSRs and no VMBus, but at most
                             two hard disks behind an ATA channel (ports 1F0h and 3F6h, interrupt 14). Data moves word by word through
                             its data port; images are read and written while the virtual processor stands. Linux finds the disks with
                             pata_legacy. There is no DVD drive and no network card; what asks the guest's services (Stop-VM without
                             -TurnOff) is refused. Each privileged instruction leaves translated code and is counted by kind. With
                             tsc_early_khz=1000000 among the kernel's arguments Linux need not measure its clock, which a busy host
                             makes it do badly.

            Get-VMService                             the processes that serve machines
            Get-TrustedComputingBase                  modules, lines and privileges of each process
            Test-FaultContainment lab -Service Disk -Fault Crash -Force       what a fault takes down

            THE TRUSTED COMPUTING BASE is the code that can break a guest's isolation. Under Microkernel and Monolithic it is the whole
            worker process: between hypervisor and stack stands an interface, not a wall of the host's. Between machines stands one: each
            has a worker process of its own. DriverDomain takes the formats' code out of it, Hosted puts all machines into it together.

            Measure-Architecture -KernelPath K -InitialRamdiskPath R boots a guest under each and compares what its work costs.
            Measure-Architecture web01 counts, since the worker's start:
            GuestToHypervisor     intercepts of all kinds
            HypervisorToParent    accesses to emulated devices, signals and messages
            ParentToHypervisor    hypercalls of the stack to reach the guest; in Monolithic, too, where they stay within the hypervisor
            ProcessToProcess      messages to and from the processes of DriverDomain's disks
            SystemCalls           of the services' threads and what they do for disks, without those of other processes
            ServiceSystemCalls    of the processes of DriverDomain's disks
            Privileged            TrapAndEmulate: CLI and STI, IN and OUT, MOV CR and others, by kind; a REP string counts each round

            """)
}
