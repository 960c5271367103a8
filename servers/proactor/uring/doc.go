// Package uring carries out the operations of package proactor with io_uring: the kernel is
// the asynchronous operation processor. Bare system calls, no library.
//
// # Idea
//
// Two queues in shared memory. Entries of the first say what to do, entries of the second say
// what has been done, and one system call moves both (package ring):
//
//	loop                  submission queue    kernel               completion queue
//	 │ Submit: recv A ──▶ [A]
//	 │ Submit: send B ──▶ [A B]
//	 │ Complete: enter ─────────────────────▶ sends B, waits for A's
//	 │                                        bytes, picks a buffer ──▶ [A: n bytes in 7]
//	 │ ◀────────────────────────────────────── wakes us
//	 │ handler of A ...
//
// What makes it cheap, each to be left out (package feature), to see its worth: one call for all
// operations of a turn; receives and accepts that complete many times (the largest single
// gain); buffers that the kernel chooses, few and therefore hot; sends whose success needs no
// completion; kernel work deferred into our own call.
//
// What was measured and left out: SEND_ZC, SQPOLL, registered descriptors, and waiting for more
// than one completion. Each made small requests dearer or changed nothing.
//
// # What to watch
//
//   - A completion may come after its operation's memory is gone: user_data is a place and a
//     token, never a pointer, and a descriptor is closed only after its last completion.
//   - What the kernel has an address of must not move: heap or mapped memory, held by a field.
//   - Buffers may run out (ENOBUFS) and queues overflow: the operation ends, and is submitted
//     again. Nothing is lost.
//   - SINGLE_ISSUER wants one thread: the loop's goroutine is locked to it. Handing work to
//     another goroutine then costs a thread switch, about as much as a request.
package uring
