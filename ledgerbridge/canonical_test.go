package ledgerbridge

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/gowebpki/jcs"

	"github.com/aceso-health/aceso/canonical"
)

// sameAsJCS compares our encoding with an independent RFC 8785 implementation and
// reads it back.
func sameAsJCS(t *testing.T, e Entry) {
	t.Helper()
	ours, err := e.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := jcs.Transform(ours)
	if err != nil || !bytes.Equal(ours, theirs) {
		t.Fatalf("not canonical (%v):\nours   %q\ntheirs %q", err, ours, theirs)
	}
	// From a reader and writer that know nothing of our rules.
	var members map[string]any
	dec := json.NewDecoder(bytes.NewReader(ours))
	dec.UseNumber()
	if err := dec.Decode(&members); err != nil {
		t.Fatal(err)
	}
	loose, err := json.MarshalIndent(members, " ", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if theirs, err = jcs.Transform(loose); err != nil || !bytes.Equal(ours, theirs) {
		t.Fatalf("differs from the canonical form of the same members (%v):\nours   %q\ntheirs %q", err, ours, theirs)
	}
	back, err := ParseEntry(ours)
	if err != nil {
		t.Fatalf("cannot read %q: %v", ours, err)
	}
	again, err := back.AppendJSON(nil)
	if err != nil || !bytes.Equal(again, ours) {
		t.Fatalf("read and written again: %q, want %q (%v)", again, ours, err)
	}
}

func texts(e *Entry) []*string {
	var at string
	var all []*string
	fields := e.fields(&at)
	for _, f := range fields {
		if f.text != nil && f.text != &at {
			all = append(all, f.text)
		}
	}
	return all
}

func TestEntryAgainstJCS(t *testing.T) {
	alphabet := []rune("ab \"\\/<>&'\x00\x01\b\t\n\f\r\x1b\x1f\x7f\u0080é\u2028\u2029\ufeff\ufffd\uffff😀𝄞")
	rng := rand.New(rand.NewPCG(8785, 1))
	for range 3000 {
		e := Entry{
			Schema: entrySchema, Seq: rng.Int64N(maxInteger + 1), Version: rng.Int64N(1000),
			Outcome: 200, Count: maxInteger - rng.Int64N(2),
			Time: time.UnixMilli(rng.Int64N(4e12)),
		}
		for _, s := range texts(&e) {
			for range rng.IntN(6) {
				*s += string(alphabet[rng.IntN(len(alphabet))])
			}
		}
		sameAsJCS(t, e)
	}
}

func FuzzEntryAgainstJCS(f *testing.F) {
	f.Add("Mr \"X\" \\ \u2028", "\x00\x1f\x7f", int64(7))
	f.Add("\xff\xfe cut \xf0\x9f", "😀", int64(maxInteger))
	f.Fuzz(func(t *testing.T, a, b string, n int64) {
		if n < 0 || n > maxInteger {
			t.Skip()
		}
		sameAsJCS(t, Entry{Schema: entrySchema, Reason: a, Client: b, Seq: n, Time: time.UnixMilli(0)})
	})
}

// FuzzParseEntry: whatever is accepted is written back byte for byte.
func FuzzParseEntry(f *testing.F) {
	e := Entry{Schema: entrySchema, Reason: "a\"\\\u0001é", Time: time.UnixMilli(1)}
	text, _ := e.AppendJSON(nil)
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`\u0001`), []byte(`\u0041`), 1))
	f.Add(bytes.Replace(text, []byte(`é`), []byte(`\/`), 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ParseEntry(data)
		if err != nil {
			return
		}
		again, err := e.AppendJSON(nil)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("accepted %q, wrote %q (%v)", data, again, err)
		}
	})
}

func TestParseEntryIsStrict(t *testing.T) {
	e := Entry{Schema: entrySchema, Reason: "consent\t", Version: 3, Time: time.UnixMilli(1).UTC()}
	text, err := e.AppendJSON(nil)
	if err != nil {
		t.Fatal(err)
	}
	replace := func(from, to string) []byte { return bytes.Replace(text, []byte(from), []byte(to), 1) }
	for name, bad := range map[string][]byte{
		"space":               replace(`,`, `, `),
		"trailing newline":    append(bytes.Clone(text), '\n'),
		"empty":               nil,
		"cut":                 text[:len(text)-1],
		"order":               replace(`{"action":"","agent":""`, `{"agent":"","action":""`),
		"missing member":      replace(`"agent":"",`, ``),
		"unknown member":      replace(`{`, `{"a":"",`),
		"number as text":      replace(`"version":3`, `"version":"3"`),
		"leading zero":        replace(`"version":3`, `"version":03`),
		"exponent":            replace(`"version":3`, `"version":3e0`),
		"negative":            replace(`"version":3`, `"version":-3`),
		"above 2^53":          replace(`"version":3`, `"version":9007199254740992`),
		"other escape":        replace(`\t`, `\u0009`),
		"needless escape":     replace(`consent`, `\u0063onsent`),
		"raw control":         replace(`\t`, "\t"),
		"not UTF-8":           replace(`consent`, "\xff"),
		"later schema":        replace(`"v":3`, `"v":4`),
		"no schema":           replace(`"v":3`, `"v":0`),
		"time without millis": replace(`.001Z`, `Z`),
		"time with offset":    replace(`.001Z`, `.001+00:00`),
		"microseconds":        replace(`.001Z`, `.001000Z`),
	} {
		if bytes.Equal(bad, text) {
			t.Errorf("%s: the case changes nothing", name)
		}
		if _, err := ParseEntry(bad); err == nil {
			t.Errorf("%s: accepted %q", name, bad)
		}
	}
}

func TestInvalidUTF8StillMakesARecord(t *testing.T) {
	got := canonical.AppendString(nil, "a\xffb\xe2\x82")
	if string(got) != "\"a\uFFFDb\uFFFD\uFFFD\"" || !utf8.Valid(got) {
		t.Errorf("%q", got)
	}
}

func FuzzPartsAgainstJCS(f *testing.F) {
	f.Add("Patient/1", "name=\"x\"&y", int64(2))
	f.Fuzz(func(t *testing.T, a, b string, n int64) {
		if n < 0 || n > maxInteger || !utf8.ValidString(a) || !utf8.ValidString(b) {
			t.Skip()
		}
		items := []Item{{Ref: a, Version: n, Method: b, Hash: [32]byte{1}}, {Ref: b}}
		request := &RequestPart{Agent: a, Name: b, Role: a, Address: b, Target: a, Query: b, Items: items}
		patient := &PatientPart{Patient: a, Target: b, Query: a, Items: items[:1], Consents: []string{a, b}}
		for _, p := range []interface{ appendJSON([]byte) []byte }{request, patient, new(RequestPart), new(PatientPart)} {
			ours := p.appendJSON(nil)
			if theirs, err := jcs.Transform(ours); err != nil || !bytes.Equal(ours, theirs) {
				t.Fatalf("ours %q theirs %q %v", ours, theirs, err)
			}
		}
		back := new(PatientPart)
		if err := parsePart(patient.appendJSON(nil), back); err != nil || back.Items[0] != items[0] {
			t.Fatalf("%+v %v", back, err)
		}
	})
}
