# SPDX-License-Identifier: MIT
# Completion of `ix` for bash. What there is to complete it asks `ix` itself:
# commands, their options, dataplanes that run, settings.

_ix_commands() {
	"$1" help 2>/dev/null | sed -n 's/^  \([a-z]*\) .*/\1/p'
}

_ix_options() { # IX COMMAND
	"$1" "$2" --help 2>/dev/null |
		grep -oE '^ +(-[a-z], +)?--[a-z_.0-9-]+' | grep -oE -- '--.*'
}

_ix_dataplanes() {
	"$1" ps 2>/dev/null | awk 'NR > 1 { print $1; print $2 }'
}

_ix_live() {
	"$1" set --help 2>/dev/null | tr '\n' ' ' | sed 's/.*Live are://' |
		tr -s ' ,' '\n' | sed 's/..*/&=/'
}

# Of an option of `ix run`: true|false, or the words of an ENUM.
_ix_words() { # IX COMMAND OPTION
	case $3 in
	--state)
		echo syn-sent syn-received established fin-wait-1 fin-wait-2 \
			close-wait closing last-ack time-wait
		;;
	*)
		"$1" "$2" --help 2>/dev/null |
			sed -n "s/^  $3 \([a-z0-9|]*|[a-z0-9|]*\)$/\1/p" | tr '|' ' '
		;;
	esac
}

_ix() {
	local ix=${COMP_WORDS[0]} command=${COMP_WORDS[1]:-} words
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

	COMPREPLY=()
	if ((COMP_CWORD == 1)); then
		words=$(_ix_commands "$ix")
	elif [[ $cur == -* ]]; then
		words=$(_ix_options "$ix" "$command")
	elif [[ $prev == --* ]] && words=$(_ix_words "$ix" "$command" "$prev") &&
		[[ $words ]]; then
		:
	elif [[ $command == run || $command == conf || $prev == --dir ]]; then
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	elif [[ $command == set ]]; then
		words=$(_ix_live "$ix")
		((COMP_CWORD > 2)) || words+=" $(_ix_dataplanes "$ix")"
		compopt -o nospace 2>/dev/null
	else
		words=$(_ix_dataplanes "$ix")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o filenames -F _ix ix
