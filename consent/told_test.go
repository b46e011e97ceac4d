package consent

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// again writes what is told as a Consent, with values that nobody understands where
// something is not understood.
func (t *Told) again() object {
	c := object{
		"resourceType": "Consent", "status": "active", "category": []any{coded("http://loinc.org", "59284-0")}, "patient": object{"reference": "Patient/1"},
		"scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", map[string]string{"privacy": "patient-privacy", "research": "research", "unknown": "local"}[t.Binds]),
	}
	switch t.Says {
	case "dormant":
		c["status"] = "inactive"
	case "unreadable":
		c["modifierExtension"] = []any{object{"url": "http://example.org/not", "valueBoolean": true}}
	}
	if !t.From.IsZero() {
		c["dateTime"] = t.From.Format(time.RFC3339)
	}
	if t.Puzzling {
		c["policyRule"] = coded(tagsOf, "NOPP")
	}
	if t.Root == nil {
		return c
	}
	root := t.Root.again(0)
	if t.Root.Total {
		c["policyRule"] = coded(tagsOf, "OPTOUT")
	}
	if t.Root.Says != "permit" && t.Root.Says != "deny" || t.Root.Total {
		delete(root, "type")
	}
	for _, ref := range t.Custodians {
		actors, _ := root["actor"].([]any)
		root["actor"] = append(actors, object{"role": coded(v3+"ParticipationType", "CST"), "reference": object{"reference": ref}})
	}
	if t.Root.anybody() {
		c["meta"] = object{"profile": []any{"https://profiles.ihe.net/ITI/PCF/StructureDefinition/IHE.PCF.consentBasic"}}
	}
	if len(root) > 0 {
		c["provision"] = root
	}
	return c
}

// anybody says whether a permit has the last word about everybody: the Consent claims a
// profile of IHE PCF.
func (s *Statement) anybody() bool {
	if s.Everybody {
		return true
	}
	for i := range s.Below {
		if s.Below[i].anybody() {
			return true
		}
	}
	return false
}

func (c Criterion) codings(system string) (all []any) {
	for _, v := range c.Values {
		all = append(all, coding(system, v))
	}
	if c.Unclear {
		all = append(all, coding("http://example.org/local", "x"))
	}
	return all
}

// again leaves out the periods that are the parent's.
func (s *Statement) again(periods int) object {
	p := object{"type": s.Says}
	put := func(name string, values []any) {
		if len(values) > 0 {
			p[name] = values
		}
	}
	if len(s.Periods) > periods {
		p["period"] = s.Periods[len(s.Periods)-1].again()
	}
	if s.Within != nil {
		p["dataPeriod"] = s.Within.again()
	}
	put("actor", s.actorsAgain())
	put("purpose", s.Purpose.codings(v3+"ActReason"))
	put("class", s.Types.codings("http://hl7.org/fhir/resource-types"))
	var actions, codes, labels, data, below []any
	for _, a := range s.Actions.codings("http://terminology.hl7.org/CodeSystem/consentaction") {
		actions = append(actions, object{"coding": []any{a}})
	}
	for _, v := range s.Codes.Values {
		system, code, _ := strings.Cut(v, "|")
		codes = append(codes, coded(system, code))
	}
	if s.Codes.Unclear {
		codes = append(codes, object{"text": "something"})
	}
	for _, v := range s.Levels {
		labels = append(labels, coding(secretOf, v))
	}
	for _, v := range s.Labels.Values {
		labels = append(labels, coding(tagsOf, v))
	}
	for _, d := range s.Data {
		data = append(data, object{"meaning": d.Meaning, "reference": object{"reference": d.Ref}})
	}
	for i := range s.Below {
		own := 0
		if s.Says == "permit" && s.Below[i].Says == "permit" {
			own = len(s.Periods)
		}
		below = append(below, s.Below[i].again(own))
	}
	put("action", actions)
	put("code", codes)
	put("securityLabel", labels)
	put("data", data)
	put("provision", below)
	return p
}

func (s *Statement) actorsAgain() (all []any) {
	role := "PRCP"
	if s.InData {
		role = "AUT"
	}
	for _, ref := range s.Who.Values {
		all = append(all, object{"role": coded(v3+"ParticipationType", role), "reference": object{"reference": ref}})
	}
	if s.Who.Unclear {
		all = append(all, object{"role": coded(v3+"ParticipationType", role), "reference": object{"display": "somebody"}})
	}
	return all
}

func (w *Window) again() object {
	p := object{}
	if !w.From.IsZero() {
		p["start"] = w.From.Format(time.RFC3339Nano)
	}
	if !w.To.IsZero() {
		p["end"] = w.To.Add(-time.Millisecond).Format("2006-01-02T15:04:05.000Z")
	}
	return p
}

// What is told of a Consent is all that Evaluate reads in it: the Consent that is written
// from what is told, and from nothing else, comes to the same verdicts.
func TestWhatIsToldIsWhatIsEvaluated(t *testing.T) {
	d := newDice(14)
	told, decided := 0, map[Verdict]int{}
	for range 3000 {
		body, err := json.Marshal(d.consent())
		if err != nil {
			t.Fatal(err)
		}
		ref := fhir.Ref{Type: "Consent", ID: "1"}
		first, err := Compiler{}.Tell(ref, 1, body)
		if err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(first.again())
		if err != nil {
			t.Fatal(err)
		}
		a, _ := Compile(ref, 1, body)
		b, _ := Compile(ref, 1, again)
		told++
		for range 20 {
			s, f := d.subject(), d.facts(d.chance(50))
			va, _, _ := Evaluate([]*Rules{a}, s, f)
			vb, _, _ := Evaluate([]*Rules{b}, s, f)
			if decided[va]++; va != vb {
				t.Fatalf("%v, and what is told comes to %v\n%s\n%s\n%+v\n%+v", va, vb, body, again, s, f)
			}
		}
	}
	for v := Silent; v <= Deny; v++ {
		if decided[v] < told/10 {
			t.Errorf("%v was decided only %d times", v, decided[v])
		}
	}
}

// What cannot be read is told by its place, and never by its value.
func TestWhatIsNotUnderstoodIsTold(t *testing.T) {
	ref := fhir.Ref{Type: "Consent", ID: "1"}
	c := newDice(1).consent()
	c["status"], c["scope"] = "active", coded("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
	c["provision"] = object{"type": "permit", "provision": []any{object{"purpose": []any{coding(v3+"ActReason", "TREAT")}}}}
	delete(c, "dateTime")
	c["policyRule"] = object{"text": "secret words"}
	for name, change := range map[string]func(){
		"in-force":   func() { c["provision"] = object{"type": "permit"} },
		"unreadable": func() { c["provision"] = object{"type": "permit", "provision": []any{object{}}} },
		"dormant":    func() { c["status"] = "inactive" },
	} {
		c["status"] = "active"
		change()
		body, _ := json.Marshal(c)
		told, err := Compiler{}.Tell(ref, 3, body)
		if err != nil || told.Says != name || told.Version != 3 {
			t.Fatalf("%s: %+v %v", name, told, err)
		}
		if name == "unreadable" && (len(told.Unread) != 1 || told.Unread[0] != "Consent.provision.provision[0].type" || !told.Root.Withdrawn) {
			t.Errorf("%q %+v", told.Unread, told.Root)
		}
		if name != "dormant" && (!told.Puzzling || len(told.Doubtful) != 1 || told.Doubtful[0] != "Consent.policyRule") {
			t.Errorf("%s: %+v", name, told)
		}
	}
	if broken, err := (Compiler{}).Tell(ref, 1, []byte(`{"resourceType":"Consent","status":"active","secret":`)); err != nil || broken.Says != "unreadable" || broken.Unread[0] != "Consent" {
		t.Errorf("%+v %v", broken, err)
	}
}
