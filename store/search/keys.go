package search

import "strings"

// CutKey splits an index key into its parameter and the rest, which begins with
// the operator: "code=sys|c" is "code" and "=sys|c". Operators are ASCII.
func CutKey(key string) (param, rest string) {
	for i := range len(key) {
		if !paramByte(key[i]) {
			return key[:i], key[i:]
		}
	}
	return key, ""
}

func paramByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_' || b == '.' || b >= 0x80
}

// Drives says whether a search may start from a key, given without its parameter, so
// that a store must index it. Too many resources have a parameter at all, or any code
// of a system, for such keys to be selective. Texts may end like those keys, but are
// searched by prefix and so are all indexed.
func Drives(rest string) bool {
	switch {
	case rest == "?":
		return false
	case rest == "" || rest[0] != '=' && rest[0] != '#':
		return true
	}
	if !strings.HasSuffix(rest, "|") || strings.Contains(rest, "$") {
		return true
	}
	code := strings.TrimSuffix(rest, "|")
	return (len(code)-len(strings.TrimRight(code, `\`)))%2 > 0 // the end of a code
}
