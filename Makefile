# SPDX-License-Identifier: GPL-2.0-only
# cowpin: build and check. `make`, `make guest`, `make check`; see README.md.

CC	?= gcc
WARN	:= -Wall -Wextra -Werror -Wno-format-nonliteral -Wmissing-prototypes -Wstrict-prototypes
CFLAGS	?= -O2 -g
# The same program wherever it is built: results of mutants are kept by what it is.
override CFLAGS += -std=gnu11 $(WARN) -I. -ffile-prefix-map=$(CURDIR)=.
# Symbols are looked up once, not in each of thousands of processes again.
override LDFLAGS += -Wl,-z,now

# One build a directory: O= for another one (sanitizers, another compiler).
O	?= build/static
SRC	:= $(wildcard *.c engine/*.c kinds/*.c pins/*.c ops/*.c scenarios/*.c bench/*.c)
OBJ	:= $(SRC:%.c=$(O)/%.o)
LIBS	:= -luring -lhugetlbfs
# Static: so it runs in a VM with nothing else around, and each of thousands of processes has
# no libraries to map again.
STATIC	?= -static
override LDFLAGS += $(STATIC)

all: cow

cow: $(O)/cow
	cp --remove-destination $< $@

$(O)/cow: $(OBJ)
	$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CFLAGS) -MMD -MP -c -o $@ $<

-include $(OBJ:.o=.d)

# What runs in a VM.
guest: cow build/init

build/init: vm/init.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -o $@ $<

# Programs of t/ that test parts of the engine: everything but main().
UNIT	:= $(patsubst t/%.c,$(O)/t/%,$(wildcard t/unit-*.c))

unit: $(UNIT)

$(O)/t/unit-%: t/unit-%.c $(filter-out $(O)/cow.o,$(OBJ)) t/tap-unit.h
	@mkdir -p $(@D)
	@echo "  CC      $<"
	@$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(filter-out %.h,$^) $(LIBS)

# The user space with gcc's sanitizers; with clang; both must be free of warnings.
sanitize:
	$(MAKE) O=build/sanitize STATIC= LDFLAGS="-fsanitize=address,undefined" \
		CFLAGS="-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all" \
		build/sanitize/cow

clang:
	$(MAKE) O=build/clang CC=clang build/clang/cow

# The tests of cowpin itself. check: below 15 minutes on two cores, from an empty cache;
# check-full: long sweeps and comparisons with the stored results as well. Three rows of tests
# side by side: two of guests, which take about as long, and all that run cow as root on this
# machine, which is for one at a time.
PROVE	?= prove
ROWS	:= --rules='seq=t/{tw,vm-{a,b,c,d,i,k,l,o,p}}*.t' --rules='seq=t/vm-*.t' --rules='seq=**'
check: packages
	$(MAKE) -j$$(nproc) lint unit guest
	$(PROVE) --timer -j3 $(ROWS) $(sort $(wildcard t/*.t))

check-full: check
	vm/need.sh full
	$(PROVE) --timer $(sort $(wildcard t/full/*.t))

# What run_vmtests.sh and the checks need; installed as root, else named in one line.
packages:
	vm/need.sh run build check

lint: clang sanitize
	shellcheck -x run_vmtests.sh vm/*.sh mutants/*.sh .ci/run

# Everything into lib/cowpin, links into bin: see vm/install.sh.
PREFIX	?= /usr/local
install: guest
	vm/install.sh "$(DESTDIR)$(PREFIX)"

# How many broken kernels are noticed: MUTANT=NAME for one; goes on where it was stopped.
mutation: packages guest
	mutants/run $(MUTATION)

clean:
	rm -rf build cow

.PHONY: all guest unit sanitize clang check check-full packages lint install clean mutation
