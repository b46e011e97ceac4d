package mongotest

import (
	"regexp"
	"slices"
	"strings"
)

// A predicate is one node of a filter.
type predicate struct {
	op      string // as in the query language; "$elemMatch" of an object has subs on paths below, of values subs without path
	path    []string
	operand value
	list    []value
	subs    []*predicate
	object  bool // $elemMatch of objects
	number  int64
	pattern *regexp.Regexp
}

// parseFilter reads a filter. All members of the result must match.
func parseFilter(filter document) ([]*predicate, error) {
	var all []*predicate
	for name, v := range fields(filter) {
		var p []*predicate
		var err error
		if strings.HasPrefix(name, "$") {
			p, err = parseTop(name, v)
		} else {
			p, err = parseField(splitPath(name), v)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, p...)
	}
	return all, nil
}

var unmodelledTop = []string{"$where", "$expr", "$text", "$jsonSchema", "$alwaysTrue", "$alwaysFalse", "$sampleRate"}

func parseTop(name string, v value) ([]*predicate, error) {
	switch name {
	case "$comment":
		return nil, nil
	case "$and", "$or", "$nor":
	default:
		if slices.Contains(unmodelledTop, name) {
			return nil, unmodelled("%s", name)
		}
		return nil, badValue("unknown top level operator: %s", name)
	}
	if v.Type != tArray {
		return nil, badValue("%s must be an array", name)
	}
	p := &predicate{op: name}
	for _, e := range fields(v.Data) {
		if e.Type != tObject {
			return nil, badValue("$or/$and/$nor entries need to be full objects")
		}
		subs, err := parseFilter(e.Data)
		if err != nil {
			return nil, err
		}
		p.subs = append(p.subs, &predicate{op: "$and", subs: subs})
	}
	if len(p.subs) == 0 {
		return nil, badValue("$and/$or/$nor must be a nonempty array")
	}
	return []*predicate{p}, nil
}

// operators says whether a value is an expression such as {$gt: 1}.
func operators(v value) bool {
	if v.Type != tObject {
		return false
	}
	for name := range fields(v.Data) {
		return strings.HasPrefix(name, "$") && name != "$ref" && name != "$id" && name != "$db"
	}
	return false
}

func parseField(path []string, v value) ([]*predicate, error) {
	if v.Type == tRegex {
		return nil, unmodelled("regular expressions as values")
	}
	if !operators(v) {
		return []*predicate{{op: "$eq", path: path, operand: v}}, nil
	}
	return parseOperators(path, v.Data)
}

func parseOperators(path []string, expression document) ([]*predicate, error) {
	var all []*predicate
	for name, v := range fields(expression) {
		p, err := parseOperator(path, name, v)
		if err != nil {
			return nil, err
		}
		if p != nil {
			all = append(all, p)
		}
	}
	return all, nil
}

var unmodelledOperators = []string{"$mod", "$type", "$options", "$geoWithin", "$geoIntersects", "$near", "$nearSphere", "$within", "$maxDistance",
	"$minDistance", "$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear", "$expr", "$jsonSchema", "$_internalSchemaType"}

func parseOperator(path []string, name string, v value) (*predicate, error) {
	p := &predicate{op: name, path: path, operand: v}
	switch name {
	case "$eq", "$gt", "$gte", "$lt", "$lte", "$ne":
		return parseComparison(p)
	case "$in", "$nin", "$all":
		return parseList(p)
	case "$exists":
		return p, nil
	case "$size":
		return parseSize(p)
	case "$regex":
		return parseRegex(p)
	case "$not":
		if v.Type != tObject {
			return nil, badValue("$not needs a regex or a document")
		}
		subs, err := parseOperators(path, v.Data)
		if err == nil && len(subs) == 0 {
			err = badValue("$not cannot be empty")
		}
		p.subs = subs
		return p, err
	case "$elemMatch":
		return parseElemMatch(p)
	case "$comment":
		return nil, nil
	}
	if slices.Contains(unmodelledOperators, name) {
		return nil, unmodelled("%s", name)
	}
	return nil, badValue("unknown operator: %s", name)
}

func parseComparison(p *predicate) (*predicate, error) {
	switch p.operand.Type {
	case tRegex:
		return nil, unmodelled("regular expressions as values")
	case tMinKey, tMaxKey:
		if p.op != "$eq" && p.op != "$ne" {
			return nil, unmodelled("%s MinKey or MaxKey", p.op)
		}
	case tUndefined:
		return nil, badValue("cannot compare to undefined")
	}
	return p, nil
}

func parseList(p *predicate) (*predicate, error) {
	if p.operand.Type != tArray {
		return nil, badValue("%s needs an array", p.op)
	}
	for _, e := range fields(p.operand.Data) {
		if e.Type == tRegex {
			return nil, unmodelled("regular expressions in %s", p.op)
		}
		if e.Type == tUndefined {
			return nil, badValue("%s cannot hold undefined", p.op)
		}
		if operators(e) {
			if p.op != "$all" {
				return nil, badValue("cannot nest $ under %s", p.op)
			}
			subs, err := parseOperators(p.path, e.Data)
			if err != nil {
				return nil, err
			}
			if len(subs) != 1 || subs[0].op != "$elemMatch" {
				return nil, badValue("no $ expressions in $all")
			}
			p.subs = append(p.subs, subs...)
			continue
		}
		p.list = append(p.list, e)
		if p.op == "$all" {
			p.subs = append(p.subs, &predicate{op: "$eq", path: p.path, operand: e})
		}
	}
	return p, nil
}

func parseSize(p *predicate) (*predicate, error) {
	if p.operand.Type != tInt && p.operand.Type != tLong {
		return nil, unmodelled("$size of a type other than an integer")
	}
	p.number = p.operand.AsInt64()
	if p.number < 0 {
		return nil, badValue("$size may not be negative")
	}
	return p, nil
}

// plain are the patterns that mean the same in PCRE and in Go: text from the
// beginning on, with [^\x7f]* for anything in between.
var plain = regexp.MustCompile(`^\^([^\\.+*?()|\[\]{}^$]|\\[^\pL\pN]|\[\^\x7f\]\*)*$`)

func parseRegex(p *predicate) (*predicate, error) {
	if p.operand.Type != tString || !plain.MatchString(p.operand.StringValue()) {
		return nil, unmodelled("a $regex that is more than text from the beginning on (^abc) and [^\\x7f]*")
	}
	var err error
	p.pattern, err = regexp.Compile(p.operand.StringValue())
	return p, err
}

func parseElemMatch(p *predicate) (*predicate, error) {
	if p.operand.Type != tObject {
		return nil, badValue("$elemMatch needs an Object")
	}
	p.object = true
	for name := range fields(p.operand.Data) {
		p.object = !strings.HasPrefix(name, "$") || name == "$and" || name == "$or" || name == "$nor" || name == "$where"
		break
	}
	var err error
	if p.object {
		p.subs, err = parseFilter(p.operand.Data)
	} else {
		p.subs, err = parseOperators(nil, p.operand.Data)
	}
	return p, err
}
