package node

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node/nodetest"
)

// scaleSize is how many resources the large hospital has.
func scaleSize(b *testing.B) int {
	b.Helper()
	size, err := strconv.Atoi(os.Getenv("ACESO_BENCH_SCALE"))
	if err != nil || size < smallSize {
		b.Skipf("SKIPPED: set ACESO_BENCH_SCALE=3200000, or fewer resources from %d on", smallSize)
	}
	return size
}

// table prints what was measured, beside the bar.
type table struct{ store string }

func (t table) head() {
	fmt.Println("\n| store | what | bar | figure | |\n|---|---|---|---|---|")
}

// row prints a line. met compares what was measured with the bar.
func (t table) row(what, bar, figure string, met bool) {
	fmt.Printf("| %s | %s | %s | %s | %s |\n", t.store, what, bar, figure, map[bool]string{true: "met", false: "missed"}[met])
}

// atMost is a line about a time of the processor.
func (t table) atMost(what string, bar, cost time.Duration, note string) {
	t.row(what, fmt.Sprintf("CPU <= %v", bar), brief(cost)+" "+note, cost <= bar)
}

// ratio is a line about what something costs against something else.
func (t table) ratio(what string, bar float64, small, large cost) {
	p50, cpu := float64(large.p50)/float64(small.p50), float64(large.cpu)/float64(small.cpu)
	t.row(what, fmt.Sprintf("p50 <= %.1fx", bar), fmt.Sprintf("%.2fx: %s against %s (CPU %.2fx: %s, %s)", p50, brief(large.p50), brief(small.p50), cpu, brief(large.cpu), brief(small.cpu)), p50 <= bar)
}

func brief(d time.Duration) string { return fmt.Sprintf("%.2f ms", float64(d.Microseconds())/1000) }

// cost is what one request takes, the median by the clock and the mean of the processor:
// that of the client, which is the same process, too.
type cost struct{ p50, cpu time.Duration }

// rounds is how often each is asked.
const rounds = 30

// inTurn asks one after the other, again and again, so that other work on the machine meets
// all alike.
func inTurn(b *testing.B, asked ...func() error) []cost {
	b.Helper()
	took, all := make([][]time.Duration, len(asked)), make([]cost, len(asked))
	for round := range rounds + 3 {
		for i, ask := range asked {
			start, cpu := time.Now(), nodetest.CPU()
			if err := ask(); err != nil {
				b.Fatal(err)
			}
			if round < 3 {
				continue // everything is at hand after that
			}
			took[i] = append(took[i], time.Since(start))
			all[i].cpu += (nodetest.CPU() - cpu) / rounds
		}
	}
	for i := range took {
		slices.Sort(took[i])
		all[i].p50 = took[i][rounds/2]
	}
	return all
}
