package demux_test

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"

	"iomodels/servers/reactor/demux"
)

// shouter is an event handler: told that its socket is readable, it reads, and answers louder.
type shouter int

func (fd shouter) HandleReady(demux.Readiness) {
	buf := make([]byte, 100)
	n, _ := unix.Read(int(fd), buf)
	unix.Write(int(fd), []byte(strings.ToUpper(string(buf[:n]))))
}

// A reactor in one turn: register, wait, and the handler does what can be done.
func Example() {
	pair, _ := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	client, server := pair[0], pair[1]
	d, _ := demux.New()
	d.Register(server, demux.Readable, shouter(server))

	unix.Write(client, []byte("can you hear me?"))
	d.Dispatch(-1) // waits until something is ready

	answer := make([]byte, 100)
	n, _ := unix.Read(client, answer)
	fmt.Println(string(answer[:n]))

	d.Unregister(server)
	d.Close()
	unix.Close(client)
	unix.Close(server)
	// Output: CAN YOU HEAR ME?
}
