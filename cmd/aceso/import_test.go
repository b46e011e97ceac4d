package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// recorder is a FHIR server that remembers what it took and can be made to fail.
type recorder struct {
	*httptest.Server
	mu      sync.Mutex
	bundles []string // in the order of arrival
	fail    func(n int, w http.ResponseWriter) bool
	posts   int
}

func newRecorder(t *testing.T) *recorder {
	r := &recorder{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if q.Method == http.MethodGet {
		_, value, _ := strings.Cut(q.URL.Query().Get("identifier"), "|")
		entry := ""
		for _, b := range r.bundles {
			if strings.Contains(b, `"value":"`+value+`"`) {
				entry = `{}`
			}
		}
		fmt.Fprintf(w, `{"resourceType":"Bundle","entry":[%s]}`, entry)
		return
	}
	body, _ := io.ReadAll(q.Body)
	r.posts++
	if r.fail != nil && r.fail(r.posts, w) {
		return
	}
	r.bundles = append(r.bundles, string(body))
	fmt.Fprint(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"201 Created"}}]}`)
}

// bundle has one POST entry of a type with an identifier and a reference.
func bundle(typ, identifier, reference string) string {
	ref := ""
	if reference != "" {
		ref = fmt.Sprintf(`,"link":{"reference": %q}`, reference)
	}
	return fmt.Sprintf(`{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"urn:uuid:%s","resource":{"resourceType":%q,"identifier":[{"system":"urn:s","value":"%s"}]%s},"request":{"method":"POST","url":%q}}]}`,
		identifier, typ, identifier, ref, typ)
}

func folder(t *testing.T, files map[string]string) string {
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// importInto runs the command as a user would.
func importInto(server, state, dir string, more ...string) (code int, out string) {
	var b bytes.Buffer
	args := append([]string{"import", "--server", server, "--token", "t", "--state", state}, more...)
	code = run(append(args, dir), &b, &b)
	return code, b.String()
}

func identifiersOf(bundles []string) (list []string) {
	for _, b := range bundles {
		var f frame
		_ = json.Unmarshal([]byte(b), &f)
		list = append(list, strings.TrimPrefix(f.Entry[0].Resource.identifiers()[0], "urn:s|"))
	}
	return list
}

func TestImportPutsWhatOthersReferToFirst(t *testing.T) {
	r := newRecorder(t)
	dir := folder(t, map[string]string{
		"a.json": bundle("Patient", "pat", "Practitioner?identifier=urn:s|doc"),
		"b.json": bundle("Patient", "kin", "Patient?identifier=urn:s|pat"),
		"y.json": bundle("Practitioner", "doc", "Organization?identifier=urn:s|org"),
		"z.json": bundle("Organization", "org", ""),
	})
	code, out := importInto(r.URL, filepath.Join(dir, "state"), dir)
	if code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	if got := strings.Join(identifiersOf(r.bundles), " "); got != "org doc pat kin" {
		t.Errorf("order %s", got)
	}
	if !strings.Contains(out, "imported 4 resources in 4 bundles") {
		t.Errorf("summary: %s", out)
	}
}

func TestImportSendsCirclesTogether(t *testing.T) {
	r := newRecorder(t)
	dir := folder(t, map[string]string{"a.json": bundle("Patient", "a", "urn:uuid:b"), "b.json": bundle("Patient", "b", "urn:uuid:a")})
	if code, out := importInto(r.URL, filepath.Join(dir, "state"), dir); code != exitOK || len(r.bundles) != 2 {
		t.Errorf("exit %d, %d bundles: %s", code, len(r.bundles), out)
	}
}

func TestImportTwiceSendsOnce(t *testing.T) {
	r := newRecorder(t)
	dir := folder(t, map[string]string{"a.json": bundle("Patient", "a", ""), "b.json": bundle("Patient", "b", "")})
	for range 2 {
		if code, out := importInto(r.URL, filepath.Join(dir, "state"), dir); code != exitOK {
			t.Fatalf("exit %d: %s", code, out)
		}
	}
	if len(r.bundles) != 2 {
		t.Errorf("%d bundles arrived, want 2", len(r.bundles))
	}
	other := newRecorder(t)
	importInto(other.URL, filepath.Join(dir, "state"), dir)
	if len(other.bundles) != 2 {
		t.Errorf("another server got %d bundles with the same state file, want 2", len(other.bundles))
	}
	r.bundles = nil // the same address, but the data are gone
	importInto(r.URL, filepath.Join(dir, "state"), dir)
	if len(r.bundles) != 2 {
		t.Errorf("the emptied server got %d bundles, want 2", len(r.bundles))
	}
}

// A server that takes the bundle and dies before it answers.
func TestImportAsksAfterALostAnswer(t *testing.T) {
	r := newRecorder(t)
	lost := bundle("Patient", "a", "")
	r.fail = func(n int, w http.ResponseWriter) bool {
		if n > 1 {
			return false
		}
		r.bundles = append(r.bundles, lost)
		connection, _, _ := w.(http.Hijacker).Hijack()
		connection.Close()
		return true
	}
	dir := folder(t, map[string]string{"a.json": lost, "b.json": bundle("Patient", "b", "")})
	if code, out := importInto(r.URL, filepath.Join(dir, "state"), dir, "--workers", "1"); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	if got := strings.Join(identifiersOf(r.bundles), " "); got != "a b" {
		t.Errorf("arrived: %s", got)
	}
}

func TestImportGoesOnAfterAnInterruption(t *testing.T) {
	r := newRecorder(t)
	ctx, interrupt := context.WithCancel(t.Context())
	r.fail = func(n int, _ http.ResponseWriter) bool {
		if n == 3 {
			interrupt()
		}
		return false
	}
	files := map[string]string{}
	for n := range 8 {
		files[fmt.Sprintf("%d.json", n)] = bundle("Patient", fmt.Sprint("p", n), "")
	}
	dir := folder(t, files)
	i := newImporter(r.URL, "t", 1, io.Discard, io.Discard)
	if err := i.run(ctx, []string{dir}, filepath.Join(dir, "state")); err == nil {
		t.Fatal("the interrupted import says that all is well")
	}
	if len(r.bundles) == 8 {
		t.Fatal("nothing was interrupted")
	}
	if code, out := importInto(r.URL, filepath.Join(dir, "state"), dir); code != exitOK {
		t.Fatalf("exit %d: %s", code, out)
	}
	seen := map[string]int{}
	for _, id := range identifiersOf(r.bundles) {
		seen[id]++
	}
	for n := range 8 {
		if id := fmt.Sprint("p", n); seen[id] != 1 {
			t.Errorf("%s arrived %d times", id, seen[id])
		}
	}
}

func TestImportWaitsForABusyServer(t *testing.T) {
	r := newRecorder(t)
	r.fail = func(n int, w http.ResponseWriter) bool {
		if n > 2 {
			return false
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader([]int{http.StatusServiceUnavailable, http.StatusTooManyRequests}[n-1])
		return true
	}
	dir := folder(t, map[string]string{"a.json": bundle("Patient", "a", "")})
	if code, out := importInto(r.URL, filepath.Join(dir, "state"), dir); code != exitOK || len(r.bundles) != 1 {
		t.Errorf("exit %d, %d bundles: %s", code, len(r.bundles), out)
	}
}

func TestImportReportsRefusals(t *testing.T) {
	r := newRecorder(t)
	answer := func(status int, body string) func(int, http.ResponseWriter) bool {
		return func(n int, w http.ResponseWriter) bool {
			if n > 1 {
				return false
			}
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	for name, test := range map[string]struct {
		fail    func(int, http.ResponseWriter) bool
		says    string
		bundles int
	}{
		"refused bundle, the others go on": {answer(422, `{"resourceType":"OperationOutcome","issue":[{"details":{"text":"No."},"expression":["Bundle.entry[3]"]}]}`), "No. (at Bundle.entry[3])", 1},
		"token not accepted, all stops":    {answer(401, `{"resourceType":"OperationOutcome","issue":[{"diagnostics":"Expired."}]}`), "Expired.", 0},
		"no reason given":                  {answer(500, `oops`), "gave no reason", 1},
		"entries of a batch":               {answer(200, `{"entry":[{"response":{"status":"201"}},{"response":{"status":"404 Not Found","outcome":{"issue":[{"diagnostics":"Gone."}]}}}]}`), "entry 1: 404 Not Found: Gone.", 1},
	} {
		r.fail, r.posts, r.bundles = test.fail, 0, nil
		dir := folder(t, map[string]string{"a.json": bundle("Patient", "a", ""), "b.json": bundle("Patient", "b", "")})
		code, out := importInto(r.URL, filepath.Join(dir, "state"), dir, "--workers", "1")
		if code != exitFailed || !strings.Contains(out, test.says) || len(r.bundles) != test.bundles {
			t.Errorf("%s: exit %d, %d bundles: %s", name, code, len(r.bundles), out)
		}
	}
}

// A server that asks for patience gets it, however often it asks, and each parcel once.
func TestImportObeysTooManyRequests(t *testing.T) {
	r := newRecorder(t)
	r.fail = func(n int, w http.ResponseWriter) bool {
		if n > 2*attempts {
			return false
		}
		w.Header().Set("Retry-After", "0")
		if n == 1 {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	}
	dir := folder(t, map[string]string{"a.json": bundle("Patient", "a", "")})
	start := time.Now()
	code, out := importInto(r.URL, filepath.Join(dir, "state"), dir)
	if code != exitOK || len(r.bundles) != 1 || r.posts != 2*attempts+1 {
		t.Errorf("exit %d, %d bundles, %d posts: %s", code, len(r.bundles), r.posts, out)
	}
	if waited := time.Since(start); waited < time.Second {
		t.Errorf("it waited %v", waited)
	}
}

// Without a terminal, a line says from time to time how far the import is.
func TestImportSaysHowFarItIs(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var out bytes.Buffer
	p := newProgress([]*parcel{{resources: 30}, {resources: 20}, {resources: 50}}, io.Discard, &out, func() time.Time { return now })
	p.done(&parcel{resources: 30}, nil)
	if out.Len() > 0 {
		t.Errorf("it says at once: %s", out.String())
	}
	now = now.Add(sayEvery)
	p.done(&parcel{resources: 20}, nil)
	now = now.Add(sayEvery)
	p.waits(30 * time.Second)
	want := "50 of 100 resources after 5 s\n50 of 100 resources after 10 s; the server asks to wait 30 s\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

// What was sent without an answer and cannot be recognised is not sent again.
func TestImportDoesNotGuess(t *testing.T) {
	r := newRecorder(t)
	plain := `{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Basic"},"request":{"method":"POST","url":"Basic"}}]}`
	dir := folder(t, map[string]string{"a.json": plain})
	state := filepath.Join(dir, "state")
	line := fmt.Sprintf("sent %s %s/fhir\n", sumOf([]byte(plain)), r.URL)
	if err := os.WriteFile(state, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := importInto(r.URL, state, dir); code != exitFailed || len(r.bundles) != 0 || !strings.Contains(out, "without an answer") {
		t.Errorf("exit %d, %d bundles: %s", code, len(r.bundles), out)
	}
}

func TestImportRefusesFiles(t *testing.T) {
	for name, content := range map[string]string{
		"collection": `{"resourceType":"Bundle","type":"collection","entry":[]}`,
		"searchset":  `{"resourceType":"Bundle","type":"searchset"}`,
		"single":     `{"resourceType":"Patient","id":"1"}`,
		"not JSON":   `<Bundle/>`,
		"empty":      ``,
	} {
		r := newRecorder(t)
		dir := folder(t, map[string]string{"good.json": bundle("Patient", "a", ""), "z.json": content})
		code, out := importInto(r.URL, filepath.Join(dir, "state"), dir)
		if code != exitFailed || r.posts != 0 || !strings.Contains(out, "z.json") {
			t.Errorf("%s: exit %d, %d posts: %s", name, code, r.posts, out)
		}
	}
	if code, out := importInto("http://127.0.0.1:1", filepath.Join(t.TempDir(), "s"), t.TempDir()); code != exitFailed {
		t.Errorf("empty folder: exit %d: %s", code, out)
	}
}

func TestImportWrapsLines(t *testing.T) {
	r := newRecorder(t)
	patient := `{"resourceType":"Patient","id":"p1", "multipleBirthInteger":1.50}`
	lines := patient + "\r\n\n" + `{"resourceType":"Observation","subject":{"reference":"Patient/p1"}}` + "\n"
	dir := folder(t, map[string]string{"x.ndjson": lines + strings.Repeat(`{"resourceType":"Basic"}`+"\n", linesPerParcel)})
	code, out := importInto(r.URL, filepath.Join(dir, "state"), dir)
	if code != exitOK || len(r.bundles) != 2 {
		t.Fatalf("exit %d, %d bundles: %s", code, len(r.bundles), out)
	}
	for _, b := range r.bundles {
		if !json.Valid([]byte(b)) {
			t.Errorf("not JSON: %.200s", b)
		}
	}
	all := strings.Join(r.bundles, "")
	for _, want := range []string{
		`{"resource":` + patient + `,"request":{"method":"PUT","url":"Patient/p1"}}`,
		`"request":{"method":"POST","url":"Observation"}`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no entry %s", want)
		}
	}
	if n := strings.Count(all, `"request"`); n != linesPerParcel+2 {
		t.Errorf("%d entries", n)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		value   string
		attempt int
		want    time.Duration
	}{
		{"3", 0, 3 * time.Second}, {"100000", 0, time.Hour}, {"-1", 0, 0}, {"", 2, 400 * time.Millisecond},
		{now.Add(2 * time.Second).Format(http.TimeFormat), 0, 2 * time.Second}, {"soon", 0, 100 * time.Millisecond},
	} {
		if got := retryAfter(test.value, test.attempt, now); got != test.want {
			t.Errorf("%q, attempt %d: %v, want %v", test.value, test.attempt, got, test.want)
		}
	}
}

// The 102 Synthea bundles: hospitals and practitioners by their content, whatever
// their names.
func TestPlanOfSynthea(t *testing.T) {
	parcels, err := planImport([]string{synthea(t)})
	if err != nil {
		t.Fatal(err)
	}
	order := waves(parcels)
	resources := 0
	for _, p := range parcels {
		resources += p.resources
		if p.witness == "" {
			t.Errorf("%s has no witness", p.name)
		}
	}
	if len(parcels) != 102 || resources != 32166 || len(order) != 2 || len(order[0]) != 2 {
		t.Errorf("%d bundles, %d resources, %d waves, %d in the first", len(parcels), resources, len(order), len(order[0]))
	}
}
