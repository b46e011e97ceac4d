package search

import (
	"errors"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// Code is a code of a system.
type Code struct{ System, Code string }

// Codes knows which codes a value set has, and which codes others subsume. Its errors are
// those of the search.
type Codes interface {
	// Members lists the codes of a value set, named by its canonical URL or as ValueSet/id.
	Members(set string) ([]Code, error)
	// Below lists a code and all that it subsumes.
	Below(c Code) ([]Code, error)
	// Above lists a code and all that subsume it.
	Above(c Code) ([]Code, error)
}

// meaning are the modifiers of tokens that need Codes.
var meaning = []string{"above", "below", "in", "not-in"}

// negates says whether the modifier stands for what does not match.
func (c criterion) negates() bool { return c.modifier == "not" || c.modifier == "not-in" }

// meant compiles the value of a modifier that needs Codes to the codes that it stands for.
func (c criterion) meant(v string) ([]Condition, error) {
	if c.o.Codes == nil {
		return nil, &unknownParam{"Modifiers that look codes up are not supported for this type."}
	}
	list, err := c.lookUp(v)
	var known *fhir.Error
	if errors.As(err, &known) && (known.Kind == fhir.NotFound || known.Kind == fhir.Unprocessable) {
		return nil, c.invalid(known.Detail)
	}
	if err != nil {
		return nil, err
	}
	conditions := make([]Condition, len(list))
	for i, code := range list {
		tail := appendToken(nil, []byte(code.System), []byte(code.Code))
		conditions[i] = HasKey{c.def.Name + string(opToken) + string(tail)}
	}
	if len(conditions) == 0 { // nothing has none of these codes
		conditions = []Condition{Any{}}
	}
	return conditions, nil
}

func (c criterion) lookUp(v string) ([]Code, error) {
	if c.modifier == "in" || c.modifier == "not-in" {
		return c.o.Codes.Members(unescapeValue(v))
	}
	parts := splitEscaped(v, '|')
	if len(parts) != 2 || parts[0] == "" || parts[1] == "" {
		return nil, c.invalid("The modifiers :above and :below take system|code.")
	}
	code := Code{unescapeValue(parts[0]), unescapeValue(parts[1])}
	if c.modifier == "below" {
		return c.o.Codes.Below(code)
	}
	return c.o.Codes.Above(code)
}

// Escape writes a value so that commas, bars and dollars in it separate nothing.
func Escape(value string) string {
	return strings.NewReplacer(`\`, `\\`, `,`, `\,`, `|`, `\|`, `$`, `\$`).Replace(value)
}

// identifies says whether a token parameter has identifiers, which :of-type tells apart.
func identifies(p fhir.SearchParam) bool {
	for alternative := range strings.SplitSeq(p.Expression, "|") {
		if strings.HasSuffix(strings.ToLower(strings.Trim(alternative, " ()")), "identifier") {
			return true
		}
	}
	return false
}
