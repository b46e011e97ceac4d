package ledgerbridge_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// askedOf opens what was asked of several patients, nil if it was erased.
func askedOf(t *testing.T, s *ledgerbridge.Sealer, row ledgerbridge.Row) *ledgerbridge.AskedPart {
	t.Helper()
	all, err := s.OpenParts(context.Background(), row.Parts, nil)
	if err != nil {
		t.Fatal(err)
	}
	return all[len(all)-1].Asked
}

// What was asked of several patients can be read while the parts of all of them can.
func TestQuestionsLastAsLongAsAllPatients(t *testing.T) {
	s, keys := newSealer(t)
	d := search()
	d.Target = "Patient/1"
	d.Patients = append(d.Patients, ledgerbridge.Touched{Patient: "Patient/3"}, ledgerbridge.Touched{Patient: ledgerbridge.Everyone, More: 12})
	row := seal(t, s, d, 0)
	if asked := askedOf(t, s, row); asked == nil || asked.Query != d.Query || asked.Target != d.Target {
		t.Fatalf("before: %+v", asked)
	}
	for _, column := range strings.Fields(row.Parts[2].Target + " " + row.Parts[3].Target) {
		if column == s.TargetPseudonym("Patient/1") {
			t.Error("the part of another patient is found by the target")
		}
	}
	if err := keys.Destroy(t.Context(), s.PatientPseudonym("Patient/3")); err != nil {
		t.Fatal(err)
	}
	if asked := askedOf(t, s, row); asked != nil {
		t.Errorf("after one patient's key is destroyed: %+v", asked)
	}
	all, err := s.OpenParts(t.Context(), row.Parts, nil)
	if err != nil || all[1].Patient == nil || all[1].Patient.Query+all[1].Patient.Target != "" || all[3].Patient != nil || all[4].Patient.More != 12 {
		t.Errorf("the other parts: %+v, %v", all, err)
	}
}

// The pseudonyms of the question in an entry are random numbers for those who cannot
// read it, also for who has the key of the pseudonyms.
func TestEntriesDoNotRepeatQuestions(t *testing.T) {
	s, _ := newSealer(t)
	seen := map[string]bool{}
	for _, patients := range [][]ledgerbridge.Touched{search().Patients, search().Patients[:1]} {
		for range 2 {
			d := search()
			d.Target, d.Patients = "Patient/1", patients
			e, err := ledgerbridge.ParseEntry(seal(t, s, d, 0).Entry)
			if err != nil || seen[e.Query] || seen[e.Target] || e.Target == s.TargetPseudonym(d.Target) || e.Query == "" {
				t.Errorf("%+v, %v", e, err)
			}
			seen[e.Query], seen[e.Target] = true, true
		}
	}
}

// A patient who is data of another one, too, is named in the own part only.
func TestPatientsStandInTheirOwnParts(t *testing.T) {
	s, _ := newSealer(t)
	d := search()
	linked := ledgerbridge.Item{Ref: "Patient/1", Version: 1, Method: "GET"}
	d.Patients = []ledgerbridge.Touched{{Patient: "Patient/1", Items: []ledgerbridge.Item{linked}}, {Patient: "Patient/2", Items: []ledgerbridge.Item{linked, {Ref: "Patient/3", Version: 1, Method: "GET"}}}}
	all, err := s.OpenParts(t.Context(), seal(t, s, d, 0).Parts, nil)
	if err != nil || len(all[1].Patient.Items) != 1 || len(all[2].Patient.Items) != 1 || all[2].Patient.Items[0].Ref != "Patient/3" {
		t.Errorf("%+v, %v", all, err)
	}
}

// A long question about many patients is kept once: its beginning, and the hash of the
// rest.
func TestLongQuestionsAreKeptOnce(t *testing.T) {
	s, _ := newSealer(t)
	d := search()
	d.Query, d.Patients = "code="+strings.Repeat("ä,", 70_000), nil
	for i := range 101 {
		d.Patients = append(d.Patients, ledgerbridge.Touched{Patient: fmt.Sprintf("Patient/%d", i)})
	}
	p := prepare(t, s, d)
	row := seal(t, s, d, 0)
	text, err := json.Marshal(row)
	if err != nil {
		t.Fatal(err)
	}
	if p.Bytes() > 100_000 || len(text) > 160_000 { // in base64
		t.Errorf("%d bytes of a log, about %d in a store", len(text), p.Bytes())
	}
	kept, rest, _ := strings.Cut(askedOf(t, s, row).Query, " [")
	cut := strings.TrimPrefix(d.Query, kept)
	if want := fmt.Sprintf("%d bytes more, SHA-256 %x]", len(cut), sha256.Sum256([]byte(cut))); len(kept) < 8190 || len(kept) > 8192 || kept+cut != d.Query || rest != want {
		t.Errorf("%d bytes kept, and %q, want %q", len(kept), rest, want)
	}
	d.Query = strings.Repeat("\xbf", 10_000)
	if query := askedOf(t, s, seal(t, s, d, 0)).Query; len(query) > 4*8192 {
		t.Errorf("%d bytes kept of a query that is no text", len(query))
	}
}

// Of an erased part nothing is left that tells whose it was; the row is whole, and only
// an erasure leaves a part like that.
func TestEmptiedPartsTellNothing(t *testing.T) {
	n := newNode(t)
	n.add(3)
	j := n.journal()
	one, two := n.sealer.PatientPseudonym("Patient/1"), n.sealer.PatientPseudonym("Patient/2")
	erased, err := n.log.Append(prepare(t, n.sealer, ledgerbridge.Draft{Action: "D", Interaction: ledgerbridge.Erase, Patients: []ledgerbridge.Touched{{Patient: "Patient/1"}}}))
	if err != nil {
		t.Fatal(err)
	}
	before, by := n.rows(), ledgerbridge.Place(source, erased.Seq)
	if err := n.keys.Destroy(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if count, err := n.log.Erase(t.Context(), n.sealer.Erasure(one, by)); err != nil || count != 4 {
		t.Fatalf("%d parts: %v", count, err)
	}
	check := func() error {
		_, err := j.Audit(t.Context(), n.sealer.AuditParts(t.Context(), source, n.log))
		return err
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	for i, row := range n.rows() {
		for k, p := range row.Parts {
			if goes := k != 0 && before[i].Parts[k].Patient != two; goes != (p.ErasedBy == by) {
				t.Errorf("row %d, part %d: %+v", i, k, p)
			}
			if p.ErasedBy != "" && (p.Patient+p.Target+p.Key != "" || p.Sealed != nil || p.Salt == before[i].Parts[k].Salt) {
				t.Errorf("row %d, part %d still says %+v", i, k, p)
			}
		}
		text, err := json.Marshal(row)
		if err != nil || strings.Contains(string(text), one) || strings.Contains(string(text), n.sealer.TargetPseudonym("Patient/1")) {
			t.Errorf("row %d still has a pseudonym of the patient: %s", i, text)
		}
	}
	for name, edit := range map[string]func(p, of *ledgerbridge.PartRow){
		"another patient's": func(p, of *ledgerbridge.PartRow) {
			*p = ledgerbridge.PartRow{Commitment: p.Commitment, Salt: of.Salt, ErasedBy: by}
		},
		"with a column":       func(_, of *ledgerbridge.PartRow) { of.Target = "x" },
		"by another entry":    func(_, of *ledgerbridge.PartRow) { of.ErasedBy = ledgerbridge.Place(source, 0) },
		"the question's only": func(p, of *ledgerbridge.PartRow) { of.Salt[0] ^= 1 },
	} {
		n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
			r = deep(r)
			edit(&r[1].Parts[2], &r[1].Parts[1])
			return r
		})
		if err := check(); err == nil {
			t.Errorf("%s: not noticed", name)
		}
		n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
			r[1].Parts[1], r[1].Parts[2] = n.sealer.Erasure(one, by).Empty(before[1].Parts[1]), before[1].Parts[2]
			return r
		})
	}
	if err := check(); err != nil {
		t.Error(err)
	}
}

// A question whose shares are gone, though nobody was erased, is damage.
func TestLostSharesAreNoticed(t *testing.T) {
	n := newNode(t)
	n.add(1)
	j := n.journal()
	n.log.Damage(func(r []ledgerbridge.Row) []ledgerbridge.Row {
		r = deep(r)
		r[0].Parts[3].Sealed = r[0].Parts[2].Sealed
		return r
	})
	_, err := j.Audit(t.Context(), n.sealer.AuditParts(t.Context(), source, n.log))
	wantDamage(t, err, 0)
}

// Records of version 1 are erased like later ones.
func TestErasureOfOldRecords(t *testing.T) {
	g := readGolden(t, goldenFiles[0])
	row := g.row(t)
	s, _ := newSealer(t)
	e := s.Erasure(row.Parts[1].Patient, "clinic/n1/changes.0/5")
	at, own := e.Of(row.Parts)
	for _, i := range at {
		row.Parts[i] = e.Empty(row.Parts[i])
	}
	if err := ledgerbridge.CheckRow("clinic/n1/accesses.0", row.Seq, &row); err != nil || own != 1 || len(at) != 1 {
		t.Errorf("%d parts of %d: %v", len(at), own, err)
	}
	if _, err := s.OpenPart(t.Context(), row.Parts[1]); !errors.Is(err, ledgerbridge.ErrErased) {
		t.Error(err)
	}
}
