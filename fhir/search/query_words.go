package search

import "github.com/aceso-health/aceso/fhir"

// worded says whether a type has _text or _content.
func worded(typ, name string) bool {
	d := fhir.R4()
	return name == contentParam || name == textParam && d.Element(d.TypeIndex(typ), "text") >= 0
}

// wordsOf compiles _text and _content: every word of one of the values begins a word of the
// narrative, or of any text.
func (p *queryParser) wordsOf(typ, name, modifier string, param fhir.Param) (Condition, error) {
	if modifier != "" || name != param.Name {
		return nil, &unknownParam{"The parameters _text and _content have no modifiers."}
	}
	p.reads(typ, name, fhir.SearchParam{})
	c := criterion{queryParser: p, typ: typ, def: fhir.SearchParam{Name: textParam, Kind: "string"}, name: param.Name}
	var some Any
	for _, v := range splitEscaped(param.Value, ',') {
		if len(some) == maxValues {
			return nil, c.invalid("A parameter has at most 500 alternative values. Send the others in further searches.")
		}
		words, err := c.words(unescapeValue(v))
		if err != nil {
			return nil, err
		}
		if name == contentParam {
			words = eitherWay(words.(All))
		}
		some = append(some, words)
	}
	return anyOf(some), nil
}

// eitherWay finds words of the narrative and of other text.
func eitherWay(words All) All {
	both := make(All, len(words))
	for i, w := range words {
		k := w.(KeyRange)
		content := contentParam + k.From[len(textParam):]
		both[i] = Any{k, KeyRange{content, content + keyEnd}}
	}
	return both
}
