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

PKGS := yaml-0.1 jansson libcurl libsystemd libcrypto sqlite3 icu-i18n icu-uc
# Asked only when something is compiled, so that `make deps` and `make help` work on a bare machine.
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS))

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 \
        -Wundef -Wimplicit-fallthrough -Wno-unused-parameter -Wno-missing-field-initializers -Werror
HARDEN := -fstack-protector-strong -fstack-clash-protection -fcf-protection -fPIE
HARDEN_LD := -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed
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
LDFLAGS  += $(LD_$(MODE)) -pthread

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
all: $(BIN) ## build reconclaw

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
