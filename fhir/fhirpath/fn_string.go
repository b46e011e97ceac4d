package fhirpath

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"strings"
	"unicode/utf8"
)

// strs are the functions of strings.
var strs = map[string]*function{
	"indexOf":     {min: 1, max: 1, gives: "Integer", apply: ofString(indexOf)},
	"lastIndexOf": {min: 1, max: 1, gives: "Integer", apply: ofString(lastIndexOf)},
	"substring":   {min: 1, max: 2, gives: "String", apply: substring},
	"startsWith":  {min: 1, max: 1, gives: "Boolean", apply: ofString(func(_ *run, in string, a []string) Collection { return yes(strings.HasPrefix(in, a[0])) })},
	"endsWith":    {min: 1, max: 1, gives: "Boolean", apply: ofString(func(_ *run, in string, a []string) Collection { return yes(strings.HasSuffix(in, a[0])) })},
	"contains":    {min: 1, max: 1, gives: "Boolean", apply: ofString(func(_ *run, in string, a []string) Collection { return yes(strings.Contains(in, a[0])) })},
	"upper":       {gives: "String", apply: ofString(func(r *run, in string, _ []string) Collection { return r.text(strings.ToUpper(in)) })},
	"lower":       {gives: "String", apply: ofString(func(r *run, in string, _ []string) Collection { return r.text(strings.ToLower(in)) })},
	"trim":        {gives: "String", apply: ofString(func(r *run, in string, _ []string) Collection { return r.text(strings.TrimSpace(in)) })},
	"length": {gives: "Integer", apply: ofString(func(_ *run, in string, _ []string) Collection {
		return Collection{integer(int64(utf8.RuneCountInString(in)))}
	})},
	"toChars":        {gives: "String", apply: ofString(func(r *run, in string, _ []string) Collection { return r.parts(in, "") })},
	"split":          {min: 1, max: 1, gives: "String", apply: ofString(func(r *run, in string, a []string) Collection { return r.parts(in, a[0]) })},
	"join":           {max: 1, gives: "String", apply: join},
	"replace":        {min: 2, max: 2, gives: "String", apply: ofString(replace)},
	"matches":        {min: 1, max: 1, gives: "Boolean", apply: ofPattern(matches)},
	"matchesFull":    {min: 1, max: 1, gives: "Boolean", apply: ofPattern(matches)},
	"replaceMatches": {min: 2, max: 2, gives: "String", apply: ofPattern(replaceMatches)},
	"encode":         {min: 1, max: 1, gives: "String", apply: ofString(encode)},
	"decode":         {min: 1, max: 1, gives: "String", apply: ofString(decode)},
	"escape":         {min: 1, max: 1, gives: "String", apply: ofString(escape)},
	"unescape":       {min: 1, max: 1, gives: "String", apply: ofString(unescape)},
}

// ofString is a function of one string with strings as arguments; it is empty if one of
// them is.
func ofString(apply func(r *run, in string, args []string) Collection) func(*run, *call, *scope, Collection) Collection {
	return func(r *run, c *call, s *scope, on Collection) Collection {
		in, ok := r.string(on, "what "+c.name+"() is applied to")
		if !ok || !r.charge(len(in)/64) {
			return nil
		}
		args := make([]string, len(c.args))
		for i := range args {
			if args[i], ok = r.string(c.arg(r, s, i), "an argument of "+c.name+"()"); !ok {
				return nil
			}
		}
		return apply(r, in, args)
	}
}

// parts cuts a string at a separator, unless that makes too many items.
func (r *run) parts(in, separator string) Collection {
	if strings.Count(in, separator) > MaxItems {
		return r.fail(tooMuch("selects more than %d items", MaxItems))
	}
	all := strings.Split(in, separator)
	c := make(Collection, len(all))
	for i, s := range all {
		c[i] = str(s)
	}
	return c
}

func indexOf(_ *run, in string, a []string) Collection { return place(in, strings.Index(in, a[0])) }

func lastIndexOf(_ *run, in string, a []string) Collection {
	return place(in, strings.LastIndex(in, a[0]))
}

// place is the number of characters before a byte.
func place(in string, at int) Collection {
	if at > 0 {
		at = utf8.RuneCountInString(in[:at])
	}
	return Collection{integer(int64(at))}
}

func substring(r *run, c *call, s *scope, on Collection) Collection {
	in, ok := r.string(on, "what substring() is applied to")
	if !ok || !r.charge(len(in)/64) {
		return nil
	}
	start, ok := r.whole(c.arg(r, s, 0), "the start of substring()")
	chars := []rune(in)
	if !ok || start < 0 || start >= len(chars) {
		return nil
	}
	end := len(chars)
	if n, given := r.whole(c.arg(r, s, 1), "the length of substring()"); given {
		end = min(start+max(n, 0), end)
	}
	return Collection{str(string(chars[start:end]))}
}

func join(r *run, c *call, s *scope, on Collection) Collection {
	between, _ := r.string(c.arg(r, s, 0), "the separator of join()")
	var b strings.Builder
	for i := range on {
		v := on[i].system()
		if v.kind != String {
			return r.fail(unfit("join() is applied to something that is no string"))
		}
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString(v.text)
		if b.Len() > maxText {
			break
		}
	}
	return r.text(b.String())
}

// replaced replaces, unless what that makes is too long.
func (r *run) replaced(in string, more int, replace func() string) Collection {
	if len(in)+more > maxText {
		return r.fail(tooMuch("makes a text of more than %d bytes", maxText))
	}
	return r.text(replace())
}

func replace(r *run, in string, a []string) Collection {
	return r.replaced(in, strings.Count(in, a[0])*len(a[1]), func() string { return strings.ReplaceAll(in, a[0], a[1]) })
}

func encode(r *run, in string, a []string) Collection {
	switch a[0] {
	case "hex":
		return r.text(hex.EncodeToString([]byte(in)))
	case "base64":
		return r.text(base64.StdEncoding.EncodeToString([]byte(in)))
	case "urlbase64":
		return r.text(base64.URLEncoding.EncodeToString([]byte(in)))
	}
	return nil
}

func decode(r *run, in string, a []string) Collection {
	var out []byte
	var err error
	switch a[0] {
	case "hex":
		out, err = hex.DecodeString(in)
	case "base64":
		out, err = base64.StdEncoding.DecodeString(in)
	case "urlbase64":
		out, err = base64.URLEncoding.DecodeString(in)
	default:
		return nil
	}
	if err != nil || !utf8.Valid(out) {
		return r.fail(unfit("decode() is applied to something that is not encoded so"))
	}
	return r.text(string(out))
}

var intoHTML = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&#39;")

func escape(r *run, in string, a []string) Collection {
	switch a[0] {
	case "html":
		return r.text(intoHTML.Replace(in))
	case "json":
		var b strings.Builder
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		if e.Encode(in) != nil {
			return nil
		}
		quoted := strings.TrimSuffix(b.String(), "\n")
		return r.text(quoted[1 : len(quoted)-1])
	}
	return nil
}

func unescape(r *run, in string, a []string) Collection {
	switch a[0] {
	case "html":
		return r.text(html.UnescapeString(in))
	case "json":
		var out string
		if json.Unmarshal([]byte(`"`+bareQuotes(in)+`"`), &out) != nil {
			return r.fail(unfit("unescape() is applied to something that is not escaped so"))
		}
		return r.text(out)
	}
	return nil
}

// bareQuotes escapes the quotes that are not escaped.
func bareQuotes(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			b.WriteString(s[i : i+2])
			i++
		case s[i] == '"':
			b.WriteString(`\"`)
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}
