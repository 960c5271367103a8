package conns

import "fmt"

// EndBytes is about what one end of an idle TCP connection takes of the kernel's memory: socket,
// file, inode, directory entry and epoll item.
const EndBytes = 4600

// ProcsFor returns how many processes are needed for conns connections, since each has
// descriptors for so many only.
func (l Limits) ProcsFor(conns, spare int) int {
	each := int(l.Nofile) - spare
	if each < 1 {
		return 1 // Check says what is missing
	}
	return (conns + each - 1) / each
}

// Check refuses a need that the limits cannot meet, before anything is opened. The error names
// the limit, what it is, what would be needed, and how to raise it.
func (l Limits) Check(n Need) error {
	for _, check := range []func(Need) error{
		l.checkDescriptors, l.checkPorts, l.checkConntrack, l.checkMemory, l.checkQueue,
	} {
		if err := check(n); err != nil {
			return err
		}
	}
	return nil
}

func (l Limits) checkDescriptors(n Need) error {
	procs := max(n.Procs, 1)
	each := (n.Conns+procs-1)/procs + n.Spare
	if uint64(each) > l.Nofile {
		who := ""
		if procs > 1 {
			who = fmt.Sprintf(" in each of %d processes", procs)
		}
		return fmt.Errorf("%d connections need %d descriptors%s, the limit (RLIMIT_NOFILE) is %d: raise it"+
			" with `ulimit -n %d` (above the hard limit: in /etc/security/limits.conf), let more processes"+
			" share them with --procs %d, or ask for fewer connections",
			n.Conns, each, who, l.Nofile, each, max(l.ProcsFor(n.Conns, n.Spare), 2))
	}
	all := n.ends() + procs*n.Spare
	if free := l.FilesMax - l.FilesUsed; l.FilesMax > 0 && all > free {
		return fmt.Errorf("%d connections need %d descriptors in all, the system has %d left (fs.file-max"+
			" is %d): raise it with `sysctl -w fs.file-max=%d`", n.Conns, all, free, l.FilesMax, l.FilesUsed+2*all)
	}
	return nil
}

// ends is how many sockets of the connections are on this machine.
func (n Need) ends() int {
	if n.Both {
		return 2 * n.Conns
	}
	return n.Conns
}

func (l Limits) checkPorts(n Need) error {
	sources := max(n.Sources, 1)
	if have := l.Ports() * sources; n.Conns > have {
		return fmt.Errorf("%d connections need as many local ports, net.ipv4.ip_local_port_range %d-%d has"+
			" %d on %d source address(es): add addresses with --sources %d, or widen the range with"+
			" `sysctl -w net.ipv4.ip_local_port_range='1024 65535'`",
			n.Conns, l.PortLow, l.PortHigh, have, sources, l.SourcesFor(n.Conns, n.Churn))
	}
	return nil
}

func (l Limits) checkConntrack(n Need) error {
	if free := l.ConntrackMax - l.ConntrackUsed; l.ConntrackMax > 0 && n.Conns > free {
		return fmt.Errorf("%d connections do not fit the firewall's table: %d of"+
			" net.netfilter.nf_conntrack_max=%d are in use: raise it with"+
			" `sysctl -w net.netfilter.nf_conntrack_max=%d`",
			n.Conns, l.ConntrackUsed, l.ConntrackMax, l.ConntrackUsed+2*n.Conns)
	}
	return nil
}

func (l Limits) checkMemory(n Need) error {
	want := uint64(n.ends()) * EndBytes
	if l.Available == 0 || want <= l.Available {
		return nil
	}
	return fmt.Errorf("%d connections take about %d MiB of the kernel's memory (%d bytes for each end"+
		" on this machine), %d MiB are available: stop what uses it (`ps aux --sort -rss | head`), or ask"+
		" for %d connections at most", n.Conns, want>>20, EndBytes, l.Available>>20,
		int(l.Available/EndBytes)*n.Conns/max(n.ends(), 1))
}

// checkQueue: a connection waits in the server's accept queue, which no server makes longer than
// somaxconn. Beyond it the kernel drops SYNs, and connects measure its retransmission timer.
func (l Limits) checkQueue(n Need) error {
	if !n.Both || l.Somaxconn == 0 || n.Salvo <= l.Somaxconn {
		return nil
	}
	return fmt.Errorf("up to %d connections are begun at once, and no accept queue here takes more than"+
		" net.core.somaxconn=%d: the rest would wait a second for its SYN to be sent again: pace the"+
		" connects with --ramp, or raise the limit with `sysctl -w net.core.somaxconn=%d` and start the"+
		" server anew", n.Salvo, l.Somaxconn, n.Salvo)
}
