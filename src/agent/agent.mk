# topology-agent: the host binary.  Included by the top-level Makefile.
#
# The BPF object and its skeleton are made in build/, and so are the agent's
# own object files, which differ in flags from those of the extension.

# A PostgreSQL that was built without LLVM names none.
ifeq ($(CLANG),)
CLANG          = $(shell command -v clang-14 || echo clang)
endif
BPFTOOL       ?= $(shell command -v bpftool || echo /usr/sbin/bpftool)
BPF_ARCH      := $(shell uname -m | sed -e s/x86_64/x86/ -e s/aarch64/arm64/ -e s/ppc64le/powerpc/ \
                   -e s/s390x/s390/ -e s/riscv64/riscv/)
MULTIARCH     := $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS     = -g -O2 -target bpf -mcpu=v3 -D__TARGET_ARCH_$(BPF_ARCH) -I. \
                 $(if $(MULTIARCH),-I/usr/include/$(MULTIARCH)) \
                 -Wall -Wextra -Wno-unused-parameter -Werror

AGENT_PARTS    = agent capture encode flow stream
AGENT_SOURCES  = $(sort $(foreach part,$(AGENT_PARTS),$(wildcard src/$(part)/*.c)))
AGENT_OBJECTS  = $(AGENT_SOURCES:src/%.c=build/agent/%.o)
AGENT_CFLAGS   = -std=gnu11 -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE -Isrc -I. \
                 -DTOPOLOGY_VERSION=\"$(EXTVERSION)\"
AGENT_LIBS     = -lbpf -lrdkafka -lm
AGENT_SBINDIR ?= /usr/local/sbin
AGENT_UNITDIR ?= /usr/local/lib/systemd/system
AGENT_UNITS    = topology-pin.service topology-attach@.service topology-attach@.timer \
                 topology-agent.service

all: topology-agent

build/flow_capture.bpf.o: bpf/flow_capture.bpf.c $(wildcard bpf/*.h)
	@mkdir -p $(@D)
	$(CLANG) $(BPF_CFLAGS) -c $< -o $@

build/flow_capture.skel.h: build/flow_capture.bpf.o
	$(BPFTOOL) gen skeleton $< name flow_capture_bpf > $@.new
	mv $@.new $@

build/agent/%.o: src/%.c build/flow_capture.skel.h
	@mkdir -p $(@D)
	$(CC) $(AGENT_CFLAGS) -MMD -MP -c $< -o $@

topology-agent: $(AGENT_OBJECTS)
	$(CC) -o $@ $^ $(LDFLAGS) $(AGENT_LIBS)

-include $(AGENT_OBJECTS:.o=.d)

.PHONY: install-agent uninstall-agent
install: install-agent
install-agent: topology-agent
	$(MKDIR_P) '$(DESTDIR)$(AGENT_SBINDIR)'
	$(INSTALL_PROGRAM) topology-agent '$(DESTDIR)$(AGENT_SBINDIR)/topology-agent'
	$(MKDIR_P) '$(DESTDIR)$(AGENT_UNITDIR)'
	$(INSTALL_DATA) $(AGENT_UNITS:%=src/agent/%) '$(DESTDIR)$(AGENT_UNITDIR)'

uninstall: uninstall-agent
uninstall-agent:
	rm -f '$(DESTDIR)$(AGENT_SBINDIR)/topology-agent' $(AGENT_UNITS:%='$(DESTDIR)$(AGENT_UNITDIR)/%')

# Prints the capture's events; used by tests.
build/capture_dump: test/lib/capture_dump.c $(filter-out build/agent/agent/%,$(AGENT_OBJECTS))
	$(CC) $(AGENT_CFLAGS) -o $@ $^ $(AGENT_LIBS)
