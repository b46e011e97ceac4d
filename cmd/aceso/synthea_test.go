package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/node/nodetest"
)

// synthea is the folder of the 102 Synthea bundles: in ACESO_TEST_DATA, or beside
// the repository, extracted or as a tar.xz archive.
func synthea(t testing.TB) string {
	t.Helper()
	const name = "synthea-r4-100"
	dir := os.Getenv("ACESO_TEST_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
		return filepath.Join(dir, name)
	}
	archive := filepath.Join(dir, name+".tar.xz")
	if _, err := os.Stat(archive); err != nil {
		t.Skipf("SKIPPED: no test data %s: set ACESO_TEST_DATA to the folder that holds it", name)
	}
	dir = t.TempDir()
	if out, err := exec.Command("tar", "-xJf", archive, "-C", dir).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: cannot extract %s: %v %s", archive, err, out)
	}
	return filepath.Join(dir, name)
}

// inputEntry is one entry of an input bundle, its resource byte by byte.
type inputEntry struct {
	FullURL  string          `json:"fullUrl"`
	Resource json.RawMessage `json:"resource"`
	Request  struct {
		Method, URL string // all are creates: the URL is the type
	} `json:"request"`
}

// readInput reads bundles; the key is the hash of a bundle.
func readInput(t testing.TB, files []string) map[string][]inputEntry {
	t.Helper()
	all := map[string][]inputEntry{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var b struct{ Entry []inputEntry }
		if err := json.Unmarshal(data, &b); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range b.Entry {
			if e.Request.Method != http.MethodPost || !fhir.IsResourceType(e.Request.URL) {
				t.Fatalf("%s: %+v is no create", file, e.Request)
			}
		}
		all[sumOf(data)] = b.Entry
	}
	return all
}

func countTypes(input map[string][]inputEntry) map[string]int {
	count := map[string]int{}
	for _, entries := range input {
		for _, e := range entries {
			count[e.Request.URL]++
		}
	}
	return count
}

// listener stands in front of a node and keeps what it answers to transactions:
// only these answers tell which input became which resource.
type listener struct {
	http.Handler
	mu      sync.Mutex
	answers map[string][]byte // by the hash of the bundle
	began   func()            // called when a transaction begins
}

// whenBegun sets what is called when a transaction begins: also of those that a
// killed client left behind.
func (l *listener) whenBegun(call func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.began = call
}

func (l *listener) begin() {
	l.mu.Lock()
	call := l.began
	l.mu.Unlock()
	call()
}

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		l.Handler.ServeHTTP(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.begin()
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.Header.Del("Accept-Encoding") // the answer is to be read here
	answer := httptest.NewRecorder()
	l.Handler.ServeHTTP(answer, r)
	l.mu.Lock()
	l.answers[sumOf(body)] = answer.Body.Bytes()
	l.mu.Unlock()
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

func listenTo(t testing.TB, n *testNode) (*listener, string) {
	t.Helper()
	l := &listener{Handler: n.node.Handler(), answers: map[string][]byte{}, began: func() {}}
	front := httptest.NewServer(l)
	t.Cleanup(front.Close)
	return l, front.URL
}

// stored is where one input resource went.
type stored struct {
	inputEntry
	at      fhir.Ref
	targets map[string]string // of its bundle: fullUrl -> reference
}

// match pairs every input resource with the location that the server gave for it.
func (l *listener) match(t testing.TB, input map[string][]inputEntry) []stored {
	t.Helper()
	var all []stored
	for sum, entries := range input {
		var answer struct {
			Entry []struct {
				Response struct{ Status, Location string }
			}
		}
		if err := json.Unmarshal(l.answers[sum], &answer); err != nil || len(answer.Entry) != len(entries) {
			t.Fatalf("%d entries in the answer to %d: %v\n%.300s", len(answer.Entry), len(entries), err, l.answers[sum])
		}
		targets := map[string]string{}
		for i, e := range entries {
			r := answer.Entry[i].Response
			_, path, _ := strings.Cut(r.Location, "/fhir/")
			name, version, _ := strings.Cut(path, "/_history/")
			typ, id, _ := strings.Cut(name, "/")
			if r.Status != "201 Created" || version != "1" || typ != e.Request.URL || id == "" {
				t.Fatalf("answer to %s: %+v", e.FullURL, r)
			}
			targets[e.FullURL] = name
			all = append(all, stored{e, fhir.Ref{Type: typ, ID: id}, targets})
		}
	}
	return all
}

// importAll runs the command as a user would and wants no error.
func importAll(t testing.TB, n *testNode, url, dir string) string {
	t.Helper()
	var out bytes.Buffer
	state := filepath.Join(t.TempDir(), "state")
	if code := run([]string{"import", "--server", url, "--token", n.as("system", "HOPERAT").Token, "--state", state, dir}, &out, &out); code != exitOK {
		t.Fatalf("exit %d: %s", code, out.String())
	}
	return out.String()
}

// wantCounts compares the server's counts by type with those of the input.
func (n *testNode) wantCounts(want map[string]int) {
	n.T.Helper()
	doctor := n.as("practitioner", "TREAT")
	for typ, count := range want {
		if got := doctor.Get("/" + typ + "?_summary=count").Want(200).JSON()["total"]; got != float64(count) {
			n.T.Errorf("%v resources of type %s, want %d", got, typ, count)
		}
	}
}

// A hundred patients with their hospitals and practitioners: all of it arrives,
// and what is read back is what was sent.
func TestSyntheaRoundTrip(t *testing.T) {
	dir := synthea(t)
	files, err := listFiles([]string{dir})
	if err != nil {
		t.Fatal(err)
	}
	input := readInput(t, files)
	count := countTypes(input)
	n := startNode(t, t.TempDir())
	n.Client.Transport = &http.Transport{MaxIdleConnsPerHost: nodetest.Connections, DisableCompression: true}
	l, url := listenTo(t, n)
	start := time.Now()
	out := importAll(t, n, url, dir)
	t.Logf("import: %v: %s", time.Since(start), strings.TrimSpace(out))

	all := l.match(t, input)
	if len(files) != 102 || len(all) != 32166 || !strings.Contains(out, "imported 32166 resources in 102 bundles") {
		t.Errorf("%d bundles, %d resources: %s", len(files), len(all), out)
	}
	n.wantCounts(count)
	t.Run("read back", func(t *testing.T) { readBack(t, n, all) })
	t.Run("pages", func(t *testing.T) { pageThrough(t, n, all) })
}

// readBack reads every resource and compares it with its input in two ways.
func readBack(t *testing.T, n *testNode, all []stored) {
	doctor := n.as("practitioner", "TREAT")
	distinct := map[fhir.Ref]bool{}
	var group errgroup.Group
	group.SetLimit(nodetest.Connections)
	for _, s := range all {
		distinct[s.at] = true
		group.Go(func() error {
			r, err := doctor.Try(http.MethodGet, "/"+s.at.String(), "")
			if err == nil && r.Status != http.StatusOK {
				err = fmt.Errorf("status %d: %s", r.Status, r.Body)
			}
			if err == nil {
				err = s.sameBytes(r.Body)
			}
			if err == nil {
				err = sameTokens(s.Resource, r.Body, s.at.ID, s.targets)
			}
			if err != nil {
				err = fmt.Errorf("%s, sent as %s: %w", s.at, s.FullURL, err)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
	if len(distinct) != len(all) {
		t.Errorf("%d resources have %d ids", len(all), len(distinct))
	}
}

// sameBytes does to the input what the server says that it does, and nothing else.
func (s stored) sameBytes(got []byte) error {
	returned, err := fhir.Parse(got)
	if err != nil {
		return err
	}
	want, err := fhir.Parse(s.Resource)
	if err != nil {
		return err
	}
	if want, err = want.MapReferences(func(value string) (string, bool) { to, ok := s.targets[value]; return to, ok }); err != nil {
		return err
	}
	if want, err = want.Stamp(s.at.ID, 1, returned.LastUpdated()); err != nil {
		return err
	}
	if !bytes.Equal(want.Bytes(), got) {
		return fmt.Errorf("other bytes\n got %s\nwant %s", got, want.Bytes())
	}
	return nil
}

// pageThrough wants each Observation once, whatever the order and the page size.
func pageThrough(t *testing.T, n *testNode, all []stored) {
	var want []string
	for _, s := range all {
		if s.at.Type == "Observation" {
			want = append(want, s.at.String())
		}
	}
	slices.Sort(want)
	doctor := n.as("practitioner", "TREAT")
	for _, query := range []string{"_count=333", "_count=1000&_sort=-date", "_count=1000&_sort=code,_lastUpdated"} {
		var got []string
		for page := "/Observation?_elements=code&" + query; page != ""; {
			r := doctor.Get(page).Want(200)
			got = append(got, r.IDs()...)
			page = r.Next()
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d Observations on the pages, %d distinct, want %d", query, len(got), len(slices.Compact(got)), len(want))
		}
	}
}

// An import that is killed several times leaves nothing twice and nothing out.
func TestSyntheaImportGoesOnAfterAKill(t *testing.T) {
	files := someBundles(t, 30)
	input := readInput(t, files)
	n := startNode(t, t.TempDir())
	l, url := listenTo(t, n)
	state := filepath.Join(t.TempDir(), "state")
	args := append([]string{"import", "--server", url, "--token", n.as("system", "HOPERAT").Token, "--state", state}, files...)
	for round, signal := range []os.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL} {
		if code := killedAt(t, l, 1+4*round, signal, args); code == exitOK {
			t.Fatalf("round %d: the import ended before it was killed", round)
		}
	}
	l.whenBegun(func() {})
	var out bytes.Buffer
	if code := run(args, &out, &out); code != exitOK {
		t.Fatalf("exit %d: %s", code, out.String())
	}
	n.wantCounts(countTypes(input))
}

// someBundles are the shared bundles and the smallest of the patients'.
func someBundles(t testing.TB, count int) []string {
	t.Helper()
	files, err := listFiles([]string{synthea(t)})
	if err != nil {
		t.Fatal(err)
	}
	size := map[string]int64{}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if size[file] = info.Size(); strings.Contains(file, "Information") {
			size[file] = 0
		}
	}
	slices.SortFunc(files, func(a, b string) int { return int(size[a] - size[b]) })
	return files[:count]
}

// killedAt runs the command in a process of its own and sends it a signal while
// the server works on the nth transaction.
func killedAt(t *testing.T, l *listener, nth int, signal os.Signal, args []string) (code int) {
	t.Helper()
	var out bytes.Buffer
	command := exec.Command("aceso", args...)
	command.Stdout, command.Stderr = &out, &out
	started := make(chan struct{})
	var once sync.Once
	var mu sync.Mutex
	seen := 0
	l.whenBegun(func() {
		mu.Lock()
		defer mu.Unlock()
		if seen++; seen == nth {
			once.Do(func() { <-started; _ = command.Process.Signal(signal) })
		}
	})
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	close(started)
	_ = command.Wait() // the exit code tells
	t.Logf("%v at transaction %d: %s %s", signal, nth, command.ProcessState, strings.TrimSpace(out.String()))
	return command.ProcessState.ExitCode()
}
