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
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '-' || b == '_' || b >= 0x80
}

// Drives says whether a search may begin with a key, given without its parameter,
// so that a store's index must have it. That a parameter is present, or has some
// code of a system, is true of so many resources that none would. Texts may end
// like that, too: they are looked for by their beginning, so all of them are there.
func Drives(rest string) bool {
	switch {
	case rest == "?":
		return false
	case rest == "" || rest[0] != '=' && rest[0] != '#':
		return true
	}
	return !strings.HasSuffix(rest, "|") || strings.Contains(rest, "$")
}
