package access

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// What is worse is said first.
func TestStateOfASource(t *testing.T) {
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	denied := fmt.Errorf("anchor: %w", &ledgerbridge.Contradiction{Source: "a/b/changes.0", What: "another root"})
	for _, c := range []struct {
		s    ledgerbridge.Standing
		want string
	}{
		{ledgerbridge.Standing{}, SourceEmpty},
		{ledgerbridge.Standing{Size: 3}, SourceUpToDate},
		{ledgerbridge.Standing{Size: 3, Waiting: 1, Oldest: ago(time.Second)}, SourceWaiting},
		{ledgerbridge.Standing{Size: 3, Waiting: 1, Oldest: ago(lateAfter)}, SourceWaiting},
		{ledgerbridge.Standing{Size: 3, Waiting: 1, Oldest: ago(lateAfter + 1)}, SourceLate},
		{ledgerbridge.Standing{Size: 3, Waiting: 1, Oldest: ago(time.Hour), Err: errors.New("refused")}, SourceFailing},
		{ledgerbridge.Standing{Size: 3, Waiting: 1, Oldest: ago(time.Hour), Err: denied}, SourceContradicted},
		{ledgerbridge.Standing{Err: denied}, SourceContradicted},
	} {
		s := SourceView{Standing: c.s}
		if got := s.state(now); got != c.want {
			t.Errorf("%+v is %s, want %s", c.s, got, c.want)
		}
	}
}

func TestAuditEventOf(t *testing.T) {
	receipt := ledgerbridge.Receipt{Source: "hospital/n1/accesses.0", Seq: 17, Commitment: [32]byte{1}}
	id, fits := AuditEventOf(receipt.String())
	if id != "n1.accesses.0.17" || !fits(Chain{Receipt: receipt}) {
		t.Errorf("a receipt is %s", id)
	}
	for _, change := range []func(*ledgerbridge.Receipt){
		func(r *ledgerbridge.Receipt) { r.Source = "clinic/n1/accesses.0" },
		func(r *ledgerbridge.Receipt) { r.Seq++ },
		func(r *ledgerbridge.Receipt) { r.Commitment[31] ^= 1 },
	} {
		other := receipt
		change(&other)
		if fits(Chain{Receipt: other}) {
			t.Errorf("%s fits %s", other, receipt)
		}
	}
	for _, text := range []string{"n1.accesses.0.17", "", "hospital/n1/accesses.0/17", strings.ToUpper(receipt.String())} {
		if id, fits := AuditEventOf(text); id != text || !fits(Chain{}) {
			t.Errorf("%q is taken for a receipt", text)
		}
	}
}
