#!/usr/bin/env bash
#
# style.sh format|warnings: the layout of the C code, and what compilers say.
#
set -eu
cd "$(dirname "$0")/.."

PG_CONFIG=${PG_CONFIG:-pg_config}
CLANG=${CLANG:-$(command -v clang-14 || command -v clang)}
CLANG_FORMAT=${CLANG_FORMAT:-$(command -v clang-format-14 || command -v clang-format)}

check_format() {
	# shellcheck disable=SC2046 # no name has a space
	"$CLANG_FORMAT" --dry-run --Werror $(git ls-files '*.c' '*.h')
}

# Every file of src/, by both compilers, with more warnings than the build has.  Two of
# the agent's need what the build makes of bpf/.
check_warnings() {
	local flags="-std=gnu11 -O2 -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers
		-Wno-sign-compare -D_GNU_SOURCE -Isrc -I. -isystem $("$PG_CONFIG" --includedir-server)
		-DTOPOLOGY_VERSION=\"\""
	local compiler file status=0
	[ -e build/flow_capture.skel.h ] || make -s PG_CONFIG="$PG_CONFIG" build/flow_capture.skel.h
	for compiler in "${CC:-gcc}" "$CLANG"; do
		for file in $(git ls-files 'src/*.c'); do
			# shellcheck disable=SC2086
			"$compiler" $flags -fsyntax-only "$file" || status=1
		done
	done
	return $status
}

case ${1:-} in
	format) check_format ;;
	warnings) check_warnings ;;
	*) echo "usage: style.sh format|warnings" >&2; exit 2 ;;
esac
