package engine_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/canonical"
	"github.com/aceso-health/aceso/therapy/engine"
)

// full sets every member of a struct to something that differs from all others.
func full(v reflect.Value, n *int) {
	for i := range v.NumField() {
		*n++
		switch f := v.Field(i); f.Kind() {
		case reflect.String:
			f.SetString(fmt.Sprintf("\"%d\u2028é", *n))
		case reflect.Int64:
			f.SetInt(int64(*n))
		case reflect.Bool:
			f.SetBool(true)
		case reflect.Array:
			f.Set(reflect.ValueOf(engine.Hash{byte(*n)}))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 2, 2))
			full(f.Index(0), n)
			full(f.Index(1), n)
		case reflect.Struct:
			full(f, n)
		}
	}
}

// What is hashed is the canonical form of what is sent, with every member.
func TestHashedFormIsTheCanonicalOne(t *testing.T) {
	n := 0
	var e engine.Event
	full(reflect.ValueOf(&e).Elem(), &n)
	for _, v := range []any{&e, &e.Payload, &engine.Payload{Volume: 1}} {
		sent, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		form, err := canonical.JSON(sent)
		if err != nil {
			t.Fatal(err)
		}
		if ours := v.(interface{ Append([]byte) []byte }).Append(nil); !bytes.Equal(ours, form) {
			t.Errorf("hashed is\n%s, sent is\n%s", ours, form)
		}
	}
}

// An event that lacks something, or has it in a way that two readers might take differently,
// is refused, and nothing is recorded.
func TestMalformedEventsAreRefused(t *testing.T) {
	for name, break_ := range map[string]func(e *engine.Event){
		"no id":                     func(e *engine.Event) { e.ID = "" },
		"an id of version 4":        func(e *engine.Event) { e.ID = "01990000-0000-4000-8000-000000000001" },
		"an id of another variant":  func(e *engine.Event) { e.ID = "01990000-0000-7000-7000-000000000001" },
		"an id in upper case":       func(e *engine.Event) { e.ID = "0199000A-0000-7000-8000-000000000001" },
		"an id without dashes":      func(e *engine.Event) { e.ID = "019900000000070008000a00000000000001" },
		"no journey":                func(e *engine.Event) { e.Journey = "" },
		"another journey":           func(e *engine.Event) { e.Journey = "journey-2" },
		"no bag":                    func(e *engine.Event) { e.Bag = "" },
		"no step":                   func(e *engine.Event) { e.Step = "" },
		"no organisation":           func(e *engine.Event) { e.Organisation = "" },
		"no role":                   func(e *engine.Event) { e.Role = "" },
		"no person":                 func(e *engine.Event) { e.Person = "" },
		"no device":                 func(e *engine.Event) { e.Device = "" },
		"no deviceSeq":              func(e *engine.Event) { e.DeviceSeq = 0 },
		"a deviceSeq beyond 2^53":   func(e *engine.Event) { e.DeviceSeq = 1 << 53 },
		"no deviceTime":             func(e *engine.Event) { e.DeviceTime = 0 },
		"no serverTime":             func(e *engine.Event) { e.ServerTime = 0 },
		"a time in seconds":         func(e *engine.Event) { e.ServerTime /= 1000 },
		"a scan of nothing":         func(e *engine.Event) { e.Scans[0].What = "" },
		"a scan without a value":    func(e *engine.Event) { e.Scans[0].Value = "" },
		"two scans of one thing":    func(e *engine.Event) { e.Scans = append(e.Scans, e.Scans[0]) },
		"a long text":               func(e *engine.Event) { e.Scans[0].Value = strings.Repeat("x", 257) },
		"bytes that are not UTF-8":  func(e *engine.Event) { e.Person = "x\xff" },
		"too many scans":            func(e *engine.Event) { e.Scans = many() },
		"a payload that differs":    func(e *engine.Event) { e.Payload.Volume = 3; e.PayloadHash = engine.Hash{} },
		"a volume below zero":       func(e *engine.Event) { e.Payload.Volume = -1 },
		"an overflowing volume":     func(e *engine.Event) { e.Payload.Volume = 1 << 62 },
		"a place that there is not": func(e *engine.Event) { e.Payload.Lat = 91_000_000 },
		"a child without a name":    func(e *engine.Event) { e.Payload.Children = []engine.Child{{Volume: 1}} },
		"a child of nothing":        func(e *engine.Event) { e.Payload.Children = []engine.Child{{Bag: "x"}} },
		"twins": func(e *engine.Event) {
			e.Payload.Children = []engine.Child{{Bag: "x", Volume: 1}, {Bag: "x", Volume: 1}}
		},
		"too many children":        func(e *engine.Event) { e.Payload.Children = brood() },
		"a long text in a payload": func(e *engine.Event) { e.Payload.Cause = strings.Repeat("x", 257) },
	} {
		w := newWorld(t, "cart-autologous-cryo")
		e := w.honest("order", "bag-1")
		break_(e)
		if name != "a payload that differs" {
			e.PayloadHash = e.Payload.Hash()
		}
		before := text(t, w.s)
		if out := w.submit(e, ""); out.Verdict != engine.Refused || out.Code != engine.Malformed || text(t, w.s) != before {
			t.Errorf("%s: %s, %s", name, out.Verdict, out.Code)
		}
	}
}

func many() (scans []engine.Scan) {
	for i := range 33 {
		scans = append(scans, engine.Scan{What: fmt.Sprint("thing-", i), Value: "x"})
	}
	return scans
}

func brood() (children []engine.Child) {
	for i := range 65 {
		children = append(children, engine.Child{Bag: fmt.Sprint("bag-", i), Volume: 1})
	}
	return children
}

// A journey is opened whole or not at all.
func TestOpeningsAreChecked(t *testing.T) {
	d := load(t, "cart-autologous-cryo")
	for name, break_ := range map[string]func(o *engine.Opening){
		"no chain of identity":      func(o *engine.Opening) { o.COI = "" },
		"one identifier":            func(o *engine.Opening) { o.Identifiers = o.Identifiers[:1] },
		"one identifier twice":      func(o *engine.Opening) { o.Identifiers = []string{"x", "x"} },
		"no identifiers of a donor": func(o *engine.Opening) { o.DonorIDs = nil },
		"a role that nobody has":    func(o *engine.Opening) { o.Parties[3].Organisation = "" },
		"a role twice": func(o *engine.Opening) {
			o.Parties = append(o.Parties, engine.Party{Role: "clinic", Organisation: "stranger"})
		},
		"a role too few": func(o *engine.Opening) { o.Parties = o.Parties[1:] },
	} {
		o := opening(d, "journey-1")
		break_(&o)
		if _, err := engine.Open(d, o); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, err := engine.Open(&engine.Definition{Roles: d.Roles}, opening(d, "journey-1")); err == nil || !strings.Contains(err.Error(), "not loaded") {
		t.Errorf("under a definition that was not loaded: %v", err)
	}
	one, _ := engine.Open(d, opening(d, "journey-1"))
	changed := opening(d, "journey-1")
	changed.Parties[0].Organisation = "stranger"
	other, err := engine.Open(d, changed)
	if err != nil || one.Genesis == other.Genesis {
		t.Errorf("the first event does not depend on who takes part: %v", err)
	}
}

// A register says what is wrong with it.
func TestRegistersAreChecked(t *testing.T) {
	for text, says := range map[string]string{
		`{"persons":[{"id":"a"},{"id":"a"}]}`:   "comes twice",
		`{"sites":[{"id":""}]}`:                 "has no id",
		`{"loggers":[{"id":"a","colour":"x"}]}`: "unknown field",
		`{"keys":[{"id":"a","public":"AAAA"}]}`: "key a",
	} {
		if _, err := engine.ReadRegister([]byte(text)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", text, err, says)
		}
	}
}

// Keys are of P-256 or Ed25519.
func TestKeysOfOtherKindsAreRefused(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	r := engine.Register{Keys: []engine.Key{{ID: "a", Organisation: "clinic", Public: der}}}
	if err := r.Prepare(); err == nil || !strings.Contains(err.Error(), "neither P-256 nor Ed25519") {
		t.Errorf("P-384: %v", err)
	}
}

func TestHashesHaveOneText(t *testing.T) {
	var h engine.Hash
	good := strings.Repeat("0a", 32)
	if err := h.UnmarshalText([]byte(good)); err != nil || h.String() != good {
		t.Errorf("%s: %v", h, err)
	}
	for _, bad := range []string{"", good[2:], good + "00", strings.ToUpper(good), strings.Repeat("zz", 32)} {
		if err := h.UnmarshalText([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a hash", bad)
		}
	}
}
