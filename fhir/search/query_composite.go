package search

// composite compiles a composite value. In all of R4 it begins with a token. Its
// parts come from one element, so one key holds them all.
func (c criterion) composite(v string) ([]Condition, error) {
	parts := splitEscaped(v, '$')
	if len(parts) != len(c.def.Components) {
		return nil, c.invalid("A composite value has its parts in the order of the definition with a $ between them.")
	}
	first := splitEscaped(parts[0], '|')
	if first[len(first)-1] == "" {
		return nil, c.invalid("The first part of this composite needs a code: code, system|code or |code.")
	}
	token, err := c.tokenTail(parts[0])
	if err != nil {
		return nil, err
	}
	if len(parts) == 3 {
		return one(c.span(token, parts[1], parts[2]))
	}
	return c.second(token, secondPart(c.def).Kind, parts[1])
}

// second compiles the second part. For a quantity or date the token becomes part
// of the name of the range.
func (c criterion) second(token, kind, v string) ([]Condition, error) {
	name := c.def.Name
	switch kind {
	case "quantity":
		return one(c.quantity(v, name+"|"+token+"$"))
	case "date":
		return one(c.date(v, name+"|"+token))
	}
	key := name + string(opToken) + token + "$"
	switch kind {
	case "token":
		if parts := splitEscaped(v, '|'); parts[len(parts)-1] == "" {
			return nil, c.invalid("The second part of this composite needs a code: code, system|code or |code.")
		}
		tail, err := c.tokenTail(v)
		return one(HasKey{key + tail}, err)
	case "string":
		needle, err := c.folded(unescapeValue(v))
		return one(KeyRange{key + needle, key + needle + keyEnd}, err)
	case "reference":
		return c.compositeReference(key, v)
	}
	return nil, &unknownParam{"This composite parameter is not supported."}
}

func (c criterion) compositeReference(key, v string) ([]Condition, error) {
	part := c
	part.def, _ = findParam(c.typ, secondPart(c.def).Name)
	part.modifier = ""
	list, err := part.reference(v)
	if err != nil {
		return nil, err
	}
	for i := range list {
		old := list[i].(HasKey).Key
		list[i] = HasKey{key + old[len(part.def.Name)+1:]}
	}
	return list, nil
}

// span compiles start and end of a sequence: both exact, or the start bounded
// from above and the end from below (overlap with a window).
func (c criterion) span(token, start, end string) (Condition, error) {
	name := c.def.Name + "|" + token
	p, from := cutPrefix(start)
	q, to := cutPrefix(end)
	var s, e decimal
	if !s.parse([]byte(from)) || !e.parse([]byte(to)) {
		return nil, c.invalid("Start and end are whole numbers.")
	}
	switch {
	case p == Eq && q == Eq:
		return HasKey{c.def.Name + string(opToken) + token + "$" + s.encode(exact) + "$" + e.encode(exact)}, nil
	case (p == Lt || p == Le) && (q == Gt || q == Ge):
		hi, lo := exact, exact
		if p == Lt {
			hi = below
		}
		if q == Gt {
			lo = above
		}
		return InNumbers{Param: name, Prefix: Ap, Lo: e.encode(lo), Hi: s.encode(hi)}, nil
	}
	return nil, c.invalid("Give start and end without prefixes, or the start with lt or le and the end with gt or ge.")
}
