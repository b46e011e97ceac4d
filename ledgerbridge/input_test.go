package ledgerbridge_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aceso-health/aceso/ledgerbridge"
	"github.com/aceso-health/aceso/ledgerbridge/logtest"
)

// asked is a draft of somebody with a token of patient ("": of none).
func asked(patient, who string, departments ...string) ledgerbridge.Draft {
	d := search()
	d.Agent = who
	d.Input = &ledgerbridge.Input{
		Patient: patient, Scopes: []string{"user/*.rs", "user/Observation.c"}, Departments: departments,
		At: time.Date(2026, 5, 4, 11, 59, 58, 9e8, time.UTC), Action: "s",
	}
	return d
}

// recorded appends a record as a node does.
func (n *node) recorded(d ledgerbridge.Draft) ledgerbridge.Receipt {
	n.t.Helper()
	p := prepare(n.t, n.sealer, d)
	row, err := n.log.Append(p)
	if err != nil {
		n.t.Fatal(err)
	}
	p.Recorded(row.Receipt(source))
	return row.Receipt(source)
}

func (n *node) input(seq int64) (ledgerbridge.Input, error) {
	n.t.Helper()
	row, err := ledgerbridge.ReadRow(context.Background(), n.log, seq)
	if err != nil {
		n.t.Fatal(err)
	}
	in, _, err := n.sealer.Inputs([]ledgerbridge.Log{n.log}).Of(context.Background(), &row)
	return in, err
}

func request(t *testing.T, n *node, seq int64) *ledgerbridge.RequestPart {
	t.Helper()
	o, err := n.sealer.OpenPart(context.Background(), n.rows()[seq].Parts[0])
	if err != nil {
		t.Fatal(err)
	}
	return o.Request
}

// The first record with an input has it, later ones name that record, and all say the same.
func TestEveryRecordSaysWhatThePolicyWasAskedWith(t *testing.T) {
	n := newNode(t)
	for _, d := range []ledgerbridge.Draft{
		asked("", "Practitioner/1"), asked("", "Practitioner/2"), asked("Patient/1", "Patient/1"), asked("Patient/1", "Practitioner/1"),
		asked("", "Practitioner/3", "Organization/a", "Organization/b"), asked("", "Practitioner/4"), asked("Patient/2", "Patient/2"),
	} {
		n.recorded(d)
	}
	for seq, place := range []string{"", "a0 ", "", "a2 ", "", "a0 ", ""} {
		in, err := n.input(int64(seq))
		if err != nil || !reflect.DeepEqual(in.Scopes, []string{"user/*.rs", "user/Observation.c"}) || in.Action != "s" {
			t.Errorf("record %d: %+v, %v", seq, in, err)
		}
		if !in.At.Equal(time.Date(2026, 5, 4, 11, 59, 58, 0, time.UTC)) {
			t.Errorf("record %d: %v", seq, in.At)
		}
		if got := request(t, n, int64(seq)).Input; got != place+"1777895998 s" {
			t.Errorf("record %d says %q, want %q", seq, got, place+"1777895998 s")
		}
	}
	if in, _ := n.input(3); in.Patient != "Patient/1" {
		t.Errorf("the token of %q", in.Patient)
	}
	in, _ := n.input(4)
	if want := []string{n.sealer.DepartmentPseudonym("Organization/a"), n.sealer.DepartmentPseudonym("Organization/b")}; !reflect.DeepEqual(in.Departments, want) {
		t.Errorf("departments %q", in.Departments)
	}
	if _, err := n.journal().Audit(context.Background(), n.sealer.AuditParts(context.Background(), source, n.log)); err != nil {
		t.Error(err)
	}
}

// What a token of a patient said goes when she is erased, from the records of all whom it was
// given to; a token of her that is used later has its input again. Others keep theirs.
func TestAnErasedPatientsInputsGo(t *testing.T) {
	n := newNode(t)
	for _, d := range []ledgerbridge.Draft{asked("Patient/1", "Patient/1"), asked("Patient/1", "Practitioner/1"), asked("Patient/2", "Practitioner/1"), asked("", "Practitioner/1")} {
		d.Patients, d.Target, d.Query = nil, "", ""
		n.recorded(d)
	}
	erase := search()
	erase.Interaction, erase.Patients = ledgerbridge.Erase, []ledgerbridge.Touched{{Patient: "Patient/1"}}
	receipt := n.recorded(erase)
	pseudonym := n.sealer.PatientPseudonym("Patient/1")
	if err := n.keys.Destroy(context.Background(), pseudonym); err != nil {
		t.Fatal(err)
	}
	if _, err := n.input(1); !errors.Is(err, ledgerbridge.ErrErased) {
		t.Errorf("her key is gone: %v", err)
	}
	if _, err := n.log.Erase(context.Background(), n.sealer.Erasure(pseudonym, ledgerbridge.Place(receipt.Source, receipt.Seq))); err != nil {
		t.Fatal(err)
	}
	n.recorded(asked("Patient/1", "Patient/1"))
	for seq, gone := range []bool{true, true, false, false, false, false} {
		if seq == 4 { // the erasure: no policy was asked
			continue
		}
		if _, err := n.input(int64(seq)); errors.Is(err, ledgerbridge.ErrErased) != gone || !gone && err != nil {
			t.Errorf("record %d: %v", seq, err)
		}
	}
	for _, row := range n.rows()[:4] {
		for _, p := range row.Parts {
			if strings.Contains(p.Patient, pseudonym) {
				t.Errorf("record %d still has her pseudonym", row.Seq)
			}
		}
	}
	if _, err := n.journal().Audit(context.Background(), n.sealer.AuditParts(context.Background(), source, n.log)); err != nil {
		t.Error(err)
	}
}

// A record that was not made durable is named by no other.
func TestOnlyDurableRecordsAreNamed(t *testing.T) {
	n := newNode(t)
	prepare(t, n.sealer, asked("", "Practitioner/1"))
	n.recorded(asked("", "Practitioner/1"))
	if got := request(t, n, 0).Input; got != "1777895998 s" {
		t.Errorf("the record says %q", got)
	}
}

// Whoever comes first, and how many at once, each record says what was asked.
func TestInputsOfManyAtOnce(t *testing.T) {
	n := newNode(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			for j := range 20 {
				n.recorded(asked("", fmt.Sprintf("Practitioner/%d", i), fmt.Sprintf("Organization/%d", j%3)))
			}
		})
	}
	all.Wait()
	for seq := range n.rows() {
		in, err := n.input(int64(seq))
		if err != nil || len(in.Departments) != 1 || len(in.Scopes) != 2 {
			t.Fatalf("record %d: %+v, %v", seq, in, err)
		}
	}
}

// Of what no policy was asked, and of what an older program wrote, nothing is known.
func TestInputsOfOlderRecordsAreNotKnown(t *testing.T) {
	n := newNode(t)
	n.recorded(search())
	if _, err := n.input(0); !errors.Is(err, ledgerbridge.ErrUnknownInput) {
		t.Errorf("no policy was asked: %v", err)
	}
	for _, file := range goldenFiles[:2] {
		g := readGolden(t, file)
		sealer, err := ledgerbridge.NewSealer(ledgerbridge.Config{
			Organization: "clinic", Node: "n1", Parts: fixedKeys(g.PartKeys),
			Pseudonyms: ledgerbridge.Secret{ID: "pseudonyms-1", Key: unhex(g.PseudonymKey)},
			Requests:   []ledgerbridge.Secret{{ID: "requests-1", Key: unhex(g.PartKeys["requests-1"])}},
		})
		if err != nil {
			t.Fatal(err)
		}
		row := g.row(t)
		if _, _, err := sealer.Inputs([]ledgerbridge.Log{logtest.New(source)}).Of(context.Background(), &row); !errors.Is(err, ledgerbridge.ErrUnknownInput) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// An input that names a record of another log of the node is found there.
func TestInputsAcrossLogs(t *testing.T) {
	n := newNode(t)
	changes := logtest.New("clinic/n1/changes.0")
	p := prepare(t, n.sealer, asked("", "Practitioner/1"))
	row, err := changes.Append(p)
	if err != nil {
		t.Fatal(err)
	}
	p.Recorded(row.Receipt(changes.Source()))
	n.recorded(asked("", "Practitioner/1"))
	rows := n.rows()
	in, _, err := n.sealer.Inputs([]ledgerbridge.Log{n.log, changes}).Of(context.Background(), &rows[0])
	if err != nil || len(in.Scopes) != 2 || request(t, n, 0).Input != "c0 1777895998 s" {
		t.Errorf("%+v, %v", in, err)
	}
	if _, err := n.input(0); err == nil {
		t.Error("an input was read from a log that is not there")
	}
}
