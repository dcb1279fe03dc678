# SPDX-License-Identifier: GPL-3.0-or-later
# Thin verbs over meson; each variant has its own build directory. `make help` lists them.
# CC stays meson's choice unless given: make CC=clang.
ifeq ($(origin CC),default)
CC :=
endif
export CC
FUZZ_SECONDS ?= 10
PRODUCT := -Dbuildtype=release -Db_lto=true -Dc_args=-g -Dtests=false -Dfuzz=false -Dbench=false
GCC := -Dbuildtype=release -Dc_args=-g -Dwerror=true
CLANG := -Dbuildtype=release -Dwerror=true
ASAN := -Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined -Dc_args=-fno-sanitize-recover=all -Dbench=false
TSAN := -Dbuildtype=debug -Doptimization=1 -Db_sanitize=thread -Dbench=false
PROFILE := -Dbuildtype=release -Dc_args='-g -fno-omit-frame-pointer' -Dtests=false -Dfuzz=false

.PHONY: all build gcc clang asan-build tsan-build profile deps test check integ asan tsan fuzz bench lint fmt docs demo \
	install clean help

all: build ## build/prtip

build:
	@tools/install-deps --check build
	@tools/configure build $(PRODUCT)
	@ninja --quiet -C build prtip optgen prtip.1 prtip.bash _prtip options.md event-log.schema.json

gcc:
	@tools/configure build-gcc $(GCC)
	@ninja --quiet -C build-gcc

clang:
	@CC=clang tools/configure build-clang $(CLANG)
	@ninja --quiet -C build-clang

asan-build:
	@tools/configure build-asan $(ASAN)
	@ninja --quiet -C build-asan

tsan-build:
	@tools/configure build-tsan $(TSAN)
	@ninja --quiet -C build-tsan

profile: ## build-profile/prtip: symbols and frame pointers
	@tools/configure build-profile $(PROFILE)
	@ninja --quiet -C build-profile

deps: ## install what building needs
	tools/install-deps build

test: ## everything; installs what is missing; ends with "N passed, N failed"
	@tools/install-deps build test
	@tools/run-tests 'run:build:make -s build' 'run:gcc without warnings:make -s gcc' \
		'run:clang without warnings:make -s clang' 'run:asan and ubsan build:make -s asan-build' \
		'run:binary:tools/check-binary build/prtip' 'run:lint:tools/lint build-clang' \
		meson:build-gcc meson:build-asan integ:tests/integ

check: gcc ## unit tests and fuzz replay
	@tools/run-tests meson:build-gcc

integ: build gcc ## tests in network namespaces
	@tools/run-tests integ:tests/integ

asan: asan-build ## unit tests and fuzz replay under ASan and UBSan
	@tools/run-tests meson:build-asan

tsan: tsan-build ## unit tests under TSan
	@tools/run-tests meson:build-tsan

fuzz: ## every fuzz target for FUZZ_SECONDS
	@CC=clang tools/configure build-fuzz -Dbuildtype=debug -Doptimization=1 -Dlibfuzzer=true -Dtests=false -Dbench=false
	@ninja --quiet -C build-fuzz
	@tools/run-fuzz build-fuzz $(FUZZ_SECONDS)

bench: build ## prtip beside its peers, and the scenarios: bench/results, README's table, docs/performance.md
	@bench/run && bench/scenarios && bench/table

lint: clang ## layers, sizes, banned calls, globals, documents, format
	@tools/lint build-clang

fmt: ## apply .clang-format
	git ls-files -co --exclude-standard '*.c' '*.h' | xargs clang-format -i

docs: build ## generated documents, from the tables in the program
	cp build/options.md build/event-log.schema.json docs/

demo: ## build it, scan a network of namespaces, check the result
	@tools/demo

install: build ## to the prefix; DESTDIR is respected
	meson install -C build --no-rebuild --strip

clean:
	rm -rf build build-gcc build-clang build-asan build-tsan build-profile build-fuzz

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
