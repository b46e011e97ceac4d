package ledgerbridge

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrUnknownInput says that a record has no input: an older program wrote it, or no policy
// was asked.
var ErrUnknownInput = errors.New("ledgerbridge: the record does not say what the policy was asked with")

// InputReader reads the inputs of records, and remembers those that it has read. It is for one
// goroutine.
type InputReader struct {
	sealer *Sealer
	logs   []Log
	seen   map[string]shared
}

// shared is the part of an input that several records have in common.
type shared struct {
	part InputPart
	err  error
}

// Inputs reads the inputs of records in logs, which MUST be all of their nodes.
func (s *Sealer) Inputs(logs []Log) *InputReader {
	return &InputReader{sealer: s, logs: logs, seen: map[string]shared{}}
}

// Of is what the policy was asked with by the request of a row, and the request part. The
// error is ErrUnknownInput, or ErrErased if a token of a patient said it who was erased.
func (r *InputReader) Of(ctx context.Context, row *Row) (Input, RequestPart, error) {
	request, err := r.sealer.requestOf(ctx, row)
	if err != nil {
		return Input{}, request, err
	}
	if request.Input == "" {
		return Input{}, request, ErrUnknownInput
	}
	place, at, action, err := cutInput(request.Input)
	if err != nil {
		return Input{}, request, err
	}
	in := Input{At: at, Action: action, Questions: request.Questions}
	var part InputPart
	if place == "" {
		part, err = r.sealer.inputIn(ctx, row, request)
	} else {
		part, err = r.elsewhere(ctx, row, place)
	}
	in.Patient, in.Scopes, in.Departments = part.Patient, part.Scopes, part.Departments
	return in, request, err
}

// elsewhere reads what another record has.
func (r *InputReader) elsewhere(ctx context.Context, row *Row, place string) (InputPart, error) {
	e, err := ParseEntry(row.Entry)
	if err != nil {
		return InputPart{}, err
	}
	node := e.Source[:strings.LastIndexByte(e.Source, '/')+1]
	if known, ok := r.seen[node+place]; ok {
		return known.part, known.err
	}
	var s shared
	first, err := r.placed(ctx, node, place)
	if err != nil {
		return s.part, err
	}
	request, err := r.sealer.requestOf(ctx, &first)
	if err != nil {
		return s.part, err
	}
	if s.part, s.err = r.sealer.inputIn(ctx, &first, request); s.err != nil && !errors.Is(s.err, ErrErased) {
		return s.part, s.err
	}
	if len(r.seen) >= mostHomes {
		clear(r.seen)
	}
	r.seen[node+place] = s
	return s.part, s.err
}

// placed reads the record at a place of a node.
func (r *InputReader) placed(ctx context.Context, node, place string) (Row, error) {
	seq, err := strconv.ParseInt(place[1:], 10, 64)
	if err != nil {
		return Row{}, fmt.Errorf("input of a record: %q is no place", place)
	}
	for _, log := range r.logs {
		if strings.HasPrefix(log.Source(), node) && IsChanges(log.Source()) == (place[0] == 'c') {
			return ReadRow(ctx, log, seq)
		}
	}
	return Row{}, fmt.Errorf("input of a record: no log of %s has %s", node, place)
}

// DepartmentPseudonym returns what Input.Departments holds for "Organization/3".
func (s *Sealer) DepartmentPseudonym(ref string) string {
	return s.pseudonymizer().of("department", ref)
}

func (s *Sealer) requestOf(ctx context.Context, row *Row) (RequestPart, error) {
	if len(row.Parts) == 0 {
		return RequestPart{}, errors.New("a record has no parts")
	}
	o, err := s.OpenPart(ctx, row.Parts[0])
	if err != nil {
		return RequestPart{}, err
	}
	return *o.Request, nil
}

// inputIn is the input that a record itself has: in its request part, or in a part that an
// erasure may have emptied, of which nothing is left by which it could be told from others.
func (s *Sealer) inputIn(ctx context.Context, row *Row, request RequestPart) (InputPart, error) {
	if request.Scopes != nil {
		return InputPart{Scopes: request.Scopes, Departments: request.Departments}, nil
	}
	at := slices.IndexFunc(row.Parts, func(p PartRow) bool { return p.says() })
	if at < 0 {
		return InputPart{}, ErrErased
	}
	o, err := s.OpenPart(ctx, row.Parts[at])
	if err != nil {
		return InputPart{}, err
	}
	return *o.Input, nil
}

// apart says how many parts of the record are about the input: one if it is of a token of a
// patient, and no other record has it.
func (p *RequestPart) apart() int {
	if p == nil || p.Scopes != nil {
		return 0
	}
	if place, _, _, err := cutInput(p.Input); err != nil || place != "" {
		return 0
	}
	return 1
}

// cutInput reads RequestPart.Input: a place unless it is this record, Unix time, and a letter
// unless there is none.
func cutInput(text string) (place string, at time.Time, action string, err error) {
	words := strings.Fields(text)
	if len(words) > 0 && (words[0][0] == 'a' || words[0][0] == 'c') {
		place, words = words[0], words[1:]
	}
	if len(words) == 2 {
		action, words = words[1], words[:1]
	}
	if len(words) == 1 {
		if second, err := strconv.ParseInt(words[0], 10, 64); err == nil {
			return place, time.Unix(second, 0).UTC(), action, nil
		}
	}
	return "", at, "", fmt.Errorf("input of a record: %q is not place, time and letter", text)
}
