package sqlite

import (
	"fmt"
	"testing"

	"github.com/aceso-health/aceso/store"
)

// BenchmarkHiddenHistory shows what a page of 20 versions costs a caller who sees those of
// one of a thousand patients: judged row by row; when the sets of what is hidden are made; and when
// they are kept.
func BenchmarkHiddenHistory(b *testing.B) {
	const patients = 1000
	sight := &store.Sight{Free: store.Hidden, Rest: store.Hidden, Groups: []store.Group{{Name: "one", Is: store.Shown, Patients: []string{"Patient/7"}}}}
	for _, resources := range []int{3_000, 30_000} {
		a := newAuthor(b, open(b, b.TempDir(), options()))
		for i := 0; i < resources; i += 1000 {
			var writes []store.Write
			for j := range 1000 {
				writes = append(writes, a.version(fmt.Sprint(i+j), 0, observation((i+j)%patients, j)))
			}
			_, err := a.Commit(b.Context(), store.Change{Writes: writes, Entry: a.entry()})
			a.must(err)
		}
		for _, typ := range []string{"Observation", ""} {
			for _, how := range []string{"rows", "new", "kept"} {
				h := store.History{Type: typ, Limit: 20}
				if how != "rows" {
					h.Sight = func(string, int64) (*store.Sight, error) { return sight, nil }
				}
				b.Run(fmt.Sprintf("%d/%s/%s", resources, map[bool]string{true: "system", false: "type"}[typ == ""], how), func(b *testing.B) {
					a.hiddenHistory(b, h, how == "new")
				})
			}
		}
	}
}

// hiddenHistory reads the first page as one who sees one patient.
func (a *author) hiddenHistory(b *testing.B, h store.History, forget bool) {
	judged := 0
	h.Visible = func(r store.Row) (bool, error) {
		judged++
		return r.Facts.Patients[0] == "Patient/7", nil
	}
	cpu(b)
	for b.Loop() {
		if forget {
			a.sets.Forget()
		}
		page, err := a.History(b.Context(), h)
		a.must(err)
		if len(page.Matches) == 0 {
			b.Fatal("finds nothing")
		}
	}
	b.ReportMetric(float64(judged)/float64(b.N), "judged/op")
}
