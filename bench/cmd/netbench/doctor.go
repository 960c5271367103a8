package main

import (
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
	"time"
	"unsafe"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"iomodels/bench/doctor"
	"iomodels/bench/proc"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check this machine, and say how to mend it",
		Long: "Doctor looks for what would forbid cells of the matrix or bend their figures. It changes nothing.\n" +
			"Exit code 0: nothing that forbids a cell. 3: something does.",
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return a.doctor(asJSON) },
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func (a *app) doctor(asJSON bool) error {
	host, err := look()
	if err != nil {
		return err
	}
	findings := doctor.Examine(host)
	if asJSON {
		out := json.NewEncoder(a.stdout)
		out.SetIndent("", "  ")
		if err := out.Encode(findings); err != nil {
			return fmt.Errorf("print findings: %w", err)
		}
	} else {
		tw := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
		for _, f := range findings {
			fmt.Fprintf(tw, "%s\t%s\t%s\n", f.State, f.Check, f.Found)
			if f.Fix != "" {
				fmt.Fprintf(tw, "\t\tfix: %s\n", f.Fix)
			}
		}
		if err := tw.Flush(); err != nil {
			return fmt.Errorf("print findings: %w", err)
		}
	}
	if doctor.Worst(findings) == doctor.Problem {
		return &exitError{code: exitUnavailable}
	}
	return nil
}

// lookFor is how long doctor watches the machine for neighbours and steal.
const lookFor = 500 * time.Millisecond

// look gathers what the checks read.
func look() (doctor.Host, error) {
	h := doctor.Host{Files: os.DirFS("/")}
	var err error
	if h.CPUs, err = proc.AllowedCPUs(); err != nil {
		return h, err
	}
	var lim unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &lim); err != nil {
		return h, os.NewSyscallError("getrlimit", err)
	}
	h.Nofile = lim.Max
	_, h.Counting = proc.NewCounter()
	h.Uring = probeUring()
	reader := proc.NewMachineReader()
	before, err := reader.Read(h.CPUs)
	if err != nil {
		return h, err
	}
	time.Sleep(lookFor)
	after, err := reader.Read(h.CPUs)
	if err != nil {
		return h, err
	}
	h.Foreign = (after.Busy - before.Busy).Seconds() / lookFor.Seconds()
	h.Steal = (after.Steal - before.Steal).Seconds() / lookFor.Seconds()
	return h, nil
}

// uringParams is the size of struct io_uring_params, which the kernel fills in.
const uringParams = 120

// probeUring asks the kernel for a ring of one entry: a sysctl or a sandbox may refuse it.
func probeUring() error {
	var params [uringParams]byte
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, 1, uintptr(unsafe.Pointer(&params)), 0)
	if errno != 0 {
		return os.NewSyscallError("io_uring_setup", errno)
	}
	return os.NewSyscallError("close", unix.Close(int(fd)))
}
