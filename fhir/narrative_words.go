package fhir

const xhtmlNamespace = "http://www.w3.org/1999/xhtml"

const (
	notXML      = "The narrative is not well-formed XHTML in one div. Characters like &nbsp; are written as numbers (&#160;)."
	noNamespace = "The div of the narrative must declare its namespace: xmlns=\"" + xhtmlNamespace + "\"."
	notAllowed  = "txt-1: The narrative has an element or attribute that R4 does not allow: only basic formatting, no scripts, forms or frames."
	noNarrative = "txt-2: The narrative must have some text or an image."
)

// isNarrativeTag lists the elements that txt-1 allows.
func isNarrativeTag(tag []byte) bool {
	switch string(tag) {
	case "a", "abbr", "acronym", "b", "big", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd", "dfn",
		"div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol", "p", "pre", "q", "samp",
		"small", "span", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt", "ul", "var":
		return true
	}
	return false
}

// isNarrativeAttribute lists the attributes that txt-1 allows: those of HTML 4.0, chapters 7
// to 11 and 15, of links and images, and styles.
func isNarrativeAttribute(tag, name []byte) bool {
	switch string(name) {
	case "id", "class", "title", "style", "lang", "xml:lang", "xml:space", "dir", "accesskey", "tabindex", "align", "valign", "width", "height", "clear":
		return true
	}
	switch string(tag) {
	case "a":
		return isAmong(name, "href", "name", "charset", "type", "hreflang", "rel", "rev", "shape", "coords")
	case "img":
		return isAmong(name, "src", "alt", "longdesc", "usemap", "ismap", "border", "hspace", "vspace", "name")
	case "blockquote", "q":
		return isAmong(name, "cite")
	case "ol", "ul", "li", "dl":
		return isAmong(name, "type", "start", "value", "compact")
	case "hr":
		return isAmong(name, "size", "noshade")
	case "table":
		return isAmong(name, "summary", "border", "frame", "rules", "cellspacing", "cellpadding", "bgcolor")
	case "col", "colgroup", "tbody", "tfoot", "thead", "tr", "td", "th":
		return isAmong(name, "span", "char", "charoff", "abbr", "axis", "headers", "scope", "rowspan", "colspan", "nowrap", "bgcolor")
	}
	return false
}

func isAmong(name []byte, allowed ...string) bool {
	for _, a := range allowed {
		if string(name) == a {
			return true
		}
	}
	return false
}
