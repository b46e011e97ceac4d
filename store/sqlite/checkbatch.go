package sqlite

import (
	"hash/maphash"
	"runtime"
	"sync"

	"zombiezen.com/go/sqlite"

	"github.com/aceso-health/aceso/store"
	plan "github.com/aceso-health/aceso/store/search"
)

// batch are versions in order, all those of some resources but for a long history.
type batch struct {
	before   *checked // the version before the first, if it is of the same resource
	versions []*checked
	bytes    int
	ends     bool // with the last version of a resource
}

// A batch ends with the resource that has these many versions or bytes, and in the midst
// of one that has eight times as many.
const (
	batchVersions = 64
	batchBytes    = 1 << 20
)

func (b *batch) full(times int) bool {
	return len(b.versions) >= times*batchVersions || b.bytes >= times*batchBytes
}

func (b *batch) add(v *checked) {
	b.versions = append(b.versions, v)
	b.bytes += len(v.PackedBody) + len(v.PackedFacts) + len(v.packedIndex)
}

// batches reads the versions that a query selects, resource by resource.
func (k *checker) batches(visit func(batch), query string, args ...any) error {
	var b batch
	err := k.each(query, func(st *sqlite.Stmt) {
		v := k.names.scanChecked(st)
		if n := len(b.versions); n > 0 {
			last := b.versions[n-1]
			if b.ends = last.Place != v.Place; b.ends && b.full(1) {
				visit(b)
				b = batch{}
			} else if b.full(8) {
				again := last.copied()
				visit(b)
				b = batch{before: again}
			}
		}
		b.add(v)
	}, args...)
	if err == nil && len(b.versions) > 0 {
		b.ends = true
		visit(b)
	}
	return err
}

// copied is a version that another goroutine may look at.
func (v *checked) copied() *checked {
	r := *v.row
	r.Columns = &r
	again := *v
	again.row = &r
	return &again
}

// checkBatch checks versions one after the other.
func (k *checker) checkBatch(b batch) {
	last := b.before
	var before *plan.Row // last, if it is of the same resource
	if last != nil {
		before = &last.Row
	}
	for _, v := range b.versions {
		if last != nil && last.Place != v.Place {
			k.checkCurrent(last)
			before = nil
		}
		if v.Ref.Type == "Consent" || k.schema >= schemaGoverning && store.Governs(v.Ref.Type) {
			k.touched.add(&v.Row, before)
		}
		k.checkVersion(v, before)
		k.expectNames(v)
		last, before = v, &v.Row
	}
	if b.ends && last != nil {
		k.checkCurrent(last)
	}
}

// walkVersions checks the versions that a query selects: all those of some resources.
// Unless somebody wants their index rows in order, all processors take part.
func (k *checker) walkVersions(query string, args ...any) error {
	k.begin(maphash.MakeSeed())
	if k.keysOf != nil {
		return k.batches(k.checkBatch, query, args...)
	}
	work := make(chan batch, 1)
	var helpers []*checker
	var helping sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		h := k.helper()
		helpers = append(helpers, h)
		helping.Go(func() {
			for b := range work {
				h.checkBatch(b)
			}
		})
	}
	err := k.batches(func(b batch) { work <- b }, query, args...)
	close(work)
	helping.Wait()
	for _, h := range helpers {
		k.join(h)
	}
	return err
}

// begin begins what the versions will say.
func (k *checker) begin(seed maphash.Seed) {
	k.expected, k.consents, k.touched, k.named = newTallies(seed), map[consentRow]bool{}, touched{}, map[consentRow]bool{}
}

// helper checks batches beside others. It has no connection.
func (k *checker) helper() *checker {
	h := &checker{ctx: k.ctx, file: k.file, identity: k.identity, findings: k.findings, schema: k.schema, bases: k.bases}
	h.names.source = k.names.source
	h.names.p.Store(k.names.p.Load())
	h.begin(k.expected.seed)
	return h
}

// join adds what the versions of a helper say.
func (k *checker) join(h *checker) {
	for p, s := range h.expected.sums {
		t := k.expected.sums[p]
		k.expected.sums[p] = tally{t.sum + s.sum, t.rows + s.rows}
	}
	for r := range h.consents {
		k.consents[r] = true
	}
	for r := range h.named {
		k.named[r] = true
	}
	for seq, keys := range h.touched {
		k.touched[seq] = append(k.touched[seq], keys...)
	}
}
