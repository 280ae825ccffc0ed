extension HelpTopic {
    static let prompt = HelpTopic(
        name: "about_Prompt", synopsis: "Keys and words at the prompt.",
        text: """
            Tab             completes; when there is a choice, lists it with a line about each
            Enter           runs the text, or begins another line where it is no program yet; two empty lines give up
            Alt-Enter       begins another line in any case
            Up, Down        another line of the text, or another entry of the history; Ctrl-P and Ctrl-N: another entry
            Ctrl-R          looks for an entry that holds what is typed
            Home, End       the line's ends; Ctrl-Left, Ctrl-Right: words; Ctrl-W, Ctrl-K, Ctrl-U delete
            Ctrl-C          drops the text, or stops what runs; Ctrl-Z stops the shell until fg; Ctrl-D on an empty line leaves

            A pasted text is one program, whatever is in it; Enter runs it.

            exit [CODE], quit, help [NAME], ? [NAME], clear, history   are words of the prompt unless a variable has that name.

            A top-level `local` lives as long as the session. The prompt names the store when it is not the usual one. History is
            kept in $XDG_STATE_HOME/lunavisor/history (~/.local/state when that is not set), by all shells together.
            $XDG_CONFIG_HOME/lunavisor/profile.lua (~/.config when that is not set) runs before the first prompt, as if it were
            typed; one that fails is told of, and --no-profile leaves it out. Scripts, -c and standard input never run it.
            NO_COLOR and TERM=dumb are heeded.

            """)
}
