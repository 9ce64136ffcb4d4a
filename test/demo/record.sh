#!/usr/bin/env bash
#
# record.sh: capture the demo's fleet anew for those who cannot, into
# test/demo/recorded.flows.jsonl.  Needs what a live demo needs.

set -euo pipefail
here=$(dirname "$(realpath "$0")")
exec "$here/run.sh" --record "$here/recorded.flows.jsonl" "$@"
