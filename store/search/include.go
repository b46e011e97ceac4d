package search

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/aceso-health/aceso/fhir"
	"github.com/aceso-health/aceso/fhir/search"
)

// inclusion collects what _include and _revinclude add to a page.
type inclusion struct {
	x     *searcher
	have  map[int64]bool // by place
	added []*Row
	bytes int64 // of documents that the page may have; 0: no bound
	size  int64 // of those that it has

	params map[string][]string // see canonicals
}

// include follows references from and to the matches, through visible current rows
// only. It does not repeat matches of the page. The error is errTooMany if it includes too
// much.
func (x *searcher) include(matches []*Row, all []search.Include, bytes int64) ([]*Row, error) {
	if len(all) == 0 || len(matches) == 0 {
		return nil, nil
	}
	in := &inclusion{x: x, have: map[int64]bool{}, bytes: bytes}
	for _, r := range matches {
		in.have[r.Place] = true
		in.size += r.size()
	}
	frontier := matches
	for round := 0; len(frontier) > 0; round++ {
		if round > maxRounds {
			return nil, TooCostly(fmt.Sprintf("The parameters _include:iterate lead further than %d steps. Leave some of them out.", maxRounds))
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

func (in *inclusion) follow(rows []*Row, inc search.Include) error {
	if inc.Reverse {
		return in.referring(rows, inc)
	}
	rows = slices.DeleteFunc(slices.Clone(rows), func(r *Row) bool { return inc.Source != "*" && r.Ref.Type != inc.Source })
	if err := in.x.expect(rows, []string{inc.Param}); err != nil {
		return err
	}
	for _, r := range rows {
		if err := in.referred(r, inc); err != nil {
			return err
		}
	}
	return nil
}

// referred adds the targets of r.
func (in *inclusion) referred(r *Row, inc search.Include) error {
	index, err := r.Index()
	if err != nil {
		return err
	}
	if !search.LeadsOut(r.Ref.Type, inc.Param) {
		return nil
	}
	for _, ref := range targets(r.Ref.Type, index, inc.Param) {
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
	return in.meant(r, inc)
}

// meant adds what canonicals of r mean.
func (in *inclusion) meant(r *Row, inc search.Include) error {
	params := []string{inc.Param}
	if inc.Param == "*" {
		params = in.canonicals(r.Ref.Type)
	}
	for _, param := range params {
		types := search.TargetTypes(r.Ref.Type, param)
		if inc.Target != "" {
			types = []string{inc.Target}
		}
		err := in.x.published(r, param, types, func(target *Row) (bool, error) { return true, in.add(target) })
		if err != nil {
			return err
		}
	}
	return nil
}

// canonicals lists the parameters of a type that have some.
func (in *inclusion) canonicals(typ string) []string {
	list, known := in.params[typ]
	if !known {
		list = slices.DeleteFunc(references(typ), func(param string) bool { return !search.IsCanonical(typ, param) })
		if in.params == nil {
			in.params = map[string][]string{}
		}
		in.params[typ] = list
	}
	return list
}

// references lists the reference parameters of a type.
func references(typ string) (params []string) {
	for _, p := range search.CapabilityParams(typ) {
		if p.Type == "reference" {
			params = append(params, p.Name)
		}
	}
	return params
}

// targets lists what a parameter, or with "*" any parameter, refers to.
func targets(typ string, index *search.Index, param string) []fhir.Ref {
	if param != "*" {
		return index.Targets(param)
	}
	var refs []fhir.Ref
	last := ""
	for _, k := range index.Keys {
		name, rest := CutKey(k)
		if strings.HasPrefix(rest, ">") && name != last && !strings.Contains(name, ".") && search.LeadsOut(typ, name) {
			refs = append(refs, index.Targets(name)...)
			last = name
		}
	}
	return refs
}

// referring adds what refers to rows.
func (in *inclusion) referring(rows []*Row, inc search.Include) error {
	links, known := map[string]search.Any{}, map[string][]string{}
	for _, r := range rows {
		if inc.Target != "" && inc.Target != r.Ref.Type {
			continue
		}
		if known[r.Ref.Type] == nil {
			known[r.Ref.Type] = referringTo(r.Ref.Type, inc)
		}
		for _, from := range known[r.Ref.Type] {
			typ, param, _ := strings.Cut(from, ":")
			to, err := keysTo(typ, param, r)
			if err != nil {
				return err
			}
			links[typ] = append(links[typ], to...)
		}
	}
	for _, typ := range slices.Sorted(maps.Keys(links)) {
		for some := range slices.Chunk(links[typ], maxLinks) {
			if err := in.linked(typ, some); err != nil {
				return err
			}
		}
	}
	return nil
}

// referringTo lists the references, as Type:param, that an include follows backwards to a type.
func referringTo(typ string, inc search.Include) (all []string) {
	switch {
	case inc.Source == "*":
		return search.RevIncludes(typ)
	case inc.Param != "*":
		return []string{inc.Source + ":" + inc.Param}
	}
	for _, param := range references(inc.Source) {
		all = append(all, inc.Source+":"+param)
	}
	return all
}

// maxLinks is how many keys are looked up together.
const maxLinks = 1000

// linked adds what has one of some keys.
func (in *inclusion) linked(typ string, links search.Any) error {
	places, ok, err := in.x.lookUp(typ, links, maxExamined)
	if err != nil {
		return err
	}
	if !ok {
		return errTooMany
	}
	p := &plan{typ: typ, rows: func(int64) iter.Seq2[*Row, error] { return in.x.Rows(typ, places) }}
	return in.x.scan(p, 0, func(r *Row) (bool, error) { return true, in.add(r) })
}

// errTooMany says that a page would include too much.
var errTooMany = errors.New("too much is included")

// tooMany answers if even one match includes too much.
func tooMany() error {
	return TooCostly(fmt.Sprintf("One match would include more than %d resources, or documents of more bytes than an answer may have. Leave out some _include and _revinclude parameters, or ask for these resources by themselves.", maxIncluded))
}

func (in *inclusion) add(r *Row) error {
	if r == nil || in.have[r.Place] {
		return nil
	}
	if len(in.added) >= maxIncluded || in.bytes > 0 && in.size >= in.bytes {
		return errTooMany
	}
	in.have[r.Place] = true
	in.added = append(in.added, r)
	in.size += r.size()
	return nil
}
