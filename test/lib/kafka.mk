# The programs that tests and the bench use with Kafka.
#
#	make -f test/lib/kafka.mk		builds build/kafka_tool, kafka_stream and poll_loop

root    := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/../..)
build   := $(root)/build
CC      ?= gcc
CFLAGS  ?= -O2 -g
FLAGS    = -std=gnu11 $(CFLAGS) $(SANITIZE) -Wall -Wextra -Werror -D_GNU_SOURCE -I$(root)/src -I$(root)
STREAM  := $(wildcard $(root)/src/stream/*.c)
HEADERS := $(wildcard $(root)/src/stream/*.h $(root)/test/lib/kafka*.h)

.PHONY: all
all: $(build)/kafka_tool $(build)/kafka_stream $(build)/poll_loop

$(build)/kafka_tool: $(wildcard $(root)/test/lib/kafka_tool*.c)
$(build)/kafka_stream: $(root)/test/lib/kafka_stream.c $(STREAM)
$(build)/poll_loop: $(root)/test/bench/poll_loop.c

$(build)/kafka_tool $(build)/kafka_stream $(build)/poll_loop: $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(FLAGS) -o $@ $(filter %.c,$^) -lrdkafka
