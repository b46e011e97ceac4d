package consent

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	samply "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"github.com/aceso-health/aceso/fhir"
)

// Compiler compiles Consents of the server at Base; references below Base are
// the server's own. With an empty Base an absolute reference may be anybody.
type Compiler struct{ Base string }

// Compile is Compiler.Compile for a server without a known address.
func Compile(ref fhir.Ref, version int64, body []byte) (*Rules, error) {
	return Compiler{}.Compile(ref, version, body)
}

// Compile reads a stored Consent. A Consent in force that cannot be understood for
// certain (broken, a mandatory code missing, a modifier extension, a date that is
// none) compiles to rules that never permit, keep every deny that could be read,
// and otherwise amount to ImplicitDeny; err says why (for the log and a Task), rules
// are usable. If err is or wraps a *fhir.Error, the Consent is over a limit or no R4
// Consent, and should not be accepted from a client.
func (c Compiler) Compile(ref fhir.Ref, version int64, body []byte) (*Rules, error) {
	r := &Rules{Ref: ref, Version: version}
	r.name = []string{ref.String() + "/_history/" + strconv.FormatInt(version, 10)}
	o, plain, err := readOutline(body)
	if o.inactive() {
		r.state = dormant
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("read Consent: %w", err)
	}
	if err := o.checkSize(); err != nil {
		return r, err
	}
	view, err := readView(plain)
	if err != nil {
		return r, err
	}
	b := builder{base: c.Base}
	b.rules(r, view, o)
	if r.state == live && len(b.defects) > 0 {
		r.state = unreadable
		withdraw(r.root)
	}
	return r, errors.Join(b.defects...)
}

func (o *outline) checkSize() error {
	count, depth := o.Provision.size()
	if count <= maxProvisions && depth <= maxDepth {
		return nil
	}
	return &fhir.Error{
		Kind:       fhir.Unprocessable,
		Detail:     "A Consent may have at most 500 provisions, nested at most 8 deep. Split it into several Consents.",
		Expression: "Consent.provision",
	}
}

// withdraw takes the permits out of a Consent that is not understood: what they
// carved out of a deny falls back to it, and the denies inside them stay.
func withdraw(p *provision) {
	if p == nil {
		return
	}
	if p.kind == permits {
		p.kind = speechless
	}
	for _, c := range p.children {
		withdraw(c)
	}
}

// builder turns the view of one Consent into rules and gathers what it could not
// understand. A defect names a place, never a value: values are patient data.
type builder struct {
	base    string
	defects []error
}

func (b *builder) defect(path, what string) {
	b.defects = append(b.defects, fmt.Errorf("%s: %s", path, what))
}

func (b *builder) rules(r *Rules, c *samply.Consent, o *outline) {
	var counts bool
	if r.scope, counts = readScope(c.Scope); !counts {
		r.state = dormant
		return
	}
	r.state = live
	b.modifiers("Consent", c.ModifierExtension)
	for _, p := range c.Policy {
		b.modifiers("Consent.policy", p.ModifierExtension)
	}
	for _, v := range c.Verification {
		b.modifiers("Consent.verification", v.ModifierExtension)
	}
	if c.ImplicitRules != nil {
		b.defect("Consent.implicitRules", "rules are not known")
	}
	if c.DateTime != nil {
		from, _, err := span(*c.DateTime)
		if err != nil {
			b.defect("Consent.dateTime", "cannot be read")
		} else {
			r.from, r.bounds = from, []int64{from}
		}
	}
	if r.root = b.root(c, o); r.root != nil {
		r.bounds = bounds(r.root, r.bounds)
	}
}

// readScope says whom a Consent binds, and whether it counts at all.
func readScope(c samply.CodeableConcept) (s scope, counts bool) {
	var known []string
	for _, coding := range c.Coding {
		if code := text(coding.Code); scopeSystems.has(text(coding.System)) && !slices.Contains(known, code) {
			known = append(known, code)
		}
	}
	if len(known) != 1 {
		return scopeUnknown, true
	}
	switch known[0] {
	case "patient-privacy":
		return scopePrivacy, true
	case "research":
		return scopeResearch, true
	case "treatment", "adr":
		return scopeUnknown, false
	}
	return scopeUnknown, true
}

// root gives the provision that stands for the whole Consent, nil if none speaks.
func (b *builder) root(c *samply.Consent, o *outline) *provision {
	base := speechless
	if dissented(c.PolicyRule) {
		base = denies
	}
	if c.Provision == nil {
		if base == denies {
			return &provision{kind: denies}
		}
		return nil
	}
	return b.provision("Consent.provision", c.Provision, o.Provision, base, named{})
}

func dissented(rule *samply.CodeableConcept) bool {
	if rule == nil {
		return false
	}
	for _, c := range rule.Coding {
		if dissents.has(text(c.Code)) && (c.System == nil || actCodeSystems.has(*c.System)) {
			return true
		}
	}
	return false
}

// named gathers, from the root down, whether a caller and a purpose are given.
type named struct{ caller, purpose bool }

func (b *builder) provision(path string, v *samply.ConsentProvision, o *outlineProvision, base kind, n named) *provision {
	b.modifiers(path, v.ModifierExtension)
	p := &provision{kind: base}
	switch {
	case v.Type != nil && *v.Type == samply.ConsentProvisionTypePermit:
		p.kind = permits
	case v.Type != nil:
		p.kind = denies
	case path != "Consent.provision":
		b.defect(path+".type", "is missing")
	}
	b.criteria(path, p, v, o)
	n.caller = n.caller || p.actors != nil
	n.purpose = n.purpose || p.purpose != nil
	p.named = n.caller && n.purpose
	for i := range v.Provision {
		below := path + ".provision[" + strconv.Itoa(i) + "]"
		c := b.provision(below, &v.Provision[i], &o.Provision[i], denies, n)
		p.children = append(p.children, c)
		p.narrowed = p.narrowed || c.kind == permits
	}
	return p
}

func (b *builder) modifiers(path string, e []samply.Extension) {
	if len(e) > 0 {
		b.defect(path+".modifierExtension", "is not known")
	}
}

func (b *builder) window(path string, p *samply.Period) *window {
	if p == nil {
		return nil
	}
	w, err := readWindow(p.Start, p.End)
	if err != nil {
		b.defect(path, "cannot be read")
	}
	return w
}

// normal is the reference as the facts and the subject have it, "" if it names
// nobody that could be compared.
func (b *builder) normal(r *samply.Reference) string {
	value := text(r.Reference)
	if ref, _, ok := fhir.ParseReference(value, b.base); ok {
		return ref.String()
	}
	url := strings.HasPrefix(value, "http://") || strings.HasPrefix(value, "https://")
	if strings.Contains(value, "?") || url && b.base == "" || !url && !strings.HasPrefix(value, "urn:") {
		return ""
	}
	value, _, _ = strings.Cut(value, "/_history/")
	return value
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
