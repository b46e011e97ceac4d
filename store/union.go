package store

import "slices"

// Union is a followed by what only b has. It changes neither.
func Union[T comparable](a, b []T) []T {
	all := a[:len(a):len(a)]
	for _, x := range b {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	return all
}
