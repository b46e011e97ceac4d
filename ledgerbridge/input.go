package ledgerbridge

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What a policy was asked with is kept with the record. Most of it stands there anyway; the
// rest (the scopes of the token, its patient, the departments) is the same for many requests:
// the first record has it, and later ones name that record.

// Input is what a policy was asked with, as far as the entry and the request part do not say
// it.
type Input struct {
	Patient     string    // of the token: "Patient/1" or ""
	Scopes      []string  // of the token
	Departments []string  // of the agent at that moment: "Organization/3"; Opened ones are pseudonyms
	At          time.Time // what the policy took for now, in seconds
	Action      string    // letter of what was asked
	Questions   []string  // of a change of several resources: what was asked, "create c Observation"
}

// InputPart is the clear text of the part that has what a token of a patient says. It goes
// when she is erased.
type InputPart struct {
	Departments []string
	Patient     string
	Scopes      []string
}

func (p *InputPart) appendJSON(b []byte) []byte {
	return appendObject(b, []field{
		{name: "departments", words: &p.Departments}, {name: "patient", text: &p.Patient}, {name: "scopes", words: &p.Scopes},
	})
}

// inputPart begins the Patient of such a part; the pseudonym follows. So a search for the
// records that concern her does not find it, and her erasure does.
const inputPart = "input "

// says tells the part about the input.
func (r *PartRow) says() bool { return strings.HasPrefix(r.Patient, inputPart) }

// mostHomes bounds how many inputs a process knows the first record of.
const mostHomes = 4096

// homes are the records that have inputs, by what they say.
type homes struct {
	mu    sync.Mutex
	known map[string]home
}

// home is where an input stands.
type home struct {
	place string // "a345": record 345 of the node's access log
	key   string // id of the key that it is sealed with, "" in a request part
}

func (h *homes) find(text []byte, key string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if at, ok := h.known[string(text)]; ok && at.key == key {
		return at.place
	}
	return ""
}

func (h *homes) put(text string, at home) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= mostHomes {
		h.known = map[string]home{}
	}
	h.known[text] = at
}

// keeping is an input on its way into a record.
type keeping struct {
	part  InputPart
	text  []byte
	key   patientKey // of a token of a patient
	place string     // of the record that has it; "": this one will
}

// keep finds out whether a record has the input already.
func (w *sealing) keep(ctx context.Context) (*keeping, error) {
	in := w.draft.Input
	if in == nil {
		return nil, nil
	}
	k := &w.kept
	*k = keeping{part: InputPart{Patient: in.Patient, Scopes: in.Scopes, Departments: []string{}}}
	if k.part.Scopes == nil {
		k.part.Scopes = []string{}
	}
	for _, d := range in.Departments {
		k.part.Departments = append(k.part.Departments, w.names.of("department", d))
	}
	if in.Patient != "" {
		keys, err := w.keys(ctx, []Touched{{Patient: in.Patient}})
		if err != nil {
			return nil, err
		}
		k.key = keys[0]
	}
	k.text = k.part.appendJSON(w.room[:0])
	k.place = w.homes.find(k.text, k.key.ID)
	return k, nil
}

// tell writes into the request part what was asked with, or where that stands.
func (k *keeping) tell(part *RequestPart, in *Input) {
	if k == nil {
		return
	}
	text := make([]byte, 0, 48)
	if k.place != "" {
		text = append(append(text, k.place...), ' ')
	}
	if text = strconv.AppendInt(text, in.At.Unix(), 10); in.Action != "" {
		text = append(append(text, ' '), in.Action...)
	}
	part.Input = string(text)
	part.Questions = in.Questions
	if k.place == "" && k.part.Patient == "" {
		part.Scopes, part.Departments = k.part.Scopes, k.part.Departments
	}
}

// input seals what a token of a patient says under her key, if no record has it yet.
func (w *sealing) input(k *keeping) error {
	if k == nil || k.place != "" {
		return nil
	}
	w.first = &firstInput{homes: w.homes, text: string(k.text), key: k.key.ID}
	if k.part.Patient == "" {
		return nil
	}
	aead, err := newAEAD(k.key.Key)
	if err != nil {
		return fmt.Errorf("key %s of an input: %w", k.key.ID, err)
	}
	w.parts = append(w.parts, w.sealPart(k.key.ID, aead, plainPart{patient: inputPart + k.key.patient, clear: k.text}))
	return nil
}

// firstInput is an input that a pending record will be the first to have.
type firstInput struct {
	homes     *homes
	text, key string
}

// Recorded says where the record has become durable: later ones with the same input name it.
func (p *Pending) Recorded(r Receipt) {
	if p == nil || p.first == nil {
		return
	}
	log := "a"
	if IsChanges(r.Source) {
		log = "c"
	}
	p.first.homes.put(p.first.text, home{log + strconv.FormatInt(r.Seq, 10), p.first.key})
}
