package consent

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aceso-health/aceso/fhir"
)

// Searcher finds stored resources.
type Searcher interface {
	// Find returns the current resources of a type that have one of values in a search
	// parameter of type reference, or (parameter _id) one of the ids; all that were
	// committed before the call, and at most limit.
	Find(ctx context.Context, typ, param string, values []string, limit int) ([]Found, error)
}

// Caller is who calls, as the store knows it: what Subject needs, and what that rests on.
type Caller struct {
	Actors, Possible, Open []string
	Departments            []string  // organisations of the role that the token names, or else of all roles in force: sorted, at most 16
	Keys                   []string  // references whose resources, and whose teams, have been looked for
	Until                  time.Time // when a membership begins or ends; zero: never
}

// Limits of a caller: beyond them, the caller may have more references.
const (
	mostFound       = 500 // of one search
	mostDepartments = 16
	mostRounds      = 4 // teams that are members of teams
)

// Identify resolves the references of a token: its practitioner's roles, the organisations
// above, the teams and groups, and the identifiers of all of them. organization is the one
// that the token acts for: roles in others are only possible.
func Identify(ctx context.Context, find Searcher, base string, names []string, organization string, now time.Time) (*Caller, error) {
	i := &identifier{ctx: ctx, find: find, base: base, now: now.UnixMilli(), until: never, at: organization, known: map[string]truth{}}
	for _, name := range names {
		i.add(name, yes)
	}
	for _, step := range []func() error{i.themselves, i.roles, i.organizations, i.teams} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("identify the caller: %w", err)
		}
	}
	return i.caller(), nil
}

// identifier gathers the references of one caller.
type identifier struct {
	ctx   context.Context
	find  Searcher
	base  string
	now   int64
	until int64
	at    string
	known map[string]truth // reference or identifier -> yes or maybe
	order []string         // keys of known
	open  []string
	works []string // organisations of roles; those of the token's own first
}

// add notes a reference of the caller, and says whether that is news.
func (i *identifier) add(ref string, t truth) bool {
	old := i.known[ref]
	if ref == "" || t <= old {
		return false
	}
	if old == no {
		i.order = append(i.order, ref)
	}
	i.known[ref] = t
	return true
}

func (i *identifier) caller() *Caller {
	slices.Sort(i.works)
	c := &Caller{Open: i.open, Departments: i.works[:min(len(i.works), mostDepartments)]}
	for _, ref := range i.order {
		if i.known[ref] == yes {
			c.Actors = append(c.Actors, ref)
		} else {
			c.Possible = append(c.Possible, ref)
		}
		if !strings.ContainsAny(ref, "|:") {
			c.Keys = append(c.Keys, ref)
		}
	}
	if i.until != never {
		c.Until = time.UnixMilli(i.until)
	}
	return c
}

// of lists those of refs that are of some types.
func of(refs []string, types ...string) []string {
	return slices.DeleteFunc(slices.Clone(refs), func(ref string) bool {
		typ, _, local := strings.Cut(ref, "/")
		return !local || !slices.Contains(types, typ)
	})
}

// chunk is how many references are looked for at once.
const chunk = 40

// search calls visit for what refers to one of refs.
func (i *identifier) search(typ, param string, refs []string, visit func(string, *person)) error {
	for part := range slices.Chunk(refs, chunk) {
		found, err := i.find.Find(i.ctx, typ, param, part, mostFound+1)
		if err != nil {
			return err
		}
		if len(found) > mostFound && !slices.Contains(i.open, typ) {
			i.open = append(i.open, typ)
		}
		for _, f := range found {
			p := &person{}
			if err := json.Unmarshal(f.Body, p); err != nil {
				return fmt.Errorf("read %s: %w", f.Ref.Type, err)
			}
			visit(f.Ref.String(), p)
		}
	}
	return nil
}

// themselves reads the resources that the token names.
func (i *identifier) themselves() error {
	for _, typ := range []string{"Practitioner", "PractitionerRole", "RelatedPerson", "Patient", "Device"} {
		refs := of(i.order, typ)
		found := map[string]bool{}
		err := i.search(typ, "_id", ids(refs), func(ref string, p *person) {
			found[ref] = true
			i.identifiers(ref, p)
			if typ == "PractitionerRole" {
				i.add(i.local(p.Practitioner), yes)
				i.add(i.local(p.Organization), yes)
				i.worksAt(i.local(p.Organization))
			}
		})
		if err != nil {
			return err
		}
		if typ == "PractitionerRole" && len(found) < len(refs) { // whose role, and where, is unknown
			i.open = append(i.open, "Practitioner", "Organization")
		}
	}
	return nil
}

// roles finds what roles the practitioner has.
func (i *identifier) roles() error {
	named := len(i.works) > 0
	return i.search("PractitionerRole", "practitioner", of(i.order, "Practitioner"), func(ref string, p *person) {
		t := min(i.current(p.Period), certain(p.Active == nil || *p.Active))
		at := i.local(p.Organization)
		if t == yes && !named {
			i.worksAt(at)
		}
		if at != "" && at != i.at {
			t = min(t, maybe)
		}
		if t == no {
			return
		}
		i.add(at, t)
		i.add(ref, t)
		i.identifiers(ref, p)
	})
}

// worksAt notes the organisation of a role.
func (i *identifier) worksAt(at string) {
	if at != "" && !slices.Contains(i.works, at) {
		i.works = append(i.works, at)
	}
}

// organizations finds those above.
func (i *identifier) organizations() error {
	at := of(i.order, "Organization")
	for range highest {
		var above []string
		err := i.search("Organization", "_id", ids(at), func(ref string, p *person) {
			i.identifiers(ref, p)
			if high := i.local(p.PartOf); i.add(high, i.known[ref]) {
				above = append(above, high)
			}
		})
		if at = above; err != nil || len(at) == 0 {
			return err
		}
	}
	i.open = append(i.open, "Organization")
	return nil
}

// teams finds care teams and groups, and those that have these as members.
func (i *identifier) teams() error {
	fresh := i.order
	for range mostRounds {
		before := len(i.order)
		err := i.teamsOf("CareTeam", "participant", of(fresh, "Practitioner", "PractitionerRole", "RelatedPerson", "Patient", "Organization", "CareTeam"))
		if err != nil {
			return err
		}
		if err := i.teamsOf("Group", "member", of(fresh, "Practitioner", "PractitionerRole", "Device", "Patient", "Group")); err != nil {
			return err
		}
		if fresh = i.order[before:]; len(fresh) == 0 {
			return nil
		}
	}
	i.open = append(i.open, "CareTeam", "Group")
	return nil
}

func (i *identifier) teamsOf(typ, param string, refs []string) error {
	return i.search(typ, param, refs, func(ref string, p *person) {
		if t := min(p.atWork(), i.current(p.Period), i.member(p)); i.add(ref, t) {
			i.identifiers(ref, p)
		}
	})
}

// member says whether one of the members of a team is the caller.
func (i *identifier) member(p *person) truth {
	t := no
	for _, m := range p.Participant {
		t = max(t, min(i.known[i.local(m.Member)], i.current(m.Period)))
	}
	for _, m := range p.Member {
		t = max(t, min(i.known[i.local(m.Entity)], i.current(m.Period), certain(!m.Inactive)))
	}
	return t
}

// current says whether a period is running, and notes when that changes.
func (i *identifier) current(p *period) truth {
	if p == nil {
		return yes
	}
	w, err := readWindow(p.Start, p.End)
	if err != nil {
		return maybe
	}
	for _, bound := range []int64{w.from, w.to} {
		if bound > i.now {
			i.until = min(i.until, bound)
		}
	}
	return w.at(i.now)
}

func (i *identifier) identifiers(ref string, p *person) {
	for _, id := range p.Identifier {
		if id.System != "" && id.Value != "" {
			i.add(id.System+"|"+id.Value, i.known[ref])
		}
	}
}

// local is a reference to a resource of this server, "" if it is none.
func (i *identifier) local(r reference) string {
	ref, _, ok := fhir.ParseReference(r.Reference, i.base)
	if !ok {
		return ""
	}
	return ref.String()
}

func ids(refs []string) []string {
	all := make([]string, len(refs))
	for i, ref := range refs {
		_, all[i], _ = strings.Cut(ref, "/")
	}
	return all
}
