# dmarc(1) in fish. What there is to complete, the program's own --help says.

# The words behind dmarc, and behind its -c FILE.
function __dmarc_typed
    set -l typed (commandline -opc)[2..]
    if string match -q -- -c "$typed[1]"; and set -q typed[2]
        set typed $typed[3..]
    end
    for word in $typed
        printf '%s\n' $word
    end
end

function __dmarc_first
    test (count (__dmarc_typed)) -eq 0
end

function __dmarc_help
    set -l typed (__dmarc_typed)
    set -l check
    # dmarc report --check has options of its own.
    contains -- --check $typed; and set check --check
    # What goes on in the next line is made one.
    dmarc $typed[1] $check --help 2>/dev/null |
        sed -e :a -e '$!N' -e 's/\n          */ /' -e ta -e P -e D
end

function __dmarc_commands
    __dmarc_help | string replace -rf '^  ([a-z]+) +(.*)' '$1'\t'$2'
end

function __dmarc_options
    __dmarc_help | string replace -rf -- '^  (?:-\w, )?(-[a-z-]+)( [A-Z]\S*)? +(.*)' '$1'\t'$3'
end

function __dmarc_words
    set -l command (__dmarc_typed)[1]
    __dmarc_help | string replace -rf -- ".* dmarc $command ([a-z][a-z|-]*).*" '$1' | string split '|'
end

complete -c dmarc -n __dmarc_first -f -a '(__dmarc_commands)'
complete -c dmarc -n "string match -q -- '-*' (commandline -ct)" \
    -a '(__dmarc_options)'
complete -c dmarc -n 'not __dmarc_first' -a '(__dmarc_words)'
