package fhir

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// What clients do not get to see of a refusal, because its issues say more, or because
// something else refuses it before, is refused all the same.
func TestRefusalsOfDocuments(t *testing.T) {
	type seen struct{ Name int }
	patient := []byte(`{"resourceType":"Patient","name":[{"text":"x"}]}`)
	_, badReference := ParseRef("Foo/1")
	_, notR4 := Parse([]byte(`{"resourceType":"Patient","foo":1}`))
	_, unreadable := View[seen](patient, "Patient")
	_, otherType := View[seen](patient, "Group")
	_, incomplete := View[seen](patient, "Patient", "gender")
	_, notWhole := ParseBundle([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Foo/1"}}]}`), "")
	r, err := Parse(patient)
	if err != nil {
		t.Fatal(err)
	}
	_, noID := r.Stamp("", 1, time.Time{})
	_, notStored := Open([]byte("{"))
	_, _, _, notBase64 := ReadBinary([]byte(`{"resourceType":"Binary","contentType":"a","data":"?"}`))
	_, notRead := AdmitBundle([]byte(`{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"},"request":{"method":"POST","url":"Patient"}}]}`), "",
		func([]byte) (*Resource, error) { return nil, errors.New("broken") }, func(int) error { return nil })
	var whole *Error
	if errors.As(notRead, &whole) && len(whole.Issues) > 0 {
		notRead = &Error{Kind: whole.Kind, Detail: whole.Issues[0].Detail}
	}
	broken := scanner{d: &Definitions{broken: errors.New("broken")}}
	for _, c := range []struct {
		err      error
		status   int
		sentence string
	}{
		{badReference, 400, "A reference must begin with an R4 resource type, as in Patient/1."},
		{notR4, 422, "The resource is not valid FHIR R4. The issues say what to correct."},
		{unreadable, 422, "The resource cannot be read as a …."},
		{otherType, 422, "The resource is not a …."},
		{incomplete, 422, "A mandatory element has no value. Add it."},
		{notWhole, 400, "The transaction has entries that cannot be processed. Nothing was changed."},
		{noID, 500, "A resource cannot be stored under that id and version."},
		{notStored, 500, "A stored resource cannot be read."},
		{notBase64, 500, "A stored Binary cannot be read."},
		{notRead, 500, "The resource could not be read."},
		{Panicked("broken"), 500, "Something went wrong in the server. Its log has the cause."},
		{broken.read(nil), 500, "The server cannot read its FHIR definitions."},
	} {
		var refusal *Error
		before, after, _ := strings.Cut(c.sentence, "…")
		if !errors.As(c.err, &refusal) || refusal.Kind.Status() != c.status || !strings.HasPrefix(refusal.Detail, before) || !strings.HasSuffix(refusal.Detail, after) {
			t.Errorf("%v; want %d %s", c.err, c.status, c.sentence)
		}
	}
}
