/*
 * The floor of readiness: the least C that echoes correctly on level-triggered epoll, one
 * thread. A reactor in Go cannot be cheaper than this; how much dearer it is, is its runtime.
 *
 * It is minimal, not wrong: short sends are kept and continued, and a connection that owes
 * bytes is not read (the back-pressure of the suite). It has no limits and no time-outs.
 */
#include "floor.h"
#include <sys/epoll.h>

struct conn {
	char *owed; /* what a short send left over; NULL while nothing is owed */
	size_t off, len;
};

static struct conn conns[MAX_FD];
static char buf[READ_SIZE];
static int ep;

static void drop(int fd) {
	free(conns[fd].owed);
	memset(&conns[fd], 0, sizeof conns[fd]);
	close(fd); /* leaves the epoll set by itself */
}

static void watch(int fd, int op, unsigned events) {
	struct epoll_event ev = {.events = events, .data.fd = fd};
	if (epoll_ctl(ep, op, fd, &ev) != 0)
		die("epoll_ctl");
}

static void accept_all(int listener) {
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		if (fd >= MAX_FD) {
			close(fd);
			continue;
		}
		watch(fd, EPOLL_CTL_ADD, EPOLLIN);
	}
}

static void readable(int fd) {
	struct conn *c = &conns[fd];
	ssize_t n = recv(fd, buf, sizeof buf, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		drop(fd);
		return;
	}
	ssize_t sent = send(fd, buf, n, 0);
	if (sent == n)
		return;
	if (sent < 0 && errno != EAGAIN) {
		drop(fd);
		return;
	}
	if (sent < 0)
		sent = 0;
	c->len = n - sent;
	c->off = 0;
	if (!(c->owed = malloc(c->len))) {
		drop(fd);
		return;
	}
	memcpy(c->owed, buf + sent, c->len);
	watch(fd, EPOLL_CTL_MOD, EPOLLOUT);
}

static void writable(int fd) {
	struct conn *c = &conns[fd];
	ssize_t sent = send(fd, c->owed + c->off, c->len - c->off, 0);
	if (sent < 0) {
		if (errno != EAGAIN)
			drop(fd);
		return;
	}
	c->off += sent;
	if (c->off < c->len)
		return;
	free(c->owed);
	c->owed = NULL;
	watch(fd, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char **argv) {
	int listener = listen_on(argc, argv, SOCK_NONBLOCK);
	if ((ep = epoll_create1(EPOLL_CLOEXEC)) < 0)
		die("epoll_create1");
	watch(listener, EPOLL_CTL_ADD, EPOLLIN);
	ready(listener, "floor-epoll");
	struct epoll_event events[256];
	while (!stopping) {
		int n = epoll_wait(ep, events, 256, -1);
		if (n < 0 && errno != EINTR)
			die("epoll_wait");
		for (int i = 0; i < n; i++) {
			int fd = events[i].data.fd;
			if (fd == listener)
				accept_all(listener);
			else if (conns[fd].owed)
				writable(fd);
			else
				readable(fd);
		}
	}
	return 0;
}
