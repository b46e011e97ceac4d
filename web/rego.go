package web

import "strings"

// Piece is some text of a line, and what it is: keyword, string, comment, number, name (of
// input and data), or "".
type Piece struct{ Kind, Text string }

// regoWords are the words of the language.
const regoWords = " package import default if else contains in every some not with as true false null "

// Rego cuts a policy into lines, and these into pieces. It is for the eye alone: what does not
// compile is cut, too, and all pieces together are the text.
func Rego(text string) (lines [][]Piece) {
	raw := false // in a string that goes over lines
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		var pieces []Piece
		for line != "" {
			p := Piece{"string", line}
			if n := strings.IndexByte(line, '`'); raw && n >= 0 {
				p.Text, raw = line[:n+1], false
			} else if !raw {
				p = regoPiece(line)
				raw = p.Kind == "string" && p.Text[0] == '`' && (len(p.Text) == 1 || p.Text[len(p.Text)-1] != '`')
			}
			if n := len(pieces) - 1; n >= 0 && pieces[n].Kind == p.Kind {
				pieces[n].Text += p.Text
			} else {
				pieces = append(pieces, p)
			}
			line = line[len(p.Text):]
		}
		lines = append(lines, pieces)
	}
	return lines
}

// regoPiece is the first piece of a line.
func regoPiece(line string) Piece {
	switch c := line[0]; {
	case c == '#':
		return Piece{"comment", line}
	case c == '"':
		return Piece{"string", line[:quoted(line)]}
	case c == '`':
		if n := strings.IndexByte(line[1:], '`'); n >= 0 {
			return Piece{"string", line[:n+2]}
		}
		return Piece{"string", line}
	case c >= '0' && c <= '9':
		return Piece{"number", line[:while(line, func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })]}
	case letter(c):
		word := line[:while(line, func(c byte) bool { return letter(c) || c >= '0' && c <= '9' })]
		switch {
		case word == "input" || word == "data":
			return Piece{"name", word}
		case strings.Contains(regoWords, " "+word+" "):
			return Piece{"keyword", word}
		}
		return Piece{"", word}
	}
	return Piece{"", line[:max(1, while(line, func(c byte) bool { return c != '#' && c != '"' && c != '`' && !letter(c) && (c < '0' || c > '9') }))]}
}

func letter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// while is the length of the beginning of a line whose bytes all are of a kind.
func while(line string, is func(byte) bool) int {
	for i := range len(line) {
		if !is(line[i]) {
			return i
		}
	}
	return len(line)
}

// quoted is the length of a string with its quotes, or of the line if it does not end.
func quoted(line string) int {
	for i := 1; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(line)
}
