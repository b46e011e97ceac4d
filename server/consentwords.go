package server

import (
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/access"
	"github.com/aceso-health/aceso/web"
	"github.com/aceso-health/aceso/wording"
)

// sayer puts what a Consent says into sentences of a language. It says what was compiled,
// part by part, and judges nothing.
type sayer struct {
	wording.Language
	now time.Time
}

// consent says all of it.
func (s sayer) consent(t *access.Told) (said web.Said) {
	say := func(key string, pairs ...string) {
		said.Sentences = append(said.Sentences, s.Say("consent."+key, pairs...))
	}
	if t.Says == "dormant" {
		say("dormant")
		return said
	}
	if t.From.After(s.now) {
		say("from", "at", moment(t.From))
	}
	if t.Says == "unreadable" {
		say("unreadable", "places", s.list("and", t.Unread))
	}
	if t.Binds != "privacy" {
		say("binds-" + t.Binds)
	}
	if len(t.Custodians) > 0 {
		say("custodians", "names", s.names(t.Custodians))
	}
	if t.Puzzling {
		say("puzzling")
	}
	if doubtful := slices.DeleteFunc(slices.Clone(t.Doubtful), func(place string) bool { return place == "Consent.policyRule" }); len(doubtful) > 0 {
		say("doubtful", "places", s.list("and", doubtful))
	}
	switch root := t.Root; {
	case root == nil && t.Says == "unreadable":
	case root == nil || root.Says == "below" && len(root.Below) == 0:
		say("nothing")
	default:
		said.Below = []web.Said{s.statement(root, "")}
		if hides(root) {
			say("emergency")
		}
	}
	return said
}

// hides says whether a part of it forbids.
func hides(s *access.Statement) bool {
	return s.Says == "deny" || s.Says == "riddle" || slices.ContainsFunc(s.Below, func(b access.Statement) bool { return hides(&b) })
}

// statement says one provision, and those below it. above is what the one above says.
func (s sayer) statement(p *access.Statement, above string) (said web.Said) {
	say := func(key string, pairs ...string) {
		said.Sentences = append(said.Sentences, s.Say("consent."+key, pairs...))
	}
	if p.Total && narrows(p) {
		say("total")
	}
	main := s.Say("consent."+p.Says, "who", s.who(p), "action", s.actions(p), "what", s.what(p), "purpose", s.purpose(p), "where", s.where(p))
	if lead := "consent.lead-" + above + "-" + p.Says; s.Knows(lead) {
		main = s.Say(lead, "sentence", main)
	}
	said.Sentences = append(said.Sentences, main)
	if parts := unclear(p); len(parts) > 0 {
		say("unclear-"+p.Says, "parts", s.list("and", parts))
	}
	if len(p.Doubts) > 0 && p.Says != "permit" {
		say("doubts", "names", s.names(p.Doubts))
	}
	if p.Withdrawn {
		say("withdrawn")
	}
	switch {
	case p.LastWord && p.Everybody:
		say("last-word-all")
	case p.LastWord:
		say("last-word", "who", s.who(p))
	}
	if p.Emergency {
		say("holds-in-emergency")
	}
	for i := range p.Below {
		said.Below = append(said.Below, s.statement(&p.Below[i], p.Says))
	}
	return said
}

// unclear are the elements of which something is not understood.
func unclear(p *access.Statement) (parts []string) {
	for _, one := range []struct {
		name string
		is   bool
	}{
		{"period", slices.ContainsFunc(p.Periods, func(w access.Window) bool { return w.Unclear })}, {"actor", p.Who.Unclear}, {"actor.role", p.InData}, {"action", p.Actions.Unclear},
		{"purpose", p.Purpose.Unclear}, {"class", p.Types.Unclear}, {"code", p.Codes.Unclear}, {"securityLabel", p.Labels.Unclear}, {"dataPeriod", p.Within != nil && p.Within.Unclear},
		{"data", slices.ContainsFunc(p.Data, func(d access.Datum) bool { return d.Ref == "" || d.Meaning == "unknown" })},
	} {
		if one.is {
			parts = append(parts, one.name)
		}
	}
	return parts
}

// list joins words with commas, and a last one with and or or.
func (s sayer) list(last string, words []string) string {
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + s.Say("consent.join-"+last) + words[n-1]
	}
	return strings.Join(words, "")
}

// names are references; one that cannot be told is somebody unknown.
func (s sayer) names(refs []string) string {
	var all []string
	for _, ref := range refs {
		if ref == "" {
			ref = s.Say("consent.unknown")
		}
		all = append(all, ref)
	}
	return s.list("or", all)
}

// one is the values of a criterion in words, with what is not understood.
func (s sayer) one(c access.Criterion, prefix string) string {
	var words []string
	for _, v := range c.Values {
		if s.Knows(prefix + v) {
			v = s.Say(prefix + v)
		}
		words = append(words, v)
	}
	if c.Unclear {
		words = append(words, s.Say("consent.not-understood"))
	}
	return s.list("or", words)
}

func (s sayer) who(p *access.Statement) string {
	if !p.Who.Given {
		return s.Say("consent.everybody")
	}
	return s.one(p.Who, "none.")
}

// actions: without any, a provision speaks of reading.
func (s sayer) actions(p *access.Statement) string {
	c := p.Actions
	if !c.Given {
		c.Values = []string{"access"}
	}
	return s.one(c, "consent.action-")
}

func (s sayer) purpose(p *access.Statement) string {
	if !p.Purpose.Given {
		return s.Say("consent.every-purpose")
	}
	return s.Say("consent.for-purpose", "purposes", s.one(p.Purpose, "purpose."))
}

func (s sayer) what(p *access.Statement) string {
	if !p.Types.Given {
		return s.Say("consent.all-data")
	}
	return s.Say("consent.of-type", "types", s.one(p.Types, "none."))
}

// where are the other criteria.
func (s sayer) where(p *access.Statement) string {
	var b strings.Builder
	add := func(key string, pairs ...string) { b.WriteString(", " + s.Say("consent."+key, pairs...)) }
	if p.Codes.Given {
		add("with-code", "codes", s.one(p.Codes, "none."))
	}
	direction := "-down"
	if p.Says != "permit" {
		direction = "-up"
	}
	if len(p.Levels) > 0 {
		add("with-level"+direction, "levels", s.list("or", p.Levels))
	}
	if labels := p.Labels; len(labels.Values) > 0 || labels.Unclear {
		if key := "with-label"; len(p.Levels) > 0 {
			add(key+direction, "labels", s.one(labels, "none."))
		} else {
			add(key, "labels", s.one(labels, "none."))
		}
	}
	if p.Within != nil {
		add("within"+direction, "time", s.window(p.Within))
	}
	if len(p.Data) > 0 {
		var data []string
		for _, d := range p.Data {
			data = append(data, s.Say("consent.data-"+d.Meaning, "ref", s.names([]string{d.Ref})))
		}
		add("of-data", "data", s.list("or", data))
	}
	for i := range p.Periods {
		add("only", "time", s.window(&p.Periods[i]))
	}
	return b.String()
}

func (s sayer) window(w *access.Window) string {
	switch from, to := moment(w.From), moment(w.To); {
	case w.Unclear:
		return s.Say("consent.not-understood")
	case w.From.IsZero() && w.To.IsZero():
		return s.Say("consent.always")
	case w.To.IsZero():
		return s.Say("consent.since", "from", from)
	case w.From.IsZero():
		return s.Say("consent.until", "to", to)
	default:
		return s.Say("consent.from-until", "from", from, "to", to)
	}
}

// moment is a day if it begins one.
func moment(t time.Time) string {
	if t.Equal(t.Truncate(24 * time.Hour)) {
		return t.Format(time.DateOnly)
	}
	return t.Format("2006-01-02 15:04:05 UTC")
}

// narrows says whether a provision has any criteria but its own time.
func narrows(p *access.Statement) bool {
	for _, c := range []access.Criterion{p.Who, p.Actions, p.Purpose, p.Types, p.Codes, p.Labels} {
		if c.Given {
			return true
		}
	}
	return p.Within != nil || len(p.Data) > 0
}
