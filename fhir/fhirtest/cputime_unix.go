//go:build unix

package fhirtest

import (
	"syscall"
	"time"
)

// CPUTime is the time that the processors have spent on this process.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
