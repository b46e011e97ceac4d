package node

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/node/nodetest"
	"github.com/aceso-health/aceso/store/mongo/mongotest"
)

// smallSize is how many resources the hospital has with which a large one is compared.
const smallSize = 32_000

// BenchmarkScale compares a hospital of ACESO_BENCH_SCALE resources with one of 32,000, and
// prints a table of what was measured. ACESO_BENCH_FOLDER keeps the hospitals in folders for
// the next run. Its parts can be run alone: -bench Scale/SQLite/counts.
func BenchmarkScale(b *testing.B) {
	size := scaleSize(b)
	root := os.Getenv("ACESO_BENCH_FOLDER")
	if root == "" {
		root = b.TempDir()
	}
	b.Run("SQLite", func(b *testing.B) { benchmarkScale(b, size, places{root: root}) })
	b.Run("MongoDB", func(b *testing.B) {
		if !mongotest.Real() {
			fmt.Printf("%s SKIPPED: %s is not set and there is no mongod on PATH\n", b.Name(), mongotest.ServerVariable)
			b.SkipNow()
		}
		benchmarkScale(b, size, places{root: root, database: true})
	})
}

func benchmarkScale(b *testing.B, size int, p places) {
	_, name, _ := strings.Cut(b.Name(), "/")
	t := table{name}
	t.head()
	b.Run("usual", func(b *testing.B) {
		s := scaled{table: t, size: size, small: p.open(b, usualHospital(smallSize)), large: p.open(b, usualHospital(size)), shared: p.open(b, sharedHospital(size))}
		b.Run("pages", once(s.pages))
		b.Run("counts", once(s.counts))
		b.Run("requests", once(s.requests))
	})
	b.Run("research", once(func(b *testing.B) { t.research(b, size/32, p) }))
}

// once runs a benchmark that measures by itself.
func once(part func(*testing.B)) func(*testing.B) {
	done := false
	return func(b *testing.B) {
		if !done {
			part(b)
		}
		done = true
	}
}

// scaled are a small hospital and a large one, and a small one in which a researcher sees as
// much as in the large one.
type scaled struct {
	table
	small, large, shared *testNode
	size                 int
}

// lists are those whose pages cost the same in a small and in a large hospital.
var lists = []string{
	"Observation?_sort=-date&_count=10", "Patient?_sort=family&_count=20", "Encounter?date=ge2020&_sort=-date&_count=20",
	"_history?_count=20", "Observation/_history?_count=20",
}

// pages compares the first page, the 20th, and the last one or what comes after the last
// value.
func (s *scaled) pages(b *testing.B) {
	for _, list := range lists {
		for _, page := range []int{1, 20} {
			s.page(b, "practitioner", "TREAT", list, page, s.small)
			s.page(b, "researcher of 0.1 %", "HRESCH", list, page, s.small)
			s.page(b, "researcher of as many rows", "HRESCH", list, page, s.shared)
		}
	}
	for _, list := range lists {
		if !strings.Contains(list, "_history") {
			c := inTurn(b, afterLast(b, s.small, list), afterLast(b, s.large, list))
			s.ratio(fmt.Sprintf("store alone: `%s`, after the last value", list), 1.5, c[0], c[1])
		}
	}
}

// page compares a page of the large hospital with that of a small one, and says how many
// resources each shows.
func (s *scaled) page(b *testing.B, who, purpose, list string, page int, small *testNode) {
	b.Helper()
	few, many := pageOf(b, small, purpose, list, page), pageOf(b, s.large, purpose, list, page)
	c := inTurn(b, few.ask, many.ask)
	s.ratio(fmt.Sprintf("%s: `%s`, page %d (%d shown, %d in the small one)", who, list, page, many.shown, few.shown), 1.5, c[0], c[1])
}

// counts measures totals, with their record: the first after the start, and the next ones.
func (s *scaled) counts(b *testing.B) {
	for _, c := range []struct {
		what, purpose, path string
		bar                 time.Duration
		million             bool // for each million matches
	}{
		{"", "TREAT", "/Observation?_summary=count", 50 * time.Millisecond, false},
		{", 10 % of the patients deny", "HPAYMT", "/Observation?_summary=count", 150 * time.Millisecond, false},
		{", for 1,000,000 matches", "TREAT", "/Observation?date=ge2020&_summary=count", 150 * time.Millisecond, true},
		{", for 1,000,000 matches", "TREAT", "/Observation?patient.gender=male&_summary=count", 400 * time.Millisecond, true},
		{", for 1,000,000 matches, 10 % deny", "HPAYMT", "/Observation?patient.gender=male&_summary=count", 400 * time.Millisecond, true},
	} {
		user := s.large.as("practitioner", c.purpose)
		cpu := nodetest.CPU()
		total := user.Get(c.path).Want(200).JSON()["total"].(float64)
		first := nodetest.CPU() - cpu
		each := inTurn(b, asking(user, c.path))[0].cpu
		note := fmt.Sprintf("for %.0f, the first one %s", total, brief(first))
		if c.million {
			each = time.Duration(float64(each) / total * 1e6)
		}
		s.atMost("`"+c.path[1:]+"`"+c.what, c.bar, each, note)
	}
}

// requests measures single ones: in the small hospital how many and what they cost, and in
// the large one whether it is the same.
func (s *scaled) requests(b *testing.B) {
	bars := map[string]struct {
		rate float64
		cpu  time.Duration
	}{
		"GET by id": {8000, 120 * time.Microsecond}, "search patient and code": {4000, time.Hour}, "create": {2500, time.Hour},
		"create 64": {4000, time.Hour}, "create patient": {2400, 500 * time.Microsecond},
	}
	small, large := s.ask(b, s.small, smallSize), s.ask(b, s.large, s.size)
	for i, m := range small {
		bar, cpu := bars[m.name], func(m *nodetest.Measured) time.Duration { return time.Duration(m.PerRequest() * 1000) }
		limit := ""
		if bar.cpu < time.Hour {
			limit = fmt.Sprintf(", CPU <= %v", bar.cpu)
		}
		l := large[i]
		s.row(m.name, fmt.Sprintf(">= %.0f/s%s", bar.rate, limit), fmt.Sprintf("%.0f/s, CPU %v; large: %.0f/s, CPU %v", m.Rate(), cpu(m.Measured), l.Rate(), cpu(l.Measured)),
			m.Rate() >= bar.rate && cpu(m.Measured) <= bar.cpu)
	}
}

type measured struct {
	name string
	*nodetest.Measured
}

// ask sends single requests to one of the nodes.
func (s *scaled) ask(b *testing.B, n *testNode, size int) (all []measured) {
	w := &ward{n: n, patients: size / perPatient}
	doctors := staff(n)
	requests := w.requests()
	requests = append(requests, namedRequest{"create 64", requests[2].request}, namedRequest{"create patient", func(i int64) string {
		return nodetest.PostRequest(doctors(i), "/Patient", newPatient(i))
	}})
	for _, r := range requests {
		l := nodetest.Load{Address: n.Server.Listener.Addr().String(), Connections: nodetest.Connections, Total: 2000}
		if r.name == "create 64" {
			l.Connections = 64
		}
		for i := range l.Total {
			l.Requests = append(l.Requests, r.request(i))
		}
		if _, err := nodetest.Measure(l, func() {}); err != nil {
			b.Fatal(err)
		}
		l.Total = 10_000
		m, err := nodetest.Measure(l, func() {})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, measured{r.name, m})
	}
	return all
}

// research compares a researcher's search under the Consents of so many patients, of 50
// shapes, with that of somebody in the same hospital without Consents.
func (t table) research(b *testing.B, patients int, p places) {
	plain := nodetest.Ward{Visits: 1, PerVisit: 7}
	bound := plain
	bound.Consents = nodetest.FiftyConsents
	free := p.open(b, hospital{plain, fmt.Sprintf("plain-%d", patients), patients}).as("practitioner", "TREAT")
	researcher := p.open(b, hospital{bound, fmt.Sprintf("shapes-%d", patients), patients}).as("practitioner", "HRESCH")
	for _, query := range []string{"code=http://loinc.org|" + wardCode(3), "status=final", "patient.gender=male", "date=ge2014-06"} {
		path := "/Observation?" + query + "&_count=50&_total=accurate"
		start, cpu := time.Now(), nodetest.CPU()
		total := researcher.Get(path).Want(200).JSON()["total"]
		first := fmt.Sprintf("the first one %v, CPU %v", time.Since(start).Round(time.Millisecond), (nodetest.CPU() - cpu).Round(time.Millisecond))
		c := inTurn(b, asking(free, path), asking(researcher, path))
		t.ratio(fmt.Sprintf("`%s` under %d patients' Consents, total %v (%s)", path[1:], patients, total, first), 2, c[0], c[1])
	}
}

func asking(u user, path string) func() error {
	return func() error {
		r, err := u.Try(http.MethodGet, path, "")
		if err == nil && r.Status != 200 {
			err = fmt.Errorf("%s: %d %s", path, r.Status, r.Body)
		}
		return err
	}
}

// shownPage is a page that can be asked for, and how many resources it shows.
type shownPage struct {
	ask   func() error
	shown int
}

// pageOf is a page of a list, or the last one if there are fewer.
func pageOf(b *testing.B, n *testNode, purpose, list string, page int) shownPage {
	b.Helper()
	user, path := n.as("practitioner", purpose), "/"+list
	at := user.Get(path).Want(200)
	for range page - 1 {
		next := linkedPage(at)
		if next == "" {
			break
		}
		path = next
		at = user.Get(path).Want(200)
	}
	return shownPage{asking(user, path), len(at.Entries())}
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

// scaleSizes are those at which everything is checked.
func scaleSizes(b *testing.B) []int {
	b.Helper()
	asked := os.Getenv("ACESO_BENCH_CHECKS")
	if asked == "" {
		b.Skip("SKIPPED: set ACESO_BENCH_CHECKS=60000,100000 to load so many resources")
	}
	var sizes []int
	for text := range strings.SplitSeq(asked, ",") {
		size, err := strconv.Atoi(text)
		if err != nil || size < perPatient {
			b.Fatalf("ACESO_BENCH_CHECKS: %q is no size from %d", text, perPatient)
		}
		sizes = append(sizes, size)
	}
	slices.Sort(sizes)
	return sizes
}
