#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# tools/new-module stamps a member of each family into a copy of the tree; it compiles, and its test fails.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
export PYTHONDONTWRITEBYTECODE=1

mkdir "$scratch/t"
cp -r "$root"/{meson.build,meson_options.txt,data,src,tests,tools} "$scratch/t/"
cd "$scratch/t" || exit 1
tools/new-module scan newscan && tools/new-module pktio newback && tools/new-module out newform || exit 1
if tools/new-module out newform 2>/dev/null; then
	echo "a second member of one name was stamped"
	exit 1
fi
tests="tests/unit/probe/test_scan_newscan tests/unit/pktio/test_newback tests/unit/out/test_newform"
# shellcheck disable=SC2086 # three targets
meson setup -Dfuzz=false -Dbench=false -Dwerror=true -Doptimization=0 "$scratch/b" >"$scratch/log" 2>&1 &&
	ninja -C "$scratch/b" $tests >>"$scratch/log" 2>&1 || {
	cat "$scratch/log"
	exit 1
}
for test in $tests; do
	"$scratch/b/$test" >"$scratch/log" 2>&1
	if ! grep -q 'is not written' "$scratch/log"; then
		echo "$test does not fail for the reason it should"
		cat "$scratch/log"
		exit 1
	fi
done
