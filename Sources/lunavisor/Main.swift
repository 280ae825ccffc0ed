import DiskHost
import Glibc
import Shell
import SwitchHost
import Worker

/// The executable: a worker, a switch, a disk's service or a mounted disk's server when asked to be one, else the shell.
@main
enum Main {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == "worker" { exit(WorkerMain.run(arguments: Array(arguments.dropFirst()))) }
        if arguments.first == "hosted" { exit(HostedMain.run(arguments: Array(arguments.dropFirst()))) }
        if arguments.first == "switch" { exit(SwitchMain.run(arguments: Array(arguments.dropFirst()))) }
        if arguments.first == "disk-service" { exit(DiskServiceMain.run(arguments: Array(arguments.dropFirst()))) }
        if arguments.first == "disk" { exit(DiskMain.run(arguments: Array(arguments.dropFirst()))) }
        exit(CommandLineFront.run(arguments))
    }
}
