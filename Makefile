# reconclaw: one Makefile, not recursive. `make help` lists the targets.
#
# MODE chooses flags and the directory below build/: release (default), debug, asan, tsan, fuzz, cov. CC=clang works in each.
# Sources are found, not listed: a new file in a room is built, a new tests/<level>/test_*.c is a test.

MODE    ?= release
BUILD   ?= build
OUT     := $(BUILD)/$(MODE)
PREFIX  ?= /usr/local
DESTDIR ?=
VERSION := $(shell sed -n 's/^## \([0-9][^ ]*\).*/\1/p' CHANGELOG.md | head -n 1)

ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(MODE),fuzz)
CC := clang
endif

PKGS := yaml-0.1 jansson libcurl libsystemd libcrypto libarchive libssh sqlite3 icu-i18n icu-uc
# Asked only when something is compiled, so that `make deps` and `make help` work on a bare machine.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 \
        -Wundef -Wimplicit-fallthrough -Wno-unused-parameter -Wno-missing-field-initializers -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack
SAN_asan := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SAN_tsan := -fsanitize=thread -fno-omit-frame-pointer
FLAGS_release := -O2 -g -D_FORTIFY_SOURCE=2 $(HARDEN)
FLAGS_debug   := -O0 -g3 $(HARDEN)
FLAGS_asan    := -O1 -g $(SAN_asan)
FLAGS_tsan    := -O1 -g $(SAN_tsan)
FLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
FLAGS_cov     := -O0 -g --coverage
LD_release := $(HARDEN_LD)
LD_debug   := $(HARDEN_LD)
LD_asan    := $(SAN_asan)
LD_tsan    := $(SAN_tsan)
LD_fuzz    := -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all
LD_cov     := --coverage
ifeq ($(filter $(MODE),release debug asan tsan fuzz cov),)
$(error MODE=$(MODE): not one of release debug asan tsan fuzz cov)
endif

CPPFLAGS += -I. -D_GNU_SOURCE -DRECONCLAW_VERSION='"$(VERSION)"'
CFLAGS   += -std=gnu17 $(WARN) $(FLAGS_$(MODE)) -pthread
# What is not needed is not loaded: tests start many programs.
LDFLAGS  += $(LD_$(MODE)) -pthread -Wl,--as-needed

# The rooms, in link order: who may include whom is proved by `make lint`.
ROOMS      := reconciler core watch backends state spec
SRC_spec       := $(sort $(wildcard spec/*.c spec/*/*.c))
SRC_state      := $(sort $(wildcard state/*.c))
SRC_backends   := $(sort $(wildcard backends/*.c backends/*/*.c))
SRC_watch      := $(sort $(wildcard watch/*.c))
SRC_core       := $(sort $(wildcard reconciler/core/*.c))
SRC_main       := reconciler/main.c
SRC_reconciler := $(filter-out $(SRC_main),$(sort $(wildcard reconciler/*.c)))
SRC_tests      := $(sort $(wildcard tests/lib/*.c))
objs = $(patsubst %.c,$(OUT)/obj/%.o,$(1))
LIBS       := $(foreach r,$(ROOMS),$(if $(SRC_$(r)),$(OUT)/lib$(r).a))

BIN := $(if $(filter release,$(MODE)),$(BUILD)/reconclaw,$(OUT)/reconclaw)
TESTS_unit     := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/unit/test_*.c)))
TESTS_prop     := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/prop/test_*.c)))
TESTS_contract := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/contract/test_*.c)))
BENCHES        := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/bench/bench_*.c)))
FUZZERS        := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
# Helper programs that shell tests run: tests/tools/NAME.c -> $(OUT)/tests/tools/NAME.
TOOLS          := $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/tools/*.c)))

.PHONY: all
all: $(if $(wildcard $(SRC_main)),$(BIN),$(LIBS)) ## build reconclaw

$(OUT)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(PKG_CFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define room_archive
$(OUT)/lib$(1).a: $(call objs,$(SRC_$(1)))
	@rm -f $$@
	ar rcsD $$@ $$^
endef
$(foreach r,$(ROOMS) tests,$(eval $(call room_archive,$(r))))

ifneq ($(wildcard $(SRC_main)),)
$(BIN): $(call objs,$(SRC_main)) $(LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm
endif

TEST_LIBS := $(if $(SRC_tests),$(OUT)/libtests.a) $(LIBS)
$(TESTS_unit) $(TESTS_prop) $(TESTS_contract): $(OUT)/%: $(OUT)/obj/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(PKG_LIBS) -lm
$(BENCHES) $(FUZZERS) $(TOOLS): $(OUT)/%: $(OUT)/obj/%.o $(TEST_LIBS)
	@mkdir -p $(@D)
	$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) -lm
.SECONDARY:

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

.PHONY: unit prop contract fuzzers benches tools
unit: $(TESTS_unit)
prop: $(TESTS_prop)
contract: $(TESTS_contract)
fuzzers: $(FUZZERS)
benches: $(BENCHES)
tools: $(TOOLS)

# --- set-up, tests, proofs ---------------------------------------------------------------------------------------------------------

.PHONY: deps deps-test demo
deps: ## install what the build and the demo need (Debian packages; root or sudo)
	@tests/lib/deps.sh build
deps-test: ## install what the tests need
	@tests/lib/deps.sh test
demo: deps ## build, and run the main job for real on the embedded default (bubblewrap)
	@$(MAKE) --no-print-directory all
	@samples/demo/run

# Every test binary of the sanitizer modes is built by a sub-make of this same file, so that one command proves all of them.
ASAN := $(BUILD)/asan
TSAN := $(BUILD)/tsan
in_mode = $(patsubst $(OUT)/%,$(BUILD)/$(1)/%,$(2))
# Programs with threads in them are worth a run under tsan.
THREADED := $(wildcard tests/unit/test_executor.c tests/unit/test_fake.c tests/unit/test_pool.c tests/prop/test_simulation.c tests/contract/test_fake.c)
TSAN_TESTS := $(patsubst %.c,$(TSAN)/%,$(THREADED))
E2E     := $(sort $(wildcard tests/e2e/*.bats))
INTEROP := $(sort $(wildcard tests/interop/*.bats))
FUZZ_SMOKE := tests/fuzz/smoke.sh
export RECONCLAW_PEERS ?= $(abspath $(BUILD))/peers

.PHONY: check check-unit check-prop check-contract check-e2e check-interop fuzz-smoke check-built bench lint format
check: deps-test ## install what the tests need and pass every one of them
	@$(MAKE) --no-print-directory check-built
# The builds share one pool of jobs, so that no core waits for another mode's last link, and what npm brings comes meanwhile: where
# that fails, the tests that need it ask once more and say why. The longest programs run first, so that the short ones fill the end.
check-built:
	@$(MAKE) --no-print-directory -s -j3 fetched built-asan built-release built-tsan built-fuzz built-clang
	@tests/run $(INTEROP) $(FUZZ_SMOKE) tests/lint.sh $(E2E) $(TSAN_TESTS) $(call in_mode,asan,$(TESTS_contract) $(TESTS_prop) $(TESTS_unit))
.PHONY: built-release built-asan built-tsan built-fuzz built-clang fetched
built-release:
	@$(MAKE) MODE=release all
built-asan:
	@$(MAKE) MODE=asan all unit prop contract tools benches
built-tsan:
	@$(MAKE) MODE=tsan $(TSAN_TESTS)
built-fuzz:
	@$(MAKE) MODE=fuzz fuzzers
# Nothing of this one is run: it shows that clang has nothing to say, and links.
built-clang:
	@$(MAKE) MODE=debug CC=clang BUILD=$(BUILD)/clang all unit
fetched:
	-@tests/lib/openclaw.sh 2026.5.3 2026.9.6 >/dev/null
check-unit: ## unit tests, under asan and ubsan
	@$(MAKE) --no-print-directory -s -j2 MODE=asan unit
	@tests/run $(call in_mode,asan,$(TESTS_unit))
check-prop: ## properties and simulation, under asan and ubsan, and tsan
	@$(MAKE) --no-print-directory -s -j2 MODE=asan prop
	@$(MAKE) --no-print-directory -s -j2 MODE=tsan $(TSAN_TESTS)
	@tests/run $(call in_mode,asan,$(TESTS_prop)) $(TSAN_TESTS)
check-contract: ## the contract suite against every backend, real peers included
	@$(MAKE) --no-print-directory -s -j2 MODE=asan contract tools
	@tests/run $(call in_mode,asan,$(TESTS_contract))
check-e2e: ## the real program against real engines, under asan and ubsan
	@$(MAKE) --no-print-directory -s -j2 all
	@$(MAKE) --no-print-directory -s -j2 MODE=asan all tools benches
	@tests/run $(E2E)
check-interop: ## the real OpenClaw and the real JSON5 package as the other party
	@$(MAKE) --no-print-directory -s -j2 MODE=asan all tools
	@tests/run $(INTEROP)
fuzz-smoke: ## each fuzz target for a short while, from its corpus
	@$(MAKE) --no-print-directory -s -j2 MODE=fuzz fuzzers
	@tests/run $(FUZZ_SMOKE)
bench: deps-test ## ratios against peers and the floor, in one interleaved run
	@$(MAKE) --no-print-directory -s -j2 all benches tools
	@tests/bench/run
	@$(BUILD)/release/tests/bench/bench_remote
lint: deps-test ## layers, purity, headers, format, static analysis
	@$(MAKE) --no-print-directory -s -j2 all
	@tests/lint.sh
format: ## let clang-format decide the layout
	clang-format -i $$(git ls-files -co --exclude-standard '*.c' '*.h')

# --- installing ---------------------------------------------------------------------------------------------------------------------

.PHONY: install uninstall dist clean help
install: all ## install below PREFIX (default /usr/local), DESTDIR honoured
	install -D -m 0755 $(BIN) $(DESTDIR)$(PREFIX)/bin/reconclaw
	install -d $(DESTDIR)$(PREFIX)/share/doc/reconclaw/samples/policies
	install -m 0644 README.md LICENSE CHANGELOG.md $(DESTDIR)$(PREFIX)/share/doc/reconclaw/
	install -m 0644 samples/*.yaml $(DESTDIR)$(PREFIX)/share/doc/reconclaw/samples/
	install -m 0644 samples/policies/*.yaml $(DESTDIR)$(PREFIX)/share/doc/reconclaw/samples/policies/
uninstall: ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/reconclaw
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/reconclaw
dist: ## a source archive of HEAD in build/
	@mkdir -p $(BUILD)
	git archive --prefix=reconclaw-$(VERSION)/ -o $(BUILD)/reconclaw-$(VERSION).tar.gz HEAD
clean: ## remove build/
	rm -rf $(BUILD)
help: ## this list
	@sed -n 's/^\([a-z][a-z0-9-]*\):.*## \(.*\)/\1|\2/p' Makefile | while IFS='|' read -r t d; do printf '  %-16s %s\n' "$$t" "$$d"; done
