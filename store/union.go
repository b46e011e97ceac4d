package store

import "slices"

// Union is a followed by what only b has. It changes neither. Its time is linear: a resource
// may have many thousand patients.
func Union[T comparable](a, b []T) []T {
	if len(a)+len(b) <= fewToCompare {
		return unionOfFew(a, b)
	}
	if slices.Equal(a, b) { // as of most versions of a resource
		return a
	}
	known := make(map[T]struct{}, len(a)+len(b))
	for _, x := range a {
		known[x] = struct{}{}
	}
	all := a[:len(a):len(a)]
	for _, x := range b {
		if _, has := known[x]; !has {
			known[x] = struct{}{}
			all = append(all, x)
		}
	}
	return all
}

// fewToCompare is up to how many are compared faster than they are looked up.
const fewToCompare = 32

func unionOfFew[T comparable](a, b []T) []T {
	all := a[:len(a):len(a)]
	for _, x := range b {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}
