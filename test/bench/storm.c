/*
 * storm.c
 *		storm CONNECTIONS reset|fin: open and close that many TCP connections on
 *		loopback, one after the other, as fast as one thread can; print how many
 *		there were, the seconds they took, and those of them that this process ran.
 *
 * Both ends are in this process, so that the machine has nothing else to do than
 * connections.  A close by reset leaves no socket in TIME_WAIT.  One by FIN
 * does, which holds its port: so the address that is called changes before they
 * run out.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Of the ports that a client may get for one address, less than the usual 28232. */
#define CONNECTIONS_PER_ADDRESS 20000

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static int
open_listener(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address->sin_family = AF_INET;
	address->sin_addr.s_addr = htonl(INADDR_ANY);
	address->sin_port = 0;
	if (listener < 0 || bind(listener, (struct sockaddr *) address, length) != 0 ||
		listen(listener, 64) != 0 ||
		getsockname(listener, (struct sockaddr *) address, &length) != 0)
		fail("listener");
	return listener;
}

static void
connect_once(int listener, const struct sockaddr_in *address, bool reset)
{
	const struct linger linger = {.l_onoff = reset, .l_linger = 0};
	int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int server;

	if (client < 0 || connect(client, (const struct sockaddr *) address, sizeof(*address)) != 0)
		fail("connect");
	server = accept(listener, NULL, NULL);
	if (server < 0 || setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) != 0)
		fail("accept");
	close(client);
	close(server);
}

static double
seconds(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

int
main(int argc, char **argv)
{
	long connections = argc == 3 ? atol(argv[1]) : 0;
	bool reset = argc == 3 && strcmp(argv[2], "reset") == 0;
	struct sockaddr_in address = {0};
	double start;
	double ran;
	int listener;

	if (connections <= 0 || (!reset && strcmp(argv[2], "fin") != 0))
	{
		fprintf(stderr, "usage: storm CONNECTIONS reset|fin\n");
		return 2;
	}
	listener = open_listener(&address);
	start = seconds(CLOCK_MONOTONIC);
	ran = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (long i = 0; i < connections; i++)
	{
		address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t) (i / CONNECTIONS_PER_ADDRESS));
		connect_once(listener, &address, reset);
	}
	printf("%ld %.3f %.6f\n", connections, seconds(CLOCK_MONOTONIC) - start,
		   seconds(CLOCK_PROCESS_CPUTIME_ID) - ran);
	return 0;
}
