#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Profile one scenario of lab.py, from a clean clone: installs what is missing, builds with symbols and frame pointers.
#   profile-scenario.sh --scenario NAME --type cpu|memory|io [--output-dir DIR] [--sampling-rate HZ] [--runs N]
#   profile-scenario.sh --list
# PRTIP, if set, is the binary to profile; then nothing is built.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
case " $* " in *" --list "* | *" --help "* | *" -h "*) exec python3 "$here/measure.py" "$@" ;; esac
"$root/tools/install-deps" build profiling
if [ -z "${PRTIP-}" ]; then
	make -s -C "$root" profile
	PRTIP=$root/build-profile/prtip
	export PRTIP
fi
exec python3 "$here/measure.py" "$@"
