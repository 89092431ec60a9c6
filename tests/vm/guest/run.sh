#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of /vm/tests, a line each: name, user, seconds, folder, command; divided by tabs.
# Tells of each in the form that tests/vm/vm.py reads:
#	@start NAME
#	| a line of its output
#	@end NAME STATUS
echo "@kernel $(uname -r)"
tab=$(printf '\t')
while IFS=$tab read -r name user seconds folder command; do
	echo "@start $name"
	become=
	home=/root
	[ "$user" = 0 ] || become="setpriv --reuid $user --regid $user --clear-groups" home=/home/user
	# shellcheck disable=SC2086 # words, or none
	(cd "$folder" && HOME=$home exec $become timeout -k 5 "$seconds" sh -c "$command") \
		>/vm/output 2>&1 </dev/null
	status=$?
	tail -c 40000 /vm/output | sed 's/^/| /'
	# A last line without its end.
	printf '\n@end %s %s\n' "$name" "$status"
done </vm/tests
echo "@done"
