package engine_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/aceso-health/aceso/therapy/engine"
)

const (
	second = 1000
	minute = 60 * second
	hour   = 60 * minute
	start  = 1_790_000_000_000
)

// world is a journey and those who work on it.
type world struct {
	d   *engine.Definition
	r   *engine.Register
	s   *engine.State
	now int64

	made    int              // events
	seqs    map[string]int64 // by device
	stepIDs map[string]string
	paths   []string
	current string // bag
	signed  bool
	last    *engine.Event
	out     engine.Outcome
	watch   func(e *engine.Event, out engine.Outcome)
}

// organisations of the roles: cell lab and clinic are one, and so are the three of the maker.
var organisations = map[string]string{
	"clinic": "clinic", "site": "clinic", "collector": "collector", "courier": "courier",
	"manufacturer": "maker", "qc": "maker", "quality": "maker", "sponsor": "sponsor",
}

func load(t testing.TB, id string) *engine.Definition {
	t.Helper()
	d, err := engine.Load([]byte(definitionText(t, id)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func definitionText(t testing.TB, id string) string {
	t.Helper()
	text, err := os.ReadFile("../definitions/" + id + ".json")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newWorld(t testing.TB, definition string) *world {
	t.Helper()
	return worldUnder(t, load(t, definition), register(t), "journey-1")
}

func worldUnder(t testing.TB, d *engine.Definition, r *engine.Register, journey string) *world {
	t.Helper()
	s, err := engine.Open(d, opening(d, journey))
	if err != nil {
		t.Fatal(err)
	}
	return &world{d: d, r: r, s: s, now: start, seqs: map[string]int64{}, stepIDs: map[string]string{}, paths: paths[d.ID], current: "bag-1"}
}

func opening(d *engine.Definition, journey string) engine.Opening {
	o := engine.Opening{Journey: journey, COI: "coi-of-" + journey, Order: "order-of-" + journey, Patient: "patient-1",
		Identifiers: []string{"mrn-1", "born-1"}, Donor: "patient-1", DonorIDs: []string{"mrn-1", "born-1"}, Consents: []string{"treatment", "data"}}
	if d.ID == "hsct-allogeneic" {
		o.Donor, o.DonorIDs = "donor-1", []string{"donor-mrn-1", "donor-born-1"}
	}
	for _, role := range d.Roles {
		o.Parties = append(o.Parties, engine.Party{Role: role, Organisation: organisations[role]})
	}
	return o
}

// The keys of all organisations: one of Ed25519 and one of P-256 each, and a revoked one.
type keys struct {
	edwards map[string]ed25519.PrivateKey
	curve   map[string]*ecdsa.PrivateKey
	list    []engine.Key
}

var makeKeys = sync.OnceValue(func() *keys {
	k := &keys{edwards: map[string]ed25519.PrivateKey{}, curve: map[string]*ecdsa.PrivateKey{}}
	for _, org := range []string{"clinic", "collector", "courier", "maker", "sponsor", "stranger"} {
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			panic(err)
		}
		curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		k.edwards[org], k.curve[org] = private, curve
		k.add(org+"-ed25519", org, public, 0)
		k.add(org+"-p256", org, &curve.PublicKey, 0)
		k.add(org+"-revoked", org, public, start-hour)
	}
	return k
})

func (k *keys) add(id, org string, public any, revoked int64) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		panic(err)
	}
	k.list = append(k.list, engine.Key{ID: id, Organisation: org, Public: der, Revoked: revoked})
}

// register has two persons for each role, and some odd ones: who left, a stranger, a logger
// that is out of calibration, one that travels elsewhere.
func register(t testing.TB) *engine.Register {
	t.Helper()
	r := &engine.Register{Keys: makeKeys().list}
	roles := []string{"clinic", "collector", "courier", "manufacturer", "qc", "quality", "site", "sponsor"}
	for i, role := range roles {
		for n := 1; n <= 2; n++ {
			r.Persons = append(r.Persons, engine.Person{ID: fmt.Sprintf("%s-%d", role, n), Organisation: organisations[role], Roles: []string{role}})
		}
		site := engine.Site{ID: role + "-site", Organisation: organisations[role], South: 47_000_000 + int64(i)*1000, West: 8_000_000}
		site.North, site.East = site.South+500, site.West+500
		r.Sites = append(r.Sites, site)
	}
	r.Persons = append(r.Persons,
		engine.Person{ID: "left", Organisation: "clinic", Roles: []string{"clinic"}, Until: start - hour},
		engine.Person{ID: "all-rounder", Organisation: "maker", Roles: []string{"manufacturer", "quality", "qc"}},
		engine.Person{ID: "stranger", Organisation: "stranger", Roles: []string{"courier"}})
	for _, id := range []string{"logger-1", "logger-2", "logger-3", "logger-4"} {
		r.Loggers = append(r.Loggers, engine.Logger{ID: id, Calibrated: start + 2000*hour})
	}
	r.Loggers = append(r.Loggers, engine.Logger{ID: "logger-old", Calibrated: start - hour},
		engine.Logger{ID: "logger-elsewhere", Calibrated: start + 1000*hour, Bound: "journey-9/bag-9"})
	if err := r.Prepare(); err != nil {
		t.Fatal(err)
	}
	return r
}

// paths are the honest journeys. A step may name a test.
var paths = map[string][]string{
	"cart-autologous-cryo": {"order", "issue", "collect", "pack", "ship", "carry", "receive", "verify", "make", "test:viability", "test:potency",
		"test:sterility", "test:identity", "release", "pack-again", "ship-again", "carry-again", "receive-again", "verify-again",
		"condition", "permit", "thaw", "infuse", "reconcile"},
	"cart-autologous-fresh": {"order", "issue", "collect", "pack", "ship", "carry", "receive", "verify", "make", "test:viability", "test:endotoxin",
		"test:potency", "test:sterility", "test:identity", "release", "pack-again", "ship-again", "carry-again", "receive-again", "verify-again",
		"condition", "permit", "infuse", "reconcile"},
	"hsct-allogeneic": {"order", "issue", "collect", "pack", "ship", "carry", "receive", "verify", "make", "test:viability", "test:cd34",
		"test:sterility", "test:identity", "release", "condition", "permit", "thaw", "infuse", "reconcile"},
}

// submit signs an event, lets the engine judge it, and checks that it changed nothing it was
// given.
func (w *world) submit(e *engine.Event, key string) engine.Outcome {
	by := engine.Unsigned(e)
	if w.signed {
		by = w.r.Verify(e, key, sign(e, key))
	}
	next, out := engine.Apply(w.d, w.r, w.s, e, by, w.now)
	w.s, w.last, w.out = next, e, out
	if w.watch != nil {
		w.watch(e, out)
	}
	return out
}

func sign(e *engine.Event, key string) []byte {
	hash, k := e.Hash(), makeKeys()
	for org := range k.edwards {
		switch key {
		case org + "-ed25519", org + "-revoked":
			return ed25519.Sign(k.edwards[org], hash[:])
		case org + "-p256":
			signature, err := ecdsa.SignASN1(rand.Reader, k.curve[org], hash[:])
			if err != nil {
				panic(err)
			}
			return signature
		}
	}
	return nil
}

// uuid is a UUIDv7 by number.
func uuid(n int) string { return fmt.Sprintf("01990000-0000-7000-8000-%012x", n) }
