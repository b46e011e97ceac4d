//go:build unix

package fhir

import (
	"syscall"
	"time"
)

// cpuUsed is the time that the processors have spent on this process.
func cpuUsed() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
