package access

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/agent"
	"github.com/aceso-health/aceso/consent"
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
	"github.com/aceso-health/aceso/policy"
	"github.com/aceso-health/aceso/store"
	"github.com/aceso-health/aceso/store/sqlite"
)

// house is a gate over a real store and the built-in policies. Its clock stands still
// but for a millisecond a look.
type house struct {
	testing.TB
	*Gate
	faulty *faultyStore
	policy *countingPolicy
}

const base = "https://hospital.example/fhir"

func newHouse(t testing.TB) *house {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir(), sqlite.Options{Organization: "hospital", Node: "n1", Base: base})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return houseOver(t, s)
}

// houseOver is a house over an empty store.
func houseOver(t testing.TB, s store.Store) *house {
	t.Helper()
	h := &house{TB: t}
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { now = now.Add(time.Millisecond); return now }
	engine, err := policy.New(t.Context(), nil, policy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	secret := ledgerbridge.Secret{ID: "k", Key: make([]byte, 32)}
	sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "hospital", Node: "n1", Pseudonyms: secret, Requests: []ledgerbridge.Secret{secret}, Parts: &logtest.Keys{},
	})
	if err != nil {
		t.Fatal(err)
	}
	h.faulty, h.policy = &faultyStore{Store: s}, &countingPolicy{Decider: engine}
	registry := consent.NewRegistry(NewFinder(h.faulty))
	registry.Compiler.Base = base
	h.Gate = New(Config{
		Store: h.faulty, Policy: h.policy, Consents: registry, Sealer: sealer, Organization: "hospital", Node: "n1",
		Base: base, Links: plainLinks{}, Now: clock, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	return h
}

// plainLinks binds tokens to their context and hides nothing.
type plainLinks struct{}

func (plainLinks) Seal(plain, context []byte) ([]byte, error) {
	return fmt.Appendf(nil, "%d:%s%s", len(context), context, plain), nil
}

func (plainLinks) Open(sealed, context []byte) ([]byte, error) {
	plain, ok := strings.CutPrefix(string(sealed), fmt.Sprintf("%d:%s", len(context), context))
	if !ok {
		return nil, io.ErrUnexpectedEOF
	}
	return []byte(plain), nil
}

// countingPolicy counts how often each question is asked.
type countingPolicy struct {
	Decider
	asked map[string]int
}

func (p *countingPolicy) Decide(ctx context.Context, in policy.Input) (policy.Decision, error) {
	if p.asked != nil {
		p.asked[in.Interaction+" "+in.Type]++
	}
	return p.Decider.Decide(ctx, in)
}

// faultyStore fails, or answers that something changed, when a test wants it to.
type faultyStore struct {
	store.Store
	fail    map[string]error // by method
	changed int              // so many records and commits answer ErrChanged
	judged  []store.Judged   // of all records and commits

	careless   bool // asks nobody what may be seen
	crowded    bool // commits next to others, see beside
	searched   int
	hangsAfter int    // so many searches: later ones wait for the end of their context; 0: none does
	hangUp     func() // called by the next search, which fails then
}

func (s *faultyStore) EachConsent(ctx context.Context, visit func([]store.Version, int64) error) error {
	if err := s.fail["EachConsent"]; err != nil {
		return err
	}
	return s.Store.EachConsent(ctx, visit)
}

func (s *faultyStore) Get(ctx context.Context, ref fhir.Ref) (store.Version, error) {
	if err := s.fail["Get"]; err != nil {
		return store.Version{}, err
	}
	return s.Store.Get(ctx, ref)
}

func (s *faultyStore) Search(ctx context.Context, q store.Search) (store.Page, error) {
	s.searched++
	if s.hangsAfter > 0 && s.searched > s.hangsAfter {
		<-ctx.Done()
		return store.Page{}, ctx.Err()
	}
	if hangUp := s.hangUp; hangUp != nil {
		s.hangUp = nil
		hangUp()
		<-ctx.Done()
		return store.Page{}, ctx.Err()
	}
	if err := s.fail["Search"]; err != nil {
		return store.Page{}, err
	}
	if s.careless {
		q.Visible, q.Within = anybody, nil
	}
	return s.Store.Search(ctx, q)
}

func (s *faultyStore) History(ctx context.Context, q store.History) (store.Page, error) {
	if err := s.fail["History"]; err != nil {
		return store.Page{}, err
	}
	if s.careless {
		q.Visible = anybody
	}
	return s.Store.History(ctx, q)
}

func (s *faultyStore) Commit(ctx context.Context, c store.Change) (ledgerbridge.Receipt, error) {
	if err := s.verdict("Commit", c.Judged); err != nil {
		return ledgerbridge.Receipt{}, err
	}
	if s.crowded {
		c.Guards = beside(c.Guards)
	}
	return s.Store.Commit(ctx, c)
}

// beside are guards as they run after others of the same group: they are searched again, in
// a transaction with Consents that nobody can read yet.
func beside(guards []store.Guard) []store.Guard {
	later := slices.Clone(guards)
	for i := range later {
		visible := later[i].Visible
		later[i].At, later[i].Visible = nil, func(row store.Row) (bool, error) {
			row.Epoch++
			return visible(row)
		}
	}
	return later
}

func (s *faultyStore) Record(ctx context.Context, p *ledgerbridge.Pending, j store.Judged) (ledgerbridge.Receipt, error) {
	if err := s.verdict("Record", j); err != nil {
		return ledgerbridge.Receipt{}, err
	}
	return s.Store.Record(ctx, p, j)
}

func (s *faultyStore) verdict(method string, j store.Judged) error {
	s.judged = append(s.judged, j)
	if rests := len(j.Keys) > 0 || j.All || method == "Commit"; s.changed > 0 && rests {
		s.changed--
		return store.ErrChanged
	}
	return s.fail[method]
}

// as is a caller of the house's organisation with all scopes.
func (h *house) as(role, purpose string) *Call {
	return &Call{
		Agent: agent.Agent{
			Subject: "Practitioner/" + role, Role: role, Organization: "hospital", Client: "test", Purpose: purpose, Issuer: "hospital",
			Scopes: []agent.Scope{{Context: "user", Type: "*", Actions: "cruds"}},
		},
		Request: "r-1",
	}
}

func (h *house) system() *Call {
	c := h.as(agent.System, "HOPERAT")
	c.Agent.Scopes[0].Context, c.Agent.Client = "system", "aceso-cli" // writes Consents
	return c
}

// patient launches the app of a patient.
func (h *house) patient(ref string) *Call {
	c := h.as(agent.Patient, "PATRQT")
	c.Agent.Patient, c.Agent.Subject = ref, ref
	c.Agent.Scopes[0].Context = "patient"
	return c
}

// put stores resources as an own system.
func (h *house) put(documents ...string) {
	h.Helper()
	for _, d := range documents {
		res := h.parse(d)
		op := Operation{Method: "PUT", Ref: fhir.Ref{Type: res.Type(), ID: res.ID()}, Resource: res}
		if _, err := h.Apply(h.Context(), h.system(), []Operation{op}); err != nil {
			h.Fatalf("put %s: %v", d, err)
		}
	}
}

// putAll is put in one transaction.
func (h *house) putAll(documents []string) {
	h.Helper()
	var ops []Operation
	for i, d := range documents {
		res := h.parse(d)
		ops = append(ops, Operation{Method: "PUT", Ref: fhir.Ref{Type: res.Type(), ID: res.ID()}, Resource: res, Expression: fmt.Sprintf("Bundle.entry[%d]", i)})
	}
	if _, err := h.Apply(h.Context(), h.system(), ops); err != nil {
		h.Fatal(err)
	}
}

// rows are those of the access log.
func (h *house) rows(from, to int64) (rows []ledgerbridge.Row) {
	h.Helper()
	_, log := h.Store.Logs()
	err := log.Rows(h.Context(), from, to, func(row ledgerbridge.Row) error { rows = append(rows, row); return nil })
	if err != nil {
		h.Fatal(err)
	}
	return rows
}

func (h *house) parse(document string) *fhir.Resource {
	h.Helper()
	res, err := fhir.Parse([]byte(document))
	if err != nil {
		h.Fatalf("%s: %v", document, err)
	}
	return res
}

func ref(text string) fhir.Ref {
	r, err := fhir.ParseRef(text)
	if err != nil {
		panic(err)
	}
	return r
}

func params(text string) []fhir.Param {
	list, err := fhir.ParseParams(text)
	if err != nil {
		panic(err)
	}
	return list
}

// told are the records since the last call, each in one line: decision, outcome,
// interaction, target, query, patients, items.
func (h *house) told() func() []string {
	h.Helper()
	from := map[string]int64{}
	read := func() (lines []string) {
		logs, err := store.AllLogs(h.Context(), h.Store)
		if err != nil {
			h.Fatal(err)
		}
		for _, log := range logs {
			size, err := log.Size(h.Context())
			if err != nil {
				h.Fatal(err)
			}
			_ = log.Rows(h.Context(), from[log.Source()], size, func(row ledgerbridge.Row) error {
				lines = append(lines, h.line(row))
				return nil
			})
			from[log.Source()] = size
		}
		return lines
	}
	read()
	return read
}

func (h *house) line(row ledgerbridge.Row) string {
	h.Helper()
	e, err := ledgerbridge.ParseEntry(row.Entry)
	if err != nil {
		h.Fatal(err)
	}
	var target, query string
	var patients, items []string
	parts, err := h.Sealer.OpenParts(h.Context(), row.Parts, nil)
	if err != nil {
		h.Fatal(err)
	}
	for _, clear := range parts {
		if p := clear.Request; p != nil && p.Target+p.Query != "" {
			target, query = p.Target, p.Query
		}
		if p := clear.Asked; p != nil {
			target, query = p.Target, p.Query
		}
		if p := clear.Patient; p != nil {
			if p.Target+p.Query != "" {
				target, query = p.Target, p.Query
			}
			patients = append(patients, strings.TrimPrefix(p.Patient, "Patient/"))
			for _, i := range p.Items {
				items = append(items, i.Method+" "+i.Ref)
			}
		}
	}
	slices.Sort(patients)
	slices.Sort(items)
	return fmt.Sprintf("%s %d %s %s %s %v %v", e.Decision, e.Outcome, e.Interaction, target, query, patients, slices.Compact(items))
}

// Documents that the tests share.

func patientDoc(id string) string {
	return fmt.Sprintf(`{"resourceType":"Patient","id":"%s","identifier":[{"system":"urn:mrn","value":"%s"}]}`, id, id)
}

func observationDoc(id, patient string) string {
	return fmt.Sprintf(`{"resourceType":"Observation","id":"%s","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}]},"subject":{"reference":"Patient/%s"}}`, id, patient)
}

// amended is another version of an Observation.
func amended(observation string) string { return strings.Replace(observation, "final", "amended", 1) }

// denialDoc hides all of a patient's data from everybody's reads.
func denialDoc(id, patient string) string {
	return fmt.Sprintf(`{"resourceType":"Consent","id":"%s","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},`+
		`"category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"policy":[{"uri":"https://hospital.example/policy"}],"patient":{"reference":"Patient/%s"},"provision":{"type":"deny"}}`, id, patient)
}
