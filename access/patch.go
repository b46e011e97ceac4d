package access

import (
	"context"
	"encoding/hex"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// Patch is a change of a document, as a client asks for it.
type Patch interface {
	// Apply returns the changed document, which need not be a resource any more. Its error
	// MUST NOT hold values of the document.
	Apply(document []byte) ([]byte, error)
	// Sum is the hash of what was sent, for the record.
	Sum() fhir.Hash
}

// mayPatch asks the policy the questions that a patch implies. It is an update of what it
// makes; and since whether it can be done tells about what is there, it is a read, too.
func (t *change) mayPatch(ctx context.Context, s *step) error {
	s.question = question{"update", "u", s.Ref.Type}
	for _, q := range []question{{"read", "r", s.Ref.Type}, s.question} {
		if d := t.decide(ctx, q); !d.Allow {
			return t.refuse(d)
		}
	}
	t.turnTo(s)
	return nil
}

// asksPatch notes in the record what was sent: its hash.
func (t *change) asksPatch(s *step) {
	sum := s.Patch.Sum()
	asked := "_patch=sha256:" + hex.EncodeToString(sum[:])
	if t.transaction() {
		t.queries = append(t.queries, s.Ref.Type+"?"+asked)
		return
	}
	t.entry.Query = asked
}

// mayChange judges the version that is there: whether it may be changed and, if it is to
// be patched, read.
func (t *change) mayChange(ctx context.Context, s *step, v *Version) (bool, error) {
	may, err := t.row(ctx, s.question, rowOf(v))
	if err != nil || !may || s.Method != "PATCH" {
		return may, err
	}
	return t.row(ctx, question{"read", "r", s.Ref.Type}, rowOf(v))
}

// patched makes the resource that the patch makes of the version that is there. A patch
// that cannot be done has told about that version, and the record says so.
func (t *change) patched(_ context.Context, s *step) (err error) {
	if err := t.full(); err != nil {
		return err
	}
	if err := t.hold(s.before.Weight()); err != nil {
		return err
	}
	if s.Resource, err = s.apply(); err != nil {
		t.given = append(t.given, s.before)
	}
	return err
}

func (s *step) apply() (*fhir.Resource, error) {
	body, err := s.Patch.Apply(s.before.Body)
	if err != nil {
		return nil, err
	}
	r, err := fhir.Parse(body)
	switch {
	case err != nil:
		return nil, err
	case r.Type() != s.Ref.Type:
		return nil, &fhir.Error{Kind: fhir.Unprocessable, Expression: s.Ref.Type, Detail: "A patch cannot change the type of a resource."}
	case r.ID() != s.Ref.ID:
		return nil, &fhir.Error{Kind: fhir.Unprocessable, Expression: s.Ref.Type + ".id", Detail: "A patch cannot change the id of a resource."}
	}
	return r, nil
}

// unchanged says whether the new version would differ from the one before in its number
// and time only.
func (s *step) unchanged(owner string) bool {
	before := &s.before
	if !s.exists || s.pinned || before.Deleted || before.Owner != owner {
		return false
	}
	if more := len(s.stamped.Bytes()) - s.length; more != 0 && more != 1 { // the number may have a digit more
		return false
	}
	again, err := s.Resource.Stamp(s.Ref.ID, before.Version, before.LastUpdated)
	if err != nil || again.Hash() != before.Hash {
		return false
	}
	before.Body = again.Bytes()
	return true
}

// leave answers an update that changes nothing: it was decided like others, and there is no
// new version. It is no such update if its writer knows more of what it refers to than who
// wrote it before. Next to what else the request writes, the version must still be there.
func (t *change) leave(s *step) bool {
	if !s.same || len(s.facts.Blind) != len(s.before.Facts.Blind) {
		return false
	}
	v := s.before
	if s.unseen {
		v.Body = nil
	}
	s.effect = Effect{Status: 200, Version: &v}
	t.review.change.Guards = append(t.review.change.Guards, store.Unchanged(s.Ref, v.Version))
	return true
}
