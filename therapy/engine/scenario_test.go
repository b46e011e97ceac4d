package engine_test

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/therapy/engine"
)

// The scenarios stand in testdata/scenarios; testdata/scenarios/README.md says how they read.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scenarios: %v", err)
	}
	count := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(text), "\n== ")[1:] {
			name, body, _ := strings.Cut(part, "\n")
			count++
			t.Run(name, func(t *testing.T) { play(t, body) })
		}
	}
	if count < 70 {
		t.Errorf("only %d scenarios", count)
	}
}

// Each verdict code is shown by a scenario.
func TestEveryCodeHasAScenario(t *testing.T) {
	files, _ := filepath.Glob("testdata/scenarios/*.txt")
	var all strings.Builder
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	source, err := os.ReadFile("code.go")
	if err != nil {
		t.Fatal(err)
	}
	codes := 0
	for _, line := range strings.Split(string(source), "\n") {
		if _, value, ok := strings.Cut(line, `Code = "`); ok {
			code := value[:strings.Index(value, `"`)]
			if codes++; !strings.Contains(all.String(), code) && code != string(engine.Malformed) { // TestMalformedEventsAreRefused
				t.Errorf("no scenario shows %s", code)
			}
		}
	}
	if codes < 48 {
		t.Errorf("only %d codes found", codes)
	}
}

// player plays one scenario.
type player struct {
	*world
	t    *testing.T
	line string
}

func play(t *testing.T, body string) {
	definition, ended := "cart-autologous-cryo", false
	p := &player{t: t}
	for _, p.line = range strings.Split(body, "\n") {
		words := strings.Fields(p.line)
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if words[0] == "under" {
			definition = words[1]
			continue
		}
		if p.world == nil {
			p.world = newWorld(t, definition)
			p.signed = true
		}
		ended = words[0] == "="
		p.play(words)
	}
	if !ended {
		t.Error("a scenario ends with its state, holds and alarms")
	}
}

func (p *player) play(words []string) {
	switch words[0] {
	case "=":
		p.end(strings.TrimPrefix(p.line, "="))
	case "before":
		p.before(words[1])
	case "wait":
		p.now += milliseconds(p.t, words[1])
	case "bag":
		p.current = words[1]
	default:
		p.attempt(words)
	}
}

// before does all honest steps before one that is named.
func (p *player) before(step string) {
	at := slices.Index(p.paths, step)
	if at < 0 {
		p.t.Fatalf("%s: no such step on the way", p.line)
	}
	from := 0
	for i, done := range p.paths[:at] {
		if slices.ContainsFunc(p.s.Seen.All(), func(s engine.Seen) bool { return s.ID == p.stepIDs[done] }) {
			from = i + 1
		}
	}
	for _, honest := range p.paths[from:at] {
		if out := p.do(honest); out.Verdict != engine.Accepted {
			p.t.Fatalf("%s: %s is %s: %s", p.line, honest, out.Verdict, out.Code)
		}
		p.stepIDs[honest] = p.last.ID
	}
}

// attempt plays a step with what is different about it, and compares the answer.
func (p *player) attempt(words []string) {
	arrow := slices.Index(words, "->")
	if arrow < 0 {
		p.t.Fatalf("%s: what is the answer?", p.line)
	}
	var out engine.Outcome
	if words[0] == "again" {
		out = p.again(words[1:arrow])
	} else {
		p.now += pause
		e := p.honest(words[0], p.current)
		out = p.finish(e, p.bend(e, words[1:arrow]))
		if out.Verdict == engine.Accepted {
			p.stepIDs[words[0]] = e.ID
		}
	}
	if got, want := strings.TrimSpace(string(out.Verdict)+" "+string(out.Code)), strings.Join(words[arrow+1:], " "); got != want {
		p.t.Fatalf("%s: the answer is %s", p.line, got)
	}
}

// again sends the last event once more, as it was or with another body.
func (p *player) again(words []string) engine.Outcome {
	e, key := *p.last, p.last.Organisation+"-ed25519"
	first := text(p.t, p.out)
	if len(words) > 0 {
		key = p.bend(&e, words)
		e.PayloadHash = e.Payload.Hash()
		return p.submit(&e, key)
	}
	out := p.submit(&e, key)
	once := out
	once.Again = false
	if text(p.t, once) != first && !strings.Contains(first, `"again"`) {
		p.t.Errorf("%s: the first result was\n%s, now it is\n%s", p.line, first, text(p.t, out))
	}
	return out
}

// bend makes an event dishonest, and returns the key that signs it.
func (p *player) bend(e *engine.Event, words []string) (key string) {
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		if name == "role" {
			p.seqs[e.Device]--
			p.as(e, value)
			if e.Payload.Second != "" {
				e.Payload.Second = value + "-2"
			}
		}
	}
	key = e.Organisation + "-ed25519"
	for _, w := range words {
		name, value, _ := strings.Cut(w, "=")
		if s, ok := strings.CutPrefix(name, "s."); ok {
			p.rescan(e, s, value)
		} else if m, ok := strings.CutPrefix(name, "p."); ok {
			p.repay(&e.Payload, m, value)
		} else if name == "key" {
			key = value
		} else {
			p.retell(e, name, value)
		}
	}
	return key
}

func (p *player) rescan(e *engine.Event, what, value string) {
	at := slices.IndexFunc(e.Scans, func(s engine.Scan) bool { return s.What == what })
	e.Scans = slices.Clone(e.Scans)
	switch {
	case value == "":
		e.Scans = slices.Delete(e.Scans, at, at+1)
	case at < 0:
		e.Scans = append(e.Scans, engine.Scan{What: what, Value: value})
	default:
		e.Scans[at].Value = value
	}
}

// repay sets a member of the payload by its name.
func (p *player) repay(payload *engine.Payload, member, value string) {
	v := reflect.ValueOf(payload).Elem()
	for i := range v.NumField() {
		if name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ","); name != member {
			continue
		}
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(value)
		case reflect.Bool:
			f.SetBool(value == "true")
		case reflect.Int64:
			f.SetInt(p.number(value))
		case reflect.Array:
			f.Set(reflect.ValueOf(p.digest(value)))
		case reflect.Slice:
			f.Set(reflect.ValueOf(p.children(value)))
		}
		return
	}
	p.t.Fatalf("%s: no member %s", p.line, member)
}

// number reads 12, or +3h and -3h from now on.
func (p *player) number(value string) int64 {
	if strings.HasPrefix(value, "+") || strings.HasPrefix(value, "-") && strings.Trim(value, "-0123456789") != "" {
		return p.now + milliseconds(p.t, value)
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		p.t.Fatalf("%s: %v", p.line, err)
	}
	return n
}

func (p *player) digest(value string) engine.Hash {
	if value == "" {
		return engine.Hash{}
	}
	return engine.Hash{9, 9}
}

func (p *player) children(value string) (list []engine.Child) {
	for _, c := range strings.Split(value, ",") {
		bag, volume, _ := strings.Cut(c, ":")
		if bag != "" {
			list = append(list, engine.Child{Bag: bag, Volume: p.number(volume)})
		}
	}
	return list
}

// retell changes who says it, when, or what it follows.
func (p *player) retell(e *engine.Event, name, value string) {
	switch name {
	case "role":
	case "org":
		e.Organisation = value
	case "person":
		e.Person = value
	case "device":
		p.seqs[e.Device]--
		e.Device = value
		p.seqs[value]++
		e.DeviceSeq = p.seqs[value]
	case "seq":
		e.DeviceSeq = p.number(value)
	case "on":
		e.Bag = strings.Trim(value, "-")
	case "time":
		e.DeviceTime = p.number(value)
	case "server":
		e.ServerTime = p.number(value)
	case "prev":
		e.PrevHash = engine.Hash{byte(len(value))}
	case "def":
		p.d = load(p.t, value)
	case "manual":
		e.Scans = slices.Clone(e.Scans)
		for i := range e.Scans {
			e.Scans[i].Manual = e.Scans[i].Manual || e.Scans[i].What == value
		}
	default:
		p.t.Fatalf("%s: what is %s?", p.line, name)
	}
}

// end compares state, open holds and alarms with their owners.
func (p *player) end(want string) {
	state := "none"
	if b := p.s.Bag(p.current); b != nil {
		state = b.State
		state += map[bool]string{true: "+locked"}[b.Locked] + map[bool]string{true: "+superseded"}[b.Superseded] + map[bool]string{true: "+kept"}[b.Keeps != ""]
	}
	var holds, alarms []string
	for _, h := range p.s.Holds {
		if h.Cleared == "" {
			holds = append(holds, string(h.Code)+map[bool]string{true: "!"}[h.Critical])
		}
	}
	for _, a := range p.s.Alarms {
		alarms = append(alarms, string(a.Code)+":"+strings.Join(a.Owners, "+"))
	}
	got := fmt.Sprintf("%s | %s | %s", state, list(holds), list(alarms))
	if got != strings.TrimSpace(want) {
		p.t.Errorf("the end is\n= %s\nwant\n=%s", got, want)
	}
}

func list(words []string) string {
	if len(words) == 0 {
		return "-"
	}
	return strings.Join(words, " ")
}

func milliseconds(t *testing.T, text string) int64 {
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatal(err)
	}
	return d.Milliseconds()
}

// The page about therapies names scenarios that there are.
func TestThePageNamesScenarios(t *testing.T) {
	page, err := os.ReadFile("../../docs/therapy.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	files, _ := filepath.Glob("testdata/scenarios/*.txt")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	rows := 0
	for _, line := range strings.Split(string(page), "\n") {
		cells := strings.Split(line, " | ")
		if len(cells) != 4 || !strings.HasPrefix(line, "| `") || strings.ToUpper(cells[0]) != cells[0] {
			continue
		}
		rows++
		if name := strings.TrimSuffix(cells[3], " |"); !strings.HasPrefix(name, "`") && !strings.Contains(all.String(), "\n== "+name+"\n") {
			t.Errorf("the page names %q, which is no scenario", name)
		}
	}
	if rows < 50 {
		t.Errorf("only %d codes on the page", rows)
	}
}
