#!/usr/bin/env bash
#
# layout.sh: the include directions of src/ are those of the table in
# src/README.md ("may include"), and nothing that has to build without a server
# includes a header of PostgreSQL.
#
set -eu
cd "$(dirname "$0")/.."

# "folder: other other ..." for each row of the table
allowed=$(awk -F'|' '/^\| `[a-z]+` \|/ {
	folder = $2; gsub(/[` ]/, "", folder)
	list = $4; gsub(/[`,]/, " ", list)
	print folder ": " folder " " list " " }' src/README.md)
[ -n "$allowed" ] || { echo "src/README.md has no table of folders" >&2; exit 1; }

status=0
complain() {
	echo "$1" >&2
	status=1
}

for file in $(git ls-files 'src/*/*.[ch]' 2>/dev/null || find src -mindepth 2 -name '*.[ch]'); do
	folder=$(echo "$file" | cut -d/ -f2)
	row=$(echo "$allowed" | grep "^$folder: ") || { complain "$file: folder $folder is not in src/README.md"; continue; }
	for included in $(sed -n 's/^#include "\([a-z_]*\)\/.*"/\1/p' "$file" | sort -u); do
		# a folder of PostgreSQL's own headers, such as utils/, is none of ours
		[ -d "src/$included" ] || [ "$included" = bpf ] || continue
		# ... and where both have one of that name, the file decides
		header=$(sed -n "s/^#include \"\($included\/.*\)\"/\1/p" "$file" | head -n 1)
		[ -e "src/$header" ] || [ -e "$header" ] || continue
		case "$row" in
			*" $included "* | *" $header "*) ;;
			*) complain "$file: $folder may not include $included/" ;;
		esac
	done
done

# decode/memory.c is the shim that gives decoders their memory, with and without a server
for folder in flow decode encode capture stream agent; do
	for file in $(grep -lE '#include "(postgres|postgres_fe|c|fmgr)\.h"' src/$folder/*.[ch] 2>/dev/null || true); do
		[ "$file" = src/decode/memory.c ] || complain "$file: has to build without a server"
	done
done
for file in $(grep -lE '#include "(postgres|fmgr)\.h"' bpf/* 2>/dev/null || true); do
	complain "$file: runs in the kernel"
done
exit $status
