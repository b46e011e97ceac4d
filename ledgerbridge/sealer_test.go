package ledgerbridge_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 123456789, time.UTC)

func newSealer(t testing.TB) (*ledgerbridge.Sealer, *logtest.Keys) {
	t.Helper()
	keys := new(logtest.Keys)
	s, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "clinic", Node: "n1", Parts: keys,
		Pseudonyms: ledgerbridge.Secret{ID: "pseudonyms-1", Key: bytes.Repeat([]byte{1}, 32)},
		Requests:   []ledgerbridge.Secret{{ID: "requests-1", Key: bytes.Repeat([]byte{2}, 32)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, keys
}

// search is a search that touched two patients and a shared resource.
func search() ledgerbridge.Draft {
	return ledgerbridge.Draft{
		Action: "E", Interaction: "search-type", Agent: "Practitioner/12", Name: "Dr. Noor Haddad",
		Role: "practitioner", Address: "192.0.2.7", Organization: "clinic", Client: "ward-app", Purpose: "TREAT",
		Type: "Observation", Query: "subject=Patient/1,Patient/2&_include=Observation:performer", Count: 4,
		Decision: "permit", Reason: "base", Policy: "sha256:1234", Outcome: 200, Request: "01890a5d",
		Patients: []ledgerbridge.Touched{
			{Patient: "Patient/1", Items: []ledgerbridge.Item{{Ref: "Observation/7", Version: 2, Method: "GET", Hash: fhir.Hash{7}}}, Consents: []string{"Consent/9/_history/2"}},
			{Patient: "Patient/2", Items: []ledgerbridge.Item{{Ref: "Observation/8", Version: 1, Method: "GET", Hash: fhir.Hash{8}}}},
			{Patient: "Patient/1", Items: []ledgerbridge.Item{{Ref: "Observation/70", Version: 1, Method: "GET", Hash: fhir.Hash{70}}}},
		},
		Others: []ledgerbridge.Item{{Ref: "Practitioner/12", Version: 1, Method: "GET", Hash: fhir.Hash{12}}},
	}
}

func prepare(t testing.TB, s *ledgerbridge.Sealer, d ledgerbridge.Draft) *ledgerbridge.Pending {
	t.Helper()
	p, err := s.Prepare(context.Background(), d)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func seal(t testing.TB, s *ledgerbridge.Sealer, d ledgerbridge.Draft, seq int64) ledgerbridge.Row {
	t.Helper()
	row, err := prepare(t, s, d).Seal(s.Source("accesses.0"), seq, noon)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestSealedRow(t *testing.T) {
	s, _ := newSealer(t)
	row := seal(t, s, search(), 41)
	e, err := ledgerbridge.ParseEntry(row.Entry)
	if err != nil {
		t.Fatal(err)
	}
	if e.Source != "clinic/n1/accesses.0" || e.Seq != 41 || !e.Time.Equal(noon.Truncate(time.Millisecond)) ||
		e.Agent != s.AgentPseudonym("Practitioner/12") || row.Agent != e.Agent || row.Action != "E" || row.Outcome != 200 ||
		e.Count != 4 || e.Policy != "sha256:1234" || e.Keys != "pseudonyms-1 requests-1" || !row.Time.Equal(e.Time) {
		t.Errorf("entry %+v of row %+v", e, row)
	}
	if len(row.Parts) != 4 {
		t.Fatalf("%d parts, want one for the request, one per patient and one for the question", len(row.Parts))
	}
	if err := ledgerbridge.CheckRow(s.Source("accesses.0"), 41, &row); err != nil {
		t.Error(err)
	}
	for i, want := range [][]string{{"Practitioner/12"}, {"Observation/7", "Observation/70"}, {"Observation/8"}} {
		for j, ref := range want {
			want[j] = s.TargetPseudonym(ref)
		}
		if got := strings.Fields(row.Parts[i].Target); !slices.Equal(got, want) {
			t.Errorf("part %d: targets %v, want %v", i, got, want)
		}
	}
	if row.Parts[1].Patient != s.PatientPseudonym("Patient/1") || row.Parts[0].Patient != "" {
		t.Error("parts are not indexed by the patient's pseudonym")
	}
}

func TestPartsOpenAndErase(t *testing.T) {
	ctx := context.Background()
	s, keys := newSealer(t)
	d := search()
	row := seal(t, s, d, 0)
	request, err := s.OpenPart(ctx, row.Parts[0])
	if err != nil || request.Request.Name != d.Name || request.Request.Query != "" || request.Request.Items[0] != d.Others[0] {
		t.Errorf("request part %+v, %v", request.Request, err)
	}
	one, err := s.OpenPart(ctx, row.Parts[1])
	if err != nil || one.Patient.Patient != "Patient/1" || one.Patient.Query != "" || len(one.Patient.Items) != 2 || one.Patient.Consents[0] != "Consent/9/_history/2" {
		t.Errorf("patient's part %+v, %v", one.Patient, err)
	}
	if err := keys.Destroy(ctx, s.PatientPseudonym("Patient/1")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.OpenPart(ctx, row.Parts[1]); !errors.Is(err, ledgerbridge.ErrErased) {
		t.Errorf("after the key is destroyed: %v", err)
	}
	if _, err := s.OpenPart(ctx, row.Parts[2]); err != nil {
		t.Errorf("the other patient's part: %v", err)
	}
	row.Parts[1].Sealed, row.Parts[1].ErasedBy = nil, "clinic/n1/changes.0/5"
	if err := ledgerbridge.CheckRow(s.Source("accesses.0"), 0, &row); err != nil {
		t.Errorf("an erased row is no longer whole: %v", err)
	}
}

func TestPartsSwappedOrChanged(t *testing.T) {
	ctx := context.Background()
	s, _ := newSealer(t)
	a, b := seal(t, s, search(), 0), seal(t, s, search(), 1)
	edits := map[string]func(p *ledgerbridge.PartRow){
		"sealed of the same patient in another row": func(p *ledgerbridge.PartRow) { p.Sealed = b.Parts[1].Sealed },
		"patient":    func(p *ledgerbridge.PartRow) { p.Patient = a.Parts[2].Patient },
		"target":     func(p *ledgerbridge.PartRow) { p.Target = a.Parts[2].Target },
		"key":        func(p *ledgerbridge.PartRow) { p.Key = a.Parts[2].Key },
		"salt":       func(p *ledgerbridge.PartRow) { p.Salt[0] ^= 1 },
		"commitment": func(p *ledgerbridge.PartRow) { p.Commitment[31] ^= 1 },
		"cut":        func(p *ledgerbridge.PartRow) { p.Sealed = p.Sealed[:5] },
		"bit":        func(p *ledgerbridge.PartRow) { p.Sealed = bytes.Clone(p.Sealed); p.Sealed[20] ^= 4 },
	}
	for name, edit := range edits {
		p := a.Parts[1]
		edit(&p)
		if _, err := s.OpenPart(ctx, p); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
}

// A row on disk must not say who or about whom, however the request named them.
func TestNothingInClear(t *testing.T) {
	s, _ := newSealer(t)
	d := search()
	d.Target = "Patient/1"
	row := seal(t, s, d, 0)
	row.Entry = bytes.Clone(row.Entry)
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, row.Entry...)
	for _, secret := range []string{"Patient/", "Practitioner/", "Observation/", "subject", "Noor", "192.0.2", "Consent/"} {
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%q is in clear: %s", secret, text)
		}
	}
	request, err := s.OpenPart(context.Background(), row.Parts[0])
	if err != nil || request.Request.Target != "" || request.Request.Query != "" {
		t.Errorf("target or query of a patient are in the part that no erasure reaches: %+v, %v", request.Request, err)
	}
	d.Patients = nil
	request, err = s.OpenPart(context.Background(), seal(t, s, d, 0).Parts[0])
	if err != nil || request.Request.Target != d.Target || request.Request.Query != d.Query {
		t.Errorf("target and query are lost when no patient is touched: %+v, %v", request.Request, err)
	}
}

func TestPseudonyms(t *testing.T) {
	s, keys := newSealer(t)
	if s.PatientPseudonym("Patient/1") == s.TargetPseudonym("Patient/1") || s.AgentPseudonym("Patient/1") == s.TargetPseudonym("Patient/1") {
		t.Error("kinds of pseudonyms are not kept apart")
	}
	other, err := ledgerbridge.NewSealer(ledgerbridge.Config{
		Organization: "lab", Node: "n1", Parts: keys,
		Pseudonyms: ledgerbridge.Secret{ID: "p", Key: bytes.Repeat([]byte{1}, 32)},
		Requests:   []ledgerbridge.Secret{{ID: "r", Key: bytes.Repeat([]byte{2}, 32)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if other.PatientPseudonym("Patient/1") == s.PatientPseudonym("Patient/1") {
		t.Error("two organisations share a pseudonym")
	}
	if s.TargetPseudonym("") != "" {
		t.Error("nothing has a pseudonym")
	}
}

func TestSealAgainAfterRollback(t *testing.T) {
	s, _ := newSealer(t)
	p := prepare(t, s, search())
	first, err1 := p.Seal(s.Source("changes.0"), 5, noon)
	second, err2 := p.Seal(s.Source("changes.0"), 6, noon.Add(time.Second))
	if err1 != nil || err2 != nil || first.Salt == second.Salt {
		t.Fatalf("%v %v", err1, err2)
	}
	for i, row := range []ledgerbridge.Row{first, second} {
		if err := ledgerbridge.CheckRow(s.Source("changes.0"), int64(5+i), &row); err != nil {
			t.Error(err)
		}
	}
}

func TestRefusals(t *testing.T) {
	s, _ := newSealer(t)
	if _, err := new(ledgerbridge.Pending).Seal(s.Source("changes.0"), 0, noon); err == nil {
		t.Error("sealed what was not prepared")
	}
	p := prepare(t, s, search())
	for _, source := range []string{"", "a/b", "a/b/c d", "a/b/c+", "a//c", "a/b/c/d", "a/b/c;d", "a/b/é"} {
		if _, err := p.Seal(source, 0, noon); err == nil {
			t.Errorf("sealed for source %q", source)
		}
	}
	for _, seq := range []int64{-1, 1 << 53} {
		if _, err := p.Seal(s.Source("changes.0"), seq, noon); err == nil {
			t.Errorf("sealed at %d", seq)
		}
	}
	d := search()
	d.Version = 1 << 53
	if _, err := s.Prepare(context.Background(), d); err == nil {
		t.Error("prepared a version that JSON readers would round")
	}
	if _, err := ledgerbridge.NewSealer(ledgerbridge.Config{Organization: "a b", Node: "n"}); err == nil {
		t.Error("an organisation with a space")
	}
}

func TestContentRootBindsEveryField(t *testing.T) {
	items := []ledgerbridge.Item{{Ref: "Patient/1", Version: 1, Hash: fhir.Hash{1}}, {Ref: "Patient/2", Version: 1, Hash: fhir.Hash{2}}}
	want := ledgerbridge.ContentRoot(items)
	for name, other := range map[string][]ledgerbridge.Item{
		"order":   {items[1], items[0]},
		"one":     items[:1],
		"none":    nil,
		"ref":     {{Ref: "Patient/3", Version: 1, Hash: fhir.Hash{1}}, items[1]},
		"version": {{Ref: "Patient/1", Version: 2, Hash: fhir.Hash{1}}, items[1]},
		"hash":    {{Ref: "Patient/1", Version: 1, Hash: fhir.Hash{3}}, items[1]},
	} {
		if ledgerbridge.ContentRoot(other) == want {
			t.Errorf("%s: same root", name)
		}
	}
}

func TestReceipt(t *testing.T) {
	s, _ := newSealer(t)
	row := seal(t, s, search(), 12)
	r := row.Receipt("clinic/n1/accesses.0")
	text := r.String()
	if got, err := ledgerbridge.ParseReceipt(text); err != nil || got != r {
		t.Fatalf("%q -> %+v, %v", text, got, err)
	}
	for _, bad := range []string{
		"", "x", strings.ToUpper(text), text + " ", " " + text, text[:len(text)-1], text + "0",
		strings.Replace(text, "/12;", "/012;", 1), strings.Replace(text, "/12;", "/-1;", 1),
		strings.Replace(text, "clinic", "cli nic", 1), strings.Replace(text, ";c=", ";d=", 1),
	} {
		if got, err := ledgerbridge.ParseReceipt(bad); err == nil {
			t.Errorf("accepted %q as %+v", bad, got)
		}
	}
}
