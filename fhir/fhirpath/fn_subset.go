package fhirpath

// subsetting are the functions that choose items by their place.
var subsetting = map[string]*function{
	"single": {gives: "same", apply: single},
	"first":  {gives: "same", apply: func(_ *run, _ *call, _ *scope, on Collection) Collection { return on[:min(1, len(on))] }},
	"last":   {gives: "same", apply: func(_ *run, _ *call, _ *scope, on Collection) Collection { return on[max(0, len(on)-1):] }},
	"tail":   {gives: "same", apply: func(_ *run, _ *call, _ *scope, on Collection) Collection { return on[min(1, len(on)):] }},
	"skip":   {min: 1, max: 1, gives: "same", apply: skip},
	"take":   {min: 1, max: 1, gives: "same", apply: take},

	"intersect": {min: 1, max: 1, gives: "same", apply: intersect},
	"exclude":   {min: 1, max: 1, gives: "same", apply: exclude},
}

// combining are the functions that join collections.
var combining = map[string]*function{
	"union":   {min: 1, max: 1, gives: "any", apply: func(r *run, c *call, s *scope, on Collection) Collection { return union(r, on, c.arg(r, s, 0)) }},
	"combine": {min: 1, max: 2, gives: "any", apply: combine},
}

func single(r *run, _ *call, _ *scope, on Collection) Collection {
	if len(on) > 1 {
		return r.fail(unfit("single() finds %d items", len(on)))
	}
	return on
}

func skip(r *run, c *call, s *scope, on Collection) Collection {
	n, ok := r.whole(c.arg(r, s, 0), "the number of skip()")
	if !ok {
		return nil
	}
	return on[min(max(n, 0), len(on)):]
}

func take(r *run, c *call, s *scope, on Collection) Collection {
	n, ok := r.whole(c.arg(r, s, 0), "the number of take()")
	if !ok {
		return nil
	}
	return on[:min(max(n, 0), len(on))]
}

func intersect(r *run, c *call, s *scope, on Collection) Collection {
	other := r.set(c.arg(r, s, 0))
	var out Collection
	for i := range on {
		if other.has(&on[i]) {
			out = append(out, on[i])
		}
	}
	return r.distinct(out)
}

func exclude(r *run, c *call, s *scope, on Collection) Collection {
	other := r.set(c.arg(r, s, 0))
	var out Collection
	for i := range on {
		if !other.has(&on[i]) {
			out = append(out, on[i])
		}
	}
	return out
}

func combine(r *run, c *call, s *scope, on Collection) Collection {
	more := c.arg(r, s, 0)
	return append(append(make(Collection, 0, len(on)+len(more)), on...), more...)
}
