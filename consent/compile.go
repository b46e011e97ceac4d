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
	r.Active = true
	if err != nil {
		return r, fmt.Errorf("read Consent: %w", err)
	}
	if r.Criteria, err = o.checkSize(); err != nil {
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
		r.root.withdraw()
	}
	return r, errors.Join(b.defects...)
}

// withdraw takes the permits out of a Consent that is not understood: what they
// carved out of a deny falls back to it, and the denies inside them stay.
func (p *provision) withdraw() {
	if p == nil {
		return
	}
	p.withdrawn = p.kind == permits
	for _, c := range p.children {
		c.withdraw()
	}
}

// builder turns the view of one Consent into rules and gathers what it could not
// understand. A defect names a place, never a value: values are patient data.
type builder struct {
	base     string
	profiled bool // claims a profile of IHE PCF
	defects  []error
	warnings []string
}

func (b *builder) defect(path, what string) {
	b.defects = append(b.defects, fmt.Errorf("%s: %s", path, what))
}

// warn notes what can be read, but in several ways.
func (b *builder) warn(path, what string) { b.warnings = append(b.warnings, path+": "+what) }

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
	rule := readRule(c.PolicyRule)
	if r.puzzling = rule == ruleUnknown; r.puzzling {
		b.warn("Consent.policyRule", "is not understood; refer to the privacy office")
	}
	if r.root = b.root(r, c, o, rule == ruleOut); r.root != nil {
		r.bounds = bounds(r.root, r.bounds)
	}
	r.Warnings = b.warnings
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

// root gives the provision that stands for the whole Consent, nil if none speaks. out
// says that policyRule is an opt-out.
func (b *builder) root(r *Rules, c *samply.Consent, o *outline, out bool) *provision {
	if c.Meta != nil {
		b.profiled = slices.ContainsFunc(c.Meta.Profile, isPCF)
	}
	if c.Provision == nil {
		if out {
			return &provision{kind: denies, total: true}
		}
		return nil
	}
	v := *c.Provision
	r.custodians, v.Actor = b.custodians(v.Actor)
	p := &provision{}
	switch {
	case v.Type != nil:
		p.kind = kindOf(*v.Type)
	case out:
		p.kind, p.total = denies, true
	case !typed(v.Provision) && o.Provision.criteria() > 0:
		p.kind = riddle
		b.warn("Consent.provision", "has criteria but no type; refer to the privacy office")
	}
	b.provision("Consent.provision", p, &v, o.Provision, false)
	if out && v.Type == nil && o.Provision.criteria() > 0 {
		b.warn("Consent.provision", "may be the extent of the opt-out or the exception to it: both are denied")
	}
	return p
}

func isPCF(profile string) bool { return strings.Contains(profile, "/IHE.PCF.consent") }

func typed(list []samply.ConsentProvision) bool {
	return slices.ContainsFunc(list, func(p samply.ConsentProvision) bool { return p.Type != nil })
}

func kindOf(t samply.ConsentProvisionType) kind {
	if t == samply.ConsentProvisionTypePermit {
		return permits
	}
	return denies
}

// rule is what Consent.policyRule says of a root without type.
type rule uint8

const (
	ruleNone rule = iota
	ruleIn
	ruleOut
	ruleUnknown
)

func readRule(c *samply.CodeableConcept) rule {
	if c == nil {
		return ruleNone
	}
	found := ruleUnknown
	for _, coding := range c.Coding {
		if coding.System != nil && !actCodeSystems.has(*coding.System) {
			continue
		}
		switch code := text(coding.Code); {
		case dissents.has(code):
			return ruleOut
		case assents.has(code):
			found = ruleIn
		}
	}
	return found
}

// provision reads v into p, which has what it inherits. purpose says that a provision
// above names one.
func (b *builder) provision(path string, p *provision, v *samply.ConsentProvision, o *outlineProvision, purpose bool) {
	b.modifiers(path, v.ModifierExtension)
	b.criteria(path, p, v, o)
	purpose = purpose || p.purpose != nil
	p.regardless = b.profiled
	p.exclusive = purpose || b.profiled
	for i := range v.Provision {
		below := path + ".provision[" + strconv.Itoa(i) + "]"
		c := &provision{kind: denies, actions: p.actions, emergency: p.emergency}
		if t := v.Provision[i].Type; t != nil {
			c.kind = kindOf(*t)
		} else {
			b.defect(below+".type", "is missing")
		}
		if p.kind == permits && c.kind == permits {
			c.inherit(p)
		}
		b.provision(below, c, &v.Provision[i], &o.Provision[i], purpose)
		p.children = append(p.children, c)
	}
}

// inherit takes over the criteria of a permit that c adds to.
func (p *provision) inherit(from *provision) {
	p.periods, p.actors, p.actions, p.purpose = from.periods, from.actors, from.actions, from.purpose
	p.class, p.content, p.labels, p.dataPeriod, p.data = from.class, from.content, from.labels, from.dataPeriod, from.data
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
