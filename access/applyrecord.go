package access

import (
	"slices"

	"github.com/aceso-health/aceso/ledgerbridge"
)

// recordEffects completes the record of a change that is about to be made, or that
// changes nothing: reads, deletes of the deleted, conditional creates that found their
// resource.
func (t *change) recordEffects() {
	first, d := t.steps[0], &t.entry
	decided, _ := t.decided(first.question)
	t.begin(first.question, decided)
	t.notes()
	d.Outcome = first.effect.Status
	written := t.discloseEffects()
	switch {
	case first.several && !t.transaction(): // its content is that of a transaction
		d.Query = first.Ref.Type + "?" + d.Query
		fallthrough
	case t.transaction():
		d.Interaction, d.Action, d.Type, d.Target, d.Outcome = "transaction", "E", "", "", 200
	case first.write != nil:
		d.Target, d.Version = first.Ref.String(), first.write.Expect+1
	case first.same:
		d.Target, d.Version = first.Ref.String(), first.before.Version
	case first.Ref.ID != "":
		d.Target = first.Ref.String()
	}
	t.recordRefusals()
	if t.writes() {
		d.Content = ledgerbridge.Content(d.Interaction, written)
	}
}

// recordRefusals tells what the answer does not: that something was there, and was not
// deleted. A change that did other things is permitted as a whole.
func (t *change) recordRefusals() {
	if !slices.ContainsFunc(t.steps, func(s *step) bool { return s.refused }) {
		return
	}
	t.entry.Reason = rowRefused
	if t.entry.Count == 0 {
		t.entry.Decision, t.entry.Outcome = "deny", status(notFound())
	}
}

// discloseEffects adds what every step wrote or read, and returns what was written.
func (t *change) discloseEffects() (written []ledgerbridge.Item) {
	for _, s := range t.steps {
		switch {
		case s.write != nil:
			v := s.version()
			written = append(written, v.Item())
			t.disclose(&v, v.Method)
			t.entry.Count++
		case s.effect.Version != nil:
			t.disclose(s.effect.Version, "GET")
			t.entry.Count++
		case s.effect.Result != nil:
			t.discloseResult(s.effect.Result)
		}
	}
	return written
}
