//go:build !unix

package fhirtest

import "time"

var began = time.Now()

// CPUTime is the elapsed time, on systems that do not report CPU time.
func CPUTime() time.Duration { return time.Since(began) }
