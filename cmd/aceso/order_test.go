package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/node"
	"github.com/aceso-health/aceso/server"
)

// systemCall is one call of a trace. A call that another one interrupts has two
// lines, so it has a start and an end; 0 is an end that was never seen.
type systemCall struct {
	name, file string
	data       []byte
	failed     bool
	start, end int
}

var (
	callBegins = regexp.MustCompile(`^(\d+) +[\d.]+ (\w+)\(\d+<((?:->|[^>])*)>(.*)$`)
	callGoesOn = regexp.MustCompile(`^(\d+) +[\d.]+ <\.\.\. (\w+) resumed>(.*)$`)
	hexString  = regexp.MustCompile(`"((?:\\x[0-9a-f]{2})*)"`)
	callFailed = regexp.MustCompile(`\) += -1 `)
)

const unfinished = "<unfinished ...>"

// parseTrace reads what `strace -f -ttt -yy -xx` writes.
func parseTrace(r io.Reader) ([]*systemCall, error) {
	var calls []*systemCall
	open := map[string]*systemCall{} // by thread
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for number := 1; lines.Scan(); number++ {
		line := lines.Text()
		if m := callGoesOn.FindStringSubmatch(line); m != nil && open[m[1]] != nil && open[m[1]].name == m[2] {
			open[m[1]].finish(number, m[3])
			delete(open, m[1])
			continue
		}
		m := callBegins.FindStringSubmatch(line)
		if m == nil {
			continue // a signal, a thread's end
		}
		c := &systemCall{name: m[2], file: unhex(m[3]), start: number}
		calls = append(calls, c)
		if strings.HasSuffix(line, unfinished) {
			c.take(m[4])
			open[m[1]] = c
			continue
		}
		c.finish(number, m[4])
	}
	return calls, lines.Err()
}

func (c *systemCall) take(arguments string) {
	if m := hexString.FindStringSubmatch(arguments); m != nil {
		c.data = []byte(unhex(m[1]))
	}
}

func (c *systemCall) finish(number int, arguments string) {
	c.take(arguments)
	c.end, c.failed = number, callFailed.MatchString(arguments)
}

func unhex(s string) string {
	if !strings.HasPrefix(s, `\x`) {
		return s
	}
	b, err := hex.DecodeString(strings.ReplaceAll(s, `\x`, ""))
	if err != nil {
		return s
	}
	return string(b)
}

func (c *systemCall) isSync() bool { return c.name == "fsync" || c.name == "fdatasync" }

// answered looks at every HTTP answer of a trace: when its first byte went to the
// client's socket, a sync of the log's file must have returned that began after the
// record had been written there. Which record is the answer's, its receipt says:
// the commitment stands in what was written.
func answered(calls []*systemCall) (answers int, broken []string) {
	for i, c := range calls {
		if c.name != "write" || !strings.HasPrefix(c.file, "TCP:") || !bytes.HasPrefix(c.data, []byte("HTTP/1.1 ")) {
			continue
		}
		answers++
		if why := covered(calls[:i], c); why != "" {
			broken = append(broken, fmt.Sprintf("line %d, answer on %s: %s", c.start, c.file, why))
		}
	}
	return answers, broken
}

func covered(before []*systemCall, answer *systemCall) string {
	res, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer.data)), nil)
	if err != nil {
		return err.Error()
	}
	for _, text := range strings.Split(res.Header.Get(server.RecordHeader), ", ") {
		receipt, err := ledgerbridge.ParseReceipt(text)
		if err != nil {
			return fmt.Sprintf("no receipt: %v", err)
		}
		file := "/access.db-wal"
		if strings.HasSuffix(receipt.Source, "/changes.0") {
			file = "/aceso.db-wal"
		}
		if !durable(before, answer.start, file, receipt.Commitment[:]) {
			return fmt.Sprintf("no sync of %s covers the record %s", file, receipt)
		}
	}
	return ""
}

// durable looks for content written to a file before its last successful sync that
// had returned before line.
func durable(before []*systemCall, line int, file string, content []byte) bool {
	last := 0
	for _, c := range before {
		if c.isSync() && strings.HasSuffix(c.file, file) && !c.failed && c.end != 0 && c.end < line {
			last = max(last, c.start)
		}
	}
	for i := len(before) - 1; i >= 0; i-- {
		c := before[i]
		if c.name == "pwrite64" && strings.HasSuffix(c.file, file) && !c.failed && c.end != 0 && c.end < last && bytes.Contains(c.data, content) {
			return true
		}
	}
	return false
}

// The running binary is traced while several connections read, search, write and
// are refused: no answer leaves before its record is on the disk.
func TestNoAnswerBeforeItsRecordIsSynced(t *testing.T) {
	const connections, rounds = 8, 4
	n := startChild(t, t.TempDir())
	newOutage(t, n.testNode)
	trace := filepath.Join(t.TempDir(), "trace")
	tr := n.attach("-ttt", "-yy", "-xx", "-s", "1000000", "-o", trace, "-e", "trace=read,pwrite64,write,writev,sendto,fsync,fdatasync")
	sent := 0
	var running sync.WaitGroup
	for i := range connections {
		requests := mixed(n.testNode, i)
		sent += rounds * len(requests)
		running.Go(func() {
			for range rounds {
				for _, ask := range requests {
					if r, err := ask(); err != nil || r.Status >= 500 {
						t.Errorf("%s: %d %v", r.What, r.Status, err)
					}
				}
			}
		})
	}
	running.Wait()
	tr.detach()
	f, err := os.Open(trace)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	calls, err := parseTrace(f)
	if err != nil {
		t.Fatal(err)
	}
	answers, broken := answered(calls)
	if answers != sent {
		t.Errorf("the trace shows %d answers, the clients had %d", answers, sent)
	}
	for _, b := range broken {
		t.Error(b)
	}
	t.Logf("%d answers, %d system calls", answers, len(calls))
}

// mixed is one request of each kind, for client i.
func mixed(n *testNode, i int) []func() (response, error) {
	system, doctor := n.as("system", "HOPERAT"), n.as("practitioner", "TREAT")
	guest := n.as("practitioner", "TREAT", func(g *node.Grant) { g.Organization = "elsewhere" })
	id := fmt.Sprintf("m%d", i)
	request := func(u user, method, path, body string) func() (response, error) {
		return func() (response, error) { return u.Try(method, path, body) }
	}
	get := `{"request":{"method":"GET","url":"Patient/p1"}}`
	put := `{"resource":` + patientJSON(id, "Batch") + `,"request":{"method":"PUT","url":"Patient/` + id + `"}}`
	return []func() (response, error){
		request(system, "PUT", "/Patient/"+id, patientJSON(id, "Mixed")),
		request(doctor, "GET", "/Patient/p1", ""),
		request(doctor, "GET", "/Patient?family=mixed", ""),
		request(doctor, "POST", "/Observation", strings.Replace(observationJSON("x", id, 1), `"id":"x",`, "", 1)),
		request(guest, "GET", "/Patient/p1", ""),
		request(doctor, "GET", "/Patient/absent", ""),
		request(doctor, "GET", "/Patient/p1/_history", ""),
		request(n.as("privacy-officer", "HOPERAT"), "GET", "/Patient/p1", ""),
		request(system, "POST", "/", `{"resourceType":"Bundle","type":"transaction","entry":[`+put+`]}`),
		request(system, "POST", "/", `{"resourceType":"Bundle","type":"batch","entry":[`+get+`,`+put+`]}`),
	}
}

// The check is a check: it fails when the order is wrong.
func TestTheTraceCheckerFindsWrongOrder(t *testing.T) {
	var commitment [32]byte
	for i := range commitment {
		commitment[i] = byte(i + 1)
	}
	asHex := func(s string) string {
		b := new(strings.Builder)
		for i := range len(s) {
			fmt.Fprintf(b, `\x%02x`, s[i])
		}
		return b.String()
	}
	page := asHex("page " + string(commitment[:]) + " end")
	answer := func(source string) string {
		r := ledgerbridge.Receipt{Source: source, Seq: 7, Commitment: commitment}
		return "write(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"" + asHex("HTTP/1.1 200 OK\r\n"+server.RecordHeader+": "+r.String()+"\r\nContent-Length: 1\r\n\r\nx") + `", 150) = 150`
	}
	wal, other := asHex("/data/access.db-wal"), asHex("/data/aceso.db-wal")
	write, sync, reads := `pwrite64(5<`+wal+`>, "`+page+`", 42, 0) = 42`, `fdatasync(5<`+wal+`>) = 0`, answer("o/n/accesses.0")
	for name, c := range map[string]struct {
		good  bool
		lines []string
	}{
		"right order":                     {true, []string{"1 " + write, "1 " + sync, "2 " + reads}},
		"right order, others between":     {true, []string{"1 " + write, "1 fsync(5<" + wal + "> <unfinished ...>", "3 read(8<TCP:[a->b]>, \"" + asHex("GET /") + `", 9) = 5`, "1 <... fsync resumed>) = 0", "2 " + reads}},
		"two lines of output":             {true, []string{"1 " + strings.Replace(write, `, 0) = 42`, `, 0 <unfinished ...>`, 1), "2 --- SIGURG {} ---", "1 <... pwrite64 resumed>) = 42", "1 " + sync, "2 " + reads}},
		"written again after the sync":    {true, []string{"1 " + write, "1 " + sync, "1 " + write, "2 " + reads}},
		"a write, covered by its own log": {true, []string{"1 " + strings.ReplaceAll(write, wal, other), "1 " + strings.ReplaceAll(sync, wal, other), "2 " + answer("o/n/changes.0")}},
		"no sync":                         {false, []string{"1 " + write, "2 " + reads}},
		"no record":                       {false, []string{"1 " + sync, "2 " + reads}},
		"another record":                  {false, []string{"1 " + strings.Replace(write, `\x05\x06`, `\x06\x05`, 1), "1 " + sync, "2 " + reads}},
		"sync after the answer":           {false, []string{"1 " + write, "2 " + reads, "1 " + sync}},
		"sync before the record":          {false, []string{"1 " + sync, "1 " + write, "2 " + reads}},
		"sync begun before the record":    {false, []string{"3 fsync(5<" + wal + "> <unfinished ...>", "1 " + write, "3 <... fsync resumed>) = 0", "2 " + reads}},
		"sync not yet returned":           {false, []string{"1 " + write, "1 fsync(5<" + wal + "> <unfinished ...>", "2 " + reads, "1 <... fsync resumed>) = 0"}},
		"sync never returned":             {false, []string{"1 " + write, "1 fsync(5<" + wal + "> <unfinished ...>", "2 " + reads}},
		"sync failed":                     {false, []string{"1 " + write, "1 fsync(5<" + wal + ">) = -1 EIO (Input/output error)", "2 " + reads}},
		"write failed":                    {false, []string{"1 " + strings.Replace(write, "= 42", "= -1 EIO (Input/output error)", 1), "1 " + sync, "2 " + reads}},
		"sync of the other file":          {false, []string{"1 " + write, "1 " + strings.ReplaceAll(sync, wal, other), "2 " + reads}},
		"record in the other file":        {false, []string{"1 " + strings.ReplaceAll(write, wal, other), "1 " + strings.ReplaceAll(sync, wal, other), "2 " + reads}},
		"answer without receipt":          {false, []string{"1 " + write, "1 " + sync, "2 write(9<TCP:[a->b]>, \"" + asHex("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") + `", 9) = 9`}},
		"second answer without a record":  {false, []string{"1 " + write, "1 " + sync, "2 " + reads, "2 " + strings.ReplaceAll(reads, asHex("01020304"), asHex("01020305"))}},
	} {
		var trace strings.Builder
		for i, line := range c.lines {
			thread, call, _ := strings.Cut(line, " ")
			fmt.Fprintf(&trace, "%s 1700000000.%06d %s\n", thread, i, call)
		}
		calls, err := parseTrace(strings.NewReader(trace.String()))
		if err != nil {
			t.Fatal(err)
		}
		answers, broken := answered(calls)
		if answers != strings.Count(trace.String(), asHex("HTTP/1.1")) || c.good != (len(broken) == 0) {
			t.Errorf("%s: %d answers, %q", name, answers, broken)
		}
	}
}
