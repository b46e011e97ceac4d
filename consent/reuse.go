package consent

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
)

// reuse remembers compiled Consents while very many are read: most differ from others only
// in whose they are, what they are called, and since when they count.
type reuse struct {
	known map[[sha256.Size]byte]*Rules
}

// mostReused bounds what is remembered.
const mostReused = 10_000

// compile compiles a Consent, or takes what one that says the same was compiled to. What it
// returns for one that was compiled before serves to foresee only: it bears the other's name.
func (u *reuse) compile(r *Registry, f Found) *Rules {
	key, when, ok := likeness(f.Body)
	if !ok {
		return r.compile([]Found{f})[0]
	}
	if like := u.known[key]; like != nil {
		own := *like
		own.from, own.bounds = 0, nil
		if when != "" {
			own.from, _, _ = span(when)
			own.bounds = []int64{own.from}
		}
		if own.root != nil {
			own.bounds = bounds(own.root, own.bounds)
		}
		return &own
	}
	rules := r.compile([]Found{f})[0]
	if rules.state == live && len(rules.Warnings) == 0 && len(u.known) < mostReused {
		u.known[key] = rules
	}
	return rules
}

// likeness is the same for Consents that compile to the same, but for dateTime, the id, and
// whose they are. It is false if these are not plain.
func likeness(body []byte) (key [sha256.Size]byte, when string, ok bool) {
	var all, meta map[string]json.RawMessage
	var id string
	var patient struct{ Reference *string }
	if json.Unmarshal(body, &all) != nil || all["meta"] != nil && json.Unmarshal(all["meta"], &meta) != nil {
		return key, "", false
	}
	if json.Unmarshal(all["id"], &id) != nil || !strict(all["patient"], &patient) || patient.Reference == nil {
		return key, "", false
	}
	if at, given := all["dateTime"]; given {
		if json.Unmarshal(at, &when) != nil {
			return key, "", false
		}
		if _, _, err := span(when); err != nil {
			return key, "", false
		}
	}
	for _, name := range []string{"id", "meta", "patient", "dateTime"} {
		delete(all, name)
	}
	delete(meta, "versionId")
	delete(meta, "lastUpdated")
	rest, err := json.Marshal([]any{all, meta})
	return sha256.Sum256(rest), when, err == nil
}

// strict reads an object that has no other fields.
func strict(body []byte, into any) bool {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	return d.Decode(into) == nil
}
