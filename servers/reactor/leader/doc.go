// Package leader serves by readiness with several threads that share one demultiplexer: the
// pattern Leader/Followers of POSA2.
//
// # Idea
//
// In a reactor with a pool of workers every request changes threads twice. Here it never does: the
// thread that is told of an event handles it to the end. While it does, another waits in its place.
//
//	thread 1 (leader)            thread 2 (follower)        thread 3 (follower)
//	 │ epoll_wait ─▶ an event     │ epoll_wait               │ epoll_wait
//	 │ from now on a processor    │ is leader now            │
//	 │ recv, Feed, send           │ ─▶ an event              │ is leader now
//	 │ epoll_ctl: arm it again    │ recv, Feed: blocks ...   │ ─▶ an event
//	 │ epoll_wait: a follower     │ ...                      │ recv, Feed, send
//
// In the book the followers wait for a baton, and the leader hands it on before it handles its
// event. Here the kernel does so: all threads wait in epoll_wait on the same instance, an event
// wakes one of them, and the next event the next. (It wakes the one that came last, which is the
// one whose caches are warm.)
//
// # Who does the I/O
//
// Whichever thread was told. A descriptor is armed with EPOLLONESHOT: it reports once and is then
// silent until it is armed again, so no two threads ever handle one connection. That is the
// pattern's "deactivate the handle, promote a follower, process, reactivate the handle".
//
// # Who waits where
//
// All threads in epoll_wait, or in a handler that blocks. As long as one of them is not, everybody
// else is served.
//
// # What a connection costs
//
// A conn, its session, and its entry in the table. A read buffer only while a thread has it.
//
// # What to watch
//
//   - Four system calls for a small request: epoll_wait, receive, send, and epoll_ctl to arm the
//     descriptor again. One event at a time, for whoever fetched a batch would hold up its rest.
//   - As many handlers may block as there are threads, but one (--loops; four per CPU).
//   - All threads meet in one epoll instance, and in the kernel's lock for it. The reactor's loops
//     do not meet at all.
//   - Whatever a loop may hold as its own is shared here. An event may have been fetched by a
//     thread that was then not run while another closed the descriptor and accepted a new
//     connection under its number: the generation tells. And each conn has a lock, since those who
//     watch the time and who end the server come to it by other ways than an event.
//   - Time-outs are looked after by a goroutine that walks over the connections: a table of
//     deadlines would be one more lock in every request.
//
// Read next: thread in leader.go, then conn.go.
package leader
