# topology: build, install and test.
#
#	make              the extension and topology-agent
#	make install      both, into the PostgreSQL that PG_CONFIG names
#	make test         every test, installing what they need (apt) first
#	make demo         a real fleet on this machine, and its map
#	make bench        the figures
#
# PG_CONFIG=/path/to/pg_config chooses another PostgreSQL, 14 to 18.

EXTENSION    = topology
EXTVERSION  := $(shell sed -n "s/^default_version *= *'\(.*\)'/\1/p" topology.control)
MODULE_big   = topology

# The steps of the data's way; src/README.md says what each may include.
SERVER_PARTS = flow decode capture stream store ingest resolve memo window traverse present worker
OBJS         = $(patsubst %.c,%.o,src/topology.c $(sort $(foreach part,$(SERVER_PARTS),$(wildcard src/$(part)/*.c))))

DATA_built   = topology--$(EXTVERSION).sql
EXTRA_CLEAN  = build topology-agent topology--*.sql

PG_CPPFLAGS  = -Isrc -I. -DTOPOLOGY_VERSION=\"$(EXTVERSION)\" -DTOPOLOGY_SERVER
PG_CFLAGS    = -std=gnu11 -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
               -Wno-sign-compare -Wno-cast-function-type -Wno-declaration-after-statement -Werror
SHLIB_LINK   = -lbpf -lrdkafka -lm -Wl,-Bsymbolic

# JIT inlining has nothing to gain here: what is hot is hot inside one call.
override with_llvm = no

REGRESS        = $(sort $(patsubst test/sql/%.sql,%,$(wildcard test/sql/*.sql)))
REGRESS_OPTS   = --inputdir=test --outputdir=. --load-extension=topology
ISOLATION      = $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --outputdir=. --load-extension=topology

# Debian's own pg_config comes with the packages that "make deps" installs.
PG_CONFIG   ?= $(shell command -v pg_config || echo /usr/lib/postgresql/15/bin/pg_config)
PGXS        := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)

.DEFAULT_GOAL := all

ifneq ($(PGXS),)
include $(PGXS)

topology--$(EXTVERSION).sql: $(sort $(wildcard sql/*.sql)) topology.control
	cat $(sort $(wildcard sql/*.sql)) > $@

# PGXS does not track headers; they are few, so any of them remakes all.
$(OBJS): $(wildcard src/*.h src/*/*.h bpf/*.h)

include src/agent/agent.mk
else
all install uninstall clean:
	@echo "no PostgreSQL to build for: run \"make deps\" first, or give PG_CONFIG" >&2; exit 1
endif

# What is built and installed by a make of its own: before deps there is nothing
# to build with.
READY = $(MAKE) --no-print-directory PG_CONFIG=$(PG_CONFIG)

.PHONY: deps deps-kafka test demo bench

deps:
	test/lib/deps.sh build test demo

# The jars of a real Apache Kafka, and what runs them.
deps-kafka: deps
	test/lib/deps.sh kafka

test: deps deps-kafka
	$(READY) -j2 all
	$(READY) install
	PG_CONFIG=$(PG_CONFIG) test/run.sh $(PARTS)

# It installs into a private copy of the server.
demo: deps
	PG_CONFIG=$(PG_CONFIG) test/demo/run.sh

bench: deps deps-kafka
	$(READY) -j2 all
	$(READY) install
	PG_CONFIG=$(PG_CONFIG) test/bench/run.sh $(PARTS)
