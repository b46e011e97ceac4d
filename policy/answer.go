package policy

import (
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

// answer reads the answer of the policies. Anything that it does not understand is
// an error, and errors deny: an unknown constraint may have been meant to narrow.
// typ is the type that the question is about.
func answer(results rego.ResultSet, typ string) (Decision, error) {
	d, err := Answered(results)
	if err != nil {
		return d, err
	}
	return d, restricts(typ, d.Constraints.Search)
}

// Answered reads the answer whatever it is about: whether search parameters of a constraint
// can be enforced for a type is not asked.
func Answered(results rego.ResultSet) (Decision, error) {
	if len(results) != 1 || len(results[0].Expressions) != 1 {
		return Decision{}, fmt.Errorf("the decision has %d results, not one", len(results))
	}
	o, ok := results[0].Expressions[0].Value.(ast.Object)
	if !ok {
		return Decision{}, errors.New("the decision is not an object")
	}
	var d Decision
	err := eachField(o, func(name string, v ast.Value) error {
		switch name {
		case "allow":
			return readBool(v, &d.Allow)
		case "reason":
			return readString(v, &d.Reason)
		case "consent":
			return readString(v, &d.Consent)
		case "constraints":
			return readConstraints(v, &d.Constraints)
		case "obligations":
			return readObligations(v, &d.Obligations)
		}
		return errors.New("unknown field")
	})
	if err != nil {
		return Decision{}, fmt.Errorf("the decision cannot be understood: %w", err)
	}
	return d, complete(o, &d)
}

// complete checks the decision as a whole.
func complete(o ast.Object, d *Decision) error {
	if o.Get(ast.StringTerm("allow")) == nil {
		return errors.New("the decision has no field allow")
	}
	if Reasons()[d.Reason] == "" {
		return fmt.Errorf("the decision has the unknown reason %q", d.Reason)
	}
	switch d.Consent {
	case Forbids, Permits, None:
		return nil
	case "":
		if !d.Allow {
			return nil
		}
	}
	return fmt.Errorf("the decision has the unknown consent mode %q", d.Consent)
}

func readConstraints(v ast.Value, c *Constraints) error {
	o, ok := v.(ast.Object)
	if !ok {
		return errors.New("not an object")
	}
	return eachField(o, func(name string, v ast.Value) error {
		switch name {
		case "types":
			return readStrings(v, &c.Types)
		case "compartment":
			return readString(v, &c.Compartment)
		case "shared_types":
			return readStrings(v, &c.SharedTypes)
		case "uncompartmented":
			return readStrings(v, &c.Uncompartmented)
		case "labels":
			return readLabels(v, &c.Labels)
		case "search":
			return readSearch(v, &c.Search)
		case "owner":
			return readString(v, &c.Owner)
		case "author":
			return readString(v, &c.Author)
		}
		return errors.New("unknown field")
	})
}

// readLabels reads a list of labels, or says in labels what an object bars (see
// readLabelled). It refuses what is no label: it would bar nothing.
func readLabels(v ast.Value, into *[]string) error {
	if o, ok := v.(ast.Object); ok {
		return readLabelled(o, into)
	}
	if err := readStrings(v, into); err != nil {
		return err
	}
	for _, label := range *into {
		if !isLabel(label) {
			return fmt.Errorf("%q is not a security label like system|code", label)
		}
	}
	return nil
}

func isLabel(s string) bool {
	system, code, ok := strings.Cut(s, "|")
	return ok && system != "" && code != ""
}

func eachField(o ast.Object, read func(string, ast.Value) error) error {
	return o.Iter(func(k, v *ast.Term) error {
		name, ok := k.Value.(ast.String)
		if !ok {
			return errors.New("a field whose name is not a string")
		}
		if err := read(string(name), v.Value); err != nil {
			return fmt.Errorf("%s: %w", string(name), err)
		}
		return nil
	})
}

func readBool(v ast.Value, into *bool) error {
	b, ok := v.(ast.Boolean)
	if !ok {
		return errors.New("neither true nor false")
	}
	*into = bool(b)
	return nil
}

// readString refuses the empty string: an empty constraint does not constrain, and
// would open what a rule with a missing value meant to narrow.
func readString(v ast.Value, into *string) error {
	s, ok := v.(ast.String)
	if !ok || s == "" {
		return errors.New("not a string, or empty")
	}
	*into = string(s)
	return nil
}

// readStrings accepts arrays and sets, and refuses empty ones for the same reason.
func readStrings(v ast.Value, into *[]string) error {
	list, ok := v.(interface {
		Iter(func(*ast.Term) error) error
		Len() int
	})
	if !ok || list.Len() == 0 {
		return errors.New("not a list of strings, or empty")
	}
	values := make([]string, 0, list.Len())
	err := list.Iter(func(t *ast.Term) error {
		var s string
		if err := readString(t.Value, &s); err != nil {
			return err
		}
		values = append(values, s)
		return nil
	})
	*into = values
	return err
}
