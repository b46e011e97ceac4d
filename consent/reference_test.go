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

func refConsent(place string, c object, s Subject, w *world) Verdict {
	if str(c, "status") != "active" {
		return Silent
	}
	certain := true
	switch str(concept(c["scope"]), "code") {
	case "patient-privacy":
	case "research":
		if !slices.Contains(refAbove[s.Purpose], "HRESCH") {
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
	base := ""
	if code := str(concept(c["policyRule"]), "code"); code == "OPTOUT" || code == "OPTOUTE" {
		base = "deny"
	}
	p, _ := c["provision"].(object)
	if p == nil {
		p = object{}
	}
	if str(p, "type") == "" {
		p["type"] = base
	}
	return refProvision(place+"p", p, s, w, chain{certain: certain})
}

// chain is what is known from the root down to a provision.
type chain struct{ certain, caller, purpose bool }

func refProvision(place string, p object, s Subject, w *world, c chain) Verdict {
	typ := str(p, "type")
	request := refRequest(place, p, s, w.ask)
	c.certain = c.certain && refRequest(place, p, s, func(string) bool { return false })
	c.caller = c.caller || p["actor"] != nil
	c.purpose = c.purpose || p["purpose"] != nil
	if !request {
		return Silent
	}
	miss := Silent
	if typ == "permit" && c.certain && c.caller && c.purpose {
		miss = ImplicitDeny
	}
	if !refResource(place, p, typ, w) {
		return miss
	}
	var permitted, implied, narrowed bool
	for i, child := range list(p["provision"]) {
		v := refProvision(fmt.Sprint(place, i), child, s, w, c)
		sameSay := typ == "" || str(child, "type") == "permit"
		narrowed = narrowed || typ == "permit" && str(child, "type") == "permit"
		permitted = permitted || sameSay && v == Permit
		implied = implied || v == ImplicitDeny
		if v == Deny {
			return Deny
		}
	}
	switch {
	case permitted, typ == "permit" && !narrowed:
		return Permit
	case typ == "deny":
		return Deny
	case implied:
		return ImplicitDeny
	}
	return miss
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
	if period, _ := p["period"].(object); period != nil {
		from, to := refPeriod(period)
		ok = ok && from <= s.Now.UnixMilli() && s.Now.UnixMilli() < to
	}
	aboutData := slices.ContainsFunc(list(p["actor"]), func(a object) bool { return str(concept(a["role"]), "code") == "AUT" })
	actor := anyOf(list(p["actor"]), func(i int, a object) bool {
		target, _ := a["reference"].(object)
		ref := str(target, "reference")
		if ref == "" {
			return ask(fmt.Sprint(place, "actor", i))
		}
		return slices.Contains(s.Actors, ref)
	})
	if aboutData {
		actor = ask(place + "actors")
	}
	purpose := anyOf(list(p["purpose"]), func(i int, c object) bool {
		if _, known := refAbove[str(c, "code")]; !known {
			return ask(fmt.Sprint(place, "purpose", i))
		}
		return slices.Contains(refAbove[s.Purpose], str(c, "code"))
	})
	action := anyOf(list(p["action"]), func(i int, c object) bool {
		return str(concept(c), "code") == s.Action
	})
	return ok && actor && purpose && action
}

func refResource(place string, p object, typ string, w *world) bool {
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
			return ref == self || w.ask(fmt.Sprint(place, "data", i))
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
	"HRESCH": {"HRESCH", "PurposeOfUse"}, "CLINTRCH": {"CLINTRCH", "HRESCH", "PurposeOfUse"},
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
