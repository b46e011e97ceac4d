// Package replay decides recorded requests again with other policies, and says whose
// decisions would be others.
//
// It does not read records, keep anything, or know HTTP: the gate shows it what records
// say, and judges rows again where a decision differs only in which rows it shows.
package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/policy"
)

// Policies decide. A Candidate is one.
type Policies interface {
	Decide(ctx context.Context, in policy.Input) (policy.Decision, error)
	ReadsTime() bool
}

// Bounds of a report.
const (
	MostSamples = 20 // differences that are shown with their records
	MostListed  = 50 // values of a list of counts
	mostKnown   = 20_000
	mostFailed  = 50
)

// Record is one recorded request: what was asked, and of whom the record is.
type Record struct {
	ID       string // of its AuditEvent
	Inputs   []policy.Input
	Policy   string // revision that decided
	Patients []string
}

// Difference is a question that the draft decides otherwise.
type Difference struct {
	Record string          `json:"record"`
	Input  policy.Input    `json:"input"`
	Before policy.Decision `json:"before"`
	After  policy.Decision `json:"after"`
	What   []string        `json:"what"`            // allow, reason, consent, constraints, obligations, rows
	Shown  int             `json:"shown"`           // versions that the record names and only the draft shows
	Hidden int             `json:"hidden"`          // versions that the record names and the draft hides
	Test   string          `json:"test"`            // Rego: the input is to be decided as before
	Proof  json.RawMessage `json:"proof,omitempty"` // bundle, see docs/record-format.md
}

// Log is the part of a log that was used: rows From <= seq < To of a tree of that size and root.
type Log struct {
	Source string `json:"source"`
	From   int64  `json:"from"`
	To     int64  `json:"to"`
	Size   int64  `json:"size"`
	Root   string `json:"root"`
}

// Count is how many decisions with a value differ.
type Count struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// Report is what a replay found.
type Report struct {
	Revision  string             `json:"revision"`
	Logs      []Log              `json:"logs"`
	Records   int                `json:"records"`   // read
	Decisions int                `json:"decisions"` // made again
	NotKnown  int                `json:"notKnown"`  // records that do not say what the policy was asked, or by a revision that is not kept
	Erased    int                `json:"erased"`    // records whose input was erased with a patient
	Failed    int                `json:"failed"`    // decisions that the draft cannot make
	Differs   int                `json:"differs"`   // decisions
	Permits   int                `json:"permits"`   // only the draft permits
	Denies    int                `json:"denies"`    // only the draft denies
	Shown     int                `json:"shown"`     // versions that only the draft shows
	Hidden    int                `json:"hidden"`    // versions that the draft hides
	NotJudged int                `json:"notJudged"` // versions that were not judged again: too many, or purged
	By        map[string][]Count `json:"by"`        // role, purpose, type, person, patient; the 50 most frequent of each
	Samples   []Difference       `json:"samples"`
}

// Rows judges again the versions that a record names: how many only the draft shows, or only the policies of before.
type Rows func(ctx context.Context, in policy.Input, before interface {
	Decide(context.Context, policy.Input) (policy.Decision, error)
}) (shown, hidden, notJudged int, err error)

// Replay is a run. It is for one goroutine.
type Replay struct {
	draft  Policies
	past   func(ctx context.Context, revision string) (Policies, error)
	report Report
	counts map[string]map[string]int
	known  map[string]pair

	sampled []string // patients of the samples
}

// pair is what both decide about an input.
type pair struct {
	before, after policy.Decision
	failed        bool
	late          bool // what decided then took too long now: the machine is busy
}

// New makes a run. past finds the policies of a revision, nil if they are not kept.
func New(revision string, draft Policies, past func(ctx context.Context, revision string) (Policies, error)) *Replay {
	return &Replay{draft: draft, past: past, report: Report{Revision: revision}, counts: map[string]map[string]int{}, known: map[string]pair{}}
}

// Load compiles packed policies, for who does not import policy.
func Load(ctx context.Context, archive []byte) (Policies, error) {
	return policy.LookPacked(ctx, archive)
}

// Samples are the ids of the records of the samples.
func (r *Replay) Samples() (ids []string) {
	for i := range r.report.Samples {
		ids = append(ids, r.report.Samples[i].Record)
	}
	return ids
}

// Failing says that the draft cannot decide much: to go on would take long and tell nothing.
func (r *Replay) Failing() bool { return r.report.Failed > mostFailed }

// Unknown counts a record that does not say what the policy was asked.
func (r *Replay) Unknown() { r.report.Records++; r.report.NotKnown++ }

// Erased counts a record whose input was erased.
func (r *Replay) Erased() { r.report.Records++; r.report.Erased++ }

// Add decides what a record says again.
func (r *Replay) Add(ctx context.Context, rec Record, rows Rows) error {
	r.report.Records++
	before, err := r.past(ctx, rec.Policy)
	if err != nil {
		return err
	}
	if before == nil {
		r.report.NotKnown++
		return nil
	}
	for i := range rec.Inputs {
		if err := r.decide(ctx, &rec, &rec.Inputs[i], before, rows); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replay) decide(ctx context.Context, rec *Record, in *policy.Input, before Policies, rows Rows) error {
	p := r.both(ctx, rec.Policy, in, before)
	if p.late {
		r.report.NotKnown++
		return nil
	}
	r.report.Decisions++
	if p.failed {
		r.report.Failed++
	}
	d := Difference{Record: rec.ID, Input: *in, Before: p.before, After: p.after, What: differ(&p.before, &p.after)}
	if len(d.What) == 0 {
		return nil
	}
	if rows != nil && p.before.Allow && p.after.Allow && (p.before.Consent != p.after.Consent || slices.Contains(d.What, "constraints")) {
		shown, hidden, not, err := rows(ctx, *in, before)
		if err != nil {
			return err
		}
		d.Shown, d.Hidden = shown, hidden
		r.report.Shown, r.report.Hidden, r.report.NotJudged = r.report.Shown+shown, r.report.Hidden+hidden, r.report.NotJudged+not
	}
	r.note(rec, in, &d)
	return nil
}

// both is what both decide; an input is decided once, at each second where one of them reads
// the time.
func (r *Replay) both(ctx context.Context, revision string, in *policy.Input, before Policies) pair {
	asked := *in
	if !before.ReadsTime() && !r.draft.ReadsTime() {
		asked.Now = ""
	}
	key := revision + "\x00" + asked.Key() + asked.Now
	p, known := r.known[key]
	if known {
		return p
	}
	var err error
	if p.before, err = before.Decide(ctx, *in); errors.Is(err, policy.ErrDeadline) {
		return pair{late: true}
	}
	if p.after, err = r.draft.Decide(ctx, *in); err != nil {
		p.failed = true
	}
	if len(r.known) >= mostKnown {
		clear(r.known)
	}
	r.known[key] = p
	return p
}

// differ names what is not the same in two decisions.
func differ(a, b *policy.Decision) (what []string) {
	for _, one := range []struct {
		name string
		same bool
	}{
		{"allow", a.Allow == b.Allow}, {"reason", a.Reason == b.Reason}, {"consent", a.Consent == b.Consent},
		{"constraints", reflect.DeepEqual(a.Constraints, b.Constraints)}, {"obligations", len(a.Obligations) == len(b.Obligations) && (len(a.Obligations) == 0 || reflect.DeepEqual(a.Obligations, b.Obligations))},
	} {
		if !one.same {
			what = append(what, one.name)
		}
	}
	return what
}

func (r *Replay) note(rec *Record, in *policy.Input, d *Difference) {
	r.report.Differs++
	switch {
	case d.After.Allow && !d.Before.Allow:
		r.report.Permits++
	case d.Before.Allow && !d.After.Allow:
		r.report.Denies++
	}
	r.count("role", in.Agent.Role)
	r.count("purpose", in.Purpose)
	r.count("type", in.Type)
	r.count("person", in.Agent.Subject)
	for _, p := range rec.Patients {
		r.count("patient", p)
	}
	if len(r.report.Samples) < MostSamples {
		r.sampled = append(append(r.sampled, rec.Patients...), patientsIn(in)...)
		d.Test = test(d)
		r.report.Samples = append(r.report.Samples, *d)
	}
}

func (r *Replay) count(by, value string) {
	if r.counts[by] == nil {
		r.counts[by] = map[string]int{}
	}
	r.counts[by][value]++
}

// Report is what was found. logs are the parts of logs that were read, proofs those of the
// samples' records.
func (r *Replay) Report(logs []Log, proofs map[string][]byte) *Report {
	for i := range r.report.Samples {
		s := &r.report.Samples[i]
		s.Proof = proofs[s.Record]
	}
	r.report.Logs, r.report.By = logs, map[string][]Count{}
	for by := range r.counts {
		r.report.By[by] = r.most(by)
	}
	return &r.report
}

// patientsIn are those whom a question names: who asks, and whose data the token is for.
func patientsIn(in *policy.Input) (refs []string) {
	for _, ref := range []string{in.Agent.Subject, in.Agent.Patient} {
		if strings.HasPrefix(ref, "Patient/") {
			refs = append(refs, ref)
		}
	}
	return refs
}

// Patients are those whom the report lists, or whom its samples are about.
func (r *Replay) Patients() []string {
	refs := slices.Clone(r.sampled)
	for _, c := range slices.Concat(r.most("patient"), r.most("person")) {
		if strings.HasPrefix(c.Value, "Patient/") {
			refs = append(refs, c.Value)
		}
	}
	slices.Sort(refs)
	return slices.Compact(refs)
}

// most are the most frequent ones of what is counted.
func (r *Replay) most(by string) (all []Count) {
	for value, n := range r.counts[by] {
		all = append(all, Count{value, n})
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value)) })
	return all[:min(len(all), MostListed)]
}

// test is a test of policies: what differs is to be decided as before. There is none of a
// question that names a patient: policies are kept and read by others when she is erased.
func test(d *Difference) string {
	in, err := json.MarshalIndent(&d.Input, "\t", "\t")
	if err != nil || strings.Contains(string(in), "Patient/") {
		return ""
	}
	name := strings.Map(func(c rune) rune {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' {
			return c
		}
		return '_'
	}, strings.ToLower(d.Record+"_"+d.Input.Interaction+"_"+d.Input.Type))
	return fmt.Sprintf("package aceso.access_test\n\nimport data.aceso.access.decision\n\ntest_recorded_%s if {\n\td := decision with input as %s\n\td.allow == %t\n\td.reason == %q\n}\n",
		name, in, d.Before.Allow, d.Before.Reason)
}
