extension HelpTopic {
    static let guestServices = HelpTopic(
        name: "about_GuestServices", synopsis: "What running guests tell and do through their integration services.",
        text: """
            Get-VMIntegrationService web01                         which services are on, and how they do
            (Get-VM web01).Heartbeat                               whether the guest is alive
            Get-VMKeyValuePair web01                               what it tells of itself: system, name, addresses
            Set-VMKeyValuePair web01 Role frontend                 tells it something; Linux: /var/lib/hyperv/.kvp_pool_0
            Copy-VMFile web01 a.tar /srv/a.tar -FileSource Host    copies a file into it
            Stop-VM web01                                          shuts it down

            A Linux guest needs its kernel's hv_utils, and for pairs and files the programs of the package hyperv-daemons.
            "Guest Service Interface", which copies files, is off until it is turned on:

                Enable-VMIntegrationService 'Guest Service Interface' web01

            ADDRESSES        Set-VMNetworkAdapterIPConfiguration asks the guest's key-value daemon, which runs
                             /usr/libexec/hypervkvpd/hv_set_ifconfig with the name of a file that holds lines like IPADDR0=10.0.0.7.
                             Debian has no such script; its guests refuse with 0x80004005 until you put one there. Its daemon also
                             runs without the right to change addresses: CapabilityBoundingSet=CAP_NET_ADMIN in a drop-in of
                             hv-kvp-daemon.service gives it that.

            MEMORY           Set-VMMemory -DynamicMemoryEnabled $true lets memory follow what the guest uses, between -MinimumBytes
                             and -MaximumBytes. A Linux guest brings added memory into use by itself when its kernel was built so, or
                             with memhp_default_state=online among -KernelArguments.

            """)

    static let sockets = HelpTopic(
        name: "about_Sockets", synopsis: "How programs of host and guest talk to each other by sockets, without a network.",
        text: """
            A guest's AF_VSOCK sockets (Linux: hv_sock) meet Unix sockets in the machine's folder, (Get-VM web01).Path:

            vsock_PORT       Guest to host: a program of the host listens on the Unix socket vsock_5000; the guest connects to
                             CID 2, port 5000. Nobody listening there: the guest's connect fails (Linux pays no heed to a
                             refusal; its connect times out after two seconds).

            vsock            Host to guest: a program of the guest listens on port 5000; a program of the host connects to vsock,
                             writes the line CONNECT 5000, and reads OK 5000 when the guest has taken the connection, which it must
                             within ten seconds; else a line that begins with ERROR says why. What follows is the guest's.

            On the host, with socat:

                socat - UNIX-LISTEN:vsock_5000
                socat - UNIX-CONNECT:vsock

            Each side may end its direction alone. Ports go up to 2147483647, and a machine has at most 256 connections. A saved
            machine's connections end: its guest finds them closed when it goes on.

            """)
}
