//go:build !unix

package fhir

import "time"

var began = time.Now()

// cpuUsed is the time that passed, where that of the processors is not to be had.
func cpuUsed() time.Duration { return time.Since(began) }
