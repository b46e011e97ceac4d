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
	// MUST NOT hold values of the document. What it cost is added to work: as much as to
	// read so many bytes.
	Apply(document []byte, work *int64) ([]byte, error)
	// Sum is the hash of what was sent, for the record.
	Sum() fhir.Hash
	// Long says that applying it may take long however small the document is.
	Long() bool
}

// longDocument is from how many bytes on work on a document takes turns with that of other
// callers.
const longDocument = 32 << 10

// mayPatch asks the policy the questions that a patch implies. It is an update of what it
// makes; and since whether it can be done tells about what is there, it is a read, too.
func (t *change) mayPatch(ctx context.Context, s *step) error {
	s.question = question{"update", "u", s.Ref.Type}
	for _, q := range []question{{"read", "r", s.Ref.Type}, s.question} {
		if d := t.decide(ctx, q); !d.Allow {
			t.wouldAsk(s)
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

// patched makes the resource that the patch makes of the version that is there. That it can
// or cannot be done tells about that version, and the record of a failure says so: of this
// one, or of a later one, which tells that it could be done.
func (t *change) patched(ctx context.Context, s *step) (err error) {
	if err := t.full(); err != nil {
		return err
	}
	if err := t.hold(s.before.Weight()); err != nil {
		return err
	}
	told := s.before
	told.Body = nil
	t.given = append(t.given, told)
	if s.before.Weight() <= longDocument && !s.Patch.Long() {
		s.Resource, err = t.patch(ctx, s)
		return err
	}
	return t.turns(ctx, t.call.spend(), func(ctx context.Context) error {
		s.Resource, err = t.patch(ctx, s)
		return err
	})
}

// patchStep is how many bytes of the work of a patch count as one step of what the request
// may spend: ten patches of the costliest kind use it up.
const patchStep = 100

func (t *change) patch(ctx context.Context, s *step) (*fhir.Resource, error) {
	var work int64
	body, err := s.Patch.Apply(s.before.Body, &work)
	if t.call.spend().Spend(ctx, 1+work/patchStep) != nil {
		return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: "The patches of this request would have to read, copy and compare more than 2 GB together, with what its searches cost. Send them in several Bundles."}
	}
	if err != nil {
		return nil, err
	}
	if err := t.hold(max(0, int64(len(body))-s.before.Weight())); err != nil {
		return nil, err
	}
	r, err := t.gate.parse(body)
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

// parse reads a document as those that are sent are read.
func (g *Gate) parse(body []byte) (*fhir.Resource, error) {
	if g.Parse == nil {
		return fhir.Parse(body)
	}
	return g.Parse(body)
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
// wrote it before. Nor is it if its writer may not read the version: a guess would be
// confirmed. Next to what else the request writes, the version must still be there.
func (t *change) leave(ctx context.Context, s *step) (bool, error) {
	if !s.same || len(s.facts.Blind) != len(s.before.Facts.Blind) {
		return false, nil
	}
	v := s.before
	known, err := t.row(ctx, question{"read", "r", s.Ref.Type}, rowOf(&v))
	if err != nil || !known || s.unseen {
		return false, err
	}
	s.effect = Effect{Status: 200, Version: &v}
	t.review.change.Guards = append(t.review.change.Guards, store.Unchanged(s.Ref, v.Version))
	return true, nil
}
