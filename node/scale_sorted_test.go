package node

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// sortedLists are the lists whose pages cost the same in a small and a large hospital.
var sortedLists = []string{"Observation?_sort=-date&_count=10", "Patient?_sort=family&_count=20", "Encounter?date=ge2020&_sort=-date&_count=20"}

// BenchmarkSortedPages compares pages of sorted lists of two hospitals in turn: the first
// page, the 20th, and the one after the last value, for a practitioner and for a
// researcher who sees 0.1 % of the patients. It runs if ACESO_BENCH_SCALE says how many
// resources the large one has (the small one has 32,000). ACESO_BENCH_FOLDER keeps both
// for the next run: to load 3,200,000 takes long.
func BenchmarkSortedPages(b *testing.B) {
	size, err := strconv.Atoi(os.Getenv("ACESO_BENCH_SCALE"))
	if err != nil || size < 32_000 {
		b.Skip("SKIPPED: set ACESO_BENCH_SCALE=3200000, or fewer from 32000 on")
	}
	root := os.Getenv("ACESO_BENCH_FOLDER")
	if root == "" {
		root = b.TempDir()
	}
	small, large := loadedNode(b, root, 32_000), loadedNode(b, root, size)
	for _, who := range []string{"TREAT", "HRESCH"} {
		for _, list := range sortedLists {
			for _, page := range []int{1, 20} {
				b.Run(fmt.Sprintf("%s/%s/page %d", who, list, page), func(b *testing.B) {
					inTurn(b, sortedPage(b, small, who, list, page), sortedPage(b, large, who, list, page))
				})
			}
		}
	}
	for _, list := range sortedLists {
		b.Run(list+"/after the last value, store only", func(b *testing.B) { inTurn(b, lastPage(b, small, list), lastPage(b, large, list)) })
	}
}

// inTurn measures both in turn, so that other work on the machine meets both alike.
func inTurn(b *testing.B, small, large func() error) {
	var took [2][]time.Duration
	for range max(b.N, 20) {
		for i, ask := range []func() error{small, large} {
			start := time.Now()
			if err := ask(); err != nil {
				b.Fatal(err)
			}
			took[i] = append(took[i], time.Since(start))
		}
	}
	var p50 [2]float64
	for i := range took {
		slices.Sort(took[i])
		p50[i] = float64(took[i][len(took[i])/2].Microseconds())
	}
	b.ReportMetric(p50[0], "small-p50-us")
	b.ReportMetric(p50[1], "large-p50-us")
	b.ReportMetric(p50[1]/p50[0], "p50-ratio")
}

// sortedPage asks for a page of a list, or for the last one if there are fewer.
func sortedPage(b *testing.B, n *testNode, purpose, list string, page int) func() error {
	user, path := n.as("practitioner", purpose), "/"+list
	for range page - 1 {
		next := linkedPage(user.Get(path).Want(200))
		if next == "" {
			break
		}
		path = next
	}
	return func() error {
		r, err := user.Try(http.MethodGet, path, "")
		if err == nil && r.Status != 200 {
			err = fmt.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
		return err
	}
}

// linkedPage is the path of the next page, "" for none.
func linkedPage(r nodetest.Answer) string {
	links, _ := r.JSON()["link"].([]any)
	for _, l := range links {
		if link := l.(map[string]any); link["relation"] == "next" {
			_, path, _ := strings.Cut(link["url"].(string), "/fhir")
			return path
		}
	}
	return ""
}

// lastPage asks the store for what comes after the last value.
func lastPage(b *testing.B, n *testNode, list string) func() error {
	typ, query, _ := strings.Cut(list, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		b.Fatal(err)
	}
	var params []fhir.Param
	for name := range values {
		params = append(params, fhir.Param{Name: name, Value: values.Get(name)})
	}
	q, err := search.ParseQuery(typ, params, search.QueryOptions{})
	if err != nil {
		b.Fatal(err)
	}
	s := store.Search{Query: q, Limit: 20}
	first, err := n.node.store.Search(b.Context(), s)
	if err != nil {
		b.Fatal(err)
	}
	var at map[string]any
	if err := json.Unmarshal(first.Next, &at); err != nil {
		b.Fatal(err)
	}
	if at["v"] = [][]byte{[]byte("\U0010FFFF")}; q.Sort[0].Desc {
		at["v"] = [][]byte{{}}
	}
	if s.After, err = json.Marshal(at); err != nil {
		b.Fatal(err)
	}
	return func() error {
		_, err := n.node.store.Search(context.Background(), s)
		return err
	}
}

// loadedNode is a node with a hospital of that size, of whose patients one in a thousand
// permits research.
func loadedNode(b *testing.B, root string, size int) *testNode {
	b.Helper()
	folder := filepath.Join(root, fmt.Sprint(size))
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		start := time.Now()
		if err := loadWard(b.Context(), folder+".part", size/perPatient); err != nil {
			b.Fatal(err)
		}
		lendKeys(b, folder+".part")
		if err := os.Rename(folder+".part", folder); err != nil {
			b.Fatal(err)
		}
		b.Logf("%d resources loaded with %.0f/s", size, float64(size)/time.Since(start).Seconds())
	}
	return startNode(b, folder, func(_ *Node, o *Options) { o.Rate = UsualRate })
}

// lendKeys gives a folder the keys of another node.
func lendKeys(b *testing.B, folder string) {
	b.Helper()
	n := startNode(b, b.TempDir())
	n.stop()
	keys, err := os.ReadFile(filepath.Join(string(n.data), "keyring.json"))
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "keyring.json"), keys, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// loadWard writes a hospital as a copy of a store would.
func loadWard(ctx context.Context, folder string, patients int) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	to, err := sqlite.OpenTarget(ctx, folder, sqlite.Options{Organization: "hospital", Node: "n1", Base: "http://127.0.0.1/fhir"})
	if err != nil {
		return err
	}
	const together = 20
	var made errgroup.Group
	ready := make(chan chan []store.Stored, 4)
	made.Go(func() error {
		defer close(ready)
		for first := 0; first < patients; first += together {
			batch := make(chan []store.Stored, 1)
			ready <- batch
			made.Go(func() error {
				all, err := wardVersions(first, min(first+together, patients))
				batch <- all
				return err
			})
		}
		return nil
	})
	for batch := range ready {
		if err == nil {
			err = to.AddVersions(ctx, <-batch)
		}
	}
	if err = errors.Join(err, made.Wait()); err == nil {
		err = to.Finish(ctx)
	}
	return errors.Join(err, to.Close())
}

// wardVersions is all that some patients have.
func wardVersions(first, end int) (all []store.Stored, err error) {
	for p := first; p < end; p++ {
		var bundle struct {
			Entry []struct{ Resource json.RawMessage }
		}
		if err := json.Unmarshal([]byte(wardBundle(p)), &bundle); err != nil {
			return nil, err
		}
		for i, e := range bundle.Entry {
			one, err := wardVersion(string(e.Resource), int64(p)*(perPatient+1)+int64(i), i == 1 && p%100 == 0)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		if p%1000 == 0 {
			permit := nodetest.ResearchConsent(wardID(p, "consent"), wardID(p), "permit")
			one, err := wardVersion(permit, int64(p)*(perPatient+1)+perPatient, false)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
	}
	return all, nil
}

// wardVersion is a stored document, the n-th; an Encounter without its period if undated.
func wardVersion(text string, n int64, undated bool) (v store.Stored, err error) {
	at := time.UnixMilli(1_750_000_000_000 + n).UTC()
	text = strings.Replace(text, `,"id":`, fmt.Sprintf(`,"meta":{"versionId":"1","lastUpdated":"%s"},"id":`, at.Format("2006-01-02T15:04:05.000Z")), 1)
	if undated {
		text, _, _ = strings.Cut(text, `,"period":`)
		text += "}"
	}
	doc, err := fhir.Open([]byte(text))
	if err != nil {
		return v, err
	}
	v.Ref = fhir.Ref{Type: doc.Type(), ID: doc.ID()}
	v.Version.Version, v.LastUpdated, v.Method, v.Owner, v.Seq = 1, at, http.MethodPut, "hospital", n
	v.Body, v.Hash = doc.Bytes(), sha256.Sum256(doc.Bytes())
	v.Stamp, v.Base = (at.UnixMilli()+1)<<store.StampShift, "http://127.0.0.1/fhir"
	v.Index, v.Facts, err = search.Describe(doc, v.Base)
	return v, err
}
