//go:build unix

package main

import (
	"runtime/debug"
	"syscall"
)

// The limits of a process that checks a draft: seconds of a processor, and bytes of
// addresses, of which Go reserves more than it uses.
const (
	trialSeconds = 40
	trialBytes   = 3 << 30
)

// limitTrial limits this process.
func limitTrial() error {
	debug.SetMaxStack(256 << 20)
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &syscall.Rlimit{Cur: trialSeconds, Max: trialSeconds}); err != nil {
		return err
	}
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: trialBytes, Max: trialBytes})
}
