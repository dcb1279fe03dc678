#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# The gates themselves: each passes a clean small tree and fails the one fault it is there for; so does the runner.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
spdx='/* SPDX-License-Identifier: GPL-3.0-or-later */'
export PYTHONDONTWRITEBYTECODE=1

fresh() { # an empty tree with the tools
	rm -rf "$scratch/t"
	mkdir -p "$scratch/t/src/base" "$scratch/t/src/wire" "$scratch/t/src/out" "$scratch/t/src/tui" "$scratch/t/tests"
	cp -r "$root/tools" "$scratch/t/"
	echo '# none' >"$scratch/t/tools/exceptions.txt"
}
put() { # FILE; text from stdin, SPDX line added
	{
		echo "$spdx"
		cat
	} >"$scratch/t/$1"
}
expect() { # CODE WHAT COMMAND...
	local code=$1 what=$2 got
	shift 2
	(cd "$scratch/t" && "$@") >"$scratch/log" 2>&1
	got=$?
	if [ $got -ne "$code" ]; then
		echo "$what: exit $got, want $code"
		cat "$scratch/log"
		failed=1
	fi
}
lines() { # N statements
	for ((i = 0; i < $1; i++)); do echo "	x++;"; done
}

fresh
put src/out/a.c <<<'#include "wire/b.h"'
expect 0 "lower rank" tools/check-layers
put src/out/a.c <<<'#include "tui/b.h"'
expect 1 "sibling" tools/check-layers
put src/base/a.c <<<'#include "wire/b.h"'
expect 1 "higher rank" tools/check-layers

fresh
put src/base/a.c <<<"int f(int x)
{
$(lines 97)
	return x;
}"
expect 0 "function of 100 lines" tools/check-size
put src/base/a.c <<<"int f(int x)
{
$(lines 98)
	return x;
}"
expect 1 "function of 101 lines" tools/check-size
echo 'size src/base/a.c:f a reason' >"$scratch/t/tools/exceptions.txt"
expect 0 "excused function" tools/check-size
put src/base/a.c </dev/null
expect 1 "exception without need" tools/check-size
fresh
put src/base/a.c <<<"const int t[] = {
$(for ((i = 0; i < 1000; i++)); do echo "	1,"; done)
};"
expect 0 "table of 1000 lines" tools/check-size
put src/base/a.c <<<"$(for ((i = 0; i < 901; i++)); do echo "int f$i(void);"; done)"
expect 1 "file of 901 lines" tools/check-size
put src/base/a.c <<<'int f(int x)
{
	return x && x && x && x && x && x && x && x && x && x && x && x && x && x && x;
}'
expect 0 "complexity 15" tools/check-size
put src/base/a.c <<<'int f(int x)
{
	return x && x && x && x && x && x && x && x && x && x && x && x && x && x && x && x;
}'
expect 1 "complexity 16" tools/check-size

for call in 'strcpy(a, b)' 'sprintf(a, b)' 'strtok(a, b)' 'atoi(a)' 'exit(1)' 'abort()' 'malloc(1)' 'free(a)' 'printf("x")'; do
	fresh
	put src/wire/a.c <<<"void f(char *a, char *b) { $call; }"
	expect 1 "$call" tools/check-banned
done
fresh
put src/wire/a.c <<<'/* strcpy(a, b) exit(1) */
const char *s = "malloc(1)";'
expect 0 "banned words in comment and literal" tools/check-banned
put src/wire/a.c <<<'int x; // scratch'
expect 1 "// comment" tools/check-banned
fresh
echo 'int x;' >"$scratch/t/src/wire/a.c"
expect 1 "no SPDX line" tools/check-banned

if command -v cc >/dev/null && command -v objdump >/dev/null; then
	for case in '1:int x;' '1:static int x = 1; int *f(void) { return &x; }' '1:int f(void) { static int n; return n++; }' \
		'0:static const char *const t[] = {"a"}; const char *f(int i) { return t[i]; }' '0:const int x = 1;'; do
		fresh
		mkdir -p "$scratch/t/b/src/base/l.p"
		echo "${case#*:}" | cc -fPIE -O0 -x c -c - -o "$scratch/t/b/src/base/l.p/a.c.o"
		expect "${case%%:*}" "global: ${case#*:}" tools/check-globals b
	done
fi

fresh
mkdir -p "$scratch/t/docs" "$scratch/t/b"
for name in options.md event-log.schema.json; do
	echo "$name" | tee "$scratch/t/docs/$name" >"$scratch/t/b/$name"
done
echo '[options](docs/options.md) come from `tools/lint`, `src/base/` and [elsewhere](https://192.0.2.1/)' >"$scratch/t/README.md"
expect 0 "documents" tools/check-docs b
echo '[options](docs/nowhere.md)' >"$scratch/t/README.md"
expect 1 "link to nowhere" tools/check-docs b
echo 'see `src/base/nowhere.c`' >"$scratch/t/README.md"
expect 1 "file that is not there" tools/check-docs b
echo none >"$scratch/t/README.md"
echo other >"$scratch/t/b/options.md"
expect 1 "old option reference" tools/check-docs b

fresh
mkdir -p "$scratch/t/docs" "$scratch/t/src"
echo 'It scans; `took 5 ms` is an example.' >"$scratch/t/README.md"
echo '# none' >"$scratch/t/tools/settings.tsv"
expect 0 "no figures" tools/check-figures
echo 'It waits 5 ms.' >"$scratch/t/README.md"
expect 1 "figure without a reason" tools/check-figures
echo 'WAIT_MS = 5' >"$scratch/t/src/a.c"
printf 'README.md\t5 ms\tsrc/a.c\tWAIT_MS = 5\n' >"$scratch/t/tools/settings.tsv"
expect 0 "figure that the source makes so" tools/check-figures
echo 'WAIT_MS = 6' >"$scratch/t/src/a.c"
expect 1 "figure that the source makes so no more" tools/check-figures
echo 'It waits.' >"$scratch/t/README.md"
expect 1 "reason without a figure" tools/check-figures

fresh
mkdir -p "$scratch/t/bench/results" "$scratch/t/docs"
cp "$root/bench/table" "$root"/bench/*.py "$scratch/t/bench/"
printf '<!-- bench:begin -->\n<!-- bench:end -->\n' >"$scratch/t/README.md"
echo '{"type": "row", "name": "slow", "is_met": false, "goal": 2, "ratio": 1}' >"$scratch/t/bench/results/os.jsonl"
echo '{"type": "machine"}' >"$scratch/t/bench/results/peers.jsonl"
echo '# none' >"$scratch/t/bench/shortfalls.tsv"
expect 0 "tables are written" bench/table
expect 1 "missed goal without a cause" bench/table --check
printf 'os\tsl*\tbusy\tREADME.md\n' >"$scratch/t/bench/shortfalls.tsv"
expect 0 "tables are written again" bench/table
expect 0 "missed goal with its cause" bench/table --check
printf 'os\tsl*\tbusy\tnowhere\n' >"$scratch/t/bench/shortfalls.tsv"
expect 1 "cause without evidence" bench/table --check
printf 'os\tsl*\tbusy\tREADME.md\nos\tquick\tbusy\tREADME.md\n' >"$scratch/t/bench/shortfalls.tsv"
expect 1 "cause of a goal that is met" bench/table --check

fresh
mkdir "$scratch/t/it"
printf '#!/bin/sh\nexit 0\n' >"$scratch/t/it/a.sh"
printf '#!/bin/sh\nexit 77\n' >"$scratch/t/it/b.sh"
expect 0 "runner, pass and skip" tools/run-tests integ:it run:yes:true
[ "$(tail -n 1 "$scratch/log")" = "2 passed, 0 failed, 1 skipped" ] || { echo "count line: $(tail -n 1 "$scratch/log")"; failed=1; }
printf '#!/bin/sh\necho why; exit 3\n' >"$scratch/t/it/c.sh"
expect 1 "runner, failure" tools/run-tests integ:it
grep -q '| why' "$scratch/log" || { echo "runner hides the output of a failure"; failed=1; }
[ "$(tail -n 1 "$scratch/log")" = "1 passed, 1 failed, 1 skipped" ] || { echo "count line: $(tail -n 1 "$scratch/log")"; failed=1; }
# shellcheck disable=SC2016
printf '#!/bin/sh\n[ -e "$0.seen" ] || { touch "$0.seen"; echo unlucky; exit 3; }\n' >"$scratch/t/it/c.sh"
expect 0 "runner, failure beside others only" tools/run-tests integ:it
grep -q '| unlucky' "$scratch/log" || { echo "runner hides the output of a failure beside others"; failed=1; }
[ "$(tail -n 1 "$scratch/log")" = "2 passed, 0 failed, 1 skipped" ] || { echo "count line: $(tail -n 1 "$scratch/log")"; failed=1; }
expect 1 "runner, no build directory" tools/run-tests meson:nowhere

exit $failed
