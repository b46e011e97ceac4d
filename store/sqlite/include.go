package sqlite

import (
	"strings"

	"github.com/aceso-health/aceso/fhir"
)

// inclusion collects what _include and _revinclude add to a page.
type inclusion struct {
	x     *searcher
	have  map[int64]bool
	added []*row
}

// include follows references from and to the matches, through visible current
// rows only. What is a match of this page is not included as well.
func (x *searcher) include(matches []*row, all []fhir.Include) ([]*row, error) {
	if len(all) == 0 || len(matches) == 0 {
		return nil, nil
	}
	in := &inclusion{x: x, have: map[int64]bool{}}
	for _, r := range matches {
		in.have[r.rid] = true
	}
	frontier := matches
	for round := 0; len(frontier) > 0; round++ {
		if round > maxRounds {
			return nil, tooCostly("The _include:iterate parameters lead too far. Leave some of them out.")
		}
		before := len(in.added)
		for _, inc := range all {
			if round > 0 && !inc.Iterate {
				continue
			}
			if err := in.follow(frontier, inc); err != nil {
				return nil, err
			}
		}
		frontier = in.added[before:]
	}
	return in.added, nil
}

func (in *inclusion) follow(rows []*row, inc fhir.Include) error {
	for _, r := range rows {
		var err error
		switch {
		case inc.Reverse && (inc.Target == "" || inc.Target == r.ref.Type):
			err = in.referring(r, inc)
		case !inc.Reverse && inc.Source == r.ref.Type:
			err = in.referred(r, inc)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// referred adds what r refers to.
func (in *inclusion) referred(r *row, inc fhir.Include) error {
	index, err := r.loadIndex()
	if err != nil {
		return err
	}
	for _, ref := range targets(index, inc.Param) {
		if inc.Target != "" && inc.Target != ref.Type {
			continue
		}
		target, err := in.x.find(ref)
		if err != nil {
			return err
		}
		if err := in.add(target); err != nil {
			return err
		}
	}
	return nil
}

// targets lists what a parameter, or with "*" any parameter, refers to.
func targets(index *fhir.Index, param string) []fhir.Ref {
	if param != "*" {
		return index.Targets(param)
	}
	var refs []fhir.Ref
	last := ""
	for _, k := range index.Keys {
		name, rest := cutKey(k)
		if strings.HasPrefix(rest, ">") && name != last {
			refs = append(refs, index.Targets(name)...)
			last = name
		}
	}
	return refs
}

// referring adds what refers to r.
func (in *inclusion) referring(r *row, inc fhir.Include) error {
	params := []string{inc.Param}
	if inc.Param == "*" {
		params = params[:0]
		for p := range in.x.names.params(inc.Source) {
			params = append(params, p)
		}
	}
	for _, param := range params {
		key, ok := in.x.key(inc.Source, fhir.RefKey(param, r.ref))
		if !ok {
			continue
		}
		p := &plan{typ: inc.Source, source: &keySource{in.x, []keyAt{key}}}
		err := in.x.scan(p, 0, func(source *row) (bool, error) { return true, in.add(source) })
		if err != nil {
			return err
		}
	}
	return nil
}

func (in *inclusion) add(r *row) error {
	if r == nil || in.have[r.rid] {
		return nil
	}
	if len(in.added) >= maxIncluded {
		return tooCostly("The page would include too many resources. Ask for a smaller _count or fewer _include and _revinclude parameters.")
	}
	in.have[r.rid] = true
	in.added = append(in.added, r)
	return nil
}
