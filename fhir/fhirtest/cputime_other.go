//go:build !unix

package fhirtest

import "time"

var began = time.Now()

// CPUTime is the time that passed, where that of the processors is not to be had.
func CPUTime() time.Duration { return time.Since(began) }
