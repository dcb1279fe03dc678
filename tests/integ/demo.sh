#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# tools/demo finds what it has laid out, says so when it does not, and leaves nothing behind when it is killed.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch" || exit 1
export PRTIP
failed=0
complain() {
	echo "$1"
	cat "$scratch/log"
	failed=1
}
processes() { # of the demo started here, listeners included
	for dir in /proc/[0-9]*; do # no program for each of them: the demo is soon over
		[[ $dir/cwd -ef $scratch || $dir/cwd -ef $scratch/demo-out ]] || continue
		tr '\0' ' ' <"$dir/cmdline" | grep -q "$root/tools/demo" && echo "${dir#/proc/}"
	done 2>/dev/null
}

"$root/tools/demo" >log 2>&1 || complain "the demo fails"
for file in scan.nmap scan.xml scan.gnmap scan.json; do
	[ -s "demo-out/$file" ] || complain "no $file"
done
sed '/"state":"open"/{s//"state":"closed"/;:rest;n;brest}' demo-out/scan.json >demo-out/wrong.json
cp demo-out/scan.xml demo-out/wrong.xml
cp demo-out/scan.gnmap demo-out/wrong.gnmap
cp demo-out/scan.nmap demo-out/wrong.nmap
mapfile -t hosts < <(sed -n 's/.*"type":"port","address":"\([^"]*\)","port":\([0-9]*\),.*"state":"open".*/\1=\2/p' demo-out/scan.json |
	awk -F= '{ports[$1] = ports[$1] (ports[$1] ? "," : "") $2} END {for (host in ports) print host "=" ports[host]}')
n_down=$(sed -n 's/.*"hosts":{"up":[0-9]*,"down":\([0-9]*\)}.*/\1/p' demo-out/scan.json)
"$root/tools/demo-check" demo-out/scan "$n_down" "${hosts[@]}" >log 2>&1 || complain "a right result is refused"
"$root/tools/demo-check" demo-out/wrong "$n_down" "${hosts[@]}" >log 2>&1 && complain "a wrong result is accepted"

for signal in TERM KILL; do
	"$root/tools/demo" >log 2>&1 &
	demo=$!
	for ((i = 0; i < 200; i++)); do
		grep -q '^\$ prtip' log && break
		sleep 0.05
	done
	[ -n "$(processes)" ] || complain "no processes are seen"
	kill -$signal $demo
	wait $demo 2>/dev/null && complain "exit 0 after SIG$signal"
	for ((i = 0; i < 100; i++)); do
		[ -z "$(processes)" ] && break
		sleep 0.05
	done
	[ -z "$(processes)" ] || complain "processes are left after SIG$signal: $(processes)"
done
exit $failed
