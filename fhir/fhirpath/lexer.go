package fhirpath

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aceso-health/aceso/fhir"
)

// tokenKind says what a token is.
type tokenKind uint8

const (
	endToken tokenKind = iota
	nameToken
	quotedToken // a name in backticks
	stringToken
	numberToken
	dateToken // @2015, @2015T14:30, @T14:30
	markToken // an operator, a parenthesis, $this
	envToken  // %name
)

// token is one word of an expression. text is without quotes and escapes.
type token struct {
	kind tokenKind
	text string
	at   int
}

// lexer cuts an expression into tokens.
type lexer struct {
	text string
	pos  int
}

func (l *lexer) next() (token, *fhir.Error) {
	if err := l.space(); err != nil {
		return token{}, err
	}
	t := token{at: l.pos}
	if l.pos == len(l.text) {
		return t, nil
	}
	switch c := l.text[l.pos]; {
	case isLetter(c):
		t.kind, t.text = nameToken, l.while(isWord)
	case isDigit(c):
		t.kind, t.text = numberToken, l.number()
	case c == '`', c == '\'':
		return l.quoted(c)
	case c == '@':
		l.pos++
		t.kind, t.text = dateToken, l.date()
	case c == '%':
		return l.variable()
	case c == '$':
		l.pos++
		t.kind, t.text = markToken, "$"+l.while(isWord)
	default:
		return l.mark()
	}
	return t, nil
}

// space skips white space and comments.
func (l *lexer) space() *fhir.Error {
	for l.pos < len(l.text) {
		rest := l.text[l.pos:]
		switch {
		case strings.IndexByte(" \t\r\n", rest[0]) >= 0:
			l.pos++
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				end = len(rest)
			}
			l.pos += end
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return fault(l.pos, "a comment does not end")
			}
			l.pos += end + 4
		default:
			return nil
		}
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }

func isWord(c byte) bool { return isLetter(c) || isDigit(c) }

func (l *lexer) while(is func(byte) bool) string {
	start := l.pos
	for l.pos < len(l.text) && is(l.text[l.pos]) {
		l.pos++
	}
	return l.text[start:l.pos]
}

// follows says whether a character and after it a digit come next.
func (l *lexer) follows(c byte) bool {
	return l.pos+1 < len(l.text) && l.text[l.pos] == c && isDigit(l.text[l.pos+1])
}

func (l *lexer) number() string {
	start := l.pos
	l.while(isDigit)
	if l.follows('.') {
		l.pos++
		l.while(isDigit)
	}
	return l.text[start:l.pos]
}

// date takes whatever may belong to a date or time; the parser looks closer.
func (l *lexer) date() string {
	start := l.pos
	l.while(isDigit)
	for l.follows('-') && l.pos-start <= len("2015-02") {
		l.pos++
		l.while(isDigit)
	}
	if l.pos == len(l.text) || l.text[l.pos] != 'T' {
		return l.text[start:l.pos]
	}
	l.pos++
	l.while(isDigit)
	for l.follows(':') {
		l.pos++
		l.while(isDigit)
	}
	if l.follows('.') {
		l.pos++
		l.while(isDigit)
	}
	if start < len(l.text) && l.text[start] != 'T' {
		l.zone()
	}
	return l.text[start:l.pos]
}

// zone takes Z, +hh:mm or -hh:mm after a time.
func (l *lexer) zone() {
	rest := l.text[l.pos:]
	switch {
	case strings.HasPrefix(rest, "Z"):
		l.pos++
	case len(rest) >= 6 && (rest[0] == '+' || rest[0] == '-') && isDigit(rest[1]) && isDigit(rest[2]) && rest[3] == ':':
		l.pos += 6
	}
}

// variable is %name, %`name` or %'name'.
func (l *lexer) variable() (token, *fhir.Error) {
	at := l.pos
	l.pos++
	if l.pos < len(l.text) && strings.IndexByte("`'", l.text[l.pos]) >= 0 {
		t, err := l.quoted(l.text[l.pos])
		return token{envToken, t.text, at}, err
	}
	name := l.while(func(c byte) bool { return isWord(c) || c == '-' })
	if name == "" {
		return token{}, fault(at, "a name is missing after %%")
	}
	return token{envToken, name, at}, nil
}

func (l *lexer) mark() (token, *fhir.Error) {
	for _, m := range []string{"<=", ">=", "!=", "!~", "(", ")", "[", "]", "{", "}", ".", ",", "+", "-", "*", "/", "|", "&", "=", "~", "<", ">"} {
		if strings.HasPrefix(l.text[l.pos:], m) {
			l.pos += len(m)
			return token{markToken, m, l.pos - len(m)}, nil
		}
	}
	return token{}, fault(l.pos, "this character has no meaning")
}

// quoted is a string or a name in quotes.
func (l *lexer) quoted(quote byte) (token, *fhir.Error) {
	t := token{kind: stringToken, at: l.pos}
	if quote == '`' {
		t.kind = quotedToken
	}
	var b strings.Builder
	for l.pos++; l.pos < len(l.text); {
		switch c := l.text[l.pos]; c {
		case quote:
			l.pos++
			t.text = b.String()
			return t, nil
		case '\\':
			if !l.escape(&b) {
				return t, fault(l.pos, "an escape is none of \\' \\\" \\` \\r \\n \\t \\f \\\\ \\/ \\uXXXX")
			}
		default:
			b.WriteByte(c)
			l.pos++
		}
	}
	return t, fault(t.at, "a quote does not end")
}

func (l *lexer) escape(b *strings.Builder) bool {
	if l.pos+1 == len(l.text) {
		return false
	}
	c := l.text[l.pos+1]
	l.pos += 2
	switch c {
	case 'r':
		c = '\r'
	case 'n':
		c = '\n'
	case 't':
		c = '\t'
	case 'f':
		c = '\f'
	case 'u':
		return l.unicode(b)
	case '\'', '"', '`', '\\', '/':
	default:
		l.pos -= 2
		return false
	}
	b.WriteByte(c)
	return true
}

// unicode reads the four digits after \u, and a second escape if it is the first of a
// surrogate pair.
func (l *lexer) unicode(b *strings.Builder) bool {
	first, ok := l.hex()
	if !ok {
		return false
	}
	if utf16.IsSurrogate(first) {
		if !strings.HasPrefix(l.text[l.pos:], `\u`) {
			return false
		}
		l.pos += 2
		second, ok := l.hex()
		if first = utf16.DecodeRune(first, second); !ok || first == utf8.RuneError {
			return false
		}
	}
	b.WriteRune(first)
	return true
}

func (l *lexer) hex() (rune, bool) {
	if l.pos+4 > len(l.text) {
		return 0, false
	}
	n, err := strconv.ParseUint(l.text[l.pos:l.pos+4], 16, 32)
	l.pos += 4
	return rune(n), err == nil
}
