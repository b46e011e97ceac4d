package access

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
	"github.com/aceso-health/aceso/store"
)

// LastNRequest is Observation/$lastn as it arrived.
type LastNRequest struct {
	Params []fhir.Param // criteria of a search
	Max    int          // Observations of each code
}

// mostLast is how many Observations $lastn looks through.
const mostLast = 10_000

// LastN returns the newest Observations of each code among those that a search shows the
// caller. It is decided and recorded like that search.
func (g *Gate) LastN(ctx context.Context, c *Call, l LastNRequest) (*Result, error) {
	return answer(ctx, g, c, func(r *review) (*Result, error) {
		params := append(append([]fhir.Param{}, l.Params...), fhir.Param{Name: "_sort", Value: "-date"}, fhir.Param{Name: "_count", Value: strconv.Itoa(maximumCount)})
		s := SearchRequest{Type: "Observation", Params: params}
		q := searchQuestion(s.Type)
		query, _, malformed := r.parse(ctx, q, &s)
		_, err := r.ask(ctx, q)
		if err = cmp.Or(err, malformed); err != nil {
			return nil, err
		}
		query.Reads = append(query.Reads, search.Read{Type: s.Type, Param: "code"})
		last := groups{max: l.Max}
		for at := []byte(nil); ; {
			page, err := r.search(ctx, q, query, at)
			if err != nil {
				return nil, err
			}
			left, err := last.add(page.Matches)
			if err != nil {
				return nil, err
			}
			if err := r.hold(-left); err != nil {
				return nil, err
			}
			if r.call.room(r.held) <= 0 {
				return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("The answer would have more than %d bytes. Ask for fewer Observations of each code (max), or name codes.", r.call.room(0))}
			}
			if at = page.position; at == nil {
				break
			}
			if last.seen += len(page.Matches); last.seen >= mostLast {
				return nil, &fhir.Error{Kind: fhir.TooCostly, Detail: fmt.Sprintf("$lastn looks through %d Observations at most. Name codes, or give a date from which on they count.", mostLast)}
			}
		}
		res := &Result{Query: query, Matches: last.all(), Self: query.Self}
		res.Total = int64(len(res.Matches))
		r.discloseResult(res)
		return res, nil
	})
}

// groups are Observations by their codes: those that share a coding belong together, and,
// without codings, those with the same text.
type groups struct {
	max, seen int
	list      []*sameCode
	of        map[string]*sameCode // by coding or text
}

type sameCode struct{ versions []store.Version }

// add adds Observations, the newest first, and says how many bytes of them are left out.
func (g *groups) add(versions []store.Version) (left int64, err error) {
	if g.of == nil {
		g.of = map[string]*sameCode{}
	}
	for i := range versions {
		v := &versions[i]
		names, err := codesOf(v.Body)
		if err != nil {
			return 0, unavailable("search cannot be run", err)
		}
		into := g.group(names)
		if len(into.versions) >= g.max {
			left += v.Weight()
			continue
		}
		into.versions = append(into.versions, *v)
	}
	return left, nil
}

// codesOf are the codings of an Observation, as system|code, or, if it has none, its text.
func codesOf(document []byte) (names []string, err error) {
	var said struct {
		Code struct {
			Coding []fhir.Coding
			Text   string
		}
	}
	if err := json.Unmarshal(document, &said); err != nil {
		return nil, fmt.Errorf("read the code of an Observation: %w", err)
	}
	for _, c := range said.Code.Coding {
		if c.Code != "" {
			names = append(names, c.System+"|"+c.Code)
		}
	}
	if len(names) == 0 {
		names = []string{said.Code.Text}
	}
	return names, nil
}

// group is the one with one of some names; it has all of them from now on.
func (g *groups) group(names []string) (into *sameCode) {
	for _, n := range names {
		if into = g.of[n]; into != nil {
			break
		}
	}
	if into == nil {
		into = &sameCode{}
		g.list = append(g.list, into)
	}
	for _, n := range names {
		if g.of[n] == nil {
			g.of[n] = into
		}
	}
	return into
}

// all are the Observations, code by code.
func (g *groups) all() (all []store.Version) {
	for _, one := range g.list {
		all = append(all, one.versions...)
	}
	return all
}
