package access

import (
	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/store"
)

// mostDeleted is how many resources one conditional delete deletes.
const mostDeleted = 1000

// means is how many resources the criteria may match beside one, and of how many bytes: a
// delete that names no version may mean many.
func (s *step) means() (more int, bytes int64) {
	if s.Method == "DELETE" && s.IfMatch == nil {
		return mostDeleted - 1, MaxAnswer
	}
	return 0, 0
}

// deleteAll makes a conditional delete one step for each resource that its criteria match:
// each is decided and recorded, and all are deleted or none. A page that ended early has
// too many, or too large ones.
func (t *change) deleteAll(s *step, page store.Page) error {
	if len(page.Matches) > mostDeleted || len(page.Next) > 0 {
		return &fhir.Error{Kind: fhir.MultipleMatches, Detail: "The criteria of this conditional delete match more than 1,000 resources, or more than 32 MB of them. Nothing was deleted: make them more selective."}
	}
	s.several, s.Ref = true, page.Matches[0].Ref
	for _, ref := range refs(page.Matches)[1:] {
		op := *s.Operation
		op.Ref = ref
		one := &step{Operation: &op, question: s.question, query: s.query, further: true}
		if err := t.claim(one); err != nil {
			return err
		}
		t.steps = append(t.steps, one)
	}
	return nil
}
