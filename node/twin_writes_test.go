package node

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// subject is whom a document is written about: mostly a patient whom the caller may see.
func (a *twinAsker) subject() int {
	if a.w.caller.name == "patient" && a.IntN(8) > 0 {
		return 0
	}
	for {
		k := a.IntN(twinHomes)
		if a.w.caller.fates[k] == hidden && a.IntN(4) > 0 {
			continue
		}
		if k != twinStranger || a.w.caller.name != "denied clinician" {
			return k
		}
	}
}

// written is a document that the caller writes, of a type that its role may write as a rule.
func (a *twinAsker) written(ref fhir.Ref) string {
	patient := a.subject()
	a.to = func(typ string) fhir.Ref {
		if typ == "Patient" {
			return twinRef(typ, patient)
		}
		if slices.Contains([]string{"Binary", "Composition", "List"}, ref.Type) { // see towards
			if h := a.seen(typ); h != nil {
				return h.ref
			}
			return fhir.Ref{Type: typ, ID: "absent"}
		}
		target, _ := a.any(typ)
		return target
	}
	label := ""
	if a.once(20) {
		label = twinLabel
	}
	text := a.document(ref, twinRef("Patient", patient).String(), label)
	// A Composition that leaves its patient lets its past be judged by what that refers to,
	// whether it is there or not (docs/limits.md).
	for ref.ID != "" && ref.Type == "Composition" && !strings.Contains(text, `"Patient/`) {
		text = a.document(ref, twinRef("Patient", patient).String(), label)
	}
	if a.w.caller.name == "patient" {
		text = authored(text)
	}
	return text
}

// authored makes a patient the author of an Observation.
func authored(text string) string {
	var o map[string]any
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		panic(err)
	}
	if o["resourceType"] == "Observation" {
		o["performer"] = []any{map[string]any{"reference": "Patient/r0"}}
	}
	data, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// seen is a resource that both servers have, nil if there is none.
func (a *twinAsker) seen(typ string) *held {
	h := a.witness(func(h *held) bool { return h.seen && h.ref.Type == typ })
	if h == nil || !h.seen {
		return nil
	}
	return h
}

// writable is a type that the caller may write as a rule.
func (a *twinAsker) writable() string {
	if a.w.caller.name == "patient" && a.IntN(10) > 0 {
		return a.pick([]string{"Observation", "QuestionnaireResponse", "Consent"})
	}
	return a.typ()
}

func (a *twinAsker) create() twinAsk {
	typ := a.writable()
	q := twinAsk{method: "POST", path: "/fhir/" + typ, body: a.written(fhir.Ref{Type: typ})}
	if a.once(3) {
		criteria, drawn := a.criteria(typ)
		q.header, q.params = []string{"If-None-Exist", criteria}, drawn
	}
	return q
}

// criteria are those of a condition on a type.
func (a *twinAsker) criteria(typ string) (string, []string) {
	q := a.query(func(t string) bool { return t == typ })
	q.params = filter(q.params, func(p string) bool { return !strings.HasPrefix(p, "_") || strings.HasPrefix(p, "_id=") })
	if len(q.params) == 0 || a.once(3) && q.answer != nil {
		q.params = nil
		id := "absent"
		if q.answer != nil {
			id = q.answer.ref.ID
		}
		q.add("_id", id)
	}
	return q.text(), q.drawn
}

// changeable is a resource to change, never one of the Consents that decide.
func (a *twinAsker) changeable() (fhir.Ref, int64) {
	for {
		ref, version := a.any(a.writable())
		if !strings.HasPrefix(ref.String(), "Consent/c") {
			return ref, version
		}
	}
}

func (a *twinAsker) update() twinAsk {
	ref, version := a.changeable()
	q := twinAsk{method: "PUT", path: "/fhir/" + ref.String(), body: a.written(ref)}
	return a.ifMatch(q, version)
}

func (a *twinAsker) ifMatch(q twinAsk, version int64) twinAsk {
	switch a.IntN(6) {
	case 0:
		q.header = append(q.header, "If-Match", fmt.Sprintf(`W/"%d"`, version))
	case 1:
		q.header = append(q.header, "If-Match", fmt.Sprintf(`W/"%d"`, 1+a.IntN(4)))
	}
	return q
}

func (a *twinAsker) updateIf() twinAsk {
	typ := a.writable()
	criteria, drawn := a.criteria(typ)
	if typ == "Consent" {
		criteria += "&status=inactive"
	}
	ref := fhir.Ref{Type: typ}
	if a.once(8) {
		ref, _ = a.changeable()
		ref.Type = typ
	}
	return a.ifMatch(twinAsk{method: "PUT", path: "/fhir/" + typ + "?" + criteria, body: a.written(ref), params: drawn}, 1)
}

func (a *twinAsker) remove() twinAsk {
	ref, version := a.changeable()
	return a.ifMatch(twinAsk{method: "DELETE", path: "/fhir/" + ref.String()}, version)
}

func (a *twinAsker) removeIf() twinAsk {
	typ := a.writable()
	criteria, drawn := a.criteria(typ)
	if typ == "Consent" {
		criteria += "&status=inactive"
	}
	return a.ifMatch(twinAsk{method: "DELETE", path: "/fhir/" + typ + "?" + criteria, params: drawn}, 1)
}

// transaction is several changes at once, or several reads.
func (a *twinAsker) transaction() twinAsk {
	all := twinAsk{method: "POST", path: "/fhir"}
	makers := []func(*twinAsker) twinAsk{(*twinAsker).read, (*twinAsker).read, (*twinAsker).vread, (*twinAsker).search}
	if a.once(2) {
		makers = []func(*twinAsker) twinAsk{(*twinAsker).create, (*twinAsker).create, (*twinAsker).update, (*twinAsker).updateIf, (*twinAsker).remove, (*twinAsker).removeIf, (*twinAsker).read}
	}
	var entries []map[string]any
	last := ""
	for i := range 1 + a.IntN(3) {
		q := makers[a.IntN(len(makers))](a)
		if strings.Contains(q.path, "?") && q.method == "GET" && strings.Count(q.path, "/") > 2 {
			q.path, _, _ = strings.Cut(q.path, "?")
		}
		e := q.entry()
		if q.method == "POST" || q.method == "PUT" {
			body := a.referring(q.body, last)
			e["resource"] = json.RawMessage(body)
			last = fmt.Sprintf("urn:uuid:%s%06d%06d", twinGiven, a.n, i)
			e["fullUrl"] = last
		}
		all.params = append(all.params, q.params...)
		entries = append(entries, e)
	}
	all.body = twinBundle("transaction", entries)
	return all
}

// referring lets a document refer to another entry, or to what a condition finds.
func (a *twinAsker) referring(body, entry string) string {
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		panic(err)
	}
	subject, ok := o["subject"].(map[string]any)
	if !ok || o["resourceType"] == "Basic" {
		return body
	}
	if a.once(3) {
		_, id, _ := strings.Cut(subject["reference"].(string), "/")
		o["subject"] = map[string]any{"reference": "Patient?_id=" + a.pick([]string{id, id, "r5", "absent"})}
	}
	if entry != "" && a.once(2) {
		o["subject"], o["extension"] = subject, []any{map[string]any{"url": "urn:x", "valueReference": map[string]any{"reference": entry}}}
	}
	text, err := json.Marshal(o)
	if err != nil {
		panic(err)
	}
	return string(text)
}
