# dmarc(1) in bash. What there is to complete, the program's own --help says.

_dmarc()
{
	local word=${COMP_WORDS[COMP_CWORD]} command=1 help words

	[[ ${COMP_WORDS[1]} == -c ]] && command=3
	((COMP_CWORD >= command)) || return
	if ((COMP_CWORD == command)); then
		words=$(dmarc --help | sed -n \
			's/^  \(-[a-zA-Z], \)\{0,1\}\([a-z-][a-z-]*\).*/\2/p')
	else
		command=${COMP_WORDS[command]}
		# dmarc report --check has options of its own.
		[[ " ${COMP_WORDS[*]} " == *" --check "* ]] && help=--check
		help=$(dmarc "$command" $help --help 2> /dev/null)
		if [[ $word == -* ]]; then
			words="--help $(sed -n 's/^  \(-[a-z-]*\).*/\1/p' <<< "$help")"
		else
			words=$(sed -n "s/.* dmarc $command \([a-z][a-z|-]*\).*/\1/p" \
				<<< "$help" | tr '|' '\n')
		fi
	fi
	COMPREPLY=($(compgen -W "$words" -- "$word"))
}

complete -o default -F _dmarc dmarc
