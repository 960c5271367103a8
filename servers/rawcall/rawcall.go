// Package rawcall makes system calls of which the Go scheduler does not hear: for calls that cannot
// wait, or may only wait so briefly that a held-up processor does not matter.
//
// Syscall is the shortest way there is. The standard library's RawSyscall6 is a function around the
// same few instructions, and that costs more than a call in a program that lives on system calls:
// kernels that guard against Spectre clear the processor's stack of return addresses on the way
// back, so that every return out of a function around a system call is a wrong guess, some 20 cycles.
// One function less is worth 1 % of a small echo. servers/DESIGN.md has the figures.
//
// The price is a name of the runtime's inside, which another release of Go may rename. So the short
// way is for the releases on which it was tried; others, and -tags indirect, go through package syscall.
package rawcall
