/*
 * What both floor servers share: the command line of netserve, one listening socket with the
 * options of servers/sock, the ready line, and an orderly end on SIGTERM.
 */
#ifndef FLOOR_H
#define FLOOR_H

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_SIZE (16 << 10) /* servers.DefaultReadSize: nobody gets larger batches from one call */
#define MAX_FD 20000

static volatile sig_atomic_t stopping;

static void on_term(int sig) { (void)sig; stopping = 1; }

static void die(const char *doing) {
	fprintf(stderr, "%s: %s\n", doing, strerror(errno));
	exit(1);
}

/* Unknown flags are ignored with their value, so that one command line fits every server. */
static const char *flag(int argc, char **argv, const char *name, const char *otherwise) {
	for (int i = 1; i + 1 < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return argv[i + 1];
	return otherwise;
}

/* The table of descriptors grows once, now; see sock.PregrowFDs. */
static void pregrow(int fd) {
	struct rlimit lim;
	if (getrlimit(RLIMIT_NOFILE, &lim) != 0)
		die("getrlimit");
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
	int last = (lim.rlim_cur < MAX_FD ? (int)lim.rlim_cur : MAX_FD) - 1;
	int high = dup2(fd, last);
	if (high >= 0)
		close(high);
}

static void usage(FILE *to, int code) {
	fprintf(to, "usage: floor --addr HOST:PORT --proto echo (the floor speaks nothing else)\n");
	exit(code);
}

static int listen_on(int argc, char **argv, int flags) {
	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		usage(stdout, 0);
	char host[64];
	snprintf(host, sizeof host, "%s", flag(argc, argv, "--addr", "127.0.0.1:0"));
	char *colon = strrchr(host, ':');
	if (!colon || strcmp(flag(argc, argv, "--proto", "echo"), "echo") != 0)
		usage(stderr, 2);
	*colon = 0;
	struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons(atoi(colon + 1))};
	if (inet_pton(AF_INET, host, &sa.sin_addr) != 1) {
		fprintf(stderr, "%s is no IPv4 address\n", host);
		exit(2);
	}
	int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd < 0)
		die("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&sa, sizeof sa) != 0)
		die("bind");
	if (listen(fd, 65535) != 0)
		die("listen");
	struct sigaction act = {.sa_handler = on_term}; /* no SA_RESTART: the wait must end */
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	pregrow(fd);
	return fd;
}

static void ready(int fd, const char *model) {
	struct sockaddr_in sa;
	socklen_t len = sizeof sa;
	if (getsockname(fd, (struct sockaddr *)&sa, &len) != 0)
		die("getsockname");
	char host[INET_ADDRSTRLEN];
	inet_ntop(AF_INET, &sa.sin_addr, host, sizeof host);
	printf("{\"ready\":\"%s:%d\",\"model\":\"%s\",\"proto\":\"echo\",\"pid\":%d}\n", host, ntohs(sa.sin_port),
	       model, getpid());
	fflush(stdout);
}

#endif
