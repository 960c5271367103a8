/*
 * The floor of completion: the least C that echoes correctly on io_uring, one thread, without
 * liburing. Multishot accept and receive, a ring of provided buffers, SINGLE_ISSUER with
 * DEFER_TASKRUN, one io_uring_enter per turn of the loop.
 *
 * A buffer travels: kernel (receive picks it) -> us -> kernel (send reads it) -> buffer ring.
 * A connection with a send in flight keeps further receives in a list until it is their turn,
 * so bytes stay in order. See README.md for what it lacks on purpose.
 */
#include "floor.h"
#include <linux/io_uring.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#ifndef IORING_SETUP_NO_SQARRAY /* Linux 6.6; older headers do not name it */
#define IORING_SETUP_NO_SQARRAY (1U << 16)
#endif

#define ENTRIES 4096
#define CQ_ENTRIES 32768
#define BUFFERS 1024 /* a power of two; ENOBUFS re-arms */
#define GROUP 0
#define STRIDE (READ_SIZE + 64) /* buffers a power of two apart would share a few sets of the cache */
#define PORTION 20 /* completions that a deferring kernel brings at a call, since Linux 6.13 */

enum { ACCEPT, RECV, SEND };

struct piece { /* received bytes on their way back */
	uint32_t off, len;
	uint16_t bid;
	int16_t next; /* the next piece of the same connection, -1 at the end */
};

struct conn {
	int16_t head, tail;    /* pieces to send, in order; -1: none */
	uint8_t open, armed, fin, sending;
};

static struct conn conns[MAX_FD];
static struct piece pieces[BUFFERS]; /* indexed by buffer: a buffer is in one piece at most */
static char *memory;                 /* BUFFERS x STRIDE */
static struct io_uring_buf_ring *bufs;
static uint16_t buf_tail;

static int ring, peers;
static struct io_uring_sqe *sqes;
static struct io_uring_cqe *cqes;
static unsigned *sq_head, *sq_tail, sq_mask, *cq_head, *cq_tail, cq_mask;

/* Submits what the kernel has not taken yet; after EINTR or EBUSY nothing is lost that way. */
static int enter(unsigned wait) {
	unsigned submit = *sq_tail - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE);
	return syscall(__NR_io_uring_enter, ring, submit, wait, IORING_ENTER_GETEVENTS, NULL, 0);
}

static unsigned filled(void) {
	return __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE) - *cq_head;
}

/*
 * Has the kernel bring the rest of what is there. After a sleep it brings just the completion
 * that was waited for, then a portion at a call; handled in such helpings, every reply would
 * wake a peer that finds nothing else to do. With a single peer there is no rest.
 */
static void gather(void) {
	unsigned had = 0, n = filled();
	while (peers > 1 && n != had && n < BUFFERS / 2 && (n == 1 || n - had >= PORTION)) {
		had = n;
		enter(0);
		n = filled();
	}
}

static struct io_uring_sqe *sqe(int op, int fd, uint64_t what) {
	unsigned tail = *sq_tail;
	while (tail - __atomic_load_n(sq_head, __ATOMIC_ACQUIRE) > sq_mask)
		enter(0);
	struct io_uring_sqe *e = &sqes[tail & sq_mask];
	memset(e, 0, sizeof *e);
	e->opcode = op;
	e->fd = fd;
	e->user_data = what << 32 | (uint32_t)fd;
	__atomic_store_n(sq_tail, tail + 1, __ATOMIC_RELEASE);
	return e;
}

static void arm_accept(int listener) {
	struct io_uring_sqe *e = sqe(IORING_OP_ACCEPT, listener, ACCEPT);
	e->ioprio = IORING_ACCEPT_MULTISHOT;
	e->accept_flags = SOCK_CLOEXEC;
}

static void arm_recv(int fd) {
	struct io_uring_sqe *e = sqe(IORING_OP_RECV, fd, RECV);
	e->ioprio = IORING_RECV_MULTISHOT;
	e->flags = IOSQE_BUFFER_SELECT;
	e->buf_group = GROUP;
	conns[fd].armed = 1;
}

static void give_back(uint16_t bid) {
	struct io_uring_buf *b = &bufs->bufs[buf_tail & (BUFFERS - 1)];
	b->addr = (uintptr_t)(memory + (size_t)bid * STRIDE);
	b->len = READ_SIZE;
	b->bid = bid;
	__atomic_store_n(&bufs->tail, ++buf_tail, __ATOMIC_RELEASE);
}

static void send_head(int fd) {
	struct piece *p = &pieces[conns[fd].head];
	struct io_uring_sqe *e = sqe(IORING_OP_SEND, fd, SEND);
	e->addr = (uintptr_t)(memory + (size_t)p->bid * STRIDE + p->off);
	e->len = p->len;
	conns[fd].sending = 1;
}

static void drop_if_done(int fd) {
	struct conn *c = &conns[fd];
	if (c->open && c->fin && !c->armed && !c->sending && c->head < 0) {
		c->open = 0;
		peers--;
		close(fd);
	}
}

static void give_up(int fd) { /* the send failed: what is owed can never be delivered */
	struct conn *c = &conns[fd];
	for (int i = c->head; i >= 0; i = pieces[i].next)
		give_back(pieces[i].bid);
	c->head = c->tail = -1;
	c->fin = 1;
	shutdown(fd, SHUT_RDWR); /* ends the armed receive */
}

static void received(int fd, const struct io_uring_cqe *cqe) {
	struct conn *c = &conns[fd];
	if (!(cqe->flags & IORING_CQE_F_MORE))
		c->armed = 0;
	if (cqe->res > 0) {
		uint16_t bid = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
		if (c->fin) {
			give_back(bid);
		} else {
			pieces[bid] = (struct piece){.len = cqe->res, .bid = bid, .next = -1};
			if (c->head < 0)
				c->head = bid;
			else
				pieces[c->tail].next = bid;
			c->tail = bid;
			if (!c->sending)
				send_head(fd);
		}
	} else if (cqe->res != -ENOBUFS && cqe->res != -EINTR) {
		c->fin = 1;
	}
	if (!c->armed && !c->fin)
		arm_recv(fd);
	drop_if_done(fd);
}

static void sent(int fd, int res) {
	struct conn *c = &conns[fd];
	c->sending = 0;
	if (c->head >= 0 && res <= 0 && res != -EINTR) {
		give_up(fd);
	} else if (c->head >= 0) {
		struct piece *p = &pieces[c->head];
		if (res > 0) {
			p->off += res;
			p->len -= res;
		}
		if (p->len == 0) {
			c->head = p->next;
			give_back(p->bid);
		}
		if (c->head >= 0)
			send_head(fd);
	}
	drop_if_done(fd);
}

static void accepted(int listener, const struct io_uring_cqe *cqe) {
	int fd = cqe->res;
	if (fd >= MAX_FD)
		close(fd);
	else if (fd >= 0) {
		conns[fd] = (struct conn){.head = -1, .tail = -1, .open = 1};
		peers++;
		arm_recv(fd);
	}
	if (!(cqe->flags & IORING_CQE_F_MORE))
		arm_accept(listener);
}

static void *map(size_t len, int fd, off_t at) {
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED | MAP_POPULATE;
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, flags, fd, at);
	if (p == MAP_FAILED)
		die("mmap");
	return p;
}

static void setup(void) {
	struct io_uring_params p = {.cq_entries = CQ_ENTRIES,
	                            .flags = IORING_SETUP_CQSIZE | IORING_SETUP_SINGLE_ISSUER |
	                                     IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_NO_SQARRAY};
	if ((ring = syscall(__NR_io_uring_setup, ENTRIES, &p)) < 0)
		die("io_uring_setup (is io_uring allowed here? sysctl kernel.io_uring_disabled)");
	char *q = map(p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), ring, IORING_OFF_SQ_RING);
	sqes = map(p.sq_entries * sizeof *sqes, ring, IORING_OFF_SQES);
	sq_head = (unsigned *)(q + p.sq_off.head);
	sq_tail = (unsigned *)(q + p.sq_off.tail);
	sq_mask = *(unsigned *)(q + p.sq_off.ring_mask);
	cq_head = (unsigned *)(q + p.cq_off.head);
	cq_tail = (unsigned *)(q + p.cq_off.tail);
	cq_mask = *(unsigned *)(q + p.cq_off.ring_mask);
	cqes = (struct io_uring_cqe *)(q + p.cq_off.cqes);
	memory = map((size_t)BUFFERS * STRIDE, -1, 0);
	bufs = map(BUFFERS * sizeof(struct io_uring_buf), -1, 0);
	struct io_uring_buf_reg reg = {.ring_addr = (uintptr_t)bufs, .ring_entries = BUFFERS, .bgid = GROUP};
	if (syscall(__NR_io_uring_register, ring, IORING_REGISTER_PBUF_RING, &reg, 1) != 0)
		die("io_uring_register buffer ring");
	for (int i = 0; i < BUFFERS; i++)
		give_back(i);
}

static void complete(int listener, const struct io_uring_cqe *cqe) {
	int fd = (int)(uint32_t)cqe->user_data;
	switch (cqe->user_data >> 32) {
	case ACCEPT:
		accepted(listener, cqe);
		break;
	case RECV:
		received(fd, cqe);
		break;
	case SEND:
		sent(fd, cqe->res);
	}
}

int main(int argc, char **argv) {
	int listener = listen_on(argc, argv, 0);
	setup();
	arm_accept(listener);
	ready(listener, "floor-uring");
	while (!stopping) {
		if (enter(1) < 0 && errno != EINTR && errno != EBUSY && errno != EAGAIN)
			die("io_uring_enter");
		gather();
		unsigned head = *cq_head, tail = __atomic_load_n(cq_tail, __ATOMIC_ACQUIRE);
		for (; head != tail; head++) {
			complete(listener, &cqes[head & cq_mask]);
			__atomic_store_n(cq_head, head + 1, __ATOMIC_RELEASE);
		}
	}
	return 0;
}
