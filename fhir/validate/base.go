package validate

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/aceso-health/aceso/fhir"
)

// constraintsTable is what R4 demands of types and elements beyond their structure,
// gzipped lines that the generator in fhir/gen writes:
//
//	K number key severity expression      a constraint
//	O type element numbers                the constraints of a type (no element) or an element
//	B type element strength valueset      a binding that the parser does not check
//
//go:embed constraints.gz
var constraintsTable []byte

// rules are the constraints and bindings of R4, by the indexes of fhir.Definitions.
type rules struct {
	types    [][]*constraint
	elements [][]*constraint
	bindings []*binding        // of elements
	keys     map[string]string // key to expression
	broken   error
}

// base decodes the table on the first call.
var base = sync.OnceValue(func() *rules {
	b, err := readRules(constraintsTable)
	if err != nil {
		return &rules{broken: fmt.Errorf("read constraints of R4: %w", err)}
	}
	return b
})

func unpack(packed []byte) (string, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(z)
	return string(text), err
}

func readRules(packed []byte) (*rules, error) {
	text, err := unpack(packed)
	if err != nil {
		return nil, err
	}
	d := fhir.R4()
	b := &rules{
		types: make([][]*constraint, len(d.Types)), elements: make([][]*constraint, len(d.Elements)),
		bindings: make([]*binding, len(d.Elements)), keys: map[string]string{},
	}
	var all []*constraint
	for line := range strings.Lines(text) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		var err error
		switch {
		case f[0] == "K" && len(f) == 5:
			all = append(all, &constraint{key: f[2], warning: f[3] == "warning", expression: f[4]})
			b.keys[f[2]] = f[4]
		case f[0] == "O" && len(f) == 4:
			err = b.own(d, all, f)
		case f[0] == "B" && len(f) == 5:
			err = b.bind(d, f)
		default:
			err = fmt.Errorf("unknown line: %.20q", line)
		}
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// own gives a type or an element its constraints.
func (b *rules) own(d *fhir.Definitions, all []*constraint, f []string) error {
	typ, elem, err := place(d, f[1], f[2])
	if err != nil {
		return err
	}
	to := &b.types
	if f[2] != "" {
		to, typ = &b.elements, elem
	}
	for number := range strings.SplitSeq(f[3], ",") {
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= len(all) {
			return fmt.Errorf("%s: no constraint %s", f[1], number)
		}
		(*to)[typ] = append((*to)[typ], all[n])
	}
	return nil
}

func (b *rules) bind(d *fhir.Definitions, f []string) error {
	_, elem, err := place(d, f[1], f[2])
	if err == nil {
		b.bindings[elem] = &binding{strength: f[3], set: f[4]}
	}
	return err
}

func place(d *fhir.Definitions, owner, name string) (typ, elem int32, err error) {
	elem = -1
	if typ = d.TypeIndex(owner); typ >= 0 && name != "" {
		elem = d.Element(typ, strings.TrimSuffix(name, "[x]"))
	}
	if typ < 0 || name != "" && elem < 0 {
		return 0, 0, fmt.Errorf("R4 has no %s %s", owner, name)
	}
	return typ, elem, nil
}

// parsed are the keys of the constraints that fhir.Parse checks.
var parsed = []string{
	"ele-1", "ext-1", "ref-1", "txt-1", "txt-2", "dom-2", "dom-3", "dom-4", "dom-5",
	"bdl-1", "bdl-2", "bdl-3", "bdl-4", "bdl-5", "bdl-7", "bdl-8", "bdl-9", "bdl-10", "bdl-11", "bdl-12",
}

// knows says whether a constraint is one of R4 itself, which snapshots of profiles repeat.
func (b *rules) knows(key, expression string) bool {
	return slices.Contains(parsed, key) || b.keys[key] == strings.Join(strings.Fields(expression), " ") || key == "que-7"
}
