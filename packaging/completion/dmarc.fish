# dmarc(1) in fish. What there is to complete, the program's own --help says.

function __dmarc_help
    set -l typed (commandline -opc)
    # dmarc report --check has options of its own.
    dmarc $typed[2] (string match -- --check $typed) --help 2>/dev/null
end

function __dmarc_options
    __dmarc_help | string replace -rf -- '^  (-[a-z-]+)( [A-Z]\S*)? +(.*)' '$1'\t'$3'
end

function __dmarc_words
    set -l command (commandline -opc)[2]
    __dmarc_help | string replace -rf -- ".* dmarc $command ([a-z][a-z|-]*).*" '$1' | string split '|'
end

complete -c dmarc -n __fish_use_subcommand -f \
    -a "(dmarc --help | string replace -rf '^  ([a-z]+) +(.*)' '\$1'\t'\$2')"
complete -c dmarc -n 'not __fish_use_subcommand' -a '(__dmarc_options)'
complete -c dmarc -n 'not __fish_use_subcommand' -a '(__dmarc_words)'
