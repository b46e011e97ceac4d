package search

// Index holds a resource's search keys. The same keys drive every store. For a
// parameter p they are
//
//	p=code p=system|code p=|code p=system|    tokens
//	p#system|value ...                        p:identifier, in the forms of a token
//	p@system|type|value                       p:of-type
//	p~word                                    p:text, words of display and text
//	p<folded                                  nothing: a text that a concept without a code sorts by
//	p^folded p!exact                          strings
//	p>Type/id p>url                           references and URIs
//	p/url                                     URIs: the paths above one
//	_text~word _content~word                  words of the narrative, and of other text
//	near=cell|latitude|longitude              places
//	p=token$value                             composites
//	p?                                        p has a value
//	¤cpt=Patient/1 ¤lab=system|code           compartments and security labels
//	¤pt:code=Patient/1|system|code            patient and code together
//
// In parts of keys '\\' escapes '|', '$' and '\\'. A value of more than 64 bytes is
// truncated and ends in 0x7f and a hash; the name of a resource is not.
type Index struct {
	Keys    []string      // sorted, unique
	Dates   []DateRange   // one per date, period or timing value
	Numbers []NumberRange // one per number or quantity value (and per unit form)
	Sorts   []Sort        // one per sortable parameter that has a value, sorted by Param
}

// Len is how many keys and ranges there are, which is what a resource weighs in an index.
func (x *Index) Len() int { return len(x.Keys) + len(x.Dates) + len(x.Numbers) }

// DateRange is a closed interval of milliseconds since 1970 UTC, as wide as the
// value's precision, Lo <= Hi; an open end is math.MinInt64 or math.MaxInt64.
type DateRange struct {
	Param  string // name; for composites name|token part; with a final *, a range that covers several
	Lo, Hi int64
}

// NumberRange is a closed interval in the order-preserving decimal encoding, Lo <= Hi.
type NumberRange struct {
	Param  string // name, for quantities name|system|unit, name||unit or name| (any unit)
	Lo, Hi string
}

// Sort is the lowest and highest value of a parameter, as byte-ordered strings: a search
// that sorts by the parameter goes by the lowest going up, and by the highest going down.
// The value of a date, period or quantity is the start of its range (AppendTime, the lower
// end of a NumberRange), in both directions; that of a token is its key without a system;
// those of strings, references and URIs are what follows the sign in their keys.
type Sort struct{ Param, Lo, Hi string }
