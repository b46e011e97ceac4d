package validate

import (
	"cmp"
	"slices"
	"strings"
)

// sliced divides the values of an element among slices and holds each against its own.
func (c *check) sliced(parent item, r *rule, values []item, p *profile) {
	s := r.slicing
	if s == nil || len(s.by) == 0 { // nothing tells them apart
		return
	}
	members := make([]int, len(r.slices))
	last, loose := -1, false
	for _, v := range values {
		if c.done() {
			return
		}
		k := c.sliceOf(v, r, s)
		switch {
		case k < 0 && s.closed:
			c.tell(v.node(), false, "structure", "%sThis is in none of the slices of %s, and no others are allowed.", in(p.url), r.name)
		case k < 0:
			loose = true
			continue
		case loose && s.atEnd, s.ordered && k < last:
			c.tell(v.node(), false, "structure", "%sThe slices of %s are not in their order.", in(p.url), r.name)
		}
		if k < 0 {
			continue
		}
		last = k
		members[k]++
		c.rule(v, r.slices[k], p)
		if len(r.slices[k].slices) > 0 {
			c.sliced(parent, r.slices[k], []item{v}, p)
		}
	}
	for k, one := range r.slices {
		c.count(parent, one, members[k], p)
	}
}

// sliceOf is the first slice that a value belongs to, -1 if it is in none.
func (c *check) sliceOf(v item, r *rule, s *slicing) int {
	return slices.IndexFunc(r.slices, func(slice *rule) bool {
		return !slices.ContainsFunc(s.by, func(d discriminator) bool { return !c.spend() || !c.discriminated(v, slice, d) })
	})
}

// discriminated says whether a value has what a discriminator demands of a slice.
func (c *check) discriminated(v item, slice *rule, by discriminator) bool {
	steps := discriminatorSteps(by.Path)
	found := c.follow([]item{v}, steps)
	wanted := c.demanded(slice, steps)
	switch by.Type {
	case "exists":
		return len(wanted) == 0 || c.exists(wanted, len(found) > 0)
	case "type":
		if len(found) == 0 && len(steps) == 1 && steps[0] == "resolve()" && v.at >= 0 {
			return c.namesType(v.at, wanted)
		}
		return len(found) > 0 && !slices.ContainsFunc(found, func(i item) bool { return i.at < 0 || !c.hasType(i.at, wanted) })
	case "profile":
		return len(found) > 0 && !slices.ContainsFunc(found, func(i item) bool { return i.at < 0 || !c.hasProfile(i.at, wanted, steps) })
	}
	return c.hasValue(v, slice, found, wanted)
}

// hasValue says whether what a path leads to is what a slice fixes there; or, if the slice
// fixes something around it only, whether the value has all that the slice fixes.
func (c *check) hasValue(v item, slice *rule, found []item, wanted []*rule) bool {
	if !slices.ContainsFunc(wanted, decisive) {
		return v.at >= 0 && decisive(slice) && c.matches(v.at, slice)
	}
	for _, r := range wanted {
		if !slices.ContainsFunc(found, func(i item) bool { return i.at >= 0 && c.matches(i.at, r) }) {
			return false
		}
	}
	return true
}

func (c *check) exists(wanted []*rule, found bool) bool {
	for _, r := range wanted {
		if r.min > 0 && !found || r.most == 0 && found {
			return false
		}
	}
	return true
}

// matches says whether a value is one that a slice demands by fixing it, wholly or in
// parts, or by a binding.
func (c *check) matches(at int32, r *rule) bool {
	quiet := c.silent()
	if r.binding != nil && r.binding.strength == "required" {
		quiet.bound(at, r.binding, "")
	}
	if r.fixed != nil && !r.fixed.holds(c.t, at, true) || r.pattern != nil && !r.pattern.holds(c.t, at, false) {
		return false
	}
	for _, child := range r.children {
		if !decisive(child) {
			continue
		}
		values := c.items(item{at, -1}, child.name)
		if !slices.ContainsFunc(values, func(i item) bool { return i.at >= 0 && c.matches(i.at, child) }) {
			return false
		}
	}
	for _, slice := range r.slices {
		if slice.min > 0 && decisive(slice) && !c.matches(at, slice) {
			return false
		}
	}
	return !quiet.failed
}

// decisive says whether a rule fixes something.
func decisive(r *rule) bool {
	return r.fixed != nil || r.pattern != nil || r.binding != nil && r.binding.strength == "required" ||
		slices.ContainsFunc(r.children, decisive)
}

// discriminatorSteps are the steps of a discriminator's path, without $this. Of an
// extension it is the one with the url.
func discriminatorSteps(path string) []string {
	var steps []string
	for path != "" {
		var step string
		if strings.HasPrefix(path, "extension(") {
			end := strings.IndexByte(path, ')')
			if end < 0 {
				return append(steps, path)
			}
			step, path = path[:end+1], strings.TrimPrefix(path[end+1:], ".")
		} else {
			step, path, _ = strings.Cut(path, ".")
		}
		if step != "$this" && step != "" {
			steps = append(steps, step)
		}
	}
	return steps
}

// follow goes from values to what the steps lead to.
func (c *check) follow(from []item, steps []string) []item {
	for _, step := range steps {
		var to []item
		for _, v := range from {
			if c.done() {
				return nil
			}
			to = append(to, c.step(v, step)...)
		}
		from = to
	}
	return from
}

func (c *check) step(v item, step string) []item {
	switch {
	case step == "resolve()":
		if v.at < 0 {
			return nil
		}
		if target := c.resolve(v.at, c.text(v.at, "reference")); target >= 0 {
			return []item{{target, -1}}
		}
		return nil
	case strings.HasPrefix(step, "ofType("):
		if v.at < 0 || c.d.Types[c.t.Nodes[v.at].Type].Name != argument(step) {
			return nil
		}
		return []item{v}
	case strings.HasPrefix(step, "extension("):
		return slices.DeleteFunc(c.items(v, "extension"), func(i item) bool { return c.text(i.at, "url") != argument(step) })
	}
	return c.items(v, step)
}

// argument is what stands in the parentheses of a step, without quotes.
func argument(step string) string {
	_, inside, _ := strings.Cut(strings.TrimSuffix(step, ")"), "(")
	return strings.Trim(inside, "'\"")
}

// demanded are the rules of a slice for what the steps lead to: its own, and those of the
// profiles of its types.
func (c *check) demanded(slice *rule, steps []string) []*rule {
	from := []*rule{slice}
	for _, step := range steps {
		if step == "resolve()" || strings.HasPrefix(step, "ofType(") {
			continue
		}
		var to []*rule
		for _, r := range c.withProfiles(from) {
			to = append(to, ruleStep(r, step)...)
		}
		from = to
	}
	return c.withProfiles(from)
}

func ruleStep(r *rule, step string) []*rule {
	if !strings.HasPrefix(step, "extension(") {
		if child := r.find(step); child != nil {
			return append([]*rule{child}, child.slices...)
		}
		return nil
	}
	child := r.find("extension")
	if child == nil {
		return nil
	}
	for _, s := range child.slices {
		for _, k := range s.types {
			if slices.Contains(k.profiles, argument(step)) {
				return []*rule{s}
			}
		}
	}
	return nil
}

// withProfiles adds the rules of the one profile that a type has.
func (c *check) withProfiles(all []*rule) []*rule {
	for _, r := range all {
		if len(r.types) == 1 && len(r.types[0].profiles) == 1 {
			if p, err := c.profile(r.types[0].profiles[0]); p != nil && err == nil {
				all = append(slices.Clip(all), p.root)
			}
		}
	}
	return all
}

// hasType says whether a node has one of the types of rules; of what a reference leads to
// the types are those of its targets.
func (c *check) hasType(at int32, wanted []*rule) bool {
	typ := c.d.Types[c.t.Nodes[at].Type].Name
	for _, r := range wanted {
		for _, k := range r.types {
			if k.code == typ || k.code == "Reference" && slices.ContainsFunc(k.targets, func(url string) bool { return c.mayBe(url, typ) }) {
				return true
			}
		}
	}
	return false
}

// namesType says whether the text of a reference names one of the types of its targets:
// what it leads to is not here.
func (c *check) namesType(at int32, wanted []*rule) bool {
	typ := cmp.Or(referenceType(c.text(at, "reference")), c.text(at, "type"))
	if typ == "" {
		return false
	}
	for _, r := range wanted {
		for _, k := range r.types {
			if slices.ContainsFunc(k.targets, func(url string) bool { return c.mayBe(url, typ) }) {
				return true
			}
		}
	}
	return false
}

// hasProfile says whether a node satisfies one of the profiles of rules. Nobody can tell
// of one that is not known.
func (c *check) hasProfile(at int32, wanted []*rule, steps []string) bool {
	resolved := slices.Contains(steps, "resolve()")
	typ := c.d.Types[c.t.Nodes[at].Type].Name
	for _, r := range wanted {
		for _, k := range r.types {
			urls := k.profiles
			if resolved {
				urls = k.targets
			}
			if len(urls) == 0 && k.code == typ {
				return true
			}
			for _, url := range urls {
				if ok, _ := c.conforms(at, url); ok {
					return true
				}
			}
		}
	}
	return false
}
