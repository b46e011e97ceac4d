package engine

import (
	"cmp"
	"fmt"
	"slices"
)

// mustHave is what stands before a step that cannot be undone. The steps themselves carry the
// gates, so that every path ends with all of them: what was true on the way may have ceased
// to be.
func mustHave(does string) []string {
	switch does {
	case "infuse":
		return []string{"coi", "patient", "order", "released", "no_hold", "expiry", "two_person"}
	case "condition":
		return []string{"at_site", "released", "no_hold"}
	case "thaw":
		return []string{"permit", "released", "no_hold"}
	case "approve":
		return []string{"not_maker", "esig"}
	case "take":
		return []string{"place"}
	}
	return nil
}

// lint lists what is wrong with a definition.
func (d *Definition) lint() []error {
	l := &linter{d: d}
	l.header()
	for i := range d.Steps {
		l.step(&d.Steps[i])
	}
	l.graph()
	return l.faults
}

type linter struct {
	d      *Definition
	faults []error
}

func (l *linter) fault(format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf(format, args...))
}

func (l *linter) header() {
	d := l.d
	if d.ID == "" || d.Version == "" || d.Product == "" {
		l.fault("id, version or product is missing")
	}
	if !slices.Contains(d.Roles, sponsor) {
		l.fault("roles lacks %s, who owns what nobody else does", sponsor)
	}
	l.roles("quality", d.Quality)
	l.roles("notices", d.Notices)
}

// roles checks a list of roles that must not be empty.
func (l *linter) roles(where string, roles []string) {
	if len(roles) == 0 {
		l.fault("%s names no role", where)
	}
	for _, r := range roles {
		if !slices.Contains(l.d.Roles, r) {
			l.fault("%s: role %s is not in roles", where, r)
		}
	}
}

func (l *linter) step(s *Step) {
	if s.Code == "" || l.d.Step(s.Code) != s || isNotice(s.Code) {
		l.fault("step %q: its code is missing, comes twice or is reserved", s.Code)
	}
	l.roles("step "+s.Code, s.By)
	if actionOf(s.Does) == nil {
		l.fault("step %s: does %q, which is not an action", s.Code, s.Does)
	}
	if len(s.From) == 0 || slices.Contains(s.From, "") != (s.Does == "order") {
		l.fault("step %s: only order begins where there is no bag, and it does", s.Code)
	}
	if s.Band != "" && !slices.ContainsFunc(l.d.Bands, func(b Band) bool { return b.Code == s.Band }) {
		l.fault("step %s: band %s is not in bands", s.Code, s.Band)
	}
	for i := range s.Gates {
		l.gate(s, &s.Gates[i])
	}
	l.required(s)
}

func (l *linter) gate(s *Step, g *Gate) {
	known := gateOf(g.Gate)
	if known == nil {
		l.fault("step %s: unknown gate %q", s.Code, g.Gate)
		return
	}
	for _, p := range parameters {
		if p.set(g) != slices.Contains(known.takes, p.name) {
			l.fault("step %s: gate %s and its parameter %s do not fit", s.Code, g.Gate, p.name)
		}
	}
	if g.Role != "" && !slices.Contains(l.d.Roles, g.Role) {
		l.fault("step %s: role %s is not in roles", s.Code, g.Role)
	}
}

// required holds the steps that cannot be undone to the gates that must stand before them.
func (l *linter) required(s *Step) {
	if (s.Does == "infuse") != (s.To == infused) || (s.Does == "condition") != (s.To == conditioned) {
		l.fault("step %s: only infuse leads to %s, only condition to %s, and they lead nowhere else", s.Code, infused, conditioned)
	}
	for _, g := range mustHave(s.Does) {
		if !slices.ContainsFunc(s.Gates, func(has Gate) bool { return has.Gate == g }) {
			l.fault("step %s does %s without gate %s", s.Code, s.Does, g)
		}
	}
}

// graph wants every state to be reachable and to lead to a final one.
func (l *linter) graph() {
	forward, backward := map[string][]string{}, map[string][]string{}
	states := slices.Clone(l.d.Final)
	for _, s := range l.d.Steps {
		for _, from := range s.From {
			to := cmp.Or(s.To, from)
			states = append(states, from, to)
			forward[from] = append(forward[from], to)
			backward[to] = append(backward[to], from)
			if slices.Contains(l.d.Final, from) {
				l.fault("step %s leaves %s, which is final", s.Code, from)
			}
		}
		if s.Window != nil {
			states = append(states, s.Window.Since)
		}
	}
	reached, ends := spread(forward, []string{""}), spread(backward, l.d.Final)
	slices.Sort(states)
	for _, s := range slices.Compact(states) {
		if !reached[s] {
			l.fault("state %s is never reached", s)
		}
		if !ends[s] {
			l.fault("state %q leads to no final state", s)
		}
	}
	if !reached[infused] {
		l.fault("state %s is never reached", infused)
	}
}

// spread is what can be reached from some states.
func spread(next map[string][]string, from []string) map[string]bool {
	seen := map[string]bool{}
	for queue := slices.Clone(from); len(queue) > 0; queue = queue[1:] {
		if !seen[queue[0]] {
			seen[queue[0]] = true
			queue = append(queue, next[queue[0]]...)
		}
	}
	return seen
}
