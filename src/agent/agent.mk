# topology-agent: the host binary.  Included by the top-level Makefile.

AGENT_PARTS   = flow decode capture agent
AGENT_SOURCES = $(sort $(foreach part,$(AGENT_PARTS),$(wildcard src/$(part)/*.c)))

all: topology-agent
