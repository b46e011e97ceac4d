package mongo

import (
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkIdentifierLocks measures what it costs to count up the locks of the identifiers
// of what is created, in turns with creates whose keys are named otherwise and count
// nothing. Server (in the tests the stand-in), driver and store share the CPU time reported.
func BenchmarkIdentifierLocks(b *testing.B) {
	a := newAuthor(b, newServer(b).open(b, testOptions("")))
	var made atomic.Int64
	for turn := range 3 {
		for _, how := range []string{"with", "without"} {
			b.Run(fmt.Sprintf("%s/%d", how, turn), func(b *testing.B) {
				start := cpu(b)
				together(b, benchClients, "creates", 1, func(int) error {
					id := made.Add(1)
					w := bearing(fmt.Sprint("p", id), fmt.Sprintf("identifier=%d", id), fmt.Sprintf("identifier=urn:mrn|%d", id))
					if how == "without" {
						for i, k := range w.Index.Keys {
							w.Index.Keys[i] = strings.Replace(k, "identifier", "identified", 1)
						}
					}
					return a.create(nil, w)
				})
				b.ReportMetric(float64(cpu(b)-start)/float64(b.N)/1e3, "cpu-us/op")
			})
		}
	}
}

// cpu is the CPU time of this process.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
