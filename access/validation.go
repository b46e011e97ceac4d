package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/validate"
)

// Validation is what resources are held against beyond their structure.
type Validation struct {
	Level validate.Level // of writes; the zero value demands nothing
	// Current is the validator in force, nil for one that knows R4 alone. Packages may be
	// added at any time.
	Current func() *validate.Validator
}

func (v Validation) validator() *validate.Validator {
	if v.Current == nil {
		return &validate.Validator{}
	}
	return v.Current()
}

// valid refuses a new version that breaks the rules that hold for writes.
func (t *change) valid(ctx context.Context, s *step) error {
	v := t.gate.Validation
	if v.Level < validate.Base {
		return nil
	}
	issues, err := v.validator().Check(ctx, s.stamped, validate.Options{Declared: v.Level >= validate.Declared})
	if err != nil || len(issues) == 0 {
		return err
	}
	return &fhir.Error{Kind: fhir.Unprocessable, Detail: "The resource breaks rules of R4 or of its profiles. The issues say which.", Issues: issues}
}

// ValidateRequest is what $validate is asked.
type ValidateRequest struct {
	Ref      fhir.Ref // the type, and the id if an instance is meant
	Mode     string   // "", create, update, delete or profile
	Body     []byte   // the resource; nil: the stored one
	Profiles []string // canonical URLs
}

// Validate holds a resource, sent or stored, against R4, the profiles that it declares and
// those asked for, and says in its issues whether the caller may do to it what Mode says.
// That a resource is not valid is no error.
func (g *Gate) Validate(ctx context.Context, c *Call, v ValidateRequest) ([]fhir.Issue, error) {
	return answer(ctx, g, c, func(r *review) ([]fhir.Issue, error) { return r.validate(ctx, v) })
}

func (r *review) validate(ctx context.Context, v ValidateRequest) ([]fhir.Issue, error) {
	q := question{"validate", "r", v.Ref.Type}
	if v.Ref.ID != "" {
		r.entry.Target = v.Ref.String()
	}
	if _, err := r.ask(ctx, q); err != nil {
		return nil, err
	}
	var issues []fhir.Issue
	if v.Ref.ID != "" && (v.Body == nil || v.Mode == "update" || v.Mode == "delete") {
		stored, err := r.fetch(ctx, q, v.Ref, 0)
		if err != nil {
			return nil, err
		}
		if stored.Deleted {
			return nil, gone()
		}
		if v.Body == nil {
			if err := r.tellable(ctx, stored, "what is wrong with a stored one could tell of them. Send the document that is to be validated"); err != nil {
				return nil, err
			}
			v.Body = stored.Body
			r.entry.Version, r.entry.Content, r.entry.Count = stored.Version, stored.Hash, 1
			r.disclose(stored, "GET")
		}
	}
	issues = append(issues, r.permitted(ctx, v)...)
	if v.Mode == "delete" {
		return issues, nil
	}
	found, err := r.findingsInTurn(ctx, v)
	return append(issues, found...), err
}

// findingsInTurn lets others have their turn if the document is large.
func (r *review) findingsInTurn(ctx context.Context, v ValidateRequest) (issues []fhir.Issue, err error) {
	if len(v.Body) > longDocument {
		err = r.turns(ctx, r.call.spend(), func(ctx context.Context) (err error) {
			issues, err = r.findings(ctx, v)
			return err
		})
		return issues, err
	}
	return r.findings(ctx, v)
}

// permitted says in an issue that the policy does not let the caller do what is meant.
func (r *review) permitted(ctx context.Context, v ValidateRequest) []fhir.Issue {
	actions := map[string]string{"create": "c", "update": "u", "delete": "d"}
	if actions[v.Mode] == "" {
		return nil
	}
	d := r.decide(ctx, question{v.Mode, actions[v.Mode], v.Ref.Type})
	if d.Allow {
		return nil
	}
	return []fhir.Issue{{Code: "forbidden", Detail: fmt.Sprintf("The policy in force would refuse this %s (%s).", v.Mode, d.Reason), Expression: v.Ref.Type}}
}

// findings are those about the document.
func (r *review) findings(ctx context.Context, v ValidateRequest) ([]fhir.Issue, error) {
	doc, err := fhir.Parse(v.Body)
	if err != nil {
		return structural(err)
	}
	switch {
	case doc.Type() != v.Ref.Type:
		return []fhir.Issue{{Code: "invalid", Detail: "The type of the resource is not the type in the URL.", Expression: doc.Type()}}, nil
	case v.Mode == "update" && doc.ID() != v.Ref.ID:
		return []fhir.Issue{{Code: "invalid", Detail: "An update must have the id of the resource in the URL.", Expression: doc.Type() + ".id"}}, nil
	}
	return r.gate.Validation.validator().Check(ctx, doc, validate.Options{Profiles: v.Profiles, Declared: true, Warnings: true})
}

// structural are the issues of a document that is no valid R4; rules are not asked then.
// What is not even JSON is an error.
func structural(err error) ([]fhir.Issue, error) {
	if kindOf(err) != fhir.Unprocessable {
		return nil, err
	}
	known := err.(*fhir.Error)
	return slices.Clone(known.Findings(known.Kind.Code())), nil
}
