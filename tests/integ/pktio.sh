#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# Every packet back end through the same checks over loopback and veth, then routes against the kernel's own answers.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
programs=${BUILD:-$root/build-gcc}/tests/unit/pktio
for program in backend_suite backend_limits route_oracle; do
	"$programs/$program"
	code=$?
	[ $code -eq 0 ] || exit $code # 77: no privilege for namespaces
done
