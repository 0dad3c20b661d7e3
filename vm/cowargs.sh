# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# What must be known here of the command line of cow, and no more. Sourced,
# after lib.sh.

# What prove could make nothing of is shown as it is.
only_asks() {
	local arg

	for arg; do
		case $arg in
		-l|-lv|-vl|--list|--json|-h|--help|help|--version|--restore)
			return 0 ;;
		esac
	done
	return 1
}

# walk_args VISIT ARG...: calls "VISIT word ARG" for each argument, and
# "VISIT file OPTION PREFIX FILE" for one that is (behind PREFIX) a file.
walk_args() {
	local visit=$1 option='' arg

	shift
	for arg; do
		if [ -n "$option" ]; then
			"$visit" file "$option" '' "$arg"
			option=
			continue
		fi
		case $arg in
		--known-issues|--exclude-from)
			option=$arg
			"$visit" word "$arg" ;;
		--known-issues=*|--exclude-from=*)
			"$visit" file "${arg%%=*}" "${arg%%=*}=" "${arg#*=}" ;;
		*)	"$visit" word "$arg" ;;
		esac
	done
}

check_file() {
	[ "$1" = word ] || [ -f "$4" ] || die "$2 $4: no such file"
}

# Into $guest_dir: see guest_argv.
give_to_guest() {
	local file

	if [ "$1" = word ]; then
		printf '%s\0' "$2"
		return
	fi
	file=files/$(find "$guest_dir/files" -type f | wc -l)
	cp -- "$4" "$guest_dir/$file" || exit 2
	printf '%s\0' "$3/cowpin/$file"
}

# guest_argv DIR ARG...: the arguments as they are in the guest, where DIR is
# /cowpin: files that they name come along. NUL-terminated.
guest_argv() {
	local guest_dir=$1

	shift
	mkdir -p "$guest_dir/files"
	walk_args give_to_guest "$@"
}

# Words as one would type them.
quoted() {
	local word words=()

	for word; do
		[[ $word =~ ^[A-Za-z0-9_./:=,+@%-]+$ ]] ||
			word="'${word//\'/\'\\\'\'}'"
		words+=("$word")
	done
	echo "${words[*]}"
}

# without_selection ARG...: all options but those that select tests,
# NUL-terminated.
without_selection() {
	local arg skip=''

	for arg; do
		if [ -n "$skip" ]; then
			skip=
			continue
		fi
		case $arg in
		-r|-g|--run|--group)		skip=yes ;;
		-r*|-g*|--run=*|--group=*)	;;
		*)				printf '%s\0' "$arg" ;;
		esac
	done
}
