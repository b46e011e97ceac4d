package consent

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// This file judges Consents a second time: slowly, straight from the JSON and from
// the rules of the package comment, in one fully known world at a time. It shares
// no code with the package but Verdict, Subject and fhir.Facts.

// world is a resource of which everything is known, and an answer to every
// question that the Consents leave open (by the place of the question).
type world struct {
	typ, id    string
	secrecy    int // U..V as 0..5
	tags       []string
	codes      []string // system|code
	start, end int64
	authors    []string
	references []string
	answers    map[string]bool
	asked      map[string]bool // what was left open, gathered while judging
}

func (w *world) ask(place string) bool {
	w.asked[place] = true
	return w.answers[place]
}

type object = map[string]any

func list(v any) []object {
	items, _ := v.([]any)
	var out []object
	for _, i := range items {
		out = append(out, i.(object))
	}
	return out
}

func str(o object, name string) string { s, _ := o[name].(string); return s }

func concept(v any) object {
	o, _ := v.(object)
	if c := list(o["coding"]); len(c) > 0 {
		return c[0]
	}
	return object{}
}

// refJudge is all of a patient's Consents in one world.
func refJudge(consents []object, s Subject, w *world) Verdict {
	v := Silent
	for i, c := range consents {
		v = max(v, refConsent("#"+strconv.Itoa(i), c, s, w))
	}
	if s.System && !refReads(s) {
		return Silent
	}
	return v
}

func refParse(bodies [][]byte) []object {
	out := make([]object, len(bodies))
	for i, b := range bodies {
		if err := json.Unmarshal(b, &out[i]); err != nil {
			panic(err)
		}
	}
	return out
}

func refReads(s Subject) bool { return s.Action == "access" }

func refPurpose(s Subject) string {
	if s.BreakGlass {
		return "BTG"
	}
	return s.Purpose
}

func refResearch(s Subject) bool { return slices.Contains(refAbove[s.Purpose], "HRESCH") }

func refConsent(place string, c object, s Subject, w *world) Verdict {
	if str(c, "status") != "active" {
		return Silent
	}
	certain := true
	switch str(concept(c["scope"]), "code") {
	case "patient-privacy":
	case "research":
		if !slices.Contains(refAbove[refPurpose(s)], "HRESCH") {
			return Silent
		}
	case "treatment", "adr":
		return Silent
	default:
		certain = false
		if !w.ask(place + "scope") {
			return Silent
		}
	}
	if dt := str(c, "dateTime"); dt != "" {
		if from, _ := refSpan(dt); s.Now.UnixMilli() < from {
			return Silent
		}
	}
	root, _ := c["provision"].(object)
	about, sure := refAbout(place, root, s, w)
	if !about {
		return Silent
	}
	v := refRoot(place+"p", c, root, s, w, certain && sure)
	code := str(concept(c["policyRule"]), "code")
	known := c["policyRule"] == nil || slices.Contains([]string{"OPTIN", "OPTINR", "OPTOUT", "OPTOUTE"}, code)
	if v != Deny && !known && (s.Guest || refResearch(s)) {
		v = ImplicitDeny
	}
	if v == ImplicitDeny && (!refReads(s) || s.BreakGlass) {
		return Silent
	}
	return v
}

// refAbout says whether the Consent is about the data of this node, and if that is sure.
func refAbout(place string, root object, s Subject, w *world) (about, sure bool) {
	about, sure = true, true
	for i, a := range list(root["actor"]) {
		if str(concept(a["role"]), "code") != "CST" {
			continue
		}
		target, _ := a["reference"].(object)
		switch ref := str(target, "reference"); ref {
		case "Organization/own", "Organization/top", "Organization/below":
			return true, true
		case "Organization/other":
			about = about && !sure
		default:
			about, sure = w.ask(fmt.Sprint(place, "custodian", i)), false
		}
	}
	return about, sure
}

// refRoot judges by the form of the root.
func refRoot(place string, c, given object, s Subject, w *world, certain bool) Verdict {
	code := str(concept(c["policyRule"]), "code")
	out := code == "OPTOUT" || code == "OPTOUTE"
	meta, _ := c["meta"].(object)
	n := node{s: s, w: w, certain: certain, strict: meta["profile"] != nil, total: out && str(given, "type") == ""}
	root := object{}
	criteria := 0
	for k, v := range given {
		root[k] = v
		if k != "type" && k != "provision" {
			criteria++
		}
	}
	var others []any
	for _, a := range list(given["actor"]) {
		if str(concept(a["role"]), "code") != "CST" {
			others = append(others, a)
		}
	}
	if delete(root, "actor"); others != nil {
		root["actor"] = others
	}
	typ := str(root, "type")
	if typ == "" && out {
		typ = "deny"
		root["type"] = typ
	}
	children := slices.ContainsFunc(list(root["provision"]), func(p object) bool { return str(p, "type") != "" })
	switch {
	case typ == "permit":
		return refPermit(place, root, n)
	case typ == "deny":
		return refDeny(place, root, n)
	case criteria > 0 && !children:
		if refRequest(place, root, s, w.ask) && refResource(place, root, "", s, w) {
			return ImplicitDeny
		}
		return Silent
	}
	return refSay(place, root, n)
}

// node is where a provision is, and what is known from the root down to it.
type node struct {
	s       Subject
	w       *world
	certain bool // the request certainly matches all above
	purpose bool // a purpose is named above
	btg     bool // ... and it is BTG
	strict  bool // of an IHE PCF profile
	total   bool // an opt-out that can be read both ways
}

// below is the node of the children.
func (n node) below(place string, p object) node {
	never := func(string) bool { return false }
	n.certain = n.certain && refRequest(place, p, n.s, never)
	n.purpose = n.purpose || p["purpose"] != nil
	n.btg, n.total = refBTG(p, n.btg) && !n.total, false
	return n
}

func refBTG(p object, above bool) bool {
	if p["purpose"] == nil {
		return above
	}
	return slices.ContainsFunc(list(p["purpose"]), func(c object) bool { return str(c, "code") == "BTG" })
}

// refChild is a nested provision with what it has from its parent: always the action; a
// permit below a permit has all that it does not name itself, and both periods.
func refChild(parent, child object) object {
	c := object{}
	if str(parent, "type") == "permit" && str(child, "type") == "permit" {
		for k, v := range parent {
			c[k] = v
		}
		delete(c, "provision")
		c["periods"] = append(slices.Clone(refList(parent["periods"])), refList(parent["period"])...)
		delete(c, "period")
	}
	if parent["action"] != nil {
		c["action"] = parent["action"]
	}
	for k, v := range child {
		c[k] = v
	}
	return c
}

func refList(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case nil:
		return nil
	}
	return []any{v}
}

func refPermit(place string, p object, n node) Verdict {
	granted := refRequest(place, p, n.s, n.w.ask) && refResource(place, p, "permit", n.s, n.w)
	named := object{"period": p["period"], "periods": p["periods"], "purpose": p["purpose"], "action": p["action"], "actor": p["actor"]}
	if n.strict {
		delete(named, "actor")
	}
	meant := n.certain && (n.purpose || n.strict || p["purpose"] != nil) && refRequest(place, named, n.s, func(string) bool { return false })
	var denied, implied, refused bool
	for i, b := range list(p["provision"]) {
		below, c := fmt.Sprint(place, i), refChild(p, b)
		if str(b, "type") == "deny" {
			refused = refDeny(below, c, n.below(place, p)) == Deny || refused
			continue
		}
		inner := n // of the permit itself: it stands beside its parent
		inner.purpose, inner.btg = n.purpose || p["purpose"] != nil, refBTG(p, n.btg)
		switch refPermit(below, c, inner) {
		case Deny:
			denied = true
		case Permit:
			granted = true
		case ImplicitDeny:
			implied = true
		}
	}
	switch {
	case denied, granted && refused:
		return Deny
	case granted:
		return Permit
	case implied, meant:
		return ImplicitDeny
	}
	return Silent
}

func refDeny(place string, p object, n node) Verdict {
	if !(refRequest(place, p, n.s, n.w.ask) && refResource(place, p, "deny", n.s, n.w)) {
		period := object{"period": p["period"]}
		if !refReads(n.s) {
			period["action"] = p["action"]
		}
		if n.total && !n.s.BreakGlass && refRequest(place, period, n.s, n.w.ask) {
			return Deny
		}
		return Silent
	}
	said := refChildren(place, p, n)
	aside := n.s.BreakGlass && refReads(n.s) && !(refBTG(p, n.btg) && !n.total)
	if said == Deny || said == Permit || aside && said == Silent {
		return said
	}
	if aside {
		return Silent
	}
	return Deny
}

func refSay(place string, p object, n node) Verdict {
	if !(refRequest(place, p, n.s, n.w.ask) && refResource(place, p, "", n.s, n.w)) {
		return Silent
	}
	return refChildren(place, p, n)
}

// refChildren is what nested provisions say together: Deny before Permit before
// ImplicitDeny.
func refChildren(place string, p object, n node) Verdict {
	v := Silent
	for i, b := range list(p["provision"]) {
		below, c := fmt.Sprint(place, i), refChild(p, b)
		if str(b, "type") == "permit" {
			v = max(v, refPermit(below, c, n.below(place, p)))
		} else {
			said := refDeny(below, c, n.below(place, p))
			if said == Permit && str(p, "type") == "deny" { // lifts its own parent only
				said = Silent
			}
			v = max(v, said)
		}
	}
	return v
}

// anyOf answers one criterion: absent, or one of its values holds.
func anyOf(values []object, holds func(i int, v object) bool) bool {
	ok := len(values) == 0
	for i, v := range values {
		if holds(i, v) {
			ok = true // go on: every open question must be asked
		}
	}
	return ok
}

func refRequest(place string, p object, s Subject, ask func(string) bool) bool {
	ok := true
	for _, v := range append(refList(p["periods"]), refList(p["period"])...) {
		from, to := refPeriod(v.(object))
		ok = ok && from <= s.Now.UnixMilli() && s.Now.UnixMilli() < to
	}
	aboutData := slices.ContainsFunc(list(p["actor"]), func(a object) bool {
		return slices.Contains([]string{"AUT", "CST"}, str(concept(a["role"]), "code"))
	})
	actor := anyOf(list(p["actor"]), func(i int, a object) bool {
		target, _ := a["reference"].(object)
		ref := str(target, "reference")
		switch {
		case slices.Contains(s.Actors, ref):
			return true
		case ref == "", slices.Contains(s.Possible, ref), ref == "CareTeam/unknown", ref == "https://elsewhere/Practitioner/1":
			return ask(fmt.Sprint(place, "actor", i))
		}
		return false
	})
	if aboutData {
		actor = ask(place + "actors")
	}
	purpose := anyOf(list(p["purpose"]), func(i int, c object) bool {
		if _, known := refAbove[str(c, "code")]; !known {
			return ask(fmt.Sprint(place, "purpose", i))
		}
		return slices.Contains(refAbove[refPurpose(s)], str(c, "code"))
	})
	does := []string{s.Action}
	if refReads(s) && s.Guest {
		does = append(does, "disclose")
	}
	if refReads(s) && refResearch(s) {
		does = append(does, "use")
	}
	action := refReads(s) && p["action"] == nil
	for _, c := range list(p["action"]) {
		action = action || slices.Contains(does, str(concept(c), "code"))
	}
	return ok && actor && purpose && action
}

func refResource(place string, p object, typ string, s Subject, w *world) bool {
	class := anyOf(list(p["class"]), func(i int, c object) bool {
		if str(c, "system") != "http://hl7.org/fhir/resource-types" {
			return w.ask(fmt.Sprint(place, "class", i))
		}
		return str(c, "code") == w.typ
	})
	code := anyOf(list(p["code"]), func(i int, c object) bool {
		coding := concept(c)
		if str(coding, "code") == "" {
			return w.ask(fmt.Sprint(place, "code", i))
		}
		return slices.Contains(w.codes, str(coding, "system")+"|"+str(coding, "code"))
	})
	period := true
	if d, _ := p["dataPeriod"].(object); d != nil {
		from, to := refPeriod(d)
		switch {
		case from <= w.start && w.end < to:
		case w.end < from || to <= w.start:
			period = false
		default:
			period = w.ask(place + "dataPeriod")
		}
	}
	data := anyOf(list(p["data"]), func(i int, d object) bool {
		target, _ := d["reference"].(object)
		ref, self := str(target, "reference"), w.typ+"/"+w.id
		switch str(d, "meaning") {
		case "instance":
			return ref == self
		case "related":
			e, known := s.Directory.Stored(ref)
			if ref == self || known {
				return ref == self || slices.Contains(e.Facts.References, self)
			}
			return w.ask(fmt.Sprint(place, "data", i))
		case "dependents":
			return ref == self || slices.Contains(w.references, ref)
		}
		return slices.Contains(w.authors, ref)
	})
	return class && code && period && data && refLabels(place, list(p["securityLabel"]), typ, w)
}

const levels = "ULMNRV"

func refLabels(place string, labels []object, typ string, w *world) bool {
	var secrecy, tags []bool
	for i, l := range labels {
		code := str(l, "code")
		if str(l, "system") != "http://terminology.hl7.org/CodeSystem/v3-Confidentiality" {
			holds := false
			for _, t := range w.tags {
				broader := t != code && slices.Contains(refTagAbove[code], t)
				holds = holds || slices.Contains(refTagAbove[t], code) || broader && w.ask(fmt.Sprint(place, "label", i, t))
			}
			tags = append(tags, holds)
			continue
		}
		rank := slices.Index([]byte(levels), code[0])
		switch {
		case rank == w.secrecy:
			secrecy = append(secrecy, true)
		case typ == "permit":
			secrecy = append(secrecy, w.secrecy < rank)
		case typ == "deny":
			secrecy = append(secrecy, w.secrecy > rank)
		default:
			secrecy = append(secrecy, w.ask(fmt.Sprint(place, "label", i)))
		}
	}
	a, b := slices.Contains(secrecy, true), slices.Contains(tags, true)
	switch {
	case len(labels) == 0:
		return true
	case len(tags) == 0:
		return a
	case len(secrecy) == 0 || a == b:
		return b
	}
	return w.ask(place + "labels")
}

func refPeriod(p object) (from, to int64) {
	from, to = math.MinInt64, math.MaxInt64
	if s := str(p, "start"); s != "" {
		from, _ = refSpan(s)
	}
	if s := str(p, "end"); s != "" {
		_, to = refSpan(s)
	}
	return from, to
}

func refSpan(s string) (from, to int64) {
	switch len(s) {
	case 4:
		t, _ := time.Parse("2006", s)
		return t.UnixMilli(), t.AddDate(1, 0, 0).UnixMilli()
	case 7:
		t, _ := time.Parse("2006-01", s)
		return t.UnixMilli(), t.AddDate(0, 1, 0).UnixMilli()
	case 10:
		t, _ := time.Parse("2006-01-02", s)
		return t.UnixMilli(), t.AddDate(0, 0, 1).UnixMilli()
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t.UnixMilli(), t.UnixMilli() + 1000
}

// The part of the terminologies that the random cases use: code -> itself and all above.
var refAbove = map[string][]string{
	"TREAT": {"TREAT", "PurposeOfUse"}, "ETREAT": {"ETREAT", "TREAT", "PurposeOfUse"},
	"BTG": {"BTG", "ETREAT", "TREAT", "PurposeOfUse"}, "HPAYMT": {"HPAYMT", "PurposeOfUse"},
	"CLINTRL": {"CLINTRL", "HRESCH", "PurposeOfUse"},
	"HRESCH":  {"HRESCH", "PurposeOfUse"}, "CLINTRCH": {"CLINTRCH", "HRESCH", "PurposeOfUse"},
	"PurposeOfUse": {"PurposeOfUse"},
}

var refTagAbove = map[string][]string{
	"PSY": {"PSY", "SPI"}, "HIV": {"HIV"}, "SUD": {"SUD", "SPI"}, "OPIOIDUD": {"OPIOIDUD", "SUD", "SPI"}, "SPI": {"SPI"},
}

// refWorlds calls try with worlds that f may stand for: all of them if they are
// at most limit, else a random choice. It reports whether it tried all.
func refWorlds(f *fhir.Facts, limit int, pick func(n int) int, try func(*world)) (complete bool) {
	secrecies, tagSets := refLabelWorlds(f.Labels)
	codeSets := [][]string{nil}
	for _, c := range f.Codes {
		codeSets[0] = append(codeSets[0], c.System+"|"+c.Code)
	}
	if len(f.Codes) == 0 {
		codeSets = [][]string{nil, {"s|a"}, {"s|b"}, {"s|a", "s|b"}}
	}
	times := [][2]int64{{f.Start, f.End}}
	if f.Start > f.End {
		times = nil
		for _, day := range []string{"2019-06-01", "2020-02", "2020", "2020-12-31", "2021-03-03", "2022-01-01"} {
			from, to := refSpan(day)
			times = append(times, [2]int64{from, to - 1})
		}
	}
	authors := [][]string{f.Authors}
	if len(f.Authors) == 0 {
		authors = [][]string{nil, {"Practitioner/1"}, {"Practitioner/2"}, {"Practitioner/1", "Practitioner/2"}}
	}
	total := len(secrecies) * len(tagSets) * len(codeSets) * len(times) * len(authors)
	for n := range min(total, limit) {
		if total > limit {
			n = pick(total)
		}
		w := &world{typ: f.Type, id: f.ID, references: f.References}
		w.secrecy, n = secrecies[n%len(secrecies)], n/len(secrecies)
		w.tags, n = tagSets[n%len(tagSets)], n/len(tagSets)
		w.codes, n = codeSets[n%len(codeSets)], n/len(codeSets)
		w.start, w.end = times[n%len(times)][0], times[n%len(times)][1]
		w.authors = authors[n/len(times)]
		try(w)
	}
	return total <= limit
}

func refLabelWorlds(found []fhir.Coding) (secrecies []int, tagSets [][]string) {
	secrecy, tags := -1, []string(nil)
	for _, l := range found {
		if l.System == "http://terminology.hl7.org/CodeSystem/v3-Confidentiality" {
			secrecy = max(secrecy, slices.Index([]byte(levels), l.Code[0]))
		} else {
			tags = append(tags, l.Code)
		}
	}
	secrecies, tagSets = []int{secrecy}, [][]string{tags}
	if secrecy < 0 {
		secrecies = []int{3}
		if len(tags) > 0 {
			secrecies = []int{3, 4, 5}
		}
	}
	if len(tags) == 0 && (secrecy < 0 || secrecy > 3) {
		tagSets = [][]string{nil, {"PSY"}, {"HIV"}, {"SUD"}, {"OPIOIDUD"}, {"PSY", "HIV"}, {"PSY", "HIV", "OPIOIDUD"}}
	}
	return secrecies, tagSets
}

// leastVisible orders verdicts by what they show: Deny least, Permit most.
func leastVisible(a, b Verdict) Verdict {
	order := [...]int{Silent: 2, ImplicitDeny: 1, Permit: 3, Deny: 0}
	if order[a] <= order[b] {
		return a
	}
	return b
}
